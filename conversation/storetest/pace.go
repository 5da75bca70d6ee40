package storetest

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"longwire/conversation"
)

// turn asks for a turn on the home connection, at a pace of one each long.
func (w *world) turn(name string, burst int, within time.Duration) (wait time.Duration, given bool) {
	w.Helper()
	wait, given, err := w.shelf().Pace(w.Context(), home, name, long, burst, within)
	if err != nil {
		w.Fatalf("pace: %v", err)
	}
	return wait, given
}

// gets insists on a turn that comes when want says, or a little earlier, since time
// has passed meanwhile.
func (w *world) gets(name string, burst int, within, want time.Duration) {
	w.Helper()
	if wait, given := w.turn(name, burst, within); !given || wait > want || wait < max(0, want-patience) {
		w.Fatalf("turn within %v: %v, given %t; want %v, true", within, wait, given, want)
	}
}

// tooLate insists on there being no turn, and on how much too late it was.
func (w *world) tooLate(name string, burst int, within, want time.Duration) {
	w.Helper()
	if wait, given := w.turn(name, burst, within); given || wait > want || wait <= want-patience {
		w.Fatalf("turn within %v: %v, given %t; want %v, false", within, wait, given, want)
	}
}

// A pace gives a burst, then one turn each period to those who can wait for it; a
// turn that is not given costs nothing and tells how much too late it was.
func testShelfPace(w *world) {
	w.start(conversation.Options{})
	for name, burst := range map[string]int{"one": 1, "five": 5, "none is one": 0, "fewer too": -3} {
		for range max(burst, 1) {
			w.gets(name, burst, 0, 0)
		}
		for range 10 {
			w.tooLate(name, burst, 0, long)
			w.tooLate(name, burst, long/2, long/2)
		}
		w.gets(name, burst, long, long)
		w.tooLate(name, burst, long, long)
		w.gets(name, burst, math.MaxInt64, 2*long)
		w.gets(name, burst, 3*long, 3*long)
		w.tooLate(name, burst, 0, 4*long)
	}
}

// A negative within leaves room for those who ask for more.
func testShelfPaceRoom(w *world) {
	w.start(conversation.Options{})
	const burst, room = 12, 10
	w.gets("p", burst, -room*long, 0)
	w.gets("p", burst, -room*long, 0)
	w.tooLate("p", burst, -room*long, long)
	for range room {
		w.gets("p", burst, 0, 0)
	}
	w.tooLate("p", burst, 0, long)
	w.tooLate("p", burst, -room*long, (room+1)*long)

	w.tooLate("q", burst, -burst*long, long) // more than there ever is
	if _, given := w.turn("q", burst, math.MinInt64); given {
		w.Fatal("a turn is given while infinitely many others have to be left")
	}
	for range burst {
		w.gets("q", burst, 0, 0)
	}
}

// After as long as a refusal says the turn is there, and not before; after a rest
// there is the burst again, and no more than that.
func testShelfPaceRest(w *world) {
	w.start(conversation.Options{})
	const period, burst = 100 * time.Millisecond, 3
	ask := func(name string, burst int) (time.Duration, bool) {
		w.Helper()
		wait, given, err := w.shelf().Pace(w.Context(), home, name, period, burst, 0)
		if err != nil {
			w.Fatalf("pace: %v", err)
		}
		return wait, given
	}
	began := time.Now()
	if _, given := ask("p", 1); !given {
		w.Fatal("the first turn is not given")
	}
	for turns := 1; turns < 4; {
		wait, given := ask("p", 1)
		if !given {
			w.pass(wait + tick)
			if _, given = ask("p", 1); !given {
				w.Fatalf("no turn after as long as it said, %v", wait)
			}
		}
		if after := time.Since(began); after < time.Duration(turns)*period-tick {
			w.Fatalf("turn %d after %v", turns, after)
		}
		turns++
	}
	// On a slow machine time goes by while it is looked at, and says nothing.
	for looked := time.Now(); time.Since(looked) < patience; {
		w.pass(burst*period + tick)
		before, turns := time.Now(), 0
		for range burst + 1 {
			if _, given := ask("q", burst); given {
				turns++
			}
		}
		if turns < burst {
			w.Fatalf("%d turns after a rest, want %d", turns, burst)
		}
		if time.Since(before) < period-tick {
			if turns > burst {
				w.Fatalf("%d turns after a rest, want %d", turns, burst)
			}
			return
		}
	}
}

// Without a period there is no pace to keep.
func testShelfPaceWithout(w *world) {
	w.start(conversation.Options{})
	for _, period := range []time.Duration{0, -time.Second, math.MinInt64} {
		for range 3 {
			wait, given, err := w.shelf().Pace(w.Context(), home, "p", period, 1, 0)
			if wait != 0 || !given || err != nil {
				w.Fatalf("period %v: %v, given %t, %v", period, wait, given, err)
			}
		}
	}
}

// As many turns are given at once as the burst has, however many ask.
func testShelfPaceAtTheSameTime(w *world) {
	w.start(conversation.Options{})
	paceTogether([]*world{w})
}

// paceTogether has 64 goroutines ask, spread over the stores.
func paceTogether(worlds []*world) {
	const callers, burst = 64, 10
	var turns atomic.Int32
	var wg sync.WaitGroup
	for n := range callers {
		w := worlds[n%len(worlds)]
		wg.Go(func() {
			_, given, err := w.shelf().Pace(w.Context(), home, "together", long, burst, 0)
			if err != nil {
				w.Errorf("pace: %v", err)
			}
			if given {
				turns.Add(1)
			}
		})
	}
	wg.Wait()
	if got := turns.Load(); got != burst {
		worlds[0].Fatalf("%d turns given at once, want %d", got, burst)
	}
	for n, w := range worlds { // those who wait are in one line
		want := time.Duration(n+1) * long
		w.tooLate("together", burst, 0, want)
		w.gets("together", burst, want, want)
	}
}
