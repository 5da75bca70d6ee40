package storetest

import (
	"time"

	"longwire/conversation"
)

// ask has one event go all the way and returns what the lease knew.
func (w *world) ask(person, id string, out conversation.Outcome) []conversation.Turn {
	w.Helper()
	w.accept(question(person, id))
	l := w.takeID(id)
	w.done(l, out)
	return l.History
}

// said is the outcome with an answer.
func said(answer string) conversation.Outcome {
	return conversation.Outcome{Turn: &conversation.Turn{Question: "?", Answer: answer}}
}

// Turns are appended, each as it was written, and are there after a restart.
func testHistory(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	at := time.Date(2026, 8, 22, 10, 30, 0, 123456789, time.UTC)
	turn := conversation.Turn{Question: "q\x00{}\n", Answer: "你好 <b>&", At: at, Before: &conversation.Before{Until: at.Add(-time.Minute), Told: at.Add(-time.Hour), Summary: "earlier: {}\n"}, Instead: true}
	if history := w.ask("ann", "1", conversation.Outcome{Turn: &turn}); len(history) != 0 {
		w.Fatalf("history of a new conversation: %v", history)
	}
	w.ask("ben", "2", said("to ben"))
	w.ask("ann", "3", conversation.Outcome{}) // nothing to remember
	w.ask("ann", "4", said("second"))

	w.start(opts)
	history := w.ask("ann", "5", said("third"))
	if len(history) != 2 || history[0].Question != turn.Question || history[0].Answer != turn.Answer ||
		!history[0].At.Equal(at) || history[1].Answer != "second" ||
		history[0].Before == nil || *history[0].Before != *turn.Before || history[1].Before != nil ||
		!history[0].Instead || history[1].Instead {
		w.Fatalf("history %v, want %v and second", history, turn)
	}
	if got := answers(w.ask("ben", "6", said("x"))); got != "to ben" {
		w.Fatalf("history of another conversation: %s", got)
	}
}

// The last Options.Turns turns are remembered, also when it was more before.
func testHistoryTrimmed(w *world) {
	opts := conversation.Options{Lease: long, Turns: 5}
	w.start(opts)
	for n := range 12 {
		w.ask("ann", nth("ann", n), said(nth("a", n)))
	}
	if got, want := answers(w.ask("ann", "12", said(nth("a", 12)))), "a-007, a-008, a-009, a-010, a-011"; got != want {
		w.Fatalf("history [%s], want [%s]", got, want)
	}
	opts.Turns = 2
	w.start(opts)
	if got, want := answers(w.ask("ann", "13", said(nth("a", 13)))), "a-011, a-012"; got != want {
		w.Fatalf("history with a smaller bound [%s], want [%s]", got, want)
	}
	opts.Turns = 5
	w.start(opts)
	if got, want := answers(w.ask("ann", "14", said("x"))), "a-012, a-013"; got != want {
		w.Fatalf("history after it was trimmed [%s], want [%s]", got, want)
	}
}

// Forget drops the turns so far, of this conversation, once for each trace.
func testHistoryForgotten(w *world) {
	w.start(conversation.Options{Lease: long})
	w.ask("ann", "1", said("one"))
	w.ask("ann", "2", said("two"))
	w.ask("ben", "3", said("to ben"))
	w.forget("ann", "t1")
	if got := answers(w.ask("ann", "5", said("five"))); got != "" {
		w.Fatalf("history after it was forgotten: [%s]", got)
	}
	w.forget("ann", "t1") // its answer was lost
	if got := answers(w.ask("ann", "6", said("six"))); got != "five" {
		w.Fatalf("history after it was begun anew: [%s], want [five]", got)
	}
	w.forget("ann", "t2")
	w.forget("ann", "t3") // there is nothing to forget
	w.forget("nobody", "t4")
	if got := answers(w.ask("ben", "10", said("x"))); got != "to ben" {
		w.Fatalf("history of another conversation: [%s]", got)
	}
}

// What was taken before a Forget is not remembered, whoever ends it; what was not, is.
func testForgetWhileHeld(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	w.ask("ann", "1", said("one"))
	w.accept(question("ann", "2"))
	w.accept(question("ann", "3"))
	l := w.takeID("2")
	w.forget("ann", "t1")
	w.release(l)
	w.start(opts)
	l = w.takeID("2")
	if len(l.History) != 0 {
		w.Fatalf("history after it was forgotten: %v", l.History)
	}
	w.done(l, said("two"))
	l = w.takeID("3")
	if len(l.History) != 0 {
		w.Fatalf("remembered of what was taken before: %v", l.History)
	}
	w.done(l, said("three"))
	if got := answers(w.ask("ann", "4", said("four"))); got != "three" {
		w.Fatalf("history since then: [%s], want [three]", got)
	}
}

// What waits before a Forget is not joined with what comes after it.
func testForgetParts(w *world) {
	w.start(conversation.Options{Lease: long, Join: 9})
	w.asks("ab")
	w.forget("ann", "t1")
	w.asks("cd")
	w.done(w.takeShare("ab"), conversation.Outcome{})
	w.asks("e")
	w.done(w.takeShare("cde"), conversation.Outcome{})
}

// forget forgets a person's conversation.
func (w *world) forget(person, trace string) {
	w.Helper()
	if err := w.store.Forget(w.Context(), home, conversation.KeyOf(question(person, "")), trace); err != nil {
		w.Fatalf("forget: %v", err)
	}
}

// The history ends Options.TTL after the last turn: a turn keeps the ones before
// it, an event without a turn does not, and what has expired does not come back.
func testHistoryExpires(w *world) {
	const ttl = 400 * time.Millisecond
	w.start(conversation.Options{Lease: long, TTL: ttl})
	last := time.Now()
	w.ask("ann", "first", said("first"))
	id := 0
	for start := time.Now(); time.Since(start) < 2*ttl; id++ {
		w.pass(ttl / 5)
		began := time.Now()
		history := w.ask("ann", nth("ann", id), said(nth("a", id)))
		if inTime := time.Since(last) < ttl-tick; inTime && len(history) == 0 {
			w.Fatalf("history gone %v after the last turn, want it kept for %v", time.Since(last), ttl)
		}
		last = began
	}
	for deadline := time.Now().Add(patience); ; id++ {
		history := w.ask("ann", nth("ann", id), conversation.Outcome{})
		if len(history) == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.Fatalf("history still there %v after the last turn, want it gone after %v", time.Since(last), ttl)
		}
		w.pass(ttl / 10)
	}
	if since := time.Since(last); since < ttl-tick {
		w.Fatalf("history gone %v after the last turn, want it kept for %v", since, ttl)
	}
	last = time.Now()
	w.ask("ann", "new", said("new"))
	got := answers(w.ask("ann", "newer", said("newer")))
	if got != "new" && (got != "" || time.Since(last) < ttl-tick) {
		w.Fatalf("history [%s], want [new]: what has expired does not come back", got)
	}
}
