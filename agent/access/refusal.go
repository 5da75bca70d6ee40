package access

import (
	"context"
	"time"

	"longwire/connectors"
)

// Refusal is the answer of a gate. The zero value is none: pass.
type Refusal struct {
	Kind Kind
	// Say reports whether the person is to be told now. It is true for one event,
	// whichever replica has it: once a minute for what passes by itself, TooFast
	// and Unknown, and once a day for the others. For that event it stays true, so
	// that the attempt that follows a crash says what the first one could not.
	Say bool
}

// Kind is why somebody is refused.
type Kind string

// The kinds of refusals.
const (
	None            Kind = ""                 // not at all
	NotAllowed      Kind = "not_allowed"      // by the lists
	Unknown         Kind = "unknown"          // it cannot be told now: the platform, or the store, is away
	TooFast         Kind = "too_fast"         // by the rate
	PersonSpent     Kind = "person_spent"     // the person's tokens of the day do not suffice
	ConnectionSpent Kind = "connection_spent" // the connection's tokens of the month do not suffice
)

// kinds are all that refuse.
var kinds = []Kind{NotAllowed, Unknown, TooFast, PersonSpent, ConnectionSpent}

// sayAgain is how long a person is not told again what passes by itself.
const sayAgain = time.Minute

// refusal counts a refusal and finds out whether its person is to be told.
func (g *Gate) refusal(ctx context.Context, kind Kind, ev connectors.Event) Refusal {
	if kind == None {
		return Refusal{}
	}
	g.mu.Lock()
	g.refused[kind]++
	g.mu.Unlock()
	return Refusal{Kind: kind, Say: g.tells(ctx, kind, ev)}
}

// tells reports whether ev is the event whose person is told: the first of its kind
// within the time, by a count that the replicas share. A second count says which
// event that was. A crash between the two costs the person that one sentence.
//
// While the store is away each replica knows only whom it has told itself.
func (g *Gate) tells(ctx context.Context, kind Kind, ev connectors.Event) bool {
	told := count{"refused/" + string(kind) + "/" + ev.Sender.ID, sayAgain}
	if kind != TooFast && kind != Unknown {
		told = count{"refused/" + string(kind) + "/" + g.rules.Load().day(ev) + "/" + ev.Sender.ID, dayKeep}
	}
	if teller, ok := g.tellers.get(told.name); ok {
		return teller == ev.ID
	}
	by := count{"refused-by/" + string(kind) + "/" + ev.ID, told.keep}
	n, err := g.add(ctx, told, 0)
	if err == nil && n > 0 {
		n, err = g.add(ctx, by, 0)
		return err == nil && n > 0
	}
	if err == nil {
		n, err = g.add(ctx, told, 1)
	}
	if err == nil && n > 1 {
		return false
	}
	g.tellers.put(told.name, ev.ID, told.keep)
	if err == nil {
		_, err = g.add(ctx, by, 1)
	}
	if err != nil {
		g.cannotAsk(ev, err)
	}
	return true
}
