package admin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"longwire/agent/logs/rotate"
	"longwire/agent/model"
	"longwire/agent/pool"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// demoLink is a connection with a budget.
type demoLink struct {
	status      connectors.Status
	counts      connectors.Counts
	calls, used int64
}

func (l *demoLink) Status() connectors.Status {
	s := l.status
	if s.State == connectors.Connected {
		s.LastFrame = time.Now().Add(-4 * time.Second)
	}
	return s
}
func (l *demoLink) Counts() connectors.Counts { return l.counts }

func (l *demoLink) Budget(context.Context) (calls, used int64, err error) {
	return l.calls, l.used, nil
}

// demo is a program in the middle of a working day: most of it is well.
func demo(t *testing.T, token string, trouble bool) (*Server, []string) {
	t.Helper()
	now, store := time.Now(), newStore(t)
	ding := &demoLink{connectors.Status{State: connectors.Connected, Since: now.Add(-51 * time.Hour), Connects: 3}, connectors.Counts{Events: 18342}, 5000, 3187}
	lark := &demoLink{connectors.Status{State: connectors.Connected, Since: now.Add(-7*time.Hour - 12*time.Minute), Connects: 6}, connectors.Counts{Events: 9571}, 10000, 8460}
	shop := &demoLink{connectors.Status{State: connectors.Connected, Since: now.Add(-26 * time.Minute), Connects: 9}, connectors.Counts{Events: 1204}, 0, 0}
	config := Config{
		Token: token, Version: "v1.4.0", Store: store, Desk: store,
		Connections: []Connection{
			{Name: "support", Platform: "dingtalk", Link: ding, Pool: func() pool.Counts { return pool.Counts{Running: 4} }},
			{Name: "engineering", Platform: "feishu", Link: lark, Pool: func() pool.Counts { return pool.Counts{Running: 2} }},
			{Name: "shop-floor", Platform: "feishu", Link: shop, Pool: func() pool.Counts { return pool.Counts{} }},
		},
		Votes: func(_ context.Context, c string) (int64, int64, error) {
			return map[string]int64{"support": 412, "engineering": 187}[c], map[string]int64{"support": 19, "engineering": 6}[c], nil
		},
		Models: func() []Model {
			return []Model{
				{"qwen-max", true, []model.EndpointState{{Endpoint: "llm.internal.example", Model: "qwen-max", Requests: 24817, InFlight: 6, Keys: 2}, {Endpoint: "fallback.example", Model: "qwen-plus", Requests: 311, LastError: model.Busy, Keys: 1}}},
				{"deepseek-chat", false, []model.EndpointState{{Endpoint: "api.deepseek.example", Model: "deepseek-chat", Requests: 4102, Open: trouble, Until: now.Add(40 * time.Second), Failures: 5 * btoi(trouble), LastError: model.Unavailable, Keys: 1, KeyExpires: now.Add(40 * 24 * time.Hour)}}},
			}
		},
		Tools: func() []tools.ServerState {
			return []tools.ServerState{{Name: "calendar", Kind: "http", Up: true, Tools: 6}, {Name: "wiki-search", Kind: "stdio", Up: !trouble, Tools: 2 * btoi(!trouble), Restarts: 1, LastError: map[bool]string{true: "exit status 1"}[trouble]}}
		},
		Files: func() []File {
			f := []File{{"log", rotate.State{Lines: 220417}}, {"record", rotate.State{Lines: 27944}}}
			if trouble {
				f[1].State.Lost, f[1].State.Err = 38, syscall.ENOSPC
			}
			return f
		},
		ConfigYAML: func() string { return demoYAML },
	}
	if trouble {
		config.Warnings = func() []string {
			return []string{"the configuration file has changed and is not taken up: 1 problem(s) in the configuration: /etc/longwire/config.yaml:48:14: model.api_key: ${file:/etc/longwire/credentials/modelapikeyoftheoperationsteaminhangzhouandshanghai}: permission denied"}
		}
		shop.status = connectors.Status{State: connectors.Waiting, Since: now.Add(-21 * time.Second), Connects: 9, Attempts: 4, Problem: "dial: dial tcp 203.0.113.9:443: i/o timeout", LastFrame: now.Add(-6 * time.Minute)}
	}
	s := start(t, config)
	s.began = now.Add(-51*time.Hour - 3*time.Minute)
	day(s, now)
	return s, demoInbox(t, s, store)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// day is the last hour of it.
func day(s *Server, now time.Time) {
	dice := rand.New(rand.NewPCG(7, 11))
	for ago := 59; ago >= 0; ago-- {
		at := now.Add(-time.Duration(ago) * time.Minute)
		for i, c := range s.now().Connections {
			busy := 1.0
			if ago > 24 && ago < 33 {
				busy = 2.6 // everybody asks the same thing
			}
			for range int(busy * (4 + dice.Float64()*9) / float64(i+1)) {
				first := time.Duration((380 + dice.ExpFloat64()*420*busy) * float64(time.Millisecond))
				turn := Turn{Connection: c.Name, How: conversation.Answered, FirstWord: first, Took: first + time.Duration((2+dice.ExpFloat64()*5*busy)*float64(time.Second))}
				if roll := dice.IntN(240); roll < 2 {
					turn.How, turn.FirstWord = conversation.Failed, 0
				} else if roll < 12 {
					turn.How = conversation.Skipped
				}
				s.history.add(turn, at)
			}
			s.history.wait(c.Name, int(busy*busy*dice.Float64()*5)/(i+1), at)
		}
	}
}

// demoInbox puts letters into the store and errors into the list, and returns the
// traces of the dead ones.
func demoInbox(t *testing.T, s *Server, store conversation.Store) (dead []string) {
	t.Helper()
	for i, c := range []struct {
		connection, person, group, reason string
	}{
		{"engineering", "Priya Natarajan", "", "model: cut: the stream stopped in the middle, 4 attempts"},
		{"support", "陈晓", "客服一组 · 退款与售后", "model: unavailable: HTTP 503 after 4 attempts"},
	} {
		ev := connectors.Event{ID: fmt.Sprint("dead", i), Connection: c.connection, Kind: connectors.KindText, Text: "private words", Sender: connectors.Person{ID: fmt.Sprint("p", i), Name: c.person}, Received: time.Now().Add(-time.Duration(22-13*i) * time.Minute)}
		ev.Chat.Group, ev.Chat.Title, ev.Chat.ID = c.group != "", c.group, "g1"
		if _, err := store.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		lease, err := store.Take(t.Context(), c.connection)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Done(t.Context(), conversation.Outcome{How: conversation.Dead, Reason: c.reason}); err != nil {
			t.Fatal(err)
		}
		dead = append(dead, ev.Trace())
		s.troubles.add(Trouble{ID: ev.Trace(), Connection: c.connection, At: ev.Received.Add(2 * time.Minute), What: "dead", Reason: c.reason, Waited: 120, Took: 93_000})
	}
	for i, person := range []string{"王芳", "Tom Baker", "林志远"} {
		ev := connectors.Event{ID: fmt.Sprint("wait", i), Connection: "support", Kind: connectors.KindText, Text: "private words", Sender: connectors.Person{ID: person, Name: person}, Received: time.Now().Add(-time.Duration(9-3*i) * time.Second)}
		if _, err := store.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	s.Report(Turn{Connection: "support", Trace: "mjqf2b7k", How: conversation.Failed, Reason: "model: filtered: the endpoint's content filter", Waited: 40 * time.Millisecond, Took: 2300 * time.Millisecond})
	s.Report(Turn{Connection: "engineering", Trace: "d4xw6tna", How: conversation.Answered, Waited: 31 * time.Second, FirstWord: 1400 * time.Millisecond, Took: 19 * time.Second})
	return dead
}

const demoYAML = `# two platforms, one model, one fallback
connections:
  - name: support
    platform: dingtalk
    client_id: dingabc123def456
    client_secret: [redacted]
    workers: 64
    budget:
      api_calls: 5000
model:
  name: qwen-max
  endpoint: https://llm.internal.example/v1
  api_key: [redacted]
  first_token_timeout: 30s # queueing included
store: file:./data/longwire.db
admin:
  listen: 127.0.0.1:18789
  token: [redacted]
`
