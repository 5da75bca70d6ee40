package main

import (
	"fmt"
	"strings"
	"testing"

	"longwire/agent/model/modeltest"
)

func TestOneToOneIsAnsweredWithMemory(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		w.want(line{person: "ann", text: "first"}, "re: first")
		w.want(line{person: "ann", text: "second"}, "re: second")
		w.want(line{person: "bob", text: "other"}, "re: other")

		requests := w.model.Requests()
		if got, want := asked(requests[1]), "user: first | assistant: re: first | user: second"; got != want {
			t.Errorf("the second turn's prompt is %q, want %q", got, want)
		}
		if got, want := asked(requests[2]), "user: other"; got != want {
			t.Errorf("another person's prompt is %q, want %q", got, want)
		}
	})
}

// asked is a request's prompt without the system's part.
func asked(r modeltest.Request) string {
	var said []string
	for _, m := range r.Messages {
		if m.Role != "system" {
			said = append(said, m.Role+": "+m.Content)
		}
	}
	return strings.Join(said, " | ")
}

func TestGroupsAreAnsweredWhenMentioned(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		quiet := w.chat.say(line{person: "ann", group: "cidG1", text: "not for you"})
		w.want(line{person: "ann", group: "cidG1", mention: true, text: "for you"}, "re: for you")
		for _, r := range w.chat.replies() {
			if r.to == quiet {
				t.Errorf("a message without mention was answered: %q", r.text)
			}
		}
		if n := len(w.model.Requests()); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

func TestNewForgetsAndHelpHelps(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		w.want(line{text: "my name is Ann"}, "re: my name is Ann")
		if got := w.ask(line{text: "/help"}); !strings.Contains(got, "/new") {
			t.Errorf("/help says %q", got)
		}
		if got := w.ask(line{text: "/新对话"}); !strings.Contains(got, "重新开始") && !strings.Contains(got, "start over") {
			t.Errorf("/新对话 says %q", got)
		}
		w.want(line{text: "who am I"}, "re: who am I")
		requests := w.model.Requests()
		if got := asked(requests[len(requests)-1]); got != "user: who am I" {
			t.Errorf("the bot did not forget: %q", got)
		}
	})
}

func TestRedeliveredEventIsAnsweredOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		_, stop := w.start()
		id := w.chat.say(line{text: "once"})
		if _, err := w.chat.waitReply(w.within(), id); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := w.chat.redeliver(id); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.chat.waitAck(w.within(), id); err != nil {
			t.Fatalf("the redelivery was not acked: %v", err)
		}
		// After a restart the id is still known.
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.start()
		if err := w.chat.redeliver(id); err != nil {
			t.Fatal(err)
		}
		if err := w.chat.waitAck(w.within(), id); err != nil {
			t.Fatalf("the redelivery was not acked: %v", err)
		}
		w.want(line{text: "two"}, "re: two") // behind whatever the redeliveries led to
		if n := w.count(id); n != 1 {
			t.Errorf("answered %d times", n)
		}
	})
}

// count is how many replies a message got.
func (w *world) count(id string) (n int) {
	for _, r := range w.chat.replies() {
		if r.to == id {
			n++
		}
	}
	return n
}

func TestFloodArrivesCompleteInOrderAndOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		app, _ := w.start()
		const people, each = 50, 10
		asked := map[string]string{} // message id to question
		for n := range each {
			for p := range people {
				person := fmt.Sprintf("p%02d", p)
				text := fmt.Sprintf("%s %02d", person, n)
				asked[w.chat.say(line{person: person, text: text})] = text
			}
		}
		for id := range asked {
			if _, err := w.chat.waitReply(w.within(), id); err != nil {
				t.Fatalf("%q was not answered: %v", asked[id], err)
			}
		}
		next := map[string]int{}
		for _, r := range w.chat.replies() {
			question := asked[r.to]
			if r.text != "re: "+question {
				t.Fatalf("%q was answered with %q", question, r.text)
			}
			person := question[:3]
			if want := fmt.Sprintf("%s %02d", person, next[person]); question != want {
				t.Fatalf("%q was answered before %q", question, want)
			}
			next[person]++
		}
		if n := len(w.chat.replies()); n != people*each {
			t.Errorf("%d replies to %d messages", n, people*each)
		}
		if n := len(w.model.Requests()); n != people*each {
			t.Errorf("the model was asked %d times", n)
		}
		if counts := app.connections[0].pool.Counts(); counts.Panics != 0 || counts.Released != 0 {
			t.Errorf("the pool counts %+v", counts)
		}
	})
}

func TestWhatCannotBeReadIsAnsweredKindly(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.start()
		if got := w.ask(line{text: strings.Repeat("long ", 1<<20)}); !strings.Contains(got, "太长") && !strings.Contains(got, "too long") {
			t.Errorf("5 MB of text was answered with %q", got)
		}
		w.want(line{text: "still there?"}, "re: still there?")
	})
}
