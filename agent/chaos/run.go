package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"longwire/agent/model/modeltest"
)

// What the program is told where faults strike. The times are short so that what
// waits for them happens often within a run.
const (
	leaseTime     = 3 * time.Second
	keepaliveTime = time.Second
	shutdownTime  = 5 * time.Second
	workers       = 16
	mayWait       = 10 // messages of one conversation; nobody but an overload has as many
)

const (
	upTime     = 60 * time.Second          // how long the streams may take to come back; the longest back-off is 30 s
	settleTime = 90 * time.Second          // how long what is left may take once nothing is wrong any more
	quietTime  = leaseTime + 2*time.Second // how long a second answer is waited for
)

// plan is what is going to happen in one combination.
type plan struct {
	combo    combo
	messages int     // of the crowd, where faults strike
	faults   []fault // where faults strike
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

	bursts []burst
	extra  []breach // of P7 and PX, seen before the judge
	logs   logs
	load   load // where something is measured
}

// play runs one combination and says what became of it. The error in the result
// means that it could not be run to its end.
func play(ctx context.Context, o options, p plan, dir string, progress io.Writer) result {
	r := &run{plan: p, options: o, dir: dir, progress: progress, book: newBook(p.combo.platform), brain: &brain{pace: paces[o.mode]}, logs: newLogs()}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer r.close()
	err := r.open(ctx, fail)
	if err == nil {
		err = r.act(ctx)
	}
	if err == nil {
		r.settle(ctx)
		r.farewell(ctx)
		err = context.Cause(ctx)
	}
	return r.result(err)
}

// act does what the mode is about, and returns when the last message is said and
// the last fault is mended.
func (r *run) act(ctx context.Context) error {
	if err := r.awaitUp(ctx, "the start"); err != nil {
		return err
	}
	switch r.options.mode {
	case rolling:
		return r.roll(ctx)
	case outage:
		return r.outage(ctx)
	case soak:
		return r.soak(ctx)
	}
	return r.talk(ctx)
}

// open starts everything.
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

// replies is how a connection answers: each with one message, or with one card.
func (r *run) replies() string {
	how := "text"
	if r.options.cards {
		how = "card"
	}
	return ", reply: " + how + `, welcome: "off", budget: {api_calls: unlimited}, rate: {per_second: unlimited, per_minute: unlimited}`
}

// configure writes the configuration, which is the same for all replicas. Where
// something is measured, it is measured with the program's own defaults.
func (r *run) configure() (string, error) {
	quick := r.options.mode == strikes
	text := fmt.Sprintf(`store: %q
spool: file:${CHAOS_SPOOL}
admin: {listen: "127.0.0.1:0"}
`, r.store.url())
	if quick {
		text += fmt.Sprintf(`connections: [{name: %s, %s, workers: %d}]
model: {endpoint: %q, api_key: %q, name: chaos, first_token_timeout: 2s, idle_timeout: 2s, turn_timeout: 30s}
inbox: {lease: %s, per_conversation: %d}
shutdown: %s
limits: {turns_per_minute: unlimited}
log: {level: debug, format: json}
`, connectionName, r.platform.connection(quick)+r.replies(), workers, r.model.URL(), modelKey, leaseTime, mayWait, shutdownTime)
	} else {
		text += fmt.Sprintf(`connections: [{name: %s, %s}]
model: {endpoint: %q, api_key: %q, name: chaos}
limits: {turns_per_minute: unlimited}
log: {level: info, format: json}
`, connectionName, r.platform.connection(quick)+r.replies(), r.model.URL(), modelKey)
	}
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

// settle waits until everything is answered, and then for what comes too late.
func (r *run) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if r.book.await(ctx) {
		sleep(ctx, quietTime)
	}
}

// farewell looks at the processes: healthy, and gone when asked to.
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

// readLogs reads what the processes have said. It is read also of a run that was
// broken off: what was announced there was announced.
func (r *run) readLogs() {
	for _, replica := range r.replicas {
		found, err := r.logs.read(replica.log)
		if err != nil {
			r.broke(px, "read log of %s: %v", replica.name, err)
		}
		for _, what := range found {
			r.broke(px, "in the log of %s: %s", replica.name, what)
		}
	}
	r.book.refuse(r.logs.refused)
}

// result judges what there is. err is why the run was broken off, nil if it came
// to its end.
func (r *run) result(err error) result {
	if r.platform == nil {
		return result{err: err}
	}
	r.readLogs()
	h := r.book.history(r.platform.deliveries)
	h.announced, h.bursts, h.cards = r.logs.announced, r.bursts, r.options.cards
	h.unfinished = err != nil
	v := judge(h)
	for _, replica := range r.replicas {
		v.tried[px] += replica.started
	}
	v.breaches = append(v.breaches, r.extra...)
	sheets := r.measured(&v, h)
	return result{verdict: v, firings: h.firings, sheets: sheets, took: r.book.now(), err: err}
}
