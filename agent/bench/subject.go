package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"longwire/conversation/redisstore/redistest"
)

// The subjects' names.
const (
	bareName     = "bare"
	embeddedName = "embedded"
	redisName    = "redis"
)

// subject is something to be measured.
type subject struct {
	name    string
	command []string // --config FILE is appended
	// store prepares what the configuration names as store; stop ends it.
	store func(dir string) (url string, stop func(), err error)
}

// fileStore is a new embedded store in dir.
func fileStore(dir string) (string, func(), error) {
	return "file:" + filepath.Join(dir, "longwire.db"), func() {}, nil
}

// redisStore is a new redis-server that keeps its files in dir.
func redisStore(dir string) (string, func(), error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	server, err := redistest.Launch(dir, "--bind", "127.0.0.1", "--port", strconv.Itoa(port))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("redis://127.0.0.1:%d/0", port), server.Stop, nil
}

// freePort is a port that nobody listens on now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// stopTime is how long a subject may take to stop before it is killed. It is more
// than the configuration's shutdown.
const stopTime = 15 * time.Second

// process is a subject that runs.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	began  time.Time
	waiter sync.WaitGroup
	ended  chan struct{} // closed when the process has ended
	exit   error         // how; read after ended is closed
}

// start runs a command whose log goes to a file in dir. The context it returns
// ends with the process, which has to be stopped.
func start(ctx context.Context, dir string, command ...string) (*process, context.Context, error) {
	log, err := os.Create(filepath.Join(dir, "subject.log"))
	if err != nil {
		return nil, nil, fmt.Errorf("start: %w", err)
	}
	p := &process{cmd: exec.Command(command[0], command[1:]...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start: %w", err), log.Close())
	}
	ctx, over := context.WithCancelCause(ctx)
	p.waiter.Go(func() {
		p.exit = p.cmd.Wait()
		close(p.ended)
		over(errors.New("the process has ended"))
	})
	return p, ctx, nil
}

// stop asks the process to end, sees to it that it does, and says if it did not
// end well.
func (p *process) stop() error {
	defer func() { _ = p.log.Close() }()
	defer p.waiter.Wait()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("stop: killed, because it was still there %s after SIGTERM", stopTime)
	}
	if p.exit != nil {
		return fmt.Errorf("stop: %w", p.exit)
	}
	return nil
}

// tail is the end of the process' log.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-2000):])
}
