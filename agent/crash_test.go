package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// process is the program as a process of its own.
type process struct {
	t      *testing.T
	w      *world
	cmd    *exec.Cmd
	stderr lockedBuffer
	ended  chan error // receives what Wait returned, once
}

// spawn starts the program on the world's configuration, as a file; more is added to it.
func (w *world) spawn(more ...string) *process {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(w.yaml()+strings.Join(more, "")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	p := &process{t: w.t, w: w, cmd: exec.Command(os.Args[0], "run", "--config", file), ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), runAsProgram+"=1")
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if w.t.Failed() {
			w.t.Logf("the program said:\n%s", p.stderr.String())
		}
	})
	w.up()
	return p
}

func (w *world) yaml() string {
	c := w.cfg.Connections[0]
	id, secret := "client_id: "+c.ClientID, "client_secret: "+c.ClientSecret.Reveal()
	if c.Platform == config.Feishu {
		id, secret = "app_id: "+c.AppID, "app_secret: "+c.AppSecret.Reveal()
	}
	return fmt.Sprintf(`
connections:
  - name: %s
    platform: %s
    %s
    %s
    endpoint: %s
    workers: 16
    reply: %s
    welcome: "off"
    rate: {per_second: unlimited, per_minute: unlimited}
model: {endpoint: %q, api_key: model-key-secret, name: test}
store: %q
spool: %q
inbox: {lease: %s}
admin: {listen: "127.0.0.1:0"}
log: {level: debug, format: json}
`, c.Name, c.Platform, id, secret, c.Endpoint, c.Reply, w.cfg.Model.Endpoint, w.cfg.Store.Reveal(), w.cfg.Spool, w.cfg.Inbox.Lease)
}

// kill is kill -9, and returns when the process is gone and the platform knows it.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	err := <-p.ended
	p.ended <- err
	if err := p.w.chat.waitDown(p.w.within()); err != nil { // else up would take its connection for the next one's
		p.t.Fatalf("the stream stays: %v", err)
	}
}

// stop is SIGTERM; it returns the exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	err := <-p.ended
	p.ended <- err
	return p.cmd.ProcessState.ExitCode()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// kill -9 between the ack and the answer: after the restart the answer comes,
// once, and what waited behind it too, in order.
func TestKilledBetweenAckAndAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		asked := make(chan struct{}, 100)
		w.answer(func(modeltest.Request) modeltest.Response {
			asked <- struct{}{}
			return modeltest.Response{Deltas: []string{"never seen"}, Hang: true}
		})
		p := w.spawn()
		first := w.chat.say(line{text: "first"})
		<-asked
		second := w.chat.say(line{text: "second"})
		for _, id := range []string{first, second} {
			if err := w.chat.waitAck(w.within(), id); err != nil {
				t.Fatal(err)
			}
		}
		p.kill()

		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
		w.spawn()
		for id, want := range map[string]string{first: "re: first", second: "re: second"} {
			got, err := w.chat.waitReply(w.within(), id)
			if err != nil || got.text != want {
				t.Fatalf("after the restart: %q, %v; want %q", got.text, err, want)
			}
		}
		w.want(line{text: "third"}, "re: third")
		replies := w.chat.replies()
		if len(replies) != 3 || replies[0].to != first || replies[1].to != second {
			t.Errorf("replies are not one each in order: %+v", replies)
		}
	})
}

func TestOneLoopbackListenerAndNoSecretInTheLog(t *testing.T) {
	w := newWorld(t, config.DingTalk, "embedded")
	p := w.spawn()
	w.want(line{text: "hello"}, "re: hello")
	if got := listeners(t, p.cmd.Process.Pid); len(got) != 1 || !strings.HasPrefix(got[0], "127.0.0.1:") {
		t.Errorf("the program listens on %v, want one loopback address", got)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	said := p.stderr.String()
	for _, secret := range []string{"ding-secret", "model-key-secret", "session="} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !strings.Contains(said, `"msg":"answered"`) || !strings.Contains(said, `"event":"`) {
		t.Errorf("the log does not tell of the answer:\n%s", said)
	}
}

// listeners are the listening TCP addresses of a process.
func listeners(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	out, err := exec.Command("ss", "-Hltnp").Output()
	if err != nil {
		t.Skip("ss is not here: ", err)
	}
	mine := regexp.MustCompile(fmt.Sprintf(`\bpid=%d\b`, pid))
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); mine.MatchString(line) && len(fields) > 3 {
			addresses = append(addresses, fields[3])
		}
	}
	return addresses
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	asked := make(chan struct{}, 1)
	w.answer(func(modeltest.Request) modeltest.Response {
		asked <- struct{}{}
		return modeltest.Response{Hang: true}
	})
	p := w.spawn()
	w.chat.say(line{text: "slow"})
	<-asked
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of stopping", func() bool { return strings.Contains(p.stderr.String(), "running turns may finish") })
	began := time.Now()
	if code := p.stop(); code != exitFailed {
		t.Errorf("exit code %d after the second signal", code)
	}
	if took := time.Since(began); took > 10*time.Second { // the grace is 30 s
		t.Errorf("stopping at once took %s", took)
	}
}
