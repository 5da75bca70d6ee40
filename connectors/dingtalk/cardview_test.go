package dingtalk

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// step is a delta, and what the card has to say before the next one comes.
type step struct {
	delta connectors.Delta
	shows string
}

// steps is an answer whose card is looked at after each step but the last.
func steps(t *testing.T, cloud *dingtalktest.Server, all ...step) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		for i, s := range all {
			if !yield(s.delta, nil) {
				return
			}
			if i == len(all)-1 {
				return
			}
			if err := cardSays(cloud, s.shows); err != nil {
				t.Errorf("the card does not say %q but %q", s.shows, onlyCard(t, cloud).Content())
				return
			}
		}
	}
}

func say(text string) connectors.Delta      { return connectors.Say(text) }
func doing(what string) connectors.Delta    { return connectors.Delta{Doing: what} }
func thought(words string) connectors.Delta { return connectors.Delta{Thought: words} }

// What goes on is shown below the answer and in place of it, and is no part of it.
func TestCardShowsWhatGoesOn(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	notes := newBook(ev)
	must(t, r.Reply(t.Context(), ev, notes, steps(t, cloud,
		step{doing("查询*日历*…"), "⏳ *查询日历…*"},
		step{say(""), "thinking"}, // over, and there is nothing yet
		step{say("One"), "One"},
		step{connectors.Delta{Text: " two\n```go\nx", Doing: "looking\nfurther"}, "One two  \n```go\nx\n```\n\n⏳ *looking further*"},
		step{say("\n```\n"), "One two  \n```go\nx\n```\n"},
		step{doing("again"), "One two  \n```go\nx\n```\n\n\n⏳ *again*"},
		step{doing("at the end"), ""})))
	card := onlyCard(t, cloud)
	if card.Content() != "One two  \n```go\nx\n```\n" || !card.Final() || len(messages(cloud)) != 0 {
		t.Errorf("%+v", card)
	}
	if got := r.config.Shelf.(*shelf).value("carrier/" + card.CarrierID()); strings.Contains(got, "⏳") {
		t.Errorf("kept for quotes: %q", got)
	}
}

// The end of the thought is shown until the answer comes.
func TestCardShowsTheThought(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	long := strings.Repeat("想", maxThought)
	must(t, r.Reply(t.Context(), ev, newBook(ev), steps(t, cloud,
		step{thought("# Let me\nsee"), "> Let me see"},
		step{connectors.Delta{Thought: "![](http://x)", Doing: "search"}, "> Let me see(http://x)\n\n⏳ *search*"},
		step{thought(long), "> …" + long},
		step{say("answer"), "answer"},
		step{thought("more"), ""})))
	if card := onlyCard(t, cloud); card.Content() != "answer" || !card.Final() {
		t.Errorf("%+v", card)
	}
}

// A text that is withdrawn is gone from the card, and from all that follows it.
func TestCardBeginsAnew(t *testing.T) {
	wrong := strings.Repeat("wrong\n\n", connectors.MaxWithdrawn/7)
	for name, change := range map[string]func(*Config){
		"card":         nil,
		"little room":  func(c *Config) { c.Card.MaxBytes = 800 },
		"own template": func(c *Config) { c.Card.Template = dingtalktest.TemplateClaw },
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, change)
			must(t, r.Reply(t.Context(), ev, newBook(ev), steps(t, cloud,
				step{say(wrong), first(r, wrong)},
				step{connectors.Delta{Again: true, Text: "right"}, "right"},
				step{connectors.Delta{Again: true}, "thinking"},
				step{say("right"), ""})))
			if got := whole(t, cloud); got != "right" {
				t.Errorf("%q", got)
			}
		})
	}
}

// Messages have the answer and nothing else.
func TestMessagesHaveOnlyTheAnswer(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply = ReplyText })
	must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
		_ = yield(thought("hm"), nil) && yield(connectors.Delta{Text: "wrong", Doing: "search"}, nil) &&
			yield(connectors.Delta{Again: true, Text: "right", Doing: "search"}, nil)
	}))
	if sent := only(t, cloud); sent.Text != "right" {
		t.Errorf("%+v", sent)
	}
}

// first is what a card shows of a text.
func first(r *robot, text string) string {
	k := card{c: r.Connector, labels: r.config.Labels(connectors.Event{})}
	content, _ := k.cut(text)
	return content
}

