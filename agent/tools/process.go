package tools

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// process is a server that runs as our child.
type process struct {
	cmd     *exec.Cmd
	pipe    *pipe
	grace   time.Duration
	log     *slog.Logger
	clean   func(text string, n int) string // one line, without secrets
	out     *os.File                        // what it writes
	err     *os.File                        // its log
	done    chan struct{}                   // closed when it has ended, and its group with it
	running sync.WaitGroup                  // the goroutines that wait for it and read its log

	mu   sync.Mutex
	last string // of its log; guarded by mu
}

// linger is how long after a process' end its pipes are read: something that it
// started, and that has left its group, may hold them open.
const linger = time.Second

// spawn starts the server's process.
func (s *server) spawn(l *link) (mcp.Transport, error) {
	p := &process{
		cmd:   exec.Command(s.config.Command[0], s.config.Command[1:]...),
		grace: s.limits.grace,
		log:   s.log,
		clean: s.line,
		done:  make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Env = s.config.Dir, environment(s.config.Env)
	apart(p.cmd)
	in, err := p.plumb()
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	p.pipe = newPipe(in, p.out, l, s)
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	l.settle = p.settle
	return p.pipe, nil
}

// environment is what a process sees of ours, and what is configured for it. Ours
// holds secrets: the platforms', the model's, and those of other servers.
func environment(configured map[string]string) []string {
	var env []string
	for _, name := range [...]string{"PATH", "HOME", "LANG", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range configured {
		env = append(env, name+"="+value) // of two, the last one counts
	}
	slices.Sort(env[len(env)-len(configured):])
	return env
}

// plumb makes the three pipes. They are our own, not exec's, because only files of
// our own have deadlines.
func (p *process) plumb() (in *os.File, err error) {
	var made []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			made = append(made, r, w)
		}
		return r, w
	}
	stdin, in := pipe()
	out, stdout := pipe()
	log, stderr := pipe()
	if err != nil {
		for _, file := range made {
			file.Close()
		}
		return nil, err
	}
	p.out, p.err = out, log
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, stderr
	return in, nil
}

// start starts the process and what looks after it.
func (p *process) start() error {
	started := make(chan error, 1)
	p.running.Go(func() { p.attend(started) })
	err := <-started
	for _, theirs := range []any{p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr} {
		theirs.(*os.File).Close()
	}
	if err != nil {
		p.pipe.Close()
		p.running.Wait()
		p.out.Close()
		p.err.Close()
		return err
	}
	p.running.Go(p.listen)
	return nil
}

// attend starts the process and waits for its end. It keeps its thread for as long:
// the kernel kills the process when the thread that started it is gone, not when the
// program is.
func (p *process) attend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.cmd.Wait() // the outcome is in ProcessState
	signalGroup(p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-p.pipe.closed:
	default:
		p.out.SetReadDeadline(time.Now().Add(linger))
	}
	p.err.SetReadDeadline(time.Now().Add(linger))
	close(p.done)
}

// listen copies the process' own log into ours, as much of it as is bearable.
func (p *process) listen() {
	from := newLines(p.err, 4*edge)
	flow := meter{burst: 64 << 10, rate: 16 << 10}
	const around = 100 // bytes that a line of our log has besides
	for {
		line, length, err := from.next()
		if err != nil {
			return
		}
		if length == 0 || !flow.take(len(line)+around) {
			continue
		}
		text := p.clean(string(line), 4*edge)
		p.mu.Lock()
		p.last = text
		p.mu.Unlock()
		p.log.Debug("tool server logs", "line", text)
	}
}

// settle ends the process, which was asked to by the end of its stdin, and returns
// why the connection ended: the process may have done so by itself.
func (p *process) settle(cause error) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if p.ended(p.grace) {
			break
		}
		signalGroup(p.cmd.Process.Pid, sig)
	}
	if !p.ended(p.grace) {
		p.log.Error("tool server cannot be killed", "pid", p.cmd.Process.Pid)
		return cause
	}
	p.running.Wait()
	p.pipe.writing.Wait()
	p.out.Close()
	p.err.Close()
	if !isAway(cause) || errors.Is(cause, errFlood) {
		return cause // we let it go, and why is known
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("%w: process: %s: %s", errEnded, p.cmd.ProcessState, p.last)
}

// ended waits for the process to end, for as long as d.
func (p *process) ended(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}
