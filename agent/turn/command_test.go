package turn

import (
	"errors"
	"strings"
	"testing"

	"longwire/agent/access"
	"longwire/connectors"
	"longwire/conversation"
)

// Every name of every command is known, in whichever case, with either slash, and with
// any space behind it.
func TestEveryNameOfACommand(t *testing.T) {
	names := map[string][]string{
		newCommand: {"/new", "/新对话", "/新会话"}, helpCommand: {"/help", "/帮助"}, stopCommand: {"/stop", "/停止"},
		retryCommand: {"/retry", "/重试", "/重新回答"}, modelCommand: {"/model", "/模型"}, usageCommand: {"/usage", "/用量"},
		idCommand: {"/id", "/编号"}, yesCommand: {"/yes", "/是", "/允许"}, noCommand: {"/no", "/否", "/拒绝"},
	}
	count := 0
	for want, all := range names {
		for _, name := range all {
			count++
			for _, text := range []string{name, strings.ToUpper(name), "／" + strings.TrimPrefix(name, "/"), "  " + name + " \n", name + "　"} {
				if got, rest, known := command(text); got != want || rest != "" || !known {
					t.Errorf("%q is %q %q, known %t", text, got, rest, known)
				}
			}
		}
	}
	if count != len(commands) {
		t.Errorf("%d of %d names are tried", count, len(commands))
	}
}

func TestWhatIsACommand(t *testing.T) {
	for text, want := range map[string]struct {
		name, rest string
		known      bool
	}{
		"/model Qwen Max": {modelCommand, "Qwen Max", true}, "／模型　通义": {modelCommand, "通义", true}, "/model\nqwen": {modelCommand, "qwen", true},
		"/hlep": {helpCommand, "", false}, "/stopp": {stopCommand, "", false}, "/rety": {retryCommand, "", false}, "/modle": {modelCommand, "", false},
		"/新会话话": {newCommand, "", false}, "/xyzzyqwert": {helpCommand, "", false},
		"/new Go modules, how?": {}, "/nwe or not": {}, "/usr/bin": {}, "/": {}, "": {}, "//": {}, "1/2": {}, "/2": {}, "new": {},
		"/" + strings.Repeat("a", maxCommand+1): {}, "what is /new": {}, "/new/": {},
		"/help?": {helpCommand, "", true}, "/stop!": {stopCommand, "", true}, "/停止。": {stopCommand, "", true}, "/stop please": {stopCommand, "please", true},
		"/new_chat": {helpCommand, "", false}, "/retry2": {retryCommand, "", false}, "/gpt-4": {helpCommand, "", false},
	} {
		if name, rest, known := command(text); name != want.name || rest != want.rest || known != want.known {
			t.Errorf("%q is %q %q, known %t", text, name, rest, known)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for name := range commands {
		f.Add(name + " x")
	}
	f.Add("／\u3000/")
	f.Add("/\xff")
	f.Fuzz(func(t *testing.T, text string) {
		name, rest, known := command(text)
		switch {
		case known && commands[name] != name:
			t.Errorf("%q is %q", text, name)
		case !known && rest != "", rest != strings.TrimSpace(rest):
			t.Errorf("%q leaves %q", text, rest)
		case name != "" && commands[name] != name:
			t.Errorf("%q is nearest to %q, which is none", text, name)
		}
	})
}

// A command is in nobody's language, so it is answered in both; where a language is
// configured, in that.
func TestCommandsAreAnsweredInBothLanguages(t *testing.T) {
	for text, want := range map[string][2]string{
		"/new": {"忘记了", "I have forgotten"}, "/help": {"`/new`", "`/retry`"}, "/stop": {"没有正在进行", "no answer under way"},
		"/usage": {"没有设置用量限制", "There is no limit"}, "/id": {"你的编号：`ann`", "Your id: `ann`"}, "/yes": {"没有需要你确认", "nothing to allow"}, "/no": {"没有需要你确认", "nothing to allow"},
		"/model": {"现在使用的模型：one", "The model is one now"}, "/model two": {"没有叫 `two` 的模型", "There is no model `two`"},
		"/hlep": {"没有 `/hlep` 这个命令。你是想发送 `/help`", "There is no command `/hlep`. Did you mean `/help`"}, "/retry": {"还没有可以再回答", "There is no question yet"},
	} {
		for lang, see := range map[Language][2]bool{Auto: {true, true}, Chinese: {true, false}, English: {false, true}} {
			w := newWorld(t, Config{Language: lang}, nil, says("never"))
			got, out := w.ask(w.from("ann", text))
			if strings.Contains(got, want[0]) != see[0] && text != "/help" || strings.Contains(got, want[1]) != see[1] && text != "/help" || len(w.brain.asked) != 0 {
				t.Errorf("%q in %s: read %q", text, lang, got)
			}
			if out.How != "" && out.How != conversation.Answered || out.Turn != nil {
				t.Errorf("%q: done %+v", text, out)
			}
		}
	}
}

func TestHelpTellsOfModelsWhereThereAreSome(t *testing.T) {
	for n, want := range map[int]bool{1: false, 2: true} {
		w := newWorld(t, Config{}, func(with *With) {
			for len(with.Choices) < n {
				with.Choices = append(with.Choices, Choice{Label: "two"})
			}
		})
		if text, _ := w.ask(w.from("ann", "/help")); strings.Contains(text, "/model NAME") != want || strings.Contains(text, "/模型") != want {
			t.Errorf("%d models: %q", n, text)
		}
	}
}

// A model is chosen for a conversation, and every replica knows.
func TestModelIsChosenAndRemembered(t *testing.T) {
	other := &brain{rounds: []round{says("Second.")}}
	both := func(with *With) { with.Choices = append(with.Choices, other.choice("Qwen Max")) }
	w := newWorld(t, Config{}, both, says("First."))
	there := w.replica(Config{}, both)
	say := func(turn *Turn, ev connectors.Event, want string) {
		t.Helper()
		w.deliver(ev)
		if got, _ := w.run(turn, ev); !strings.Contains(got, want) {
			t.Errorf("%q: read %q, want %q", ev.Text, got, want)
		}
	}
	say(w.turn, w.from("ann", "hi"), "First.")
	say(w.turn, w.from("ann", "/model nothing like it"), "`nothing like it`. There are: one, Qwen Max.")
	say(w.turn, w.from("ann", "hi"), "First.")
	say(w.turn, w.from("ann", "/model qwen max"), "Qwen Max answers from now on")
	say(there, w.from("ann", "hi"), "Second.")
	say(there, w.from("ann", "/model"), "The model is Qwen Max now.\n\nThere are:\n- one\n- Qwen Max")
	say(w.turn, w.from("bob", "hi"), "First.")
	say(w.turn, w.from("ann", "/new"), "forgotten")
	say(w.turn, w.from("ann", "hi"), "Second.")
	say(w.replica(Config{}, nil), w.from("ann", "hi"), "First.") // where it is no more
}

// Without the shelf nothing is chosen, and while it is away the first model answers.
func TestModelWithoutTheShelf(t *testing.T) {
	s, shelf := &script{deltas: []string{"x"}}, newShelf()
	turn := s.desk(Config{}, shelf, nil)
	turn.with.Choices = append(turn.with.Choices, Choice{Label: "two"})
	shelf.values[choiceName(written(""))] = []byte("two")
	shelf.away = errors.New("away")
	if got := turn.choose(t.Context(), written("")).Label; got != "only" {
		t.Errorf("%s answers", got)
	}
	if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: written("/model two"), Attempt: 1, Holder: s}); err != nil {
		t.Fatal(err)
	}
	if s.done[0].How != conversation.Failed || !strings.Contains(s.replies[0], "(ref ") {
		t.Errorf("read %q, done %+v", s.replies, s.done)
	}
	turn.with.Shelf = nil
	if words, err := turn.chooseModel(t.Context(), written(""), "two"); err != nil || !strings.Contains(words, "The model is only now") {
		t.Errorf("%q, %v", words, err)
	}
}

