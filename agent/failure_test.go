package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// Whatever the model does, the person sees an answer or a kind text with the
// trace id, and the next question is answered.
func TestModelFailuresAreToldKindly(t *testing.T) {
	for name, c := range map[string]struct {
		resp modeltest.Response
		want string
	}{
		"401":          {modeltest.Response{Status: 401, Error: "bad key"}, "set up wrongly"},
		"429":          {modeltest.Response{Status: 429, Error: "slow down"}, "Too many people"},
		"500":          {modeltest.Response{Status: 500, Error: "oops"}, "cannot answer right now"},
		"hangs":        {modeltest.Response{Hang: true}, "took too long"},
		"hangs midway": {modeltest.Response{Deltas: []string{"The answer"}, Hang: true}, "took too long"},
		"cut":          {modeltest.Response{Deltas: []string{"The answer"}, Cut: true}, "broke off"},
		"says nothing": {modeltest.Response{}, "cannot answer right now"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w *world) {
				w.cfg.Model.Attempts = 2
				if c.resp.Hang {
					w.cfg.Model.FirstTokenTimeout = 2 * time.Second
					w.cfg.Model.IdleTimeout = 2 * time.Second
				}
				w.start()
				w.answer(func(modeltest.Request) modeltest.Response { return c.resp })
				got := w.ask(line{text: "question"})
				if !strings.Contains(got, c.want) || !strings.Contains(got, "(ref ") {
					t.Errorf("the person reads %q, want %q and a reference", got, c.want)
				}
				if len(c.resp.Deltas) > 0 && !strings.HasPrefix(got, c.resp.Deltas[0]) {
					t.Errorf("what the model had said is lost: %q", got)
				}
				w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
				w.want(line{text: "again"}, "re: again")
			})
		})
	}
}

func TestTroubleBeforeTheFirstWordIsNotSeen(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		var asked atomic.Int64
		w.answer(func(r modeltest.Request) modeltest.Response {
			if asked.Add(1) < 3 {
				return modeltest.Response{Status: 503, RetryAfter: "0.01", Error: "loading"}
			}
			return modeltest.Words("re: ", r.Question())
		})
		w.want(line{text: "patience"}, "re: patience")
	})
}

func TestErrorTextIsInThePersonsLanguage(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 401, Error: "bad key"} })
		if got := w.ask(line{text: "你好"}); !strings.Contains(got, "编号") {
			t.Errorf("a Chinese question got %q", got)
		}
	})
}

// SIGTERM, as the context's end: the turn in hand is finished, what waits behind
// it is kept and answered after the next start.
func TestStopFinishesWhatIsInHandAndKeepsTheRest(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		asked, goOn := make(chan struct{}, 10), make(chan struct{})
		w.answer(func(r modeltest.Request) modeltest.Response {
			asked <- struct{}{}
			<-goOn
			return modeltest.Words("re: ", r.Question())
		})
		_, stop := w.start()
		first := w.chat.say(line{text: "first"})
		<-asked
		second := w.chat.say(line{text: "second"})
		if err := w.chat.waitAck(w.within(), second); err != nil {
			t.Fatal(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		select {
		case err := <-stopped:
			t.Fatalf("stopped with a turn in hand: %v", err)
		case <-time.After(200 * time.Millisecond): // it has to wait; how long does not matter
		}
		close(goOn)
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if w.count(first) != 1 || w.count(second) != 0 {
			t.Fatalf("at the stop the first question had %d answers, the second %d", w.count(first), w.count(second))
		}
		w.start()
		if _, err := w.chat.waitReply(w.within(), second); err != nil {
			t.Fatalf("what waited was lost: %v", err)
		}
	})
}

// A turn that does not finish within the grace is given back and answered after
// the next start.
func TestStopGivesBackWhatDoesNotFinish(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Shutdown = 50 * time.Millisecond
		asked := make(chan struct{}, 10)
		w.answer(func(modeltest.Request) modeltest.Response {
			asked <- struct{}{}
			return modeltest.Response{Deltas: []string{"never"}, Hang: true}
		})
		_, stop := w.start()
		id := w.chat.say(line{text: "slow"})
		<-asked
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(id); n != 0 {
			t.Fatalf("%d replies although the turn was given back", n)
		}
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
		w.start()
		got, err := w.chat.waitReply(w.within(), id)
		if err != nil || got.text != "re: slow" {
			t.Fatalf("got %q, %v", got.text, err)
		}
	})
}

// Redis is away: what comes meanwhile is acked all the same, and answered in order
// once Redis is back.
func TestRedisAwayLosesNothing(t *testing.T) {
	for _, platform := range []config.Platform{config.DingTalk, config.Feishu} {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, platform, "redis")
			needReal(t, w.redis)
			w.start()
			w.want(line{person: "ann", text: "before"}, "re: before")
			w.redis.Stop()
			var ids []string
			for i := range 5 {
				ids = append(ids, w.chat.say(line{person: "ann", text: fmt.Sprint("during ", i)}))
			}
			for _, id := range ids {
				if err := w.chat.waitAck(w.within(), id); err != nil {
					t.Fatalf("not acked while Redis is away: %v", err)
				}
			}
			if err := w.redis.Restart(); err != nil {
				t.Fatal(err)
			}
			w.want(line{person: "ann", text: "after"}, "re: after")
			var order []string
			for _, r := range w.chat.replies() {
				order = append(order, r.text)
			}
			if got, want := strings.Join(order, ", "), "re: before, re: during 0, re: during 1, re: during 2, re: during 3, re: during 4, re: after"; got != want {
				t.Errorf("answered: %s", got)
			}
		})
	}
}
