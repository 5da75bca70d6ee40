// Package storetest states the contract of conversation.Store, of its Desk and of
// its Shelf as tests. Both stores run it: Run with one store at a time, RunReplicas
// and RunPair with several on the same data, Interpret (state.go) with sequences of
// calls that a fuzzer makes up, and the benchmarks in bench.go.
//
// The suite never expects something to happen quickly, only that it happens, and
// where the contract says "not before", that it does not happen before. What must
// happen is given patience; what must not is watched for a short while, so a
// store that is merely slow passes and a machine under load fails nothing.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Open opens the store under test, always on the same data. The suite closes what
// it opened before it opens again, unless it is about replicas.
type Open func(opts conversation.Options) (conversation.Store, error)

const (
	// patience is how long the suite waits for what must happen.
	patience = 30 * time.Second
	// glance is how long the suite watches for what must not happen.
	glance = 60 * time.Millisecond
	// long is a lease that does not run out while somebody is patient.
	long = 10 * time.Minute
	// tick is how much earlier than promised a store may be that counts in
	// milliseconds.
	tick = 2 * time.Millisecond
)

// Run runs the suite. setup is called for each test and returns how to open a
// store on data of its own, empty at first.
func Run(t *testing.T, setup func(t *testing.T) Open) {
	for _, test := range []struct {
		name string
		run  func(w *world)
	}{
		{"Order", testOrder},
		{"ReadyOrder", testReadyOrder},
		{"RoundRobin", testRoundRobin},
		{"OnePairOfHands", testOnePairOfHands},
		{"TakeWakes", testTakeWakes},
		{"TakeWakesAll", testTakeWakesAll},
		{"TakeObeysContext", testTakeObeysContext},
		{"TakeStrandsNothing", testTakeStrandsNothing},
		{"Waiting", testWaiting},
		{"Connections", testConnections},
		{"Duplicate", testDuplicate},
		{"DuplicateAtTheSameTime", testDuplicateAtTheSameTime},
		{"DuplicateForgotten", testDuplicateForgotten},
		{"Full", testFull},
		{"FullAtTheSameTime", testFullAtTheSameTime},
		{"FullConversation", testFullConversation},
		{"Takeover", testTakeover},
		{"TakeoverGoesToTheEnd", testTakeoverGoesToTheEnd},
		{"LeaseOverAtDeadline", testLeaseOverAtDeadline},
		{"LeaseOverAfterEnd", testLeaseOverAfterEnd},
		{"DoneOnce", testDoneOnce},
		{"Renew", testRenew},
		{"Attempt", testAttempt},
		{"AttemptAfterRestart", testAttemptAfterRestart},
		{"Release", testRelease},
		{"ReleaseUntil", testReleaseUntil},
		{"Note", testNote},
		{"NoteTakenOver", testNoteTakenOver},
		{"NoteSizes", testNoteSizes},
		{"NoteAtTheSameTime", testNoteAtTheSameTime},
		{"Interrupt", testInterrupt},
		{"InterruptTakenOver", testInterruptTakenOver},
		{"History", testHistory},
		{"HistoryTrimmed", testHistoryTrimmed},
		{"HistoryForgotten", testHistoryForgotten},
		{"ForgetWhileHeld", testForgetWhileHeld},
		{"ForgetParts", testForgetParts},
		{"HistoryExpires", testHistoryExpires},
		{"Join", testJoin},
		{"JoinUnchanged", testJoinUnchanged},
		{"JoinFixed", testJoinFixed},
		{"JoinFixedAlone", testJoinFixedAlone},
		{"JoinTakeover", testJoinTakeover},
		{"JoinDone", testJoinDone},
		{"JoinDead", testJoinDead},
		{"JoinDeadBound", testJoinDeadBound},
		{"JoinFull", testJoinFull},
		{"JoinInbox", testJoinInbox},
		{"JoinLease", testJoinLease},
		{"Dead", testDead},
		{"RetryAndDrop", testRetryAndDrop},
		{"RetryOnce", testRetryOnce},
		{"DeadBound", testDeadBound},
		{"Inbox", testInbox},
		{"InboxLeaseOver", testInboxLeaseOver},
		{"Life", testLife},
		{"LifeBounded", testLifeBounded},
		{"LifeForgotten", testLifeForgotten},
		{"ShelfKinds", testShelfKinds},
		{"ShelfRestart", testShelfRestart},
		{"ShelfCount", testShelfCount},
		{"ShelfCountForgotten", testShelfCountForgotten},
		{"ShelfCountAtTheSameTime", testShelfCountAtTheSameTime},
		{"ShelfPace", testShelfPace},
		{"ShelfPaceRoom", testShelfPaceRoom},
		{"ShelfPaceRest", testShelfPaceRest},
		{"ShelfPaceWithout", testShelfPaceWithout},
		{"ShelfPaceAtTheSameTime", testShelfPaceAtTheSameTime},
		{"ShelfValue", testShelfValue},
		{"ShelfMemory", testShelfMemory},
		{"ShelfRecords", testShelfRecords},
		{"ShelfRecordsAtTheSameTime", testShelfRecordsAtTheSameTime},
		{"ShelfEnds", testShelfEnds},
		{"Restart", testRestart},
		{"HostileKeys", testHostileKeys},
		{"HostileConnections", testHostileConnections},
		{"LargeEvents", testLargeEvents},
		{"EventUnchanged", testEventUnchanged},
		{"Ping", testPing},
		{"Closed", testClosed},
		{"CloseWakesTake", testCloseWakesTake},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(&world{T: t, open: setup(t)})
		})
	}
}

