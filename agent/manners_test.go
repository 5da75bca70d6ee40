package main

import (
	"slices"
	"strings"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// What somebody writes while an answer is on its way is one question, where the
// configuration says so; a command stays on its own.
func TestBurstIsJoined(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Conversation.Burst = "join"
		release := make(chan struct{})
		var asked []string
		w.answer(func(r modeltest.Request) modeltest.Response {
			w.mu.Lock()
			asked = append(asked, r.Question())
			first := len(asked) == 1
			w.mu.Unlock()
			if first {
				<-release
			}
			return modeltest.Words("re: ", r.Question())
		})
		w.start()
		var ids []string
		for _, text := range []string{"one", "two", "three", "/new", "four"} {
			id := w.chat.say(line{text: text})
			if err := w.chat.waitAck(w.within(), id); err != nil {
				t.Fatal(err)
			}
			if ids = append(ids, id); len(ids) == 1 { // the others are to wait behind it
				eventually(t, "question to the model", func() bool {
					w.mu.Lock()
					defer w.mu.Unlock()
					return len(asked) == 1
				})
			}
		}
		close(release)
		if got, err := w.chat.waitReply(w.within(), ids[4]); err != nil || got.text != "re: four" {
			t.Fatalf("the last one is answered with %q, %v", got.text, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if want := []string{"one", "two\nthree", "four"}; !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
		if n := len(w.chat.replies()); n != 4 {
			t.Errorf("%d replies: %+v", n, w.chat.replies())
		}
	})
}

// feishuWorld is a world on Feishu, with its platform.
func feishuWorld(t *testing.T) (*world, feishuChat) {
	w := newWorld(t, config.Feishu, "embedded")
	return w, w.chat.(feishuChat)
}

// A question that is taken back has no answer: not while it waits, and not while it is
// being answered.
func TestRecalledQuestionGetsNoAnswer(t *testing.T) {
	w, c := feishuWorld(t)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	w.answer(func(r modeltest.Request) modeltest.Response {
		if r.Question() == "never mind" {
			begun <- struct{}{}
			return modeltest.Response{Hang: true}
		}
		<-release
		return modeltest.Words("re: ", r.Question())
	})
	w.start()
	first := c.say(line{person: "ann", text: "never mind"})
	<-begun
	second := c.say(line{person: "ann", text: "nor this"})
	for _, id := range []string{first, second} {
		if err := c.waitAck(w.within(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{second, first} {
		if !c.Recall(id) {
			t.Fatalf("%s cannot be taken back", id)
		}
		if err := c.WaitAck(w.within(), feishutest.RecallOf(id)); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	w.want(line{person: "ann", text: "but this"}, "re: but this")
	if replies := c.replies(); len(replies) != 1 {
		t.Errorf("replies %+v", replies)
	}
}

// Two topics in one group never share context.
func TestTopicsAreApart(t *testing.T) {
	w, c := feishuWorld(t)
	w.start()
	const group = "oc_0123456789abcdef0123456789abcdef"
	c.PutGroup(feishutest.Group{ID: group, Topics: true})
	say := func(text, parent string) string {
		return c.Say(feishutest.Message{Chat: group, From: feishutest.Person{OpenID: "ou_ann"}, Mention: true, Text: text, ParentID: parent})
	}
	answered := func(id string) {
		t.Helper()
		if _, err := c.waitReply(w.within(), id); err != nil {
			t.Fatal(err)
		}
	}
	apples := say("apples", "")
	answered(apples)
	pears := say("pears", "")
	answered(pears)
	answered(say("and the price?", apples))
	requests := w.model.Requests()
	var prompt strings.Builder
	for _, m := range requests[len(requests)-1].Messages {
		prompt.WriteString(m.Content + "\n")
	}
	if !strings.Contains(prompt.String(), "apples") || strings.Contains(prompt.String(), "pears") {
		t.Errorf("the third question was asked as %q", prompt.String())
	}
}

// Whoever opens the chat is greeted once, and a group that takes the bot in.
func TestGreeting(t *testing.T) {
	w, c := feishuWorld(t)
	w.cfg.Connections[0].Welcome = config.On
	w.start()
	ann := feishutest.Person{OpenID: "ou_ann", Name: "ann"}
	for range 2 {
		if err := c.WaitAck(w.within(), c.Enter("cli_0123456789abcdef", ann)); err != nil {
			t.Fatal(err)
		}
	}
	if sent, err := c.WaitSent(w.within(), func(s feishutest.Sent) bool { return strings.Contains(s.Text, "/help") }); err != nil || sent.Via != "create" {
		t.Fatalf("%+v, %v", sent, err)
	}
	w.want(line{person: "ann", text: "hi"}, "re: hi") // and not again
	const group = "oc_0123456789abcdef0123456789abcdef"
	if err := c.WaitAck(w.within(), c.AddBot("cli_0123456789abcdef", group, ann)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitSent(w.within(), func(s feishutest.Sent) bool { return s.ChatID == group }); err != nil {
		t.Fatal(err)
	}
	if n := c.sent(); n != 3 {
		t.Errorf("%d messages", n)
	}
}

// Voice without words goes to the transcription model, text files into the prompt, and
// a quote is marked as one.
func TestVoiceFilesAndQuotes(t *testing.T) {
	w := newWorld(t, config.DingTalk, "embedded")
	c := w.chat.(dingtalkChat)
	w.cfg.Model.Transcription = "ears"
	w.answer(func(r modeltest.Request) modeltest.Response {
		if r.Sound != nil {
			return modeltest.Words("turn it off")
		}
		return modeltest.Words("re: ", r.Question())
	})
	w.start()
	ask := func(m dingtalktest.Message) string {
		t.Helper()
		got, err := c.waitReply(w.within(), c.Say(m))
		if err != nil {
			t.Fatal(err)
		}
		return got.text
	}
	if got := ask(dingtalktest.Message{Content: dingtalktest.Audio{DownloadCode: c.PutFile("v.amr", []byte("#!AMR sound"))}}); got != "re: turn it off" {
		t.Errorf("voice: %q", got)
	}
	if got := ask(dingtalktest.Message{Content: dingtalktest.File{FileName: "list.csv", DownloadCode: c.PutFile("list.csv", []byte("a,b\n1,2\n"))}}); !strings.Contains(got, "[file list.csv]") || !strings.Contains(got, "1,2") {
		t.Errorf("file: %q", got)
	}
	if got := ask(dingtalktest.Message{Text: "why?", Quote: dingtalktest.QuoteText("the server is down")}); !strings.Contains(got, "[quoted message") || !strings.Contains(got, "> the server is down") || !strings.HasSuffix(got, "why?") {
		t.Errorf("quote: %q", got)
	}
}
