package storetest

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"longwire/conversation"
)

// BenchmarkAccept measures Accept, called by many at the same time, each for a
// conversation of its own.
func BenchmarkAccept(b *testing.B, open Open) {
	store := benchStore(b, open)
	var callers, events atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		person := strconv.FormatInt(callers.Add(1), 10)
		for pb.Next() {
			id := strconv.FormatInt(events.Add(1), 10)
			if _, err := store.Accept(context.Background(), question(person, id)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkCycle measures Accept, Take and Done of one event by one caller, in a
// conversation that has a full history.
func BenchmarkCycle(b *testing.B, open Open) {
	store := benchStore(b, open)
	for n := 0; b.Loop(); n++ {
		cycle(b, store, "ann", strconv.Itoa(n))
	}
}

// BenchmarkCycleParallel measures the same by many at the same time, who take
// what they get.
func BenchmarkCycleParallel(b *testing.B, open Open) {
	store := benchStore(b, open)
	var callers, events atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		person := strconv.FormatInt(callers.Add(1), 10)
		for pb.Next() {
			cycle(b, store, person, strconv.FormatInt(events.Add(1), 10))
		}
	})
}

func benchStore(b *testing.B, open Open) conversation.Store {
	store, err := open(conversation.Options{Lease: long, MaxWaiting: 1 << 30, MaxPerConversation: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

// cycle has one event go all the way.
func cycle(b *testing.B, store conversation.Store, person, id string) {
	if _, err := store.Accept(context.Background(), question(person, id)); err != nil {
		b.Fatal(err)
	}
	l, err := store.Take(context.Background(), home)
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Done(context.Background(), answered(l)); err != nil {
		b.Fatal(err)
	}
}