// world is one test's view of the store, with calls that fail the test when they
// do not go as they must.
type world struct {
	*testing.T
	open  Open
	store conversation.Store
}

// start opens the store; what was open is closed before.
func (w *world) start(opts conversation.Options) {
	w.Helper()
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.Fatalf("close: %v", err)
		}
	}
	store, err := w.open(opts)
	if err != nil {
		w.Fatalf("open: %v", err)
	}
	w.store = store
	w.Cleanup(func() {
		if err := store.Close(); err != nil {
			w.Errorf("close: %v", err)
		}
	})
}

// home is the connection that most tests use.
const home = "home"

// question is an event of a one-to-one conversation on the home connection.
func question(person, id string) connectors.Event {
	return connectors.Event{
		ID:         id,
		Connection: home,
		Kind:       connectors.KindText,
		Chat:       connectors.Chat{ID: "chat of " + person},
		Sender:     connectors.Person{ID: person},
		Text:       "what about " + id + "?",
	}
}

// answered is the outcome of a turn that was answered.
func answered(l *conversation.Lease) conversation.Outcome {
	return conversation.Outcome{Turn: &conversation.Turn{Question: l.Event.Text, Answer: "answer to " + l.Event.ID}}
}

// accept has the store accept a fresh event.
func (w *world) accept(ev connectors.Event) {
	w.Helper()
	if fresh, err := w.store.Accept(w.Context(), ev); err != nil || !fresh {
		w.Fatalf("accept %q: fresh %t, err %v; want true, nil", ev.ID, fresh, err)
	}
}

// refuse has the store say that an event is not fresh.
func (w *world) refuse(ev connectors.Event) {
	w.Helper()
	if fresh, err := w.store.Accept(w.Context(), ev); err != nil || fresh {
		w.Fatalf("accept %q again: fresh %t, err %v; want false, nil", ev.ID, fresh, err)
	}
}

// take takes from the home connection.
func (w *world) take() *conversation.Lease {
	w.Helper()
	return w.takeFrom(home)
}

// takeFrom takes a conversation that is there or is to come.
func (w *world) takeFrom(connection string) *conversation.Lease {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	l, err := w.store.Take(ctx, connection)
	if err != nil {
		w.Fatalf("take from %q: %v", connection, err)
	}
	return l
}

// takeID takes from the home connection and insists on the event.
func (w *world) takeID(id string) *conversation.Lease {
	w.Helper()
	l := w.take()
	if l.Event.ID != id {
		w.Fatalf("took event %q, want %q", l.Event.ID, id)
	}
	return l
}

// nothing watches for d that there is nothing to take.
func (w *world) nothing(connection string, d time.Duration) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), d)
	defer cancel()
	l, err := w.store.Take(ctx, connection)
	if err == nil {
		w.Fatalf("took event %q, want nothing to take", l.Event.ID)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		w.Fatalf("take: %v, want %v", err, context.DeadlineExceeded)
	}
}

// pass lets d go by, in the store's presence.
func (w *world) pass(d time.Duration) {
	w.Helper()
	w.nothing("a connection without events", d)
}

// done ends a lease.
func (w *world) done(l *conversation.Lease, out conversation.Outcome) {
	w.Helper()
	if err := l.Done(w.Context(), out); err != nil {
		w.Fatalf("done with event %q: %v", l.Event.ID, err)
	}
}

// lost insists that the lease is over.
func (w *world) lost(l *conversation.Lease) {
	w.Helper()
	turn := conversation.Turn{Question: "late", Answer: "late"}
	for call, err := range map[string]error{
		"renew":   l.Renew(w.Context()),
		"note":    l.Note(w.Context(), []byte("late")),
		"done":    l.Done(w.Context(), conversation.Outcome{Turn: &turn}),
		"release": l.Release(w.Context(), time.Now().Add(time.Hour)),
	} {
		if !errors.Is(err, conversation.ErrLost) {
			w.Errorf("%s on a lease that is over: %v, want %v", call, err, conversation.ErrLost)
		}
	}
}

// waits insists on the number of events waiting.
func (w *world) waits(connection string, want int) {
	w.Helper()
	if n, err := w.store.Waiting(w.Context(), connection); err != nil || n != want {
		w.Fatalf("waiting on %q: %d, %v; want %d", connection, n, err, want)
	}
}

// answers is a history in one line, oldest first.
func answers(history []conversation.Turn) string {
	var all []string
	for _, turn := range history {
		all = append(all, turn.Answer)
	}
	return strings.Join(all, ", ")
}

// remembers insists on the history of a lease.
func (w *world) remembers(l *conversation.Lease, want ...string) {
	w.Helper()
	if got := answers(l.History); got != strings.Join(want, ", ") {
		w.Fatalf("history at event %q: [%s], want %v", l.Event.ID, got, want)
	}
}

// nth numbers ids and names.
func nth(name string, n int) string { return fmt.Sprintf("%s-%03d", name, n) }
