package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// secrets may be in no log: the credentials, and what gives a URL of the platforms
// away, which lets its holder speak.
var secrets = []string{clientSecret, appSecret, modelKey, "session=", "ticket="}

// collapses are how a line of Go's runtime begins that says the process is over.
var collapses = []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"}

// announcement is what the program logs when it sends what may have been seen
// already, because the platform takes no idempotency key.
const announcement = `"msg":"a part of the answer may be seen twice"`

// eventIn finds the trace of the event that a line is about.
var eventIn = regexp.MustCompile(`"event":"([a-z2-7]{8})"`)

// readLog looks for what must not be in a log and returns the first lines of each
// kind, cut short. What the program announced is counted in announced, by trace.
func readLog(path string, announced map[string]int) (found []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return scanLog(file, announced)
}

func scanLog(log io.Reader, announced map[string]int) (found []string, err error) {
	counts := make(map[string]int)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if event := eventIn.FindStringSubmatch(lines.Text()); event != nil && strings.Contains(lines.Text(), announcement) {
			announced[event[1]]++
		}
		for _, what := range offences(lines.Text()) {
			if counts[what]++; counts[what] == 1 {
				found = append(found, what)
			}
		}
	}
	for i, what := range found {
		found[i] = fmt.Sprintf("%s, %d time(s)", what, counts[what])
	}
	return found, lines.Err()
}

// offences is what is wrong with a line. A secret is not repeated.
func offences(line string) (list []string) {
	if strings.Contains(line, `"msg":"panic contained"`) {
		list = append(list, "a panic that was contained")
	}
	for _, prefix := range collapses {
		if strings.HasPrefix(line, prefix) {
			list = append(list, fmt.Sprintf("%.100q", line))
		}
	}
	for i, secret := range secrets {
		if strings.Contains(line, secret) {
			list = append(list, fmt.Sprintf("a secret (%s)", []string{"client_secret", "app_secret", "api_key", "a webhook", "a ticket"}[i]))
		}
	}
	return list
}
