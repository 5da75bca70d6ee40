package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// A model that does not answer is replaced by the next one, and nobody sees it.
func TestFailoverBeforeTheFirstWord(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		second, fallback := w.anotherModel(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
		w.cfg.Model.Fallbacks = []config.ModelEndpoint{fallback}
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 503, Error: "down"} })
		w.start()
		w.want(line{text: "who is there?"}, "re: who is there?")
		w.want(line{text: "still?"}, "re: still?")
		if n := len(second.Requests()); n != 2 || len(w.model.Requests()) == 0 {
			t.Errorf("the first model was asked %d times, the second %d", len(w.model.Requests()), n)
		}
	})
}

// A model that breaks off in the middle: the card starts over with the next one's
// answer. Of the first nothing is left, neither there nor in what is remembered.
func TestFailoverInTheMiddle(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		const whole = "one two three"
		second, fallback := w.anotherModel(func(modeltest.Request) modeltest.Response { return modeltest.Words(whole) })
		w.cfg.Model.Fallbacks = []config.ModelEndpoint{fallback}
		seen := make(chan struct{})
		w.answer(func(modeltest.Request) modeltest.Response {
			return modeltest.Response{Deltas: []string{"alpha ", "bravo ", "charlie"}, Sent: func() { <-seen }, Cut: true}
		})
		w.start()
		w.chat.say(line{person: "ann", text: "count"})
		half := w.waitCard(c, "charlie")
		close(seen)
		card, err := c.waitCard(w.within(), func(card seenCard) bool { return card.ended })
		if err != nil {
			t.Fatalf("%v; cards %+v", err, c.cards())
		}
		if card.id != half.id || !strings.HasPrefix(card.text, whole) || strings.Contains(card.text, "alpha") || c.sent() != 1 {
			t.Errorf("the card shows %q; cards %+v, %d messages", card.text, c.cards(), c.sent())
		}
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 503, Error: "down"} })
		w.chat.say(line{person: "ann", text: "and now?"})
		if _, err := c.waitCard(w.within(), func(card seenCard) bool { return card.id != half.id && card.ended }); err != nil {
			t.Fatal(err)
		}
		requests := second.Requests()
		if got, want := asked(requests[len(requests)-1]), "user: count | assistant: "+whole+" | user: and now?"; got != want {
			t.Errorf("remembered: %q, want %q", got, want)
		}
	})
}

// Keys are used in turn, and one that is refused is passed over.
func TestKeysTakeTurns(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		for n := range 3 {
			w.cfg.Model.APIKeys = append(w.cfg.Model.APIKeys, config.NewSecret(fmt.Sprint("key-", n)))
		}
		w.answer(func(r modeltest.Request) modeltest.Response {
			if r.Key == "key-1" {
				return modeltest.Response{Status: 401, Error: "no such key"}
			}
			return modeltest.Words("re: ", r.Question())
		})
		w.start()
		for range 6 {
			w.want(line{text: "again"}, "re: again")
		}
		times := map[string]int{}
		for _, r := range w.model.Requests() {
			times[r.Key]++
		}
		if times["key-0"] != 3 || times["key-1"] != 1 || times["key-2"] != 3 {
			t.Errorf("the keys were used %v", times)
		}
	})
}

// A key that is replaced while the program runs: the file is read again, and no
// question goes without an answer.
func TestKeyFileIsReplaced(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "keys")
		write := func(key string) {
			t.Helper()
			if err := os.WriteFile(file+".new", []byte(key+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
			w.answer(func(r modeltest.Request) modeltest.Response {
				if r.Key != key {
					return modeltest.Response{Status: 401, Error: "revoked"}
				}
				return modeltest.Words(r.Key, ": ", r.Question())
			})
		}
		write("old")
		w.cfg.Model.APIKeyFile = file
		w.start()
		w.want(line{text: "one"}, "old: one")
		write("new")
		w.want(line{text: "two"}, "new: two")
		w.want(line{text: "three"}, "new: three")
	})
}

