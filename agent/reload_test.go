package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// copied is a configuration like w's, to be changed.
func (w *world) copied() *config.Config {
	next := *w.cfg
	next.Connections = append([]config.Connection(nil), w.cfg.Connections...)
	return &next
}

// Prompts and models hold from the next turn on, on the same stream, and a turn that
// has begun ends as it began.
func TestReloadHoldsFromTheNextTurn(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		begun, release := make(chan struct{}), make(chan struct{})
		w.answer(func(r modeltest.Request) modeltest.Response {
			if r.Question() == "slow" {
				close(begun)
				<-release
			}
			return modeltest.Words(r.Model, " ", r.Messages[0].Content)
		})
		w.cfg.Model.SystemPrompt = "first"
		app, _ := w.start()
		connects := w.chat.connects()
		slow := w.chat.say(line{person: "ann", text: "slow"})
		receiveWithin(t, begun)

		next := w.copied()
		next.Model.SystemPrompt, next.Model.Name = "second", "better"
		if err := app.Reload(next); err != nil {
			t.Fatal(err)
		}
		w.want(line{person: "bob", text: "quick"}, "better second")
		close(release)
		if got, err := w.chat.waitReply(w.within(), slow); err != nil || got.text != "test first" {
			t.Errorf("the turn that had begun ended with %q, %v", got.text, err)
		}
		if n := w.chat.connects(); n != connects {
			t.Errorf("%d new streams for a prompt", n-connects)
		}
	})
}

// A connection whose own settings change has a new stream before the old one ends, and
// nothing is lost or answered twice meanwhile.
func TestReloadReplacesAStream(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		app, _ := w.start()
		connects := w.chat.connects()
		next := w.copied()
		next.Connections[0].Workers = 3
		var ids []string
		for i := range 60 {
			if i == 20 {
				if err := app.Reload(next); err != nil {
					t.Fatal(err)
				}
			}
			ids = append(ids, w.chat.say(line{person: string(rune('a' + i%26)), text: "hello"}))
		}
		for _, id := range ids {
			if _, err := w.chat.waitReply(w.within(), id); err != nil {
				t.Fatalf("no reply to %s: %v", id, err)
			}
		}
		if n := len(w.chat.replies()); n != len(ids) {
			t.Errorf("%d replies to %d messages", n, len(ids))
		}
		if n := w.chat.connects() - connects; n != 1 {
			t.Errorf("%d new streams, want 1", n)
		}
	})
}

// Connections come and go while the program runs.
func TestReloadAddsAndRemoves(t *testing.T) {
	w := newWorld(t, config.DingTalk, "redis")
	other := newChat(t, config.Feishu, w.gate)
	t.Cleanup(other.close)
	app, _ := w.start()

	both := w.copied()
	both.Connections = append(both.Connections, other.connection())
	if err := app.Reload(both); err != nil {
		t.Fatal(err)
	}
	if err := other.waitUp(w.within()); err != nil {
		t.Fatal(err)
	}
	if got, err := other.waitReply(w.within(), other.say(line{text: "hi"})); err != nil || got.text != "re: hi" {
		t.Fatalf("the new connection answers %q, %v", got.text, err)
	}
	w.want(line{text: "still here"}, "re: still here")

	only := w.copied()
	only.Connections = only.Connections[:0]
	only.Connections = append(only.Connections, other.connection())
	if err := app.Reload(only); err != nil {
		t.Fatal(err)
	}
	if got, err := other.waitReply(w.within(), other.say(line{text: "alone"})); err != nil || !strings.HasSuffix(got.text, "alone") {
		t.Fatalf("the connection that stays answers %q, %v", got.text, err)
	}
	eventually(t, "the end of the removed stream", func() bool { return app.named("ding") == nil && w.chat.(dingtalkChat).Connections() == 0 })
}

// What cannot change while the program runs stays as it is.
func TestReloadKeepsWhatIsFixed(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	app, stop := w.start()
	next := w.copied()
	next.Admin.Listen, next.Conversation.Turns = "127.0.0.1:1", 1
	if err := app.Reload(next); err != nil {
		t.Fatal(err)
	}
	if app.config.Conversation.Turns != w.cfg.Conversation.Turns || app.config.Admin.Listen != w.cfg.Admin.Listen {
		t.Error("what is fixed has changed")
	}
	w.want(line{text: "one"}, "re: one")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := app.Reload(next); err == nil {
		t.Error("a program that has stopped takes up a configuration")
	}
}

// SIGHUP has the program read its file again; one with a problem changes nothing and
// says why.
func TestHangupReloads(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words(r.Model) })
	p := w.spawn()
	file := p.cmd.Args[3]
	w.want(line{text: "a"}, "test")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ text, said, answer string }{
		{strings.Replace(string(good), "inbox:", "inbx:", 1), "configuration not taken up, nothing has changed", "test"},
		{strings.Replace(string(good), "name: test", "name: better", 1), "configuration taken up", "better"},
	} {
		if step.text == string(good) {
			t.Fatal("the file was not changed")
		}
		if err := os.WriteFile(file, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "word about it", func() bool { return strings.Contains(p.stderr.String(), step.said) })
		w.want(line{text: "b"}, step.answer)
	}
}

// receiveWithin waits for a signal.
func receiveWithin(t *testing.T, signal <-chan struct{}) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
}

// The store is away when an answer is to be noted, until the turn gives up; and
// meanwhile a reload has replaced the connection. Its successor knows what people have
// seen, and only writes that down.
func TestReloadWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.DingTalk, "redis") // whose replies have no key that would hide a second one
	if !w.redis.Real() {
		t.Skip("needs a redis-server that can be held up")
	}
	w.answer(func(r modeltest.Request) modeltest.Response {
		return modeltest.Words(r.Messages[len(r.Messages)-2].Content, " > ", r.Question())
	})
	p := w.spawn("shutdown: 1s\n") // a turn that cannot be settled is left soon
	file := p.cmd.Args[3]
	w.gate.shut()
	id := w.chat.say(line{text: "first"})
	eventually(t, "reply on its way", func() bool { return w.count(id) == 1 })
	if err := w.redis.Pause(); err != nil {
		t.Fatal(err)
	}
	w.gate.open()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "workers: 16", "workers: 3", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the turn", func() bool {
		return strings.Contains(p.stderr.String(), "answered, but the store could not note it")
	})
	if !strings.Contains(p.stderr.String(), `"new_streams":"ding"`) {
		t.Error("the connection was not replaced")
	}
	if err := w.redis.Resume(); err != nil {
		t.Fatal(err)
	}
	// The same person's next question comes behind the first, with that in its history.
	if got := w.ask(line{text: "next"}); !strings.HasSuffix(got, "first > next") {
		t.Errorf("the next answer is %q", got)
	}
	if n := w.count(id); n != 1 {
		t.Errorf("answered %d times", n)
	}
}
