package main

import (
	"strings"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/feishu/feishutest"
)

// A group that shares its conversation: what one has asked, another can refer to, and
// the model is told who asks. What somebody writes to the bot alone is no part of it.
func TestGroupSharesItsConversation(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Conversation.Scope = "chat"
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Words("noted") })
		w.start()
		const group = "oc_0123456789abcdef0123456789abcdef"
		w.want(line{person: "ann", group: group, mention: true, text: "we meet on Monday"}, "noted")
		w.want(line{person: "bob", group: group, mention: true, text: "when?"}, "noted")
		if got, want := w.lastAsked(), "user: ann: we meet on Monday | assistant: noted | user: bob: when?"; got != want {
			t.Errorf("in the group: %q, want %q", got, want)
		}
		w.want(line{person: "bob", text: "and here?"}, "noted")
		if got, want := w.lastAsked(), "user: and here?"; got != want {
			t.Errorf("one-to-one: %q, want %q", got, want)
		}
		w.want(line{person: "ann", group: group + "2", mention: true, text: "elsewhere?"}, "noted")
		if got, want := w.lastAsked(), "user: ann: elsewhere?"; got != want {
			t.Errorf("in another group: %q, want %q", got, want)
		}
	})
}

// A topic has a conversation of its own, which all share who write there.
func TestTopicSharesItsOwnConversation(t *testing.T) {
	w, c := feishuWorld(t)
	w.cfg.Conversation.Scope = "chat"
	w.start()
	const group = "oc_0123456789abcdef0123456789abcdef"
	c.PutGroup(feishutest.Group{ID: group, Topics: true})
	ask := func(person, text, parent string) (id string) {
		t.Helper()
		id = c.Say(feishutest.Message{Chat: group, From: feishutest.Person{OpenID: "ou_" + person}, Mention: true, Text: text, ParentID: parent})
		if _, err := c.waitReply(w.within(), id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	apples := ask("ann", "apples", "")
	ask("ann", "pears", "")
	ask("bob", "and the price?", apples)
	if got := w.lastAsked(); !strings.Contains(got, "apples") || strings.Contains(got, "pears") {
		t.Errorf("the third question was asked as %q", got)
	}
}

// Programs with different prefixes share a Redis and nothing in it.
func TestPrefixesAreApart(t *testing.T) {
	onPlatforms(t, "redis", func(t *testing.T, w *world) {
		for _, step := range []struct{ prefix, says, asked string }{
			{"one", "first", "user: first"},
			{"two", "second", "user: second"},
			{"one", "third", "user: first | assistant: re: first | user: third"},
		} {
			w.cfg.StorePrefix = step.prefix
			_, stop := w.start()
			w.want(line{person: "ann", text: step.says}, "re: "+step.says)
			if got := w.lastAsked(); got != step.asked {
				t.Errorf("with the prefix %q %q was asked, want %q", step.prefix, got, step.asked)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// /new counts from the moment in which it is written, though an answer is under way:
// that one is finished, and the next question begins anew.
func TestNewWhileAnAnswerRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		asking, goOn := make(chan struct{}, 10), make(chan struct{})
		w.answer(func(r modeltest.Request) modeltest.Response {
			if r.Question() == "slow" {
				asking <- struct{}{}
				<-goOn
			}
			return modeltest.Words("re: ", r.Question())
		})
		w.start()
		w.want(line{text: "before"}, "re: before")
		slow := w.chat.say(line{text: "slow"})
		<-asking
		if got := w.ask(line{text: "/new"}); !strings.Contains(got, "start over") {
			t.Errorf("/new says %q", got)
		}
		if n := w.count(slow); n != 0 {
			t.Error("/new has waited for the answer")
		}
		next := w.chat.say(line{text: "next"})
		if err := w.chat.waitAck(w.within(), next); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		for id, want := range map[string]string{slow: "re: slow", next: "re: next"} {
			if got, err := w.chat.waitReply(w.within(), id); err != nil || got.text != want {
				t.Errorf("answered with %q, %v; want %q", got.text, err, want)
			}
		}
		if got, want := w.lastAsked(), "user: next"; got != want {
			t.Errorf("after /new %q was asked, want %q", got, want)
		}
	})
}

// /retry asks the question again: one that had no answer, and one that had.
func TestRetry(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Model.Attempts = 1
		w.start()
		if got := w.ask(line{text: "/retry"}); !strings.Contains(got, "no question yet") {
			t.Errorf("/retry of nothing says %q", got)
		}
		w.want(line{text: "before"}, "re: before")
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 401, Error: "bad key"} })
		if got := w.ask(line{text: "why?"}); !strings.Contains(got, "set up wrongly") {
			t.Errorf("the failure is told as %q", got)
		}
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("now: ", r.Question()) })
		w.want(line{text: "/retry"}, "now: why?")
		const whole = "user: before | assistant: re: before | user: why?"
		if got := w.lastAsked(); got != whole {
			t.Errorf("after a failure %q was asked, want %q", got, whole)
		}
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("better: ", r.Question()) })
		w.want(line{text: "/重试"}, "better: why?")
		if got := w.lastAsked(); got != whole {
			t.Errorf("after an answer %q was asked, want %q", got, whole)
		}
	})
}

