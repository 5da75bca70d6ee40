package feishu

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// bare is text without spaces, and without what a card says besides the answer.
func bare(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, defaultLabels.Continued, "")), "")
}

// allCards is what all cards show, one after the other.
func allCards(s *feishutest.Server) string {
	var b strings.Builder
	for _, card := range sentCards(s) {
		b.WriteString(card.Content(answerElement) + "\n")
	}
	return b.String()
}

// longAnswer is an answer of at least size bytes with words, seven tables and as many
// code blocks; the markers "<n>" and "|n" count its lines.
func longAnswer(size int) string {
	var b strings.Builder
	lines := 0
	next := func() int { lines++; return lines }
	for section := 0; b.Len() < size; section++ {
		fmt.Fprintf(&b, "## Part %d\n\n", section)
		for range 20 {
			fmt.Fprintf(&b, "Line (%d) says \"words\" & 更多的字, again and again.\n\n", next())
		}
		if section < 7 {
			b.WriteString("| name | number |\n| --- | ---: |\n")
			for range 30 {
				fmt.Fprintf(&b, "| row | (%d) |\n", next())
			}
			b.WriteString("\n```go\n")
			for range 30 {
				fmt.Fprintf(&b, "\tfmt.Println(\"<%d>\") // (%d)\n", section, next())
			}
			b.WriteString("```\n\n")
		}
	}
	return b.String()
}

// readable checks that card shows whole markdown within the platform's limits.
func readable(t *testing.T, card feishutest.Card) {
	t.Helper()
	text := card.Content(answerElement)
	if fence, n := "", 0; true {
		for line := range strings.Lines(text) {
			switch mark := fenceOf(strings.TrimSpace(line)); {
			case fence == "":
				fence = mark
				if tableRule.MatchString(line) && mark == "" {
					n++
				}
			case strings.TrimSpace(line) == mark:
				fence = ""
			}
		}
		if fence != "" || n > maxTables {
			t.Errorf("a code block is open: %v; %d tables:\n%s", fence != "", n, text)
		}
	}
	if len(card.JSON) > 30<<10 || card.Streaming {
		t.Errorf("a card of %d bytes, streaming %v", len(card.JSON), card.Streaming)
	}
}

func TestLongAnswerInCards(t *testing.T) {
	t.Parallel()
	answer := longAnswer(60_000)
	if n := len(tableRule.FindAllString(answer, -1)); n != 7 {
		t.Fatalf("%d tables", n)
	}
	for name, grown := range map[string]bool{"grown": true, "at the end": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
			c, ev := meet(t, s, withCards(s))
			pieces := []string{answer[:1000], answer[1000:]}
			if grown {
				pieces = nil
				for rest := answer; rest != ""; {
					n := strings.IndexByte(rest[min(4000, len(rest)-1):], '\n') + min(4000, len(rest)-1) + 1
					pieces, rest = append(pieces, rest[:n]), rest[n:]
				}
			}
			noError(t, c.Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				last := pieces[len(pieces)-1]
				growingIn(soon(t), s, pieces[:len(pieces)-1]...)(yield)
				yield(connectors.Say(last), nil)
			}))
			cards := sentCards(s)
			shown := allCards(s)
			for _, card := range cards {
				readable(t, card)
			}
			for i, last := 1, 0; strings.Contains(answer, fmt.Sprintf("(%d)", i)); i++ {
				at := strings.Index(shown, fmt.Sprintf("(%d)", i))
				if at < last || strings.Count(shown, fmt.Sprintf("(%d)", i)) != 1 {
					t.Fatalf("line %d is shown %d times, at %d behind %d", i, strings.Count(shown, fmt.Sprintf("(%d)", i)), at, last)
				}
				last = at
			}
			if len(cards) < 3 || len(cards) > 6 || len(visible(s)) != len(cards) {
				t.Errorf("%d cards, %d messages", len(cards), len(visible(s)))
			}
			if n := strings.Count(shown, defaultLabels.Continued); n != len(cards)-1 {
				t.Errorf("%d of %d cards say that the answer goes on", n, len(cards))
			}
			if s.SequenceFaults() != 0 {
				t.Errorf("%d operations out of order", s.SequenceFaults())
			}
			noTyping(t, s)
		})
	}
}

// An answer takes longer than a card may grow: it goes on in the next card, at a
// border, whether we look at the clock in time or the platform says so.
func TestAnswerOfElevenMinutes(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{"our clock": true, "the platform's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			c, ev := meet(t, s, config)
			filler := ""
			if ours {
				c.cardLife = 300 * time.Millisecond // of its ten minutes
				c.fresh = 0                         // so that nothing can be withdrawn for its age
			} else {
				filler = strings.Repeat(" tick.", connectors.MaxWithdrawn/6/6) // and here for its length
			}
			var pieces []string
			for i := range 12 {
				pieces = append(pieces, fmt.Sprintf("Minute %d begins.%s\n\nAnd there ends%d", i, filler, i))
			}
			ctx := soon(t)
			noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				for i, piece := range pieces {
					more := true
					growingIn(ctx, s, piece)(func(delta connectors.Delta, err error) bool {
						more = yield(delta, err)
						return more
					})
					if !more {
						return
					}
					if !ours && i%3 == 2 {
						s.Skip(4 * time.Minute)
					}
				}
			}))
			cards := sentCards(s)
			if got, want := bare(allCards(s)), bare(strings.Join(pieces, "")); got != want {
				t.Errorf("%d cards show %q", len(cards), got)
			}
			if len(cards) < 2 {
				t.Errorf("%d cards", len(cards))
			}
			for _, card := range cards {
				readable(t, card)
				if text := strings.TrimSpace(strings.TrimSuffix(card.Content(answerElement), defaultLabels.Continued)); !strings.HasSuffix(text, ".") && card.ID != cards[len(cards)-1].ID {
					t.Errorf("a card is cut behind %q", text)
				}
			}
			noTyping(t, s)
		})
	}
}

// A model that thinks for ten minutes has nothing to leave in the card: that is told
// to stream again.
func TestCardOfASlowModel(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	ctx := soon(t)
	noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		_, err := s.WaitCard(ctx, func(card feishutest.Card) bool { return card.MessageID != "" })
		noError(t, err)
		s.Skip(11 * time.Minute)
		growingIn(ctx, s, "late", " words")(yield)
	}))
	finished(t, s, "late words")
}
