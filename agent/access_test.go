package main

import (
	"fmt"
	"strings"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// inDepartment puts a person into a department, on either platform.
func (w *world) inDepartment(person, department string) {
	w.chat.(interface{ SetDepartments(string, ...string) }).SetDepartments(w.idOf(person), department)
}

// below puts a department below another, on either platform.
func (w *world) below(department, parent string) {
	w.chat.(interface{ SetDepartment(id, parent string) }).SetDepartment(department, parent)
}

// Only whoever is on the list is answered: by name, by group, by department or by one
// above it. Everybody else reads so once, and may find out under which id to ask for it.
func TestOnlyWhoIsAllowed(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		const group, department = "oc_0123456789abcdef0123456789abcdef", "4217"
		w.cfg.Access = config.Access{
			Mode:  "closed",
			Allow: config.Listed{People: []string{w.idOf("ann")}, Groups: []string{group}, Departments: []string{department}},
			Deny:  config.Listed{People: []string{w.idOf("mallory")}},
		}
		w.cfg.Connections[0].Admins = []string{w.idOf("root")}
		w.inDepartment("dora", department)
		w.inDepartment("dan", "4242")
		w.below("4242", "4230")
		w.below("4230", department)
		w.inDepartment("eve", "1")
		w.inDepartment("mallory", department)
		app, _ := w.start()

		for _, l := range []line{
			{person: "ann", text: "by name"},
			{person: "dora", text: "by department"},
			{person: "dan", text: "by a department two above"},
			{person: "root", text: "as an admin"},
			{person: "eve", group: group, mention: true, text: "by group"},
		} {
			w.want(l, "re: "+l.text)
		}
		answered := len(w.model.Requests())
		for _, person := range []string{"eve", "mallory"} {
			if got := w.ask(line{person: person, text: "hello"}); !strings.Contains(got, "you may not use me yet") {
				t.Errorf("%s reads %q", person, got)
			}
		}
		again := w.chat.say(line{person: "eve", text: "hello?"})
		in := w.chat.say(line{person: "mallory", group: group, mention: true, text: "in the group?"})
		w.quiet(app, 9)
		if n := w.count(again) + w.count(in); n != 0 {
			t.Errorf("%d further refusals", n)
		}
		if got := w.ask(line{person: "eve", text: "/id"}); !strings.Contains(got, w.idOf("eve")) {
			t.Errorf("/id says %q", got)
		}
		if n := len(w.model.Requests()); n != answered {
			t.Errorf("the model was asked %d times, %d of them by those who may not", n, n-answered)
		}
	})
}

// While the platform cannot tell who is in a department, nobody is let in by one, and
// they read that it is not their fault; whom the list names is not concerned.
func TestDepartmentsCannotBeTold(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		w.cfg.Access = config.Access{Allow: config.Listed{People: []string{w.idOf("ann")}, Departments: []string{"4217"}}}
		w.inDepartment("dora", "4217")
		switch c := w.chat.(type) {
		case dingtalkChat:
			c.FailRoute(dingtalktest.PathParents, dingtalktest.FailErrcode(60011, "no permission"))
			c.FailRoute(dingtalktest.PathUser, dingtalktest.FailErrcode(60011, "no permission"))
		case feishuChat:
			broken := feishutest.MissingScope("contact:contact.base:readonly")
			broken.Times = -1
			c.FailRoute("/open-apis/contact/v3/users", broken)
		}
		w.start()
		if got := w.ask(line{person: "dora", text: "hello"}); !strings.Contains(got, "cannot tell right now") {
			t.Errorf("by department: %q", got)
		}
		w.want(line{person: "ann", text: "hello"}, "re: hello")
	})
}