// /retry while an answer runs stops that one.
func TestRetryWhileAnAnswerRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		asking := make(chan struct{}, 10)
		w.answer(func(modeltest.Request) modeltest.Response {
			asking <- struct{}{}
			return modeltest.Response{Deltas: []string{"nonsense"}, Hang: true}
		})
		w.start()
		first := w.chat.say(line{text: "why?"})
		<-asking
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("better: ", r.Question()) })
		w.want(line{text: "/retry"}, "better: why?")
		if got, err := w.chat.waitReply(w.within(), first); err != nil || !strings.Contains(got.text, "(stopped)") {
			t.Errorf("the first answer ended as %q, %v", got.text, err)
		}
		if got := w.lastAsked(); got != "user: why?" {
			t.Errorf("asked %q", got)
		}
	})
}

// People choose among the models by their labels, each conversation for itself.
func TestModelIsChosen(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		large := config.Choice{Label: "large", ModelEndpoint: w.cfg.Model.ModelEndpoint, ContextTokens: w.cfg.Model.ContextTokens}
		large.Name = "big"
		w.cfg.Models = []config.Choice{large}
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("I am ", r.Model) })
		w.start()
		ann := func(text string) string { return w.ask(line{person: "ann", text: text}) }
		for _, step := range []struct{ says, reads string }{
			{"who?", "I am test"},
			{"/model", "default"},
			{"/model huge", "no model `huge`"},
			{"who?", "I am test"},
			{"/model LARGE", "large answers from now on"},
			{"who?", "I am big"},
			{"/new", "start over"},
			{"who?", "I am big"},
			{"/模型 default", "default"},
			{"who?", "I am test"},
			{"/model large", "large"},
		} {
			if got := ann(step.says); !strings.Contains(got, step.reads) {
				t.Errorf("%q was answered with %q, want %q", step.says, got, step.reads)
			}
		}
		w.want(line{person: "bob", text: "who?"}, "I am test")
	})
}

// What else can be written after a slash.
func TestCommands(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.answer(func(r modeltest.Request) modeltest.Response {
			return modeltest.Response{Deltas: []string{"re: ", r.Question()}, Usage: &modeltest.Usage{Prompt: 1000, Answer: 234}}
		})
		app, _ := w.start()
		w.want(line{person: "ann", text: "one"}, "re: one")
		w.want(line{person: "bob", text: "two"}, "re: two")
		w.quiet(app, 2)
		for _, step := range []struct{ says, reads string }{
			{"/usage", "Today you asked once and used 1,234 tokens"},
			{"/id", "Your id: `" + w.idOf("ann") + "`"},
			{"/nwe", "Did you mean `/new`?"},
			{"/etc/hosts", "re: /etc/hosts"},
			{"/new modules, how do they work?", "re: /new modules, how do they work?"},
		} {
			if got := w.ask(line{person: "ann", text: step.says}); !strings.Contains(got, step.reads) {
				t.Errorf("%q was answered with %q, want %q", step.says, got, step.reads)
			}
		}
		const group = "oc_0123456789abcdef0123456789abcdef"
		if got := w.ask(line{person: "ann", group: group, mention: true, text: "/id"}); !strings.Contains(got, "This group: `"+group+"`") {
			t.Errorf("/id in a group says %q", got)
		}
		if n := len(w.model.Requests()); n != 4 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}
