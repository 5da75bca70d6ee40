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
	} {
		got, err := DecodeTurn(string(EncodeTurn(want)))
		if err != nil || got.Question != want.Question || got.Answer != want.Answer || !got.At.Equal(want.At) {
			t.Errorf("got %.60q, %v", got, err)
		}
	}
}

func FuzzDecodeTurn(f *testing.F) {
	f.Add(string(EncodeTurn(conversation.Turn{Question: "q", Answer: "a"})))
	for _, bad := range []string{"", " ", "1", "1 ", "1 2", "1 0 2 a", "1 0 -1 a", "x 0 1 a", "1 0 99999999999999999999 a", "1 -1 0 ", "1 1000000000 0 ", `{"question":"q"}`} {
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
		if err != nil || again.Question != turn.Question || again.Answer != turn.Answer || !again.At.Equal(turn.At) {
			t.Errorf("%q comes back as %+v, then as %+v, %v", kept, turn, again, err)
		}
	})
}
