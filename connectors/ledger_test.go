package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// page is a ledger in memory.
type page struct {
	sent  json.RawMessage
	notes int
	err   error
}

func (p *page) Key() string           { return "key" }
func (p *page) Sent() json.RawMessage { return p.sent }

func (p *page) Held(context.Context) error { return p.err }

func (p *page) Note(ctx context.Context, sent any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if p.err != nil {
		return p.err
	}
	p.notes++
	p.sent, _ = json.Marshal(sent)
	return nil
}

// sender remembers what was sent and fails once at part fail.
type sender struct {
	fail  int
	err   error
	after bool // the failure comes although the part was sent
	shown []string
}

func (s *sender) send(i int, part string, again bool) error {
	if i == s.fail && s.err != nil {
		err := s.err
		s.err = nil
		if s.after {
			s.shown = append(s.shown, fmt.Sprint(part, again))
		}
		return err
	}
	s.shown = append(s.shown, fmt.Sprint(part, again))
	return nil
}

func TestSendPartsGoesOnWhereItEnded(t *testing.T) {
	parts := []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		s    sender
		want []string
	}{
		"no failure":                          {sender{fail: -1}, []string{"afalse", "bfalse", "cfalse"}},
		"the platform refuses once":           {sender{fail: 1, err: &Error{Op: "send", Code: "429"}}, []string{"afalse", "bfalse", "cfalse"}},
		"a crash, or an answer that was lost": {sender{fail: 1, err: errors.New("reset"), after: true}, []string{"afalse", "bfalse", "btrue", "cfalse"}},
		"the same at the first part":          {sender{fail: 0, err: errors.New("reset"), after: true}, []string{"afalse", "atrue", "bfalse", "cfalse"}},
	} {
		t.Run(name, func(t *testing.T) {
			ledger, s := &page{}, c.s
			failed := s.err != nil
			if err := SendParts(t.Context(), ledger, parts, s.send, Always); (err != nil) != failed {
				t.Fatalf("first attempt: %v", err)
			}
			if failed {
				if err := SendParts(t.Context(), ledger, parts, s.send, Always); err != nil {
					t.Fatalf("second attempt: %v", err)
				}
			}
			notes := ledger.notes
			if err := SendParts(t.Context(), ledger, parts, s.send, Always); err != nil || ledger.notes != notes {
				t.Errorf("an attempt after the last part: %v, %d notes", err, ledger.notes-notes)
			}
			if !slices.Equal(s.shown, c.want) {
				t.Errorf("shown %v, want %v", s.shown, c.want)
			}
		})
	}
}

// That all is sent is noted also when the program stops meanwhile; that it cannot be
// noted is no reason to fail.
func TestTheEndIsNoted(t *testing.T) {
	ledger := &page{}
	ctx, cancel := context.WithCancel(t.Context())
	send := func(int, string, bool) error { cancel(); return nil }
	if err := SendParts(ctx, ledger, []string{"a"}, send, Always); err != nil || string(ledger.sent) != `{"next":1}` {
		t.Errorf("%v, noted %s", err, ledger.sent)
	}
	ledger = &page{}
	send = func(int, string, bool) error { ledger.err = errors.New("store is away"); return nil }
	if err := SendParts(t.Context(), ledger, []string{"a"}, send, Always); err != nil || string(ledger.sent) != `{"next":0}` {
		t.Errorf("%v, noted %s", err, ledger.sent)
	}
	ledger = &page{}
	if err := SendParts(t.Context(), ledger, nil, send, Always); err != nil || ledger.notes != 0 {
		t.Errorf("of nothing: %v, %d notes", err, ledger.notes)
	}
}

func TestNothingIsSentThatIsNotNoted(t *testing.T) {
	s := sender{fail: -1}
	if err := SendParts(t.Context(), &page{err: errors.New("store is away")}, []string{"a"}, s.send, Always); err == nil || len(s.shown) != 0 {
		t.Errorf("got %v, shown %v", err, s.shown)
	}
	if err := SendParts(t.Context(), &page{sent: json.RawMessage(`{"next":"x"}`)}, []string{"a"}, s.send, Always); !Permanent(err) || len(s.shown) != 0 {
		t.Errorf("got %v, shown %v", err, s.shown)
	}
}

func TestReplyKey(t *testing.T) {
	ev := Event{Connection: "c", ID: "m1"}
	if got := ReplyKey(ev, ""); len(got) != 32 || got != Unkept(ev, "").Key() {
		t.Errorf("got %q", got)
	}
	if ReplyKey(ev, "") == ReplyKey(ev, "sorry") || ReplyKey(ev, "") == ReplyKey(Event{Connection: "c", ID: "m2"}, "") {
		t.Error("two replies have the same key")
	}
	again, once := ev, ev
	once.Retries, again.Retries = 1, 2
	if ReplyKey(again, "") == ReplyKey(ev, "") || ReplyKey(again, "") == ReplyKey(once, "") || ReplyKey(again, "sorry") == ReplyKey(again, "") {
		t.Error("a reply after a retry has the key of another")
	}
}
