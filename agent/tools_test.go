package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/agent/tools/toolstest"
	"longwire/connectors"
)

// held makes a tool server hold every call of a tool until release is called.
func (w *world) held(web *toolstest.Web) (release func()) {
	goOn := make(chan struct{})
	web.Before = func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !bytes.Contains(body, []byte(`"tools/call"`)) {
			return
		}
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
	}
	release = func() {
		select {
		case <-goOn:
		default:
			close(goOn)
		}
	}
	w.t.Cleanup(release)
	return release
}

// The model calls a tool of a process, and one over HTTP: people see what runs, and
// then what has come of it.
func TestToolsAreCalled(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		local := stdioTool()
		web, remote := w.webTool()
		release := w.held(web)
		remote.Titles = map[string]string{"echo": "Asking the echo"}
		w.cfg.Tools = []config.Tool{local, remote}
		w.answer(withTools)
		app, _ := w.start()
		w.toolsUp(app)

		w.chat.say(line{person: "ann", text: `use web__echo {"text":"far"}`})
		running := w.waitCard(c, "Asking the echo…")
		if strings.Contains(running.text, "it says") || running.ended {
			t.Errorf("while the tool runs the card shows %+v", running)
		}
		release()
		done := w.waitCard(c, "it says: far")
		if done.id != running.id || strings.Contains(done.text, "Asking") {
			t.Errorf("then it shows %+v", done)
		}
		w.chat.say(line{person: "ann", text: `use local__echo {"text":"near"}`})
		w.waitCard(c, "it says: near")

		requests := w.model.Requests()
		first := requests[0]
		if !strings.Contains(first.Messages[0].Content, "data from outside") || len(first.Tools) != 30 {
			t.Errorf("%d tools; the prompt begins %q", len(first.Tools), first.Messages[0].Content)
		}
		last := asked(requests[len(requests)-1])
		if !strings.HasPrefix(last, `user: use web__echo {"text":"far"} | assistant: it says: far | user: use local__echo`) {
			t.Errorf("remembered: %q", last)
		}
		if n := web.Count(`"tools/call"`); n != 1 || c.sent() != 2 {
			t.Errorf("%d calls, %d messages", n, c.sent())
		}
	})
}

