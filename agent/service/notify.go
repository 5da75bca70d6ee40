package service

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier tells the service manager what the program is doing. The zero value
// tells nobody.
type Notifier struct {
	socket string        // a path, or a name that begins with @ for an abstract socket; "" for nobody
	every  time.Duration // how often the watchdog is to be fed at least; 0 where there is none
}

// FromEnvironment is the Notifier that the service manager asks for: NOTIFY_SOCKET
// names the socket, WATCHDOG_USEC the time within which the watchdog wants to be
// fed, and WATCHDOG_PID for whom that is meant.
func FromEnvironment(getenv func(string) string) Notifier {
	n := Notifier{socket: getenv("NOTIFY_SOCKET")}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n // meant for a program that started us
	}
	// More than a day is no watchdog, and could overflow a Duration.
	const most = 24 * 60 * 60 * 1_000_000
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && usec <= most {
		n.every = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Ready says that the program is up, or up again after Reloading.
func (n Notifier) Ready() error { return n.send("READY=1") }

// Stopping says that the program is on its way out.
func (n Notifier) Stopping() error { return n.send("STOPPING=1") }

// Reloading says that the configuration is being read again; Ready ends it. The
// time tells the service manager which of its requests this answers.
func (n Notifier) Reloading() error {
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Status sets the line that systemctl status shows.
func (n Notifier) Status(text string) error { return n.send(status(text)) }

// status is text as an assignment. A newline would begin another one.
func status(text string) string {
	return "STATUS=" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), "; ")
}

// sendTime bounds how long a full socket may hold the program up.
const sendTime = time.Second

// send hands assignments over as one datagram.
func (n Notifier) send(assignments ...string) error {
	if n.socket == "" {
		return nil
	}
	// Package net takes a leading @ for an abstract socket, as systemd does.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer func() { _ = conn.Close() }() // a datagram is sent or is not
	if err := conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
