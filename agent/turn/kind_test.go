package turn

import (
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

func TestMark(t *testing.T) {
	turn := New(Config{Shared: true}, With{}, nil)
	for text, want := range map[string]struct{ alone, aside bool }{
		"/new": {true, true}, "/新对话": {true, true}, "／HELP": {true, true}, "/stop": {true, true}, "/hlep": {true, true},
		"/model qwen": {true, true}, "/retry": {true, false}, "hi": {}, "stop": {}, "how do I /stop it": {}, "/usr/bin": {}, "/new things, please": {}, "/": {}, "1/2": {},
	} {
		if got := turn.Mark(written(text)); got.Alone != want.alone || got.Aside != want.aside || !got.Shared {
			t.Errorf("%q: %+v", text, got)
		}
	}
	picture := written("/stop")
	picture.Kind = connectors.KindPicture
	if got := turn.Mark(picture); !got.Alone || got.Aside {
		t.Errorf("a picture: %+v", got)
	}
}

func TestCommandsAndKinds(t *testing.T) {
	for text, want := range map[string]string{
		"/new": "start over", "/NEW ": "start over", "／new": "start over", "/新对话": "重新开始",
		"/help": "/new", "/帮助": "忘记之前",
	} {
		s := &script{}
		ev := written(text)
		if err := s.run(t.Context(), ev, 1, conversation.Turn{Question: "hello", Answer: "hi"}); err != nil {
			t.Fatal(err)
		}
		forget := want == "start over" || want == "重新开始"
		if len(s.asked) != 0 || !strings.Contains(s.replies[0], want) || (len(s.forgotten) == 1) != forget {
			t.Errorf("%q: shown %q, done %+v", text, s.replies, s.done)
		}
	}
	for _, kind := range []connectors.Kind{
		connectors.KindPicture, connectors.KindAudio, connectors.KindVideo, connectors.KindFile, connectors.KindSticker,
		connectors.KindCard, connectors.KindForward, connectors.KindTooLong, connectors.KindEmpty, connectors.KindQuota, connectors.KindOther,
	} {
		s := &script{}
		if err := s.run(t.Context(), connectors.Event{ID: "m", Kind: kind, Received: time.Now()}, 1); err != nil {
			t.Fatal(err)
		}
		if len(s.asked) != 0 || len(s.replies) != 1 || languageOf(s.replies[0]) != Chinese {
			t.Errorf("%s: asked %d times, shown %q", kind, len(s.asked), s.replies)
		}
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]Language{
		"你好": Chinese, "用 Redis 怎么做": Chinese, "hello": English, "123 ?": Auto, "": Auto, "/new": Auto, "Привет": English,
	} {
		if got := languageOf(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	history := []conversation.Turn{{Question: "你好"}, {Question: "hello"}, {Question: "42"}}
	if got := Auto.languageFor(connectors.Event{}, history); got != English {
		t.Errorf("after an English question: %s", got)
	}
	if got := Auto.languageFor(connectors.Event{}, nil); got != Chinese {
		t.Errorf("without a hint: %s", got)
	}
	if got := English.languageFor(written("你好"), nil); got != English {
		t.Errorf("a configured language gives way: %s", got)
	}
}
