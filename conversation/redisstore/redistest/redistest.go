// Package redistest runs a private redis-server for tests: a real one, with its
// own folder and socket, that can be killed, restarted and paused.
//
// Where redis-server is not installed, Start falls back to an imitation inside
// the process and says so; with LONGWIRE_REQUIRE_REDIS=1 the test fails instead.
package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RequireEnv is the environment variable that, set to 1, forbids the imitation.
const RequireEnv = "LONGWIRE_REQUIRE_REDIS"

// ErrMissing is returned by Launch where redis-server is not installed.
var ErrMissing = errors.New("redis-server is not installed")

// startWait is how long a server may take to answer after it was started.
const startWait = 20 * time.Second

// Server is one redis-server. Its methods are for one goroutine at a time.
type Server struct {
	dir    string
	socket string
	args   []string
	cmd    *exec.Cmd     // nil while it is stopped
	exited chan struct{} // closed when cmd is gone
	mini   *imitation    // nil where the server is real
}

// Start runs a server until the test is over. args are appended to the server's
// command line and win over what is there: "--requirepass", "secret". What was
// answered just before Stop is sure to be there after Restart only with
// "--appendfsync", "always".
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	// The path of a socket may have about a hundred characters, and the
	// folders that tests get have long names.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatalf("folder for redis: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove folder of redis: %v", err)
		}
	})
	s, err := Launch(dir, args...)
	if errors.Is(err, ErrMissing) && os.Getenv(RequireEnv) != "1" {
		tb.Logf("NOTE: %v; the test runs on an imitation of it", err)
		s, err = imitate()
	}
	if err != nil {
		tb.Fatalf("start redis: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// Launch runs a server in a folder of its own until Stop is called. What it
// stores is kept there.
func Launch(dir string, args ...string) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrMissing
	}
	s := &Server{dir: dir, socket: filepath.Join(dir, "redis.sock"), args: args}
	if err := s.run(); err != nil {
		return nil, err
	}
	return s, nil
}

// FreePort is a port of 127.0.0.1 that nobody listens on now, for args. It is not one
// of those that outgoing connections and other tests' listeners get: while the server
// is not there, one of them would take it.
func FreePort(tb testing.TB) string {
	tb.Helper()
	const lowest, highest = 20_000, 32_000
	for range 100 {
		port := strconv.Itoa(lowest + rand.IntN(highest-lowest))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("none of a hundred ports is free")
	return ""
}

// Real reports whether this is a redis-server and not the imitation.
func (s *Server) Real() bool { return s.mini == nil }

// URL is where the server is, for redisstore.Open.
func (s *Server) URL() string {
	if s.mini != nil {
		return s.mini.url()
	}
	return "unix://" + s.socket + "?db=0"
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "redis.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("redis-server", append([]string{
		"--port", "0",
		"--unixsocket", s.socket,
		"--dir", s.dir,
		"--daemonize", "no",
		"--save", "",
		"--appendonly", "yes",
		"--appendfsync", "everysec",
	}, s.args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) { // Stop waits for it
		defer close(exited)
		_ = cmd.Wait() // it is killed, which is not an error here
	}(s.exited)
	if err := s.await(); err != nil {
		s.Stop()
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; its log ends: %s", err, said[max(0, len(said)-2000):])
	}
	return nil
}

// await asks until the server has loaded its data and answers.
func (s *Server) await() error {
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	giveUp := time.After(startWait)
	for {
		err := ping(s.socket)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-s.exited:
			return errors.New("redis-server has ended")
		case <-giveUp:
			return fmt.Errorf("redis-server does not answer: %w", err)
		}
	}
}

// ping asks once. To be told to authenticate is an answer too.
func ping(socket string) error {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	var reply [64]byte
	n, err := conn.Read(reply[:])
	if err != nil {
		return err
	}
	got := reply[:n]
	if bytes.HasPrefix(got, []byte("+PONG")) || bytes.HasPrefix(got, []byte("-NOAUTH")) {
		return nil
	}
	return fmt.Errorf("ping: %s", strings.TrimSpace(string(got)))
}

// Stop kills the server, as by kill -9. What it has stored is still there for
// Restart. A server that is stopped is left alone.
func (s *Server) Stop() {
	switch {
	case s.mini != nil:
		s.mini.stop()
	case s.cmd != nil:
		// A paused process is killed as well. The call fails when the process is
		// gone already.
		_ = s.cmd.Process.Kill()
		<-s.exited
		s.cmd = nil
	}
}

// Restart starts the server again, on what it had stored, after a Stop if it is
// still running.
func (s *Server) Restart() error {
	if s.mini != nil {
		return s.mini.restart()
	}
	s.Stop()
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.run()
}

// ErrImitation is returned by what the imitation cannot do.
var ErrImitation = errors.New("not possible with an imitation of redis")

// Pause stops the server where it is: connections stay open, and nobody gets an
// answer.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) error {
	if s.mini != nil {
		return ErrImitation
	}
	if s.cmd == nil {
		return errors.New("redis-server is stopped")
	}
	return s.cmd.Process.Signal(sig)
}