func TestUsage(t *testing.T) {
	w, _ := gated(t, Config{Language: English}, access.Config{TokensPerDay: 50_000, TokensPerMonth: 2_000_000}, stream(nil, word("Yes."), used(1200, 34)))
	w.ask(w.from("ann", "hi"))
	w.ask(w.from("bob", "hi"))
	want := "Today you asked once and used 1,234 tokens of 50,000 a day; this bot has used 2,468 of 2,000,000 this month."
	if text, _ := w.ask(w.from("ann", "/usage")); text != want {
		t.Errorf("read %q, want %q", text, want)
	}
}

func TestIDOfAGroup(t *testing.T) {
	w := newWorld(t, Config{Language: English}, nil)
	if text, _ := w.ask(w.inGroup("ann", "/id")); text != "Your id: `ann`\nThis group: `g`\nConnection: `c`" {
		t.Errorf("read %q", text)
	}
	if text, _ := w.ask(w.from("ann", "/id")); text != "Your id: `ann`\nConnection: `c`" {
		t.Errorf("read %q", text)
	}
}

// In a thread every message quotes another one. A command stays one.
func TestCommandThatQuotes(t *testing.T) {
	w := newWorld(t, Config{}, func(with *With) { with.Reader = platform{quote: "what is up?"} }, says("Yes."))
	ev := w.from("ann", "/help")
	ev.Chat.Thread, ev.Quote = "t", &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	if text, _ := w.ask(ev); !strings.Contains(text, "/new") || len(w.brain.asked) != 0 {
		t.Errorf("read %q", text)
	}
}

// The sign of a command is only one in a text.
func TestOnlyATextIsACommand(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("Yes."))
	ev := w.from("ann", "/stop")
	ev.Kind = connectors.KindPicture
	if err := w.turn.Accepting(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	if text, _ := w.ask(ev); !strings.Contains(text, "图片") {
		t.Errorf("read %q", text)
	}
}
