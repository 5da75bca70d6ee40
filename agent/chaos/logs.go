package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// secrets may be in no log: the credentials, and what gives a URL of the platforms
// away, which lets its holder speak.
var secrets = []string{clientSecret, appSecret, modelKey, "session=", "ticket="}

// collapses are how a line of Go's runtime begins that says the process is over.
var collapses = []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"}

// readLog looks for what must not be in a log and returns the first lines of each
// kind, cut short.
func readLog(path string) (found []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return scanLog(file)
}

func scanLog(log io.Reader) (found []string, err error) {
	counts := make(map[string]int)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
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
