package prompt

import (
	"strings"
	"time"

	"longwire/conversation"
)

// Pending is a summary that was made and stands in no prompt yet. It counts as long
// as the history has the turn of Until, so what a person has made the bot forget does
// not come back in it.
type Pending struct {
	Until   time.Time `json:"until"` // At of the last turn that Summary tells of
	Summary string    `json:"summary"`
}

// lowMark and highMark are parts of the room: to leave out turns goes down to lowMark,
// and at highMark a summary is asked for.
const (
	lowMark  = 1.0 / 2
	highMark = 3.0 / 4
)

// keptTurns is how many turns stay when the store is about to drop the oldest, which
// would change the beginning of every prompt from then on.
func keptTurns(stored int) int { return max(1, int(float64(stored)*lowMark)) }

// window is which part of a history stands in the prompt.
type window struct {
	history []conversation.Turn
	start   int // of history, the first turn that stands in the prompt
	told    int // of history, the first turn that the summary does not tell of; at most start

	before  conversation.Before
	adopted bool // before.Summary has come from a Pending just now
	changed bool // before is not what the history has
	leaving bool // the turn that before was stored with is the oldest, and the next to go
}

// look finds out what the prompts leave out so far.
func look(history []conversation.Turn) window {
	w := window{history: history}
	for i := len(history) - 1; i >= 0; i-- {
		if before := history[i].Before; before != nil {
			w.before, w.leaving = *before, i == 0
			w.told = after(history[:i], before.Told)
			w.start = max(w.told, after(history[:i], before.Until))
			break
		}
	}
	return w
}

// after is the index behind the turn of at, 0 where there is none: the store drops
// the oldest turns, so what it no longer has lies before all that it has.
func after(history []conversation.Turn, at time.Time) int {
	if at.IsZero() {
		return 0
	}
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].At.Equal(at) {
			return i + 1
		}
	}
	return 0
}

func (w *window) live() []conversation.Turn { return w.history[w.start:] }

// adopt puts a pending summary in, if it tells of more than the one there is.
func (w *window) adopt(p *Pending) {
	if p == nil || strings.TrimSpace(p.Summary) == "" {
		return
	}
	told := after(w.history, p.Until)
	if told <= w.told {
		return
	}
	w.told, w.before.Told, w.before.Summary = told, p.Until, strings.TrimSpace(p.Summary)
	if told > w.start {
		w.start, w.before.Until = told, p.Until
	}
	w.adopted, w.changed = true, true
}

// drop leaves out the next n turns.
func (w *window) drop(n int) {
	if n == 0 {
		return
	}
	w.start += n
	w.before.Until = w.history[w.start-1].At
	w.changed = true
}

// record is what the next turn is to be stored with. What the oldest turn carries is
// carried on before the store drops it.
func (w *window) record() *conversation.Before {
	if !w.changed && !w.leaving {
		return nil
	}
	before := w.before
	return &before
}
