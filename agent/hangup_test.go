package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// A service manager may ask for a reload as soon as it has heard that the program is
// ready: the signal is heard from then on, and does not end it.
func TestHangupIsHeardOnceReady(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(w.yaml()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		socket := filepath.Join(t.TempDir(), "notify")
		manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close()
		p := &process{t: t, cmd: exec.Command(os.Args[0], "run", "--config", file), ended: make(chan error, 1)}
		p.cmd.Env = append(os.Environ(), runAsProgram+"=1", "NOTIFY_SOCKET="+socket, "GOMAXPROCS=1")
		p.cmd.Stderr = &p.stderr
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { p.ended <- p.cmd.Wait() }()
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 4096)
		for n := 0; !bytes.Contains(said[:n], []byte("READY=1")); {
			if n, err = manager.Read(said); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "word of the reload", func() bool {
			select {
			case err := <-p.ended:
				t.Fatalf("the program has ended: %v\n%s", err, p.stderr.String())
			default:
			}
			return strings.Contains(p.stderr.String(), "reading the configuration again")
		})
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// One that comes while running turns finish does not cut them short.
func TestHangupCutsNothingShort(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	asked, answer := make(chan struct{}), make(chan struct{})
	w.answer(func(modeltest.Request) modeltest.Response {
		close(asked)
		<-answer
		return modeltest.Words("late, but here")
	})
	p := w.spawn()
	id := w.chat.say(line{text: "a long one"})
	receiveWithin(t, asked)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that it stops", func() bool { return strings.Contains(p.stderr.String(), "running turns may finish") })
	time.Sleep(100 * time.Millisecond) // for everything that has been told to stop
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	close(answer)
	if r, err := w.chat.waitReply(w.within(), id); err != nil || !strings.Contains(r.text, "late, but here") {
		t.Errorf("%+v, %v", r, err)
	}
	err := <-p.ended
	p.ended <- nil // for the clean-up
	if err != nil {
		t.Errorf("the program ended with %v", err)
	}
}