// What stands below the answer is left out where it has no room, and never goes into
// the messages that follow.
func TestWhatGoesOnHasNoRoom(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Card.MaxBytes = 800 })
	long := strings.Repeat("w ", 395) // there is room for it, and for little else
	must(t, r.Reply(t.Context(), ev, newBook(ev), steps(t, cloud,
		step{connectors.Delta{Text: long, Doing: "search"}, long},
		step{connectors.Delta{Text: long, Doing: "search"}, first(r, long+long)},
		step{doing("read"), ""})))
	if got := whole(t, cloud); got != letters(long+long) {
		t.Errorf("%q", got)
	}
}

// Words that DingTalk refuses are not in the way of the answer, if they are not its.
func TestRefusedThought(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	cloud.Censor("secret")
	must(t, r.Reply(t.Context(), ev, newBook(ev), steps(t, cloud,
		step{thought("fine"), "> fine"},
		step{thought(" secret"), "…"}, // not even that there is a thought
		step{connectors.Delta{Text: "answer", Doing: "search"}, "answer"},
		step{say(" that goes on"), "answer that goes on"},
		step{say("."), ""})))
	if card := onlyCard(t, cloud); card.Content() != "answer that goes on." || card.State != dingtalktest.CardFinished {
		t.Errorf("%+v", card)
	}
}

// A card that fails at its last frame shows what there is of the answer.
func TestFailedCardShowsOnlyTheAnswer(t *testing.T) {
	for name, row := range map[string]struct{ before, want string }{"text": {"fine", "fine"}, "nothing": {"", nothing}} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
			cloud.Censor("secret")
			err := r.Reply(t.Context(), ev, newBook(ev), steps(t, cloud,
				step{connectors.Delta{Text: row.before, Doing: "search"}, under(row.before, "search")},
				step{say(" secret"), ""}))
			if card := onlyCard(t, cloud); !refusedContent(err) || card.State != dingtalktest.CardFailed || card.Content() != row.want {
				t.Errorf("%v, %+v", err, card)
			}
		})
	}
}

// What was shown besides does not outlive an attempt that is given up.
func TestGivenUpWhileSomethingGoesOn(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	given, notes := errors.New("given back"), newBook(ev)
	err := r.Reply(t.Context(), ev, notes, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Delta{Text: "half of a longer text", Doing: "search"}, nil) && cardSays(cloud, "half of a longer text\n\n⏳ *search*") == nil {
			yield(connectors.Delta{}, given)
		}
	})
	if !errors.Is(err, given) {
		t.Fatal(err)
	}
	must(t, r.Reply(t.Context(), ev, notes, words("short")))
	if card := onlyCard(t, cloud); card.Content() != "short" || !card.Final() || len(messages(cloud)) != 0 {
		t.Errorf("%+v", card)
	}
}

func FuzzUnder(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "search"}, {"text", "**bold** [x](y)"}, {"```go\nx", "a"}, {"````\n```", "b\nc"}, {"~~~", "\x00"}, {"`` ` ``", strings.Repeat("想", 400)}, {"```a`b", "- x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, content, words string) {
		for _, got := range []string{plainly(words), strings.TrimPrefix(quoted(words), "> ")} {
			if strings.ContainsAny(got, "\n\r*`[]<>\\#!|~") || !utf8.ValidString(got) && utf8.ValidString(words) {
				t.Errorf("%q of %q", got, words)
			}
		}
		if n := utf8.RuneCountInString(quoted(words)); n > maxThought+3 {
			t.Errorf("a thought of %d characters", n)
		}
		got := under(content, words)
		line, below := strings.CutPrefix(got, content)
		if !below || (line == "") != (plainly(words) == "") {
			t.Errorf("%q under %q: %q", words, content, got)
		}
		if closed := content + unfinished(content); unfinished(closed) != "" {
			t.Errorf("%q is still open", closed)
		}
		if len(line) > len(content)+len("\n\n\n⏳ **")+4*maxDoing {
			t.Errorf("%d bytes", len(line))
		}
	})
}

// A text of nothing but blanks that has no room on a card is cut, too.
func TestBlanksAreCut(t *testing.T) {
	_, r, _ := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Card.MaxBytes = 800 })
	k := card{c: r.Connector, labels: r.config.Labels(connectors.Event{})}
	if content, rest := k.cut(strings.Repeat("\n", 2000)); len(content) > 800 || rest != nil {
		t.Errorf("%q, %q", content, rest)
	}
}
