package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a replica may take to end after SIGTERM. It is well above
// the configuration's shutdown, of which the default is 30 s.
const stopTime = 45 * time.Second

// replica is one process of the program, which is killed and started again. Its
// methods are for one goroutine at a time.
type replica struct {
	name    string
	command []string
	log     string         // where the output of all its lives goes
	died    func(error)    // called when it ends without having been asked to
	cmd     *exec.Cmd      // nil while it does not run
	life    *life          // of cmd
	from    int64          // where the log of this life begins
	url     string         // the health page of this life, once it is known
	started int            // how many lives it has had
	waiting sync.WaitGroup // for the goroutine of each life
}

// life is one process from its start to its end.
type life struct {
	mu    sync.Mutex
	asked bool          // its end is no surprise; guarded by mu
	ended chan struct{} // closed when it is over
	err   error         // how it ended; read after ended is closed
}

// start begins a life.
func (r *replica) start() error {
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	if r.from, err = log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	cmd := exec.Command(r.command[0], r.command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "CHAOS_SPOOL="+r.log+".spool") // one of its own, the same in each life
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	l := &life{ended: make(chan struct{})}
	r.cmd, r.life, r.url = cmd, l, ""
	r.started++
	r.waiting.Go(func() {
		l.err = cmd.Wait()
		close(l.ended)
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.asked {
			r.died(fmt.Errorf("%s ended by itself: %s", r.name, cmd.ProcessState))
		}
	})
	return nil
}

// ask makes the end of this life no surprise.
func (r *replica) ask() {
	r.life.mu.Lock()
	defer r.life.mu.Unlock()
	r.life.asked = true
}

// kill is kill -9, also for a process that is frozen; it returns when the process
// is gone. Without a process it does nothing.
func (r *replica) kill() {
	if r.cmd == nil {
		return
	}
	r.ask()
	_ = r.cmd.Process.Kill() // it may be gone already
	<-r.life.ended
	r.cmd = nil
}

// stop is SIGTERM, and kill -9 for what does not obey. The error says what was
// wrong with its end.
func (r *replica) stop() error {
	if r.cmd == nil {
		return nil
	}
	r.ask()
	began := time.Now()
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-r.life.ended:
	case <-timer.C:
		r.kill()
		return fmt.Errorf("%s was still there %s after SIGTERM", r.name, time.Since(began).Round(time.Second))
	}
	r.cmd = nil
	if r.life.err != nil {
		return fmt.Errorf("%s ended badly after SIGTERM: %w", r.name, r.life.err)
	}
	return nil
}

// freeze stops the process where it is; thaw lets it go on.
func (r *replica) freeze() error { return r.cmd.Process.Signal(syscall.SIGSTOP) }
func (r *replica) thaw() error   { return r.cmd.Process.Signal(syscall.SIGCONT) }

// healthAddress finds the health page in the first line that says that the program
// runs.
var healthAddress = regexp.MustCompile(`"health":"(http://127\.0\.0\.1:\d+/api/health)"`)

// health asks the replica whether all is well, until it says so or ctx ends.
func (r *replica) health(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	again := time.NewTicker(100 * ms)
	defer again.Stop()
	for {
		err := r.healthNow(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is not healthy: %w", r.name, err)
		}
	}
}

func (r *replica) healthNow(ctx context.Context, client *http.Client) error {
	page, code, err := r.look(ctx, client)
	if err != nil {
		return err
	}
	if page.Status != "healthy" {
		return fmt.Errorf("HTTP %d, %s: %s", code, page.Status, strings.Join(page.Problems, "; "))
	}
	return nil
}

// healthPage is what the program says of itself.
type healthPage struct {
	Status   string   `json:"status"`
	Problems []string `json:"problems"`
	Process  *struct {
		Goroutines int64 `json:"goroutines"`
	} `json:"process"` // nil where it does not say
}

// page asks for the health page, whatever it says.
func (r *replica) page(ctx context.Context) (healthPage, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	page, _, err := r.look(ctx, client)
	return page, err
}

func (r *replica) look(ctx context.Context, client *http.Client) (page healthPage, code int, err error) {
	url, err := r.healthURL()
	if err != nil {
		return page, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page, 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return page, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&page); err != nil {
		return page, resp.StatusCode, fmt.Errorf("HTTP %d: %w", resp.StatusCode, err)
	}
	return page, resp.StatusCode, nil
}

// healthURL is where the health page of this life is, as its log says.
func (r *replica) healthURL() (string, error) {
	if r.url != "" {
		return r.url, nil
	}
	said, err := r.said()
	if err != nil {
		return "", err
	}
	where := healthAddress.FindStringSubmatch(said)
	if where == nil {
		return "", errors.New("it does not say where its health page is")
	}
	r.url = where[1]
	return r.url, nil
}

// said is the log of this life.
func (r *replica) said() (string, error) {
	raw, err := os.ReadFile(r.log)
	if err != nil {
		return "", err
	}
	return string(raw[min(r.from, int64(len(raw))):]), nil
}

// tail is the end of the log.
func (r *replica) tail() string {
	raw, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-1500):])
}
