package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// gauge is a connectors.Meter that keeps what it is told.
type gauge struct {
	mu    sync.Mutex
	acks  []time.Duration // guarded by mu
	downs []error         // guarded by mu
	calls []string        // op and outcome; guarded by mu
}

func (g *gauge) Down(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.downs = append(g.downs, why)
}

func (g *gauge) Acked(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acks = append(g.acks, took)
}

func (g *gauge) Called(op, outcome string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if took <= 0 || took > patience {
		outcome = fmt.Sprint("in ", took)
	}
	g.calls = append(g.calls, op+": "+outcome)
}

// acked is how many acks there were, and how long the longest took.
func (g *gauge) acked() (n int, longest time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, took := range g.acks {
		longest = max(longest, took)
	}
	return len(g.acks), longest
}

// called is what was called since the last call of this one.
func (g *gauge) called() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls = nil
	return calls
}

// Frames with an event are measured from when they are read to their ack, and no others.
func TestMeterOfAcks(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{RedeliverMax: -1, EventRedeliverMax: -1, PingEvery: 5 * time.Millisecond, PingMisses: -1})
	g := &gauge{}
	config := quick(cloud)
	config.Meter = g
	const slow = 30 * time.Millisecond
	r := newRobot(config, func(ctx context.Context, ev connectors.Event) error {
		switch ev.Text {
		case "slow":
			connectors.Sleep(ctx, slow)
		case "refused":
			return errors.New("store is full")
		}
		return nil
	})
	stop := r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	if calls := g.called(); !slices.Equal(calls, []string{"open endpoint: ok"}) {
		t.Errorf("%q", calls)
	}
	must(t, cloud.WaitAck(patient(t), cloud.PushData(clientID, change(t, cloud, inGroup, map[string]any{"isInAtList": false}))))
	r.said(t, cloud, dingtalktest.Message{Text: "refused"})
	must(t, cloud.WaitAck(patient(t), cloud.Say(dingtalktest.Message{Text: "slow"})))
	must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.PingsAnswered > 0 }))
	stop() // all is settled then
	if n, longest := g.acked(); n != 1 || longest < slow {
		t.Errorf("%d acks, the longest took %s", n, longest)
	}
}

// Each call is told by its own words and by how it ended.
func TestMeterOfCalls(t *testing.T) {
	g := &gauge{}
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Meter, c.Card.Quick = g, time.Hour })
	expect := func(what string, want ...string) {
		t.Helper()
		if got := g.called(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("the stream", "open endpoint: ok")

	cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: 200, Body: `{"errcode":-1,"errmsg":"busy"}`, Times: 1})
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	expect("a webhook", "send by webhook: -1", "send by webhook: ok")

	cloud.FailRoute(dingtalktest.PathOTO, dingtalktest.Failure{Status: 502, Times: 1})
	cloud.FailRoute(dingtalktest.PathOTO, dingtalktest.Failure{Cut: true, Times: 1})
	cloud.FailRoute(dingtalktest.PathOTO, dingtalktest.Failure{Status: 200, Body: `{}`, Times: 1})
	cloud.ExpireWebhooks()
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	expect("the robot API", "send by webhook: 300001", "get token: ok",
		"send to person: http 502", "send to person: none", "send to person: http 200", "send to person: ok")

	cloud.ExpireTokens()
	cloud.SetDepartments("u1", "1")
	_, err := r.Departments(t.Context(), "u1")
	must(t, err)
	expect("a token that ended", "get departments: 40014", "get token: ok", "get departments: ok")
	cloud.Revoke(clientID, dingtalktest.ScopeDepartments)
	_, err = r.Departments(t.Context(), "u1")
	must(t, err)
	expect("a permission that lacks", "get departments: 60011", "get direct departments: ok")

	cloud.FailDelivery(ev.Sender.ID, "spaceId is illegal")
	r.config.Reply = ReplyCard
	ledger := newBook(ev)
	must(t, r.Reply(t.Context(), ev, ledger, words("answer")))
	expect("a delivery", "create card: deliverResults", "send by webhook: 300001", "send to person: ok")

	file := connectors.File{Ref: cloud.PutFile("a.txt", []byte("content"))}
	_, err = r.Fetch(t.Context(), ev, file, 100)
	must(t, err)
	_, err = r.Fetch(t.Context(), ev, file, 3)
	if err == nil {
		t.Error("too much was got")
	}
	expect("a file", "get download url: ok", "download: ok", "get download url: ok", "download: too large")
}
