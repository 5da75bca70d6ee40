package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/agent/tools/toolstest"
	"longwire/connectors/socket"
)

// hostVar makes the test binary a program that holds a server, to be killed.
const hostVar = "LONGWIRE_TOOLS_HOST"

func TestMain(m *testing.M) {
	toolstest.Main()
	if os.Getenv(hostVar) != "" {
		host()
	}
	goleak.VerifyTestMain(m)
}

// host holds a stubborn server and prints its process id.
func host() {
	s := New([]Config{child(toolstest.Stubborn)}, silence)
	go s.Run(context.Background())
	for {
		if res, err := s.Call(context.Background(), "test__pid", nil); err == nil {
			fmt.Println(res.Text)
			select {}
		}
		time.Sleep(time.Millisecond)
	}
}

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

var silence = slog.New(slog.DiscardHandler)

// child is a configuration of a process of that kind.
func child(kind toolstest.Kind) Config {
	command, env := toolstest.Command(kind)
	return Config{Name: "test", Command: command, Env: env}
}

// quick are limits that a test can wait for.
func quick() limits {
	l := usual
	l.handshake, l.list, l.ping = 10*time.Second, 10*time.Second, 5*time.Second
	l.settle, l.stream, l.grace, l.lasted = 10*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond, time.Minute
	l.backoff = socket.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond, Slow: time.Hour}
	return l
}

// rig is what a test has in hand.
type rig struct {
	*Servers
	t    *testing.T
	logs *logs
	stop func() // ends Run and waits for it
}

// start runs servers with quick limits, changed by adjust, until the test ends.
func start(t *testing.T, adjust func(*limits), configs ...Config) *rig {
	t.Helper()
	r := &rig{t: t, logs: &logs{}}
	r.Servers = New(configs, slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, one := range r.servers {
		one.limits = quick()
		if adjust != nil {
			adjust(&one.limits)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(r.stop)
	return r
}

// up waits until every server is up.
func (r *rig) up() *rig {
	r.t.Helper()
	eventually(r.t, "server up", func() bool {
		return !slices.ContainsFunc(r.State(), func(s ServerState) bool { return !s.Up })
	})
	return r
}

// problem waits until the first server is down with an error that has these words.
func (r *rig) problem(words string) {
	r.t.Helper()
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%+v\n%s", r.State()[0], cut(r.logs.String(), 5000))
		}
	}()
	eventually(r.t, "problem "+words, func() bool {
		s := r.State()[0]
		return !s.Up && strings.Contains(s.LastError, words)
	})
}

// names are the tools that can be called.
func (r *rig) names() (names []string) {
	for _, tool := range r.Tools(nil) {
		names = append(names, tool.Name)
	}
	return names
}

// tool is the tool with this name.
func (r *rig) tool(name string) Tool {
	r.t.Helper()
	all := r.Tools(nil)
	at := slices.IndexFunc(all, func(t Tool) bool { return t.Name == name })
	if at < 0 {
		r.t.Fatalf("no tool %s in %v", name, r.names())
	}
	return all[at]
}

// text calls a tool that does not fail and returns what it says.
func (r *rig) text(tool, args string) string {
	r.t.Helper()
	res, err := r.Call(r.t.Context(), tool, json.RawMessage(args))
	if err != nil || res.Failed {
		r.t.Fatalf("%s: %+v, %v", tool, res, err)
	}
	return res.Text
}

// pid is the process id of the first server.
func (r *rig) pid() int {
	r.t.Helper()
	pid, err := strconv.Atoi(r.text("test__pid", ""))
	if err != nil {
		r.t.Fatal(err)
	}
	return pid
}

// refused calls a tool that brings no result and returns why.
func (r *rig) refused(tool, args string) *Error {
	r.t.Helper()
	res, err := r.Call(r.t.Context(), tool, json.RawMessage(args))
	var e *Error
	if !errors.As(err, &e) {
		r.t.Fatalf("%s: %+v, %v", tool, res, err)
	}
	return e
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}

// gone reports whether a process has ended, whether or not anybody has noticed.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

// logs collects log lines.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ io.Writer = (*logs)(nil)

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// has waits for a line with these words.
func (r *rig) has(words string) {
	r.t.Helper()
	eventually(r.t, "log line "+words, func() bool { return strings.Contains(r.logs.String(), words) })
}
