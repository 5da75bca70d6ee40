package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// recorded is a line of the conversation log, as its readers know it.
type recorded struct {
	V          int
	Kind       string
	Connection string
	Platform   string
	Event      string
	Person     struct{ ID string }
	By         struct{ ID string }
	Outcome    string
	Question   string
	Answer     string
	Model      string
	Tokens     struct{ Prompt, Answer int }
	Tools      []string
	Error      string
	Good       *bool
}

// readRecords reads the lines of a conversation log.
func readRecords(t *testing.T, file string) (all []recorded) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var r recorded
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// The conversation log has every turn and what people think of it, without what the
// rules make unreadable.
func TestConversationLog(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		file := filepath.Join(t.TempDir(), "talk.jsonl")
		w.cfg.Record = config.Record{File: file, Rotation: config.Rotation{MaxSize: 1 << 20}, Redact: []config.RedactRule{
			{Name: "phone"}, {Name: "project", Pattern: "Project [A-Z][a-z]+", Regexp: regexp.MustCompile("Project [A-Z][a-z]+"), Replace: "Project X"},
		}}
		w.cfg.Tools = []config.Tool{stdioTool()}
		w.cfg.Model.Attempts = 1
		w.answer(func(r modeltest.Request) modeltest.Response {
			switch {
			case strings.HasPrefix(r.Question(), "use "):
				return withTools(r)
			case r.Question() == "fail":
				return modeltest.Response{Status: 401, Error: "bad key"}
			}
			return modeltest.Response{Deltas: []string{"Call 13912345678 about Project Heron."}, Usage: &modeltest.Usage{Prompt: 11, Answer: 7}}
		})
		app, stop := w.start()
		w.toolsUp(app)
		for _, step := range []struct{ says, shows string }{
			{"Whom do I call, from 13812345678?", "Project Heron"},
			{`use local__echo {"text":"hello"}`, "it says: hello"},
			{"fail", "set up wrongly"},
		} {
			w.chat.say(line{person: "ann", text: step.says})
			card, err := c.waitCard(w.within(), func(card seenCard) bool { return card.ended && strings.Contains(card.text, step.shows) })
			if err != nil {
				t.Fatalf("%q: %v; cards %+v", step.says, err, c.cards())
			}
			if step.shows == "Project Heron" {
				for _, vote := range []struct{ by, button string }{{"eve", "bad"}, {"bob", "good"}} {
					if _, err := c.press(w.within(), card.id, vote.by, vote.button); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"13912345678", "13812345678", "Heron"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s is in the conversation log:\n%s", secret, raw)
			}
		}
		w.checkRecords(readRecords(t, file))
	})
}

// checkRecords checks the records of TestConversationLog.
func (w *world) checkRecords(all []recorded) {
	w.t.Helper()
	byKind := map[string][]recorded{}
	for _, r := range all {
		if r.V != 1 || r.Connection != w.cfg.Connections[0].Name || r.Platform != string(w.cfg.Connections[0].Platform) || r.Event == "" {
			w.t.Errorf("%+v", r)
		}
		byKind[r.Kind] = append(byKind[r.Kind], r)
	}
	turns, votes := byKind["turn"], byKind["feedback"]
	if len(turns) != 3 || len(votes) != 2 {
		w.t.Fatalf("records %+v", all)
	}
	plain, called, failed := turns[0], turns[1], turns[2]
	if plain.Question != "Whom do I call, from [phone]?" || plain.Answer != "Call [phone] about [Project X]." || plain.Outcome != "answered" ||
		plain.Person.ID != w.idOf("ann") || plain.Model != "test" || plain.Tokens.Prompt != 11 || plain.Tokens.Answer != 7 {
		w.t.Errorf("%+v", plain)
	}
	if fmt.Sprint(called.Tools) != "[local__echo]" || called.Answer != "it says: hello" {
		w.t.Errorf("%+v", called)
	}
	if failed.Outcome != "failed" || failed.Error == "" {
		w.t.Errorf("%+v", failed)
	}
	for i, by := range []string{"eve", "bob"} {
		if vote := votes[i]; vote.Event != plain.Event || vote.Good == nil || *vote.Good != (by == "bob") || vote.By.ID != w.idOf(by) {
			w.t.Errorf("%+v", vote)
		}
	}
}

// The rules as people write them in the file.
func TestConversationLogOfTheFile(t *testing.T) {
	w := newWorld(t, config.DingTalk, "embedded")
	file := filepath.Join(t.TempDir(), "talk.jsonl")
	p := w.spawn(fmt.Sprintf(`
record:
  file: %q
  redact: [phone, {name: ticket, pattern: 'T-[0-9]{6}', replace: T-*}, {name: room, pattern: 'Room [0-9]+'}]
`, file))
	w.ask(line{person: "ann", text: "T-123456 in Room 7 is for 13812345678"})
	if code := p.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	all := readRecords(t, file)
	if want := "[T-*] in [room] is for [phone]"; len(all) != 1 || all[0].Question != want || all[0].Answer != "re: "+want {
		t.Errorf("records %+v", all)
	}
}

// A conversation log that has grown is put aside, and nothing of it is lost.
func TestConversationLogIsRotated(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		folder := t.TempDir()
		w.cfg.Record = config.Record{File: filepath.Join(folder, "talk.jsonl"), Rotation: config.Rotation{MaxSize: 16 << 10}}
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Words(strings.Repeat("long ", 1<<10)) })
		app, stop := w.start()
		const people = 8
		for n := range people {
			w.ask(line{person: fmt.Sprint("p", n), text: "go on"})
		}
		w.quiet(app, people)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		if err != nil || len(files) < 2 {
			t.Fatalf("files %v, %v", files, err)
		}
		turns := 0
		for _, file := range files {
			turns += len(readRecords(t, file))
		}
		if turns != people {
			t.Errorf("%d records in %v", turns, files)
		}
	})
}

// What a model thinks is shown where that is wanted, and never remembered.
func TestReasoningIsShown(t *testing.T) {
	for name, shown := range map[string]bool{"on": true, "off": false} {
		t.Run(name, func(t *testing.T) {
			withCards(t, func(t *testing.T, w *world, c cardChat) {
				w.cfg.Model.ShowReasoning = config.Switch(shown)
				w.answer(func(r modeltest.Request) modeltest.Response {
					if r.Question() != "why?" {
						return modeltest.Words("re: ", r.Question())
					}
					return modeltest.Response{Thoughts: []string{"perhaps the moon"}, Deltas: []string{"Because."}}
				})
				w.start()
				w.chat.say(line{person: "ann", text: "why?"})
				card, err := c.waitCard(w.within(), func(card seenCard) bool { return card.ended && strings.Contains(card.text, "Because.") })
				if err != nil {
					t.Fatal(err)
				}
				if feishu, ok := c.(feishuChat); ok {
					folded := false
					for _, f := range feishu.Cards() {
						folded = folded || strings.Contains(f.JSON, "collapsible_panel") && strings.Contains(f.JSON, "perhaps the moon")
					}
					if folded != shown {
						t.Errorf("the thought is there: %t, want %t; %q", folded, shown, card.text)
					}
				} else if strings.Contains(card.text, "moon") { // DingTalk's cards fold nothing
					t.Errorf("the finished card shows %q", card.text)
				}
				w.chat.say(line{person: "ann", text: "really?"})
				w.waitCard(c, "re: really?")
				if got, want := w.lastAsked(), "user: why? | assistant: Because. | user: really?"; got != want {
					t.Errorf("remembered: %q, want %q", got, want)
				}
			})
		})
	}
}