// A tool that asks first: the buttons are for whoever asked, and the first word counts.
func TestToolIsConfirmedByButton(t *testing.T) {
	for press, want := range map[string]struct{ answer, concluded string }{
		"yes": {"it says: hello", "✅ Allowed"},
		"no":  {"it says: Not run: the person said no.", "❌ Refused"},
	} {
		t.Run(press, func(t *testing.T) {
			withCards(t, func(t *testing.T, w *world, c cardChat) {
				web, remote := w.webTool()
				remote.Confirm = []string{"echo"}
				w.cfg.Tools = []config.Tool{remote}
				w.answer(withTools)
				app, _ := w.start()
				w.toolsUp(app)
				w.chat.say(line{person: "ann", text: `use web__echo {"text":"hello"}`})
				proposal := w.waitCard(c, "I would like to do this", "`text`: `hello`")
				w.waitCard(c, "Waiting for your word")
				if words, err := c.press(w.within(), proposal.id, "eve", "yes"); err != nil || words != "" && !strings.Contains(words, "Only whoever asked") {
					t.Errorf("somebody else allows it: %q, %v", words, err)
				}
				if n := web.Count(`"tools/call"`); n != 0 {
					t.Errorf("%d calls before it was allowed", n)
				}
				if _, err := c.press(w.within(), proposal.id, "ann", press); err != nil {
					t.Error(err)
				}
				answer := w.waitCard(c, want.answer)
				concluded := w.waitCard(c, "I would like to do this", want.concluded)
				if concluded.id != proposal.id || answer.id == proposal.id || c.sent() != 2 {
					t.Errorf("cards %+v", c.cards())
				}
				if n := web.Count(`"tools/call"`); n != map[string]int{"yes": 1, "no": 0}[press] {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

// Where there are no buttons, words do it: those of whoever asked.
func TestToolIsConfirmedInWords(t *testing.T) {
	for word, want := range map[string]struct{ reply, answer string }{
		"/yes": {"✅ Allowed", "it says: hello"},
		"/否":   {"❌ Refused", "it says: Not run: the person said no."},
	} {
		t.Run(strings.Trim(word, "/"), func(t *testing.T) {
			everywhere(t, func(t *testing.T, w *world) {
				local := stdioTool()
				local.Confirm = []string{"*"}
				w.cfg.Tools = []config.Tool{local}
				w.answer(withTools)
				app, _ := w.start()
				w.toolsUp(app)
				const group = "oc_0123456789abcdef0123456789abcdef"
				says := func(person, text string) line { return line{person: person, group: group, mention: true, text: text} }
				id := w.chat.say(says("ann", `use local__echo {"text":"hello"}`))
				if got, err := w.chat.waitReply(w.within(), id); err != nil || !strings.Contains(got.text, "Write `/yes` to allow it") {
					t.Fatalf("proposed as %q, %v", got.text, err)
				}
				if got := w.ask(says("eve", word)); !strings.Contains(got, "nothing to allow") {
					t.Errorf("somebody else says %s: %q", word, got)
				}
				if got := w.ask(says("ann", word)); !strings.Contains(got, want.reply) {
					t.Errorf("%s: %q", word, got)
				}
				eventually(t, "answer "+want.answer, func() bool {
					replies := w.chat.replies()
					return len(replies) == 4 && (replies[3].text == want.answer || replies[2].text == want.answer)
				})
			})
		})
	}
}

// Whoever stops the answer while it waits for their word has not given it: a yes that
// comes later does nothing.
func TestStopWhileAToolWaits(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		web, remote := w.webTool()
		remote.Confirm = []string{"echo"}
		w.cfg.Tools = []config.Tool{remote}
		w.answer(withTools)
		app, _ := w.start()
		w.toolsUp(app)
		w.chat.say(line{person: "ann", text: `use web__echo {"text":"hello"}`})
		proposal := w.waitCard(c, "I would like to do this")
		w.waitCard(c, "Waiting for your word")
		w.chat.say(line{person: "ann", text: "/stop"})
		w.waitCard(c, "(stopped)")
		w.quiet(app, 2)
		if _, err := c.press(w.within(), proposal.id, "ann", "yes"); err != nil {
			t.Logf("a press that is too late: %v", err) // its buttons may be gone
		}
		w.chat.say(line{person: "ann", text: "and now?"})
		w.waitCard(c, "re: and now?")
		if n := web.Count(`"tools/call"`); n != 0 {
			t.Errorf("%d calls of what was stopped", n)
		}
	})
}

// The word may come to another replica than the one that waits for it.
func TestToolIsConfirmedOnAnotherReplica(t *testing.T) {
	onPlatforms(t, "redis", func(t *testing.T, w *world) {
		c := w.carded()
		web, remote := w.webTool()
		remote.Confirm = []string{"echo"}
		w.cfg.Tools = []config.Tool{remote}
		w.answer(withTools)
		way := w.around()
		waiting := w.replica(func(cfg *config.Config) { cfg.Connections[0].Endpoint = way.server.URL })
		w.toolsUp(waiting)
		w.chat.say(line{person: "ann", text: `use web__echo {"text":"hello"}`})
		proposal := w.waitCard(c, "I would like to do this")
		way.cut.Store(true)
		w.chat.drop()
		pressed := w.replica(nil)
		if err := w.chat.waitUp(w.within()); err != nil { // one connection: the other's
			t.Fatal(err)
		}
		if _, err := c.press(w.within(), proposal.id, "ann", "yes"); err != nil {
			t.Fatal(err)
		}
		w.waitCard(c, "it says: hello")
		if n := web.Count(`"tools/call"`); n != 1 {
			t.Errorf("%d calls", n)
		}
		w.quiet(waiting, 1)
		if n := pressed.connections[0].pool.Counts().Done; n != 0 {
			t.Errorf("the other replica has taken %d turns", n)
		}
	})
}

// A tool server that dies in the middle of a call: the person has an answer all the
// same, and the next call finds the server that was started anew.
func TestToolServerDies(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		c := w.carded()
		local := stdioTool()
		local.Titles = map[string]string{"slow": "Sleeping"}
		w.cfg.Tools = []config.Tool{local}
		w.answer(withTools)
		app, _ := w.start()
		w.toolsUp(app)
		w.chat.say(line{person: "ann", text: "use local__pid {}"})
		told, err := c.waitCard(w.within(), func(card seenCard) bool { return card.ended && strings.Contains(card.text, "it says: ") })
		if err != nil {
			t.Fatal(err)
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(told.text, "it says: "), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil {
			t.Fatal(err)
		}
		w.chat.say(line{person: "ann", text: `use local__slow {"n":600000}`})
		w.waitCard(c, "Sleeping…")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		w.waitCard(c, "it says: Failed: ")
		eventually(t, "server that was started anew", func() bool { s := app.tools.State()[0]; return s.Up && s.Restarts > 0 })
		w.chat.say(line{person: "ann", text: `use local__echo {"text":"back"}`})
		w.waitCard(c, "it says: back")
	})
}

// kill -9 while a tool runs that may change something: the attempt that follows does not
// run it again, and says so to the model. With Redis the lease has to run out first, and
// the tool server is up by then; with the embedded store the attempt begins at once.
func TestKilledWhileAToolRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		web, _ := w.webTool()
		w.held(web)
		w.answer(func(r modeltest.Request) modeltest.Response {
			if r.Question() == "tools?" {
				return modeltest.Words(fmt.Sprint(len(r.Tools) > 0))
			}
			return withTools(r)
		})
		more := fmt.Sprintf("tools: [{name: web, url: %q}]\n", web.URL())
		p := w.spawn(more)
		eventually(t, "tool server", func() bool { return w.ask(line{person: "bob", text: "tools?"}) == "true" })
		id := w.chat.say(line{person: "ann", text: `use web__slow {"n":1}`})
		eventually(t, "call", func() bool { return web.Count(`"tools/call"`) == 1 })
		p.kill()
		w.spawn(more)
		got, err := w.chat.waitReply(w.within(), id)
		if err != nil || !strings.HasPrefix(got.text, "it says: Not run again") {
			t.Errorf("after the restart: %q, %v", got.text, err)
		}
		if n := web.Count(`"tools/call"`); n != 1 {
			t.Errorf("the tool was called %d times", n)
		}
	})
}

// A program that stops lets running turns finish, and their tools with them.
func TestToolsOutliveTheirTurns(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		web, server := w.webTool()
		release := w.held(web)
		w.cfg.Tools = []config.Tool{server}
		w.answer(withTools)
		app, stop := w.start()
		w.toolsUp(app)
		id := w.chat.say(line{person: "ann", text: `use web__echo {"text":"still here"}`})
		eventually(t, "call", func() bool { return web.Count(`"tools/call"`) == 1 })
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		eventually(t, "end of the stream", func() bool { // the program is stopping, and nothing new comes
			return app.connections[0].connector.Status().State == connectors.Stopped
		})
		release()
		if got, err := w.chat.waitReply(w.within(), id); err != nil || !strings.Contains(got.text, "still here") {
			t.Errorf("answered with %q, %v", got.text, err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Tool servers that a reload has taken out of the configuration end, once no turn can
// use them any more.
func TestReloadEndsTools(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Feishu, "embedded")
	web, server := w.webTool()
	w.cfg.Tools = []config.Tool{server}
	w.cfg.Model.TurnTimeout = 300 * time.Millisecond
	app, _ := w.start()
	w.toolsUp(app)
	next := w.copied()
	next.Tools = nil
	if err := app.Reload(next); err != nil {
		t.Fatal(err)
	}
	if n := len(app.tools.State()); n != 0 {
		t.Errorf("%d tool servers are left", n)
	}
	eventually(t, "the end of the connection", func() bool {
		return slices.ContainsFunc(web.Requests(), func(r toolstest.Request) bool { return r.Method == http.MethodDelete })
	})
}
