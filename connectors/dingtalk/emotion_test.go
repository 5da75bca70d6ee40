package dingtalk

import (
	"context"
	"errors"
	"slices"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// preparing is an answer that waits until its question bears the sign, or does not
// wait for it.
func preparing(t *testing.T, cloud *dingtalktest.Server, ev connectors.Event, end error) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		if err := cloud.WaitEmotions(patient(t), ev.ID[len(clientID)+1:], func(set []string) bool { return slices.Equal(set, []string{"thinking"}) }); err != nil {
			t.Error(err)
		}
		if end == nil {
			yield(connectors.Say("answer"), nil)
			return
		}
		yield(connectors.Delta{}, end)
	}
}

// The question bears a sign while its answer is prepared, and no longer, however it
// ends.
func TestSignOfLife(t *testing.T) {
	for name, row := range map[string]struct {
		reply string
		end   error
		fail  dingtalktest.Failure
		path  string
	}{
		"card":           {reply: ReplyCard},
		"text":           {reply: ReplyText},
		"failure":        {end: &connectors.Failure{Text: "sorry", Err: errors.New("x")}},
		"given up":       {end: errors.New("given up")},
		"trouble":        {path: dingtalktest.PathEmotionReply, fail: dingtalktest.Failure{Status: 502, Times: 2}},
		"trouble behind": {path: dingtalktest.PathEmotionRecall, fail: dingtalktest.FailSystem()},
		"lost":           {path: dingtalktest.PathEmotionRecall, fail: dingtalktest.Failure{Cut: true, Times: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply = row.reply })
			if row.path != "" {
				row.fail.Times = 2
				cloud.FailRoute(row.path, row.fail)
			}
			err := answerTo(t.Context(), r, ev, preparing(t, cloud, ev, row.end))
			if (err != nil) != (name == "given up") {
				t.Error(err)
			}
			id := ev.ID[len(clientID)+1:]
			if set := cloud.Emotions(id); len(set) != 0 || len(cloud.EmotionHistory(id)) != 2 {
				t.Errorf("%q stays, after %+v", set, cloud.EmotionHistory(id))
			}
		})
	}
}

// It is never a reason to fail, nor asked for again when it is not open to the app.
func TestSignRefused(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply = ReplyText })
	cloud.FailRoute(dingtalktest.PathEmotionReply, dingtalktest.FailPermission(dingtalktest.ScopeRobot))
	for range 2 {
		must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
			eventually(t, "a try", func() bool { return cloud.Calls(dingtalktest.PathEmotionReply) > 0 })
			yield(connectors.Say("answer"), nil)
		}))
	}
	if n := cloud.Calls(dingtalktest.PathEmotionReply); n != 1 || cloud.Calls(dingtalktest.PathEmotionRecall) != 0 || len(cloud.Sent()) != 2 {
		t.Errorf("%d tries", n)
	}
}

// The sign of an attempt that has crashed is taken back by the next one, also when
// that is quick.
func TestSignOutlivesACrash(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	ctx, kill := context.WithCancel(t.Context())
	m := &mortal{below: r.api.http.Transport, kill: kill}
	r.api.http.Transport = m
	notes := newBook(ev)
	_ = r.Reply(ctx, ev, notes, func(yield func(connectors.Delta, error) bool) {
		preparing(t, cloud, ev, nil)(func(connectors.Delta, error) bool { return true })
		m.mu.Lock()
		m.dead = true
		m.mu.Unlock()
		kill()
		yield(connectors.Delta{}, errCrash)
	})
	id := ev.ID[len(clientID)+1:]
	if len(cloud.Emotions(id)) != 1 {
		t.Fatal("the sign did not outlive the crash")
	}
	after := newRobot(r.config, nil)
	after.config.Card.Quick = 1 << 40
	defer after.api.http.CloseIdleConnections()
	must(t, after.Reply(t.Context(), ev, notes, words("answer")))
	if set := cloud.Emotions(id); len(set) != 0 {
		t.Errorf("%q stays", set)
	}
}

// With a budget a card is sign enough, and text pays for its sign.
func TestSignAndBudget(t *testing.T) {
	for reply, signs := range map[string]int{ReplyAuto: 0, ReplyText: 1} {
		cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply, c.Budget = reply, 5000 })
		var answer connectors.Answer = words("answer")
		if signs > 0 {
			answer = preparing(t, cloud, ev, nil)
		}
		must(t, answerTo(t.Context(), r, ev, answer))
		used, err := r.budget.Used(t.Context())
		must(t, err)
		if n := cloud.Calls(dingtalktest.PathEmotionReply); n != signs || int(used) != cloud.Quota().Calls {
			t.Errorf("%s: %d signs, %d calls counted of %d", reply, n, used, cloud.Quota().Calls)
		}
	}
}

// While the sign is taken back the answer is there already, and the program may die: that
// it is there has been noted by then.
func TestAnswerIsNotedBeforeTheSignGoes(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply = ReplyText })
	notes := newBook(ev)
	must(t, r.Reply(t.Context(), ev, notes, preparing(t, cloud, ev, nil)))
	if must(t, r.Reply(t.Context(), ev, notes, connectors.Words("answer"))); len(cloud.Sent()) != 1 {
		t.Errorf("%d messages", len(cloud.Sent()))
	}
}
