package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"longwire/agent/model/modeltest"
)

// What the program is told. They are short so that what waits for them happens
// often within a run.
const (
	leaseTime     = 3 * time.Second
	keepaliveTime = time.Second
	shutdownTime  = 5 * time.Second
	workers       = 16
)

const (
	upTime     = 60 * time.Second          // how long the streams may take to come back; the longest back-off is 30 s
	settleTime = 90 * time.Second          // how long what is left may take once nothing is wrong any more
	quietTime  = leaseTime + 2*time.Second // how long a second answer is waited for
)

// plan is what is going to happen in one combination.
type plan struct {
	combo    combo
	messages int
	faults   []fault
}

// run is one combination under way.
type run struct {
	plan
	options  options
	dir      string
	progress io.Writer

	book     *book
	platform platform
	brain    *brain
	model    *modeltest.Server
	store    store
	replicas []*replica
	crowd    *crowd

	extra []breach // of P7 and PX, seen before the judge

	announced map[string]int // how often the logs say of an event that it may be seen twice, by trace
}

// soak runs one combination and says what became of it. An error means that it
// could not be run to its end.
func soak(ctx context.Context, o options, p plan, dir string, progress io.Writer) (result, error) {
	r := &run{plan: p, options: o, dir: dir, progress: progress, book: newBook(p.combo.platform), brain: &brain{}, announced: map[string]int{}}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer r.close()
	if err := r.open(ctx, fail); err != nil {
		return result{}, err
	}
	if err := r.talk(ctx); err != nil {
		return r.result(true), err
	}
	r.settle(ctx)
	r.farewell(ctx)
	err := context.Cause(ctx)
	return r.result(err != nil), err
}

// open starts everything and waits until the streams are up.
func (r *run) open(ctx context.Context, fail context.CancelCauseFunc) (err error) {
	if r.platform, err = startPlatform(r.combo.platform, r.book); err != nil {
		return err
	}
	if r.model, err = modeltest.Start("127.0.0.1:0", r.brain.respond); err != nil {
		return fmt.Errorf("start model: %w", err)
	}
	r.model.Forget()
	if r.store, err = startStore(ctx, r.combo.store, r.dir, fail); err != nil {
		return err
	}
	config, err := r.configure()
	if err != nil {
		return err
	}
	for i := range r.combo.replicas {
		name := fmt.Sprintf("replica-%d", i+1)
		replica := &replica{
			name:    name,
			command: []string{r.options.program, "run", "--config", config},
			log:     filepath.Join(r.dir, name+".log"),
			died:    fail,
		}
		r.replicas = append(r.replicas, replica)
		if err := replica.start(); err != nil {
			return err
		}
	}
	return nil
}

// configure writes the configuration, which is the same for all replicas.
func (r *run) configure() (string, error) {
	text := fmt.Sprintf(`connections:
  - {name: %s, %s, workers: %d}
model: {endpoint: %q, api_key: %q, name: chaos, first_token_timeout: 2s, idle_timeout: 2s, turn_timeout: 30s}
store: %q
spool: file:${CHAOS_SPOOL}
inbox: {lease: %s}
shutdown: %s
admin: {listen: "127.0.0.1:0"}
log: {level: debug, format: json}
`, connectionName, r.platform.connection(), workers, r.model.URL(), modelKey, r.store.url(), leaseTime, shutdownTime)
	path := filepath.Join(r.dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}

// close ends everything. Nothing of it is left, whatever state it was in.
func (r *run) close() {
	for _, replica := range r.replicas {
		replica.kill()
		replica.waiting.Wait()
	}
	if r.store != nil {
		r.store.close()
	}
	if r.model != nil {
		r.model.Close()
	}
	if r.platform != nil {
		r.platform.close()
	}
}

// talk has people talk while things go wrong, and returns when all is said and the
// last fault is mended.
func (r *run) talk(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.crowd = &crowd{book: r.book, platform: r.platform, gate: newGate(r.messages), pause: thinkTime}
	if err := r.awaitUp(ctx, "the start"); err != nil {
		return err
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		r.crowd.talk(ctx, peopleOf(r.combo.platform, crowdOf(r.messages)), func(i int) *rand.Rand {
			return r.combo.random(r.options.seed, fmt.Sprintf("person %d", i))
		})
	}()
	err := r.goWrong(ctx)
	if err != nil {
		stop()
	}
	<-said
	return err
}

// thinkTime is how long a person thinks at most before the next burst.
const thinkTime = 3 * time.Second

// crowdOf is how many people say so many messages: a hundred, of whom each has to
// say a few.
func crowdOf(messages int) int { return min(100, max(1, messages/5)) }

// settle waits until everything is answered, and then for what comes too late.
func (r *run) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		open, changed := r.book.unanswered()
		if open == 0 {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
	sleep(ctx, quietTime)
}

// farewell looks at the processes: healthy, gone when asked to, nothing in their
// logs that must not be there.
func (r *run) farewell(ctx context.Context) {
	for _, replica := range r.replicas {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		if err := replica.health(limited); err != nil && ctx.Err() == nil {
			r.broke(p7, "%v", err)
		}
		cancel()
	}
	for _, replica := range r.replicas {
		if err := replica.stop(); err != nil {
			r.broke(px, "%v", err)
		}
	}
	for _, replica := range r.replicas {
		found, err := readLog(replica.log, r.announced)
		if err != nil {
			r.broke(px, "read log of %s: %v", replica.name, err)
		}
		for _, what := range found {
			r.broke(px, "in the log of %s: %s", replica.name, what)
		}
	}
}

func (r *run) broke(p promise, format string, args ...any) {
	r.extra = append(r.extra, breach{p, r.book.now(), fmt.Sprintf(format, args...)})
}

// awaitUp waits until every replica has its stream. One that stays away is a
// promise broken, but the run goes on.
func (r *run) awaitUp(ctx context.Context, after string) error {
	limited, cancel := context.WithTimeout(ctx, upTime)
	defer cancel()
	if err := r.platform.waitUp(limited, r.combo.replicas); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.broke(p7, "%s after %s not all streams are up: %v", upTime, after, err)
		if after == "the start" {
			return errors.New("the streams did not come up: " + r.replicas[0].tail())
		}
	}
	return nil
}

// result judges what there is.
func (r *run) result(unfinished bool) result {
	h := r.book.history(r.platform.deliveries)
	h.announced = r.announced
	h.unfinished = unfinished
	v := judge(h)
	for _, replica := range r.replicas {
		v.tried[px] += replica.started
	}
	v.breaches = append(v.breaches, r.extra...)
	return result{combo: r.combo, verdict: v, firings: h.firings, took: r.book.now()}
}
