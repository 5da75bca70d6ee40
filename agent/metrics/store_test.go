package metrics

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
	"longwire/conversation/storetest"
)

// A store that is measured keeps its contract.
func TestMeasuredStoreKeepsItsContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		file := filepath.Join(t.TempDir(), "store.db")
		return func(opts conversation.Options) (conversation.Store, error) {
			store, err := boltstore.Open(file, opts)
			if err != nil {
				return nil, err
			}
			return New("", quiet).Measure(store), nil
		}
	})
}

func openStore(t *testing.T) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "store.db"), conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func accept(t *testing.T, store conversation.Store, id string) {
	t.Helper()
	now := time.Now()
	ev := connectors.Event{ID: id, Connection: "sales", Chat: connectors.Chat{ID: "c"}, Sender: connectors.Person{ID: "p-" + id}, Kind: connectors.KindText, Text: "hi", Sent: now, Received: now}
	if _, err := store.Accept(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, store conversation.Store) *conversation.Lease {
	t.Helper()
	lease, err := store.Take(t.Context(), "sales")
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// Every end of a turn is counted, once, whatever is called on the lease afterwards.
func TestMeasureCountsTheEndsOfTurns(t *testing.T) {
	m := newMetrics(t)
	m.Watch(Sources{Connections: []Connection{{Name: "sales", Platform: "dingtalk", Link: idle{}}}})
	store := m.Measure(openStore(t))
	ends := []conversation.How{"", conversation.Failed, conversation.Skipped, conversation.Dead}
	for i, how := range ends {
		accept(t, store, fmt.Sprint(i))
		lease := take(t, store)
		if err := errors.Join(lease.Renew(t.Context()), lease.Note(t.Context(), []byte("{}"))); err != nil {
			t.Fatal(err)
		}
		if err := lease.Done(t.Context(), conversation.Outcome{How: how}); err != nil {
			t.Fatal(err)
		}
		if err := lease.Done(t.Context(), conversation.Outcome{}); !errors.Is(err, conversation.ErrLost) {
			t.Fatalf("done twice: %v", err)
		}
	}
	accept(t, store, "again")
	if err := take(t, store).Release(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if lease := take(t, store); lease.Attempt != 2 {
		t.Fatalf("attempt %d", lease.Attempt)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}

	want := scraped{
		`longwire_turns_total{connection="sales",outcome="released"}`: 1,
		`longwire_leases_taken_total{connection="sales"}`:             6,
		`longwire_leases_taken_again_total{connection="sales"}`:       1,
		`longwire_leases_lost_total{connection="sales"}`:              0,
		`longwire_store_call_seconds_count{call="accept"}`:            5,
		`longwire_store_call_seconds_count{call="done"}`:              8,
		`longwire_store_call_seconds_count{call="renew"}`:             4,
		`longwire_store_call_seconds_count{call="note"}`:              4,
		`longwire_store_call_seconds_count{call="release"}`:           1,
		`longwire_store_call_seconds_count{call="ping"}`:              1,
	}
	for _, how := range []string{"answered", "failed", "skipped", "dead"} {
		want[`longwire_turns_total{connection="sales",outcome="`+how+`"}`] = 1
	}
	for _, call := range storeCalls {
		want[`longwire_store_errors_total{call="`+call+`"}`] = 0
	}
	scrape(t, m).expect(t, want)
}

// failing is a store whose calls end as they are told to.
type failing struct {
	Store
	err error
}

func (f *failing) Accept(context.Context, connectors.Event) (bool, error) { return false, f.err }
func (f *failing) Ping(context.Context) error                             { return f.err }
func (f *failing) Take(context.Context, string) (*conversation.Lease, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &conversation.Lease{Event: connectors.Event{Connection: "sales"}, Attempt: 1, Holder: lost{f}}, nil
}

type lost struct{ f *failing }

func (l lost) Renew(context.Context) error                      { return l.f.err }
func (l lost) Note(context.Context, []byte) error               { return l.f.err }
func (l lost) Done(context.Context, conversation.Outcome) error { return l.f.err }
func (l lost) Release(context.Context, time.Time) error         { return l.f.err }

// What a store says on purpose is no failure of it.
func TestMeasureTellsFailuresFromAnswers(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name   string
		ctx    context.Context
		err    error
		failed float64
	}{
		{"well", t.Context(), nil, 0},
		{"away", t.Context(), errors.New("connection refused"), 1},
		{"late", t.Context(), fmt.Errorf("accept: %w", context.DeadlineExceeded), 1},
		{"full", t.Context(), fmt.Errorf("accept: %w", conversation.ErrFull), 0},
		{"we stop", canceled, context.Canceled, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMetrics(t)
			store := m.Measure(&failing{err: row.err})
			_, _ = store.Accept(row.ctx, connectors.Event{})
			_, _ = store.Take(row.ctx, "sales")
			_ = store.Ping(row.ctx)
			scrape(t, m).expect(t, scraped{
				`longwire_store_errors_total{call="accept"}`: row.failed,
				`longwire_store_errors_total{call="take"}`:   row.failed,
				`longwire_store_errors_total{call="ping"}`:   row.failed,
			})
		})
	}
}

// A lease is lost once, and an interruption is none.
func TestMeasureCountsLostLeases(t *testing.T) {
	m := newMetrics(t)
	f := &failing{}
	store := m.Measure(f)
	lease := take(t, store)
	f.err = conversation.ErrInterrupted
	_ = lease.Renew(t.Context())
	f.err = errors.New("away")
	_ = lease.Note(t.Context(), nil)
	_ = lease.Done(t.Context(), conversation.Outcome{})
	f.err = conversation.ErrLost
	_ = lease.Renew(t.Context())
	_ = lease.Done(t.Context(), conversation.Outcome{})
	_ = lease.Release(t.Context(), time.Time{})
	scrape(t, m).expect(t, scraped{
		`longwire_leases_lost_total{connection="sales"}`:              1,
		`longwire_turns_total{connection="sales",outcome="answered"}`: absent,
		`longwire_turns_total{connection="sales",outcome="released"}`: absent,
		`longwire_store_errors_total{call="renew"}`:                   0,
		`longwire_store_errors_total{call="note"}`:                    1,
		`longwire_store_errors_total{call="done"}`:                    1,
	})
}