// So many questions a minute: the next one is refused, once aloud. Commands cost
// nothing, and neither do other people.
func TestSoManyAMinute(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Limits.TurnsPerMinute = 2
		app, _ := w.start()
		ann := func(text string) line { return line{person: "ann", text: text} }
		w.want(ann("one"), "re: one")
		w.ask(ann("/usage"))
		w.want(ann("two"), "re: two")
		if got := w.ask(ann("three")); !strings.Contains(got, "too fast") {
			t.Errorf("the third question: %q", got)
		}
		fourth := w.chat.say(ann("four"))
		w.want(line{person: "bob", text: "me"}, "re: me")
		w.quiet(app, 6)
		if n := w.count(fourth); n != 0 {
			t.Errorf("the fourth question has %d replies", n)
		}
		if n := len(w.model.Requests()); n != 3 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

// costs is a model whose every answer takes so many tokens.
func costs(tokens int) func(modeltest.Request) modeltest.Response {
	return func(r modeltest.Request) modeltest.Response {
		return modeltest.Response{Deltas: []string{"re: ", r.Question()}, Usage: &modeltest.Usage{Prompt: tokens / 2, Answer: tokens - tokens/2}}
	}
}

// What somebody has for a day is used up: they are told once. Others have their own,
// but for what all of a connection have for a month.
func TestAllowances(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Model.MaxTokens = 100
		w.cfg.Model.SystemPrompt = ""
		w.cfg.Limits = config.Limits{TokensPerDay: 1000, TokensPerMonth: 2500}
		w.answer(costs(450))
		app, _ := w.start()
		says := func(person, text string) line { return line{person: person, text: text} }
		for _, person := range []string{"ann", "bob"} {
			w.want(says(person, "one"), "re: one")
			w.want(says(person, "two"), "re: two")
			if got := w.ask(says(person, "three")); !strings.Contains(got, "too little for another question") {
				t.Errorf("the third question: %q", got)
			}
		}
		silent := w.chat.say(says("ann", "four"))
		w.want(says("cid", "one"), "re: one") // 2250 of 2500 are used then
		w.quiet(app, 8)
		if n := w.count(silent); n != 0 {
			t.Errorf("the fourth question has %d replies", n)
		}
		if got := w.ask(says("ann", "/usage")); !strings.Contains(got, "asked 2 times and used 900 tokens of 1,000 a day") || !strings.Contains(got, "used 2,250 of 2,500 this month") {
			t.Errorf("/usage says %q", got)
		}
		w.want(says("dan", "one"), "re: one") // what an answer takes beyond the estimate passes the limit once
		if got := w.ask(says("dan", "two")); !strings.Contains(got, "this month") {
			t.Errorf("beyond the month: %q", got)
		}
		if n := len(w.model.Requests()); n != 6 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

// Two replicas keep one book: however people's questions fall to them, what is used is
// never more than the allowance, and to the token what the model has told.
func TestReplicasShareAllowances(t *testing.T) {
	onPlatforms(t, "redis", func(t *testing.T, w *world) {
		const people, groups, cost, day, month = 4, 12, 100, 550, 1850
		w.cfg.Model.MaxTokens = 90
		w.cfg.Model.SystemPrompt = ""
		w.cfg.Limits = config.Limits{TokensPerDay: day, TokensPerMonth: month}
		w.answer(func(r modeltest.Request) modeltest.Response {
			// The prompt and the longest answer are never less than what is used.
			return modeltest.Response{Deltas: []string{"ok"}, Usage: &modeltest.Usage{Prompt: 15, Answer: cost - 15}}
		})
		one, two := w.replica(nil), w.replica(nil)
		for g := range groups {
			for p := range people {
				w.chat.say(line{person: fmt.Sprint("p", p), group: fmt.Sprintf("oc_%032d", g), mention: true, text: "hello everybody, how are you today?"})
			}
		}
		eventually(t, "end of the turns", func() bool {
			return one.connections[0].pool.Counts().Done+two.connections[0].pool.Counts().Done >= people*groups
		})
		answered := int64(0)
		for p := range people {
			used, err := one.connections[0].gate.Used(t.Context(), w.idOf(fmt.Sprint("p", p)))
			if err != nil {
				t.Fatal(err)
			}
			if used.Tokens != used.Turns*cost || used.Tokens > day {
				t.Errorf("p%d has used %d tokens in %d turns, of %d", p, used.Tokens, used.Turns, day)
			}
			answered += used.Turns
			if p == people-1 && (used.Month != answered*cost || used.Month > month) {
				t.Errorf("all have used %d tokens in %d turns, of %d", used.Month, answered, month)
			}
		}
		if n := len(w.model.Requests()); int64(n) != answered {
			t.Errorf("the model was asked %d times, %d are in the books", n, answered)
		}
		for name, app := range map[string]*App{"one": one, "two": two} {
			if app.connections[0].pool.Counts().Done == 0 {
				t.Errorf("replica %s had nothing to do", name)
			}
		}
	})
}
