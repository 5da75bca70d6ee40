package record

import (
	"strings"
	"testing"
	"time"

	"longwire/conversation"
)

func TestTurn(t *testing.T) {
	at := time.Unix(1763798400, 123456789)
	for _, want := range []conversation.Turn{
		{},
		{Question: "hello", Answer: "Hi there", At: at},
		{Question: "你好 世界", Answer: "\x00\xff\n 5 x", At: at},
		{Answer: "only an answer", At: at},
		{Question: strings.Repeat("q", 1<<20), At: at},
		{Question: "q", Answer: "a", At: at, Before: &conversation.Before{}},
		{Question: "q", Answer: "a", At: at, Instead: true},
		{Question: "q", Answer: "a", At: at, Before: &conversation.Before{Summary: "s"}, Instead: true},
		{Question: "1 2", Answer: " 3", At: at, Before: &conversation.Before{Until: at.UTC(), Told: at.Add(-time.Hour).UTC(), Summary: "之前 5+7 说过"}},
	} {
		got, err := DecodeTurn(string(EncodeTurn(want)))
		if err != nil || !same(got, want) {
			t.Errorf("got %.60q for %.60q, %v", got.Question, want.Question, err)
		}
	}
}

func FuzzDecodeTurn(f *testing.F) {
	f.Add(string(EncodeTurn(conversation.Turn{Question: "q", Answer: "a"})))
	for _, bad := range []string{"", " ", "1", "1 ", "1 2", "1 0 2 a", "1 0 -1 a", "x 0 1 a", "1 0 99999999999999999999 a", "1 -1 0 ", "1 1000000000 0 ", "1 0 1+1 a", "1 0 0+5 {\"x\"}", "1 0 0+1 {", "1 0 +1 a", "1 0 0+ a", "1 0 0+-1 a", "1 0 1+9223372036854775807 a", `{"question":"q"}`} {
		f.Add(bad)
		if _, err := DecodeTurn(bad); err == nil {
			f.Errorf("%q is a turn", bad)
		}
	}
	f.Fuzz(func(t *testing.T, kept string) {
		turn, err := DecodeTurn(kept)
		if err != nil {
			return
		}
		again, err := DecodeTurn(string(EncodeTurn(turn)))
		if err != nil || !same(again, turn) {
			t.Errorf("%q comes back as %+v, then as %+v, %v", kept, turn, again, err)
		}
	})
}

func same(a, b conversation.Turn) bool {
	if (a.Before == nil) != (b.Before == nil) || a.Before != nil && *a.Before != *b.Before {
		return false
	}
	return a.Instead == b.Instead && a.Question == b.Question && a.Answer == b.Answer && a.At.Equal(b.At)
}
