package feishu

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/socket"
)

const (
	appID     = "cli_a1b2c3d4e5f60718"
	appSecret = "hush-hush-secret"
	botID     = "ou_0b07000000000000000000000000bead"
	groupID   = "oc_5ce6d572455d361153b7cb51da133945"
	replies   = "/open-apis/im/v1/messages/*/reply"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come. No correct run needs it.
const patience = 30 * time.Second

// soon bounds a wait that a correct program does not need.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until waits for cond to hold.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := soon(t); !cond(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cloud opens a platform with one app, quick to push again.
func cloud(t testing.TB, change func(*feishutest.Options)) *feishutest.Server {
	t.Helper()
	opts := feishutest.Options{
		Apps:       []feishutest.App{{AppID: appID, AppSecret: appSecret, BotOpenID: botID, BotName: "Longwire"}},
		AckTimeout: patience,
		Redeliver:  manyTimes(20 * time.Millisecond),
	}
	if change != nil {
		change(&opts)
	}
	s, err := feishutest.Start(opts)
	noError(t, err)
	t.Cleanup(s.Close)
	return s
}

// manyTimes is a schedule of redelivery that outlasts a test.
func manyTimes(wait time.Duration) []time.Duration {
	waits := make([]time.Duration, 1000)
	for i := range waits {
		waits[i] = wait
	}
	return waits
}

func configFor(s *feishutest.Server) Config {
	return Config{
		Name: "feishu-test", AppID: appID, AppSecret: appSecret, Endpoint: s.URL(),
		Backoff: socket.Backoff{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond, Slow: 20 * time.Millisecond},
	}
}

// inbox takes events over.
type inbox chan connectors.Event

func newInbox() inbox { return make(inbox, 10_000) }

func (in inbox) deliver(_ context.Context, ev connectors.Event) error {
	in <- ev
	return nil
}

// next is the next event that was delivered.
func (in inbox) next(t testing.TB) connectors.Event {
	t.Helper()
	select {
	case ev := <-in:
		return ev
	case <-soon(t).Done():
		t.Fatal("no event was delivered")
		return connectors.Event{}
	}
}

// journal collects what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// run makes a connector and runs it until the test ends. What it logs must not
// hold a secret.
func run(t testing.TB, config Config, deliver connectors.Deliver) (*Connector, *journal) {
	t.Helper()
	var j journal
	c := New(config, deliver, j.log())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		c.api.http.CloseIdleConnections()
		for _, secret := range []string{config.AppSecret, "ticket=", "access_key=", "Bearer"} {
			if strings.Contains(j.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, j.String())
			}
		}
	})
	return c, &j
}

// talk is run with an inbox, on s, until the bot is connected and knows itself.
func talk(t testing.TB, s *feishutest.Server) (*Connector, inbox) {
	t.Helper()
	in := newInbox()
	c, _ := run(t, configFor(s), in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	return c, in
}

// ask has a person write to the bot and returns the event of it.
func ask(t testing.TB, s *feishutest.Server, in inbox) connectors.Event {
	t.Helper()
	if id := s.Say(feishutest.Message{Text: "a question"}); id == "" {
		t.Fatal("nothing was said")
	}
	for {
		if ev := in.next(t); ev.Kind != connectors.KindRecall {
			return ev
		}
	}
}

// visible is what was sent, without the duplicates that nobody sees.
func visible(s *feishutest.Server) []feishutest.Sent {
	var sent []feishutest.Sent
	for _, one := range s.Sent() {
		if !one.Duplicate {
			sent = append(sent, one)
		}
	}
	return sent
}

// answerTo replies with nothing known of an earlier attempt.
func answerTo(ctx context.Context, c replier, ev connectors.Event, answer connectors.Answer) error {
	return c.Reply(ctx, ev, connectors.Unkept(ev, ""), answer)
}

type replier interface {
	Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error
}
