package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// /stop does not wait behind the answer that it stops; what was said until then
// is shown.
func TestStopStopsTheAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Connections[0].Workers = 1
		asked := make(chan struct{}, 10)
		w.answer(func(modeltest.Request) modeltest.Response {
			return modeltest.Response{Deltas: []string{"Once upon a time"}, Sent: func() { asked <- struct{}{} }, Hang: true}
		})
		app, _ := w.start()
		id := w.chat.say(line{text: "tell me a story"})
		<-asked
		if got := w.ask(line{text: "/stop"}); !strings.Contains(got, "I stop the answer") {
			t.Errorf("/stop says %q", got)
		}
		got, err := w.chat.waitReply(w.within(), id)
		if err != nil || got.text != "Once upon a time … (stopped)" {
			t.Errorf("the story ended as %q, %v", got.text, err)
		}
		eventually(t, "end of the turn", func() bool {
			done, err := app.settled(w.within(), app.config.Connections[0].Name)
			return done && err == nil
		})
		if got := w.ask(line{text: "/停止"}); !strings.Contains(got, "没有正在进行的回答") {
			t.Errorf("/停止 with nothing to stop says %q", got)
		}
	})
}

// kill -9 while the reply is on its way: what is said after the restart is what
// had been said before, on Feishu once, on DingTalk, which takes no key, at most
// twice.
func TestKilledWhileReplying(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		var asked atomic.Int64
		w.answer(func(modeltest.Request) modeltest.Response {
			return modeltest.Words(fmt.Sprint("answer ", asked.Add(1)))
		})
		p := w.spawn()
		w.gate.shut()
		id := w.chat.say(line{text: "question"})
		eventually(t, "reply on its way", func() bool { return w.count(id) == 1 })
		p.kill()
		w.gate.open()
		w.spawn()
		// Behind whatever the first question led to:
		w.want(line{text: "next"}, "answer 2")
		got, err := w.chat.waitReply(w.within(), id)
		if err != nil || got.text != "answer 1" {
			t.Fatalf("after the restart: %q, %v", got.text, err)
		}
		most := 1
		if _, keyless := w.chat.(dingtalkChat); keyless {
			most = 2
		}
		for _, r := range w.chat.replies() {
			if r.to == id && r.text != "answer 1" {
				t.Errorf("another answer is seen: %q", r.text)
			}
		}
		if n := w.count(id); n > most {
			t.Errorf("answered %d times", n)
		}
	})
}

func (w *world) healReplies() {
	switch c := w.chat.(type) {
	case dingtalkChat:
		c.Heal(dingtalktest.PathWebhook)
	case feishuChat:
		c.ClearFailures()
	}
}

// A reply whose HTTP answer was lost is not shown again where the platform takes
// a key.
func TestLostAnswerOfThePlatform(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	w.start()
	w.chat.(feishuChat).FailRoute("/open-apis/im/v1/messages", feishutest.Failure{LoseResponse: true})
	id := w.chat.say(line{text: "hello"})
	if _, err := w.chat.waitReply(w.within(), id); err != nil {
		t.Fatal(err)
	}
	w.want(line{text: "next"}, "re: next")
	if n := w.count(id); n != 1 {
		t.Errorf("shown %d times", n)
	}
}

// What the platform will not take becomes a dead letter, which the operator sees,
// traces, and puts back.
func TestDeadLetterIsPutBack(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		app, _ := w.start()
		w.refuseReplies()
		id := w.chat.say(line{person: "ann", text: "hello"})
		file := writeConfig(t, goodConfig+"admin: {listen: "+app.Addr()+"}\n")
		var listed string
		eventually(t, "dead letter", func() bool {
			code, stdout, stderr := call(t, "", "inbox", "--config", file)
			if code != exitDone {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			listed = stdout
			return strings.Contains(stdout, "  dead  ")
		})
		trace := strings.Fields(strings.Split(listed, "\n")[1])[0]
		if code, stdout, _ := call(t, "", "trace", "--config", file, trace); code != exitDone || !strings.Contains(stdout, "accepted") || !strings.Contains(stdout, "dead") {
			t.Errorf("trace: exit code %d, %q", code, stdout)
		}
		w.healReplies()
		if code, stdout, stderr := call(t, "", "inbox", "--config", file, "retry", trace); code != exitDone || !strings.Contains(stdout, trace) {
			t.Errorf("retry: exit code %d, %q, %q", code, stdout, stderr)
		}
		got, err := w.chat.waitReply(w.within(), id)
		if err != nil || got.text != "re: hello" {
			t.Errorf("after the retry: %q, %v", got.text, err)
		}
		if code, _, stderr := call(t, "", "inbox", "--config", file, "drop", trace); code != exitFailed || !strings.Contains(stderr, "no dead letter") {
			t.Errorf("drop: exit code %d, %q", code, stderr)
		}
	})
}

// refuseReplies makes the platform refuse every reply for good.
func (w *world) refuseReplies() {
	switch c := w.chat.(type) {
	case dingtalkChat:
		// 430104: the content is not allowed, wherever it is sent.
		c.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: 200, Body: `{"errcode":430104,"errmsg":"no"}`})
	case feishuChat:
		refusal := feishutest.APIError(230002, "the bot is not in the group")
		refusal.Times = -1
		c.FailRoute("/open-apis/im/v1/messages", refusal)
	}
}

// One person cannot fill the inbox: past the bound they are told once, and others
// are answered meanwhile.
func TestOnePersonsFloodIsBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Inbox.PerConversation = 3
		goOn, asked := make(chan struct{}), make(chan struct{}, 100)
		w.answer(func(r modeltest.Request) modeltest.Response {
			asked <- struct{}{}
			if strings.HasPrefix(r.Question(), "ann") {
				<-goOn
			}
			return modeltest.Words("re: ", r.Question())
		})
		w.start()
		var ids []string
		for i := range 8 {
			ids = append(ids, w.chat.say(line{person: "ann", text: fmt.Sprint("ann ", i)}))
		}
		<-asked
		for _, id := range ids {
			if err := w.chat.waitAck(w.within(), id); err != nil {
				t.Fatal(err)
			}
		}
		w.want(line{person: "bob", text: "bob"}, "re: bob")
		close(goOn)
		answered, told := 0, 0
		eventually(t, "answers to what was taken", func() bool {
			answered, told = 0, 0
			for _, r := range w.chat.replies() {
				switch {
				case strings.HasPrefix(r.text, "re: ann"):
					answered++
				case strings.Contains(r.text, "Too many messages are waiting"):
					told++
				}
			}
			return answered >= 3 && told >= 1
		})
		if answered != 3 || told != 1 {
			t.Errorf("%d answered, told %d times", answered, told)
		}
	})
}
