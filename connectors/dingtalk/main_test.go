package dingtalk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come soon.
const patience = 20 * time.Second

const (
	clientID     = "ding-client"
	clientSecret = "CLIENT-S3CRET"
)

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// next is what comes out of a channel.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// newCloud is a DingTalk with one app.
func newCloud(t *testing.T, opts dingtalktest.Options) *dingtalktest.Server {
	t.Helper()
	if opts.Apps == nil {
		opts.Apps = []dingtalktest.App{{ClientID: clientID, ClientSecret: clientSecret}}
	}
	cloud, err := dingtalktest.Start(opts)
	must(t, err)
	t.Cleanup(func() { _ = cloud.Close() })
	return cloud
}

// robot is a connector under test with all that it delivers.
type robot struct {
	*Connector
	events chan connectors.Event
	log    *journal
}

func quick(cloud *dingtalktest.Server) Config {
	return Config{
		Name: "work", ClientID: clientID, ClientSecret: clientSecret, Endpoint: cloud.URL(),
		Backoff: socket.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond, Slow: 5 * time.Millisecond},
	}
}

// newRobot is a robot that does not run yet. deliver may be nil.
func newRobot(config Config, deliver connectors.Deliver) *robot {
	r := &robot{events: make(chan connectors.Event, 1000), log: &journal{}}
	r.Connector = New(config, func(ctx context.Context, ev connectors.Event) error {
		r.events <- ev
		if deliver != nil {
			return deliver(ctx, ev)
		}
		return nil
	}, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return r
}

// run runs the robot until the test ends. Whatever the test did, no secret may be
// in the log afterwards.
func (r *robot) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { t.Helper(); cancel(); next(t, done, "the end of Run") }
	t.Cleanup(func() {
		stop()
		for _, secret := range []string{r.config.ClientSecret, "ticket=", "session="} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("%q is in the log:\n%s", secret, r.log.String())
			}
		}
	})
	return stop
}

// up starts a cloud and a robot that is connected to it.
func up(t *testing.T, opts dingtalktest.Options, deliver connectors.Deliver) (*dingtalktest.Server, *robot) {
	t.Helper()
	cloud := newCloud(t, opts)
	r := newRobot(quick(cloud), deliver)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	eventually(t, "connected", func() bool { return r.Status().State == connectors.Connected })
	return cloud, r
}

func (r *robot) event(t *testing.T) connectors.Event {
	t.Helper()
	return next(t, r.events, "an event")
}

// none fails the test when something was delivered. The caller has waited for a
// later event, so that nothing can be on its way.
func (r *robot) none(t *testing.T) {
	t.Helper()
	select {
	case ev := <-r.events:
		t.Errorf("delivered: %+v", ev)
	default:
	}
}

// said is one message written and delivered.
func (r *robot) said(t *testing.T, cloud *dingtalktest.Server, m dingtalktest.Message) connectors.Event {
	t.Helper()
	id := cloud.Say(m)
	ev := r.event(t)
	if !strings.HasSuffix(ev.ID, "/"+id) {
		t.Fatalf("event %s, want message %s", ev.ID, id)
	}
	return ev
}

// journal is a log that can be read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func words(format string, args ...any) connectors.Answer {
	return connectors.Words(fmt.Sprintf(format, args...))
}

// answerTo replies with nothing known of an earlier attempt.
func answerTo(ctx context.Context, c replier, ev connectors.Event, answer connectors.Answer) error {
	return c.Reply(ctx, ev, connectors.Unkept(ev, ""), answer)
}

type replier interface {
	Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error
}
