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

// What the program logs of an event that the judge has to know.
const (
	// announcement: it is sent though it may have been seen already, because the
	// platform takes no idempotency key.
	announcement = `"msg":"a part of the answer may be seen twice"`
	// refusal: it was not taken, because too many wait.
	refusal = `"msg":"too many events wait, message not taken"`
)

// eventIn finds the trace of the event that a line is about.
var eventIn = regexp.MustCompile(`"event":"([a-z2-7]{8})"`)

// logs is what the program's logs say of events: how often, by trace.
type logs struct{ announced, refused map[string]int }

func newLogs() logs { return logs{make(map[string]int), make(map[string]int)} }

// read reads a log and returns the first lines of each kind that must not be in it,
// cut short.
func (l logs) read(path string) (found []string, err error) { return l.readFrom(path, 0) }

// readFrom is read without the first bytes.
func (l logs) readFrom(path string, from int64) (found []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	return l.scan(file)
}

func (l logs) scan(log io.Reader) (found []string, err error) {
	counts := make(map[string]int)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		l.note(lines.Text())
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

// note counts what a line says of an event.
func (l logs) note(line string) {
	var count map[string]int
	switch {
	case strings.Contains(line, announcement):
		count = l.announced
	case strings.Contains(line, refusal):
		count = l.refused
	default:
		return
	}
	if event := eventIn.FindStringSubmatch(line); event != nil {
		count[event[1]]++
	}
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