// No secret comes into the log or before people, also where a model or a tool server
// repeats it in an error.
func TestNoSecretIsTold(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		repeats := func(r modeltest.Request) modeltest.Response {
			return modeltest.Response{Status: 401, Error: "Incorrect API key provided: " + r.Key}
		}
		w.answer(repeats)
		_, second := w.anotherModel(repeats)
		_, third := w.anotherModel(repeats)
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte("filed-key-secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		web, _ := w.webTool()
		p := w.spawn(fmt.Sprintf(`
models:
  - {label: second, endpoint: %q, api_keys: [first-of-two-secret, other-of-two-secret], name: x}
  - {label: third, endpoint: %q, api_key_file: %q, name: y}
tools:
  - {name: web, url: %q, headers: {Authorization: "Bearer header-secret"}}
  - {name: gone, url: "http://user:url-password@127.0.0.1:1/mcp?token=url-token"}
`, second.Endpoint, third.Endpoint, file, web.URL()))
		secrets := []string{
			"ding-secret", "feishu-secret", "model-key-secret", "first-of-two-secret", "other-of-two-secret",
			"filed-key-secret", "header-secret", "url-password", "url-token",
		}
		for _, label := range []string{"default", "second", "third"} {
			w.ask(line{person: "ann", text: "/model " + label})
			got := w.ask(line{person: "ann", text: "hello"})
			if !strings.Contains(got, "set up wrongly") {
				t.Errorf("%s: the person reads %q", label, got)
			}
			for _, secret := range secrets {
				if strings.Contains(got, secret) {
					t.Errorf("%s: the person reads %q", label, got)
				}
			}
		}
		eventually(t, "call of the tool server", func() bool { return web.Count("tools/list") > 0 })
		if code := p.stop(); code != exitDone {
			t.Errorf("exit code %d", code)
		}
		said := p.stderr.String()
		for _, secret := range secrets {
			if strings.Contains(said, secret) {
				t.Errorf("%q is in the log", secret)
			}
		}
		if !strings.Contains(said, "HTTP 401: Incorrect API") || !strings.Contains(said, `"server":"gone"`) {
			t.Error("the log does not tell of the trouble")
		}
	})
}

// A key that is about to expire is told of from the start, also if nobody asks anything.
func TestKeyThatExpiresIsToldOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Feishu, "embedded")
	if err := yaml.Unmarshal([]byte(time.Now().UTC().AddDate(0, 0, 3).Format(time.DateOnly)), &w.cfg.Model.APIKeyExpires); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	app, err := New(ctx, w.cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	eventually(t, "word of the key", func() bool { return strings.Contains(log.String(), "api key is about to expire") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The first endpoint dies while 500 people talk with the bot: some are reading an answer,
// others ask afterwards. Everybody reads a whole answer, and nobody an error.
func TestEndpointDiesAmong500People(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		const people = 500
		answer := func(r modeltest.Request) modeltest.Response {
			return modeltest.Response{Deltas: []string{"The ", "answer ", "to ", r.Question(), " is yes."}, Pause: 20 * time.Millisecond}
		}
		var begun atomic.Int64
		dying := make(chan struct{})
		first, err := modeltest.Start("127.0.0.1:0", func(r modeltest.Request) modeltest.Response {
			if begun.Add(1) == people/2 {
				close(dying)
			}
			return answer(r)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.answer(answer)
		second := w.cfg.Model.ModelEndpoint
		w.cfg.Model.Endpoint, w.cfg.Model.Fallbacks = first.URL(), []config.ModelEndpoint{second}
		w.cfg.Connections[0].Workers = 64
		w.start()

		took := make([]time.Duration, people)
		var all sync.WaitGroup
		for n := range people {
			all.Go(func() {
				question, asked := fmt.Sprint("question ", n), time.Now()
				got, err := w.chat.waitReply(w.within(), w.chat.say(line{person: fmt.Sprint("p", n), text: question}))
				if took[n] = time.Since(asked); err != nil || got.text != "The answer to "+question+" is yes." {
					t.Errorf("%s: %q, %v", question, got.text, err)
				}
			})
		}
		receiveWithin(t, dying)
		first.Close()
		all.Wait()
		slices.Sort(took)
		t.Logf("%d asked the endpoint that died, p99 of all answers %s", begun.Load(), took[people*99/100].Round(time.Millisecond))
		if n := len(w.chat.replies()); n != people {
			t.Errorf("%d replies to %d people", n, people)
		}
	})
}
