package storetest

import (
	"math"
	"sync"
	"time"

	"longwire/conversation"
)

// add adds to a count of the home connection and insists on the total.
func (w *world) add(name string, n int64, keep time.Duration, want int64) {
	w.Helper()
	if total, err := w.shelf().Add(w.Context(), home, name, n, keep); err != nil || total != want {
		w.Fatalf("add %d: total %d, %v; want %d", n, total, err, want)
	}
}

// count insists on what a count is.
func (w *world) count(name string, want int64) {
	w.Helper()
	w.add(name, 0, long, want)
}

// A count adds up, below 0 too, over a restart, to the largest number there is and
// not beyond it.
func testShelfCount(w *world) {
	w.start(conversation.Options{})
	w.count("n", 0)
	w.add("n", 5, long, 5)
	w.add("n", 2, long, 7)
	w.count("n", 7)
	w.add("n", -10, long, -3)
	w.add("n", 3, long, 0)
	w.add("n", -1, long, -1)
	w.start(conversation.Options{})
	w.count("n", -1)
	w.add("n", 11, long, 10)

	for _, row := range []struct {
		name string
		most int64
		more int64
	}{
		{"most", math.MaxInt64, 1}, {"least", math.MinInt64, -1},
	} {
		w.add(row.name, row.most-row.more, long, row.most-row.more)
		w.add(row.name, row.more, long, row.most)
		if total, err := w.shelf().Add(w.Context(), home, row.name, row.more, long); err == nil {
			w.Errorf("%d and %d is %d, want an error", row.most, row.more, total)
		}
		w.count(row.name, row.most)
	}
	w.add("for ever", 1, math.MaxInt64, 1)
	w.add("for ever", 1, 1, 2)
	w.pass(glance)
	w.count("for ever", 2)
}

// A count is forgotten when it says, which the Add that began it has said: not
// earlier, and not later for all that is added meanwhile, nor for a restart. To read
// it, that is to add 0, begins nothing.
func testShelfCountForgotten(w *world) {
	w.start(conversation.Options{})
	w.count("n", 0)
	began := time.Now()
	w.add("n", 1, brief, 1)
	w.add("stays", 1, long, 1)
	w.add("stays", 1, brief, 2)
	w.start(conversation.Options{})
	anew := false
	for want := int64(2); !anew; want++ {
		total, err := w.shelf().Add(w.Context(), home, "n", 1, long)
		anew = err == nil && total == 1 && want > 1
		if err != nil || total != want && !anew || time.Since(began) > patience {
			w.Fatalf("total %d, %v after %v; want %d, or 1 anew", total, err, time.Since(began), want)
		}
		w.pass(brief / 20)
	}
	if after := time.Since(began); after < brief-tick {
		w.Fatalf("count forgotten after %v, want %v", after, brief)
	}
	w.pass(brief)
	w.count("n", 1) // long is its keep now
	w.count("stays", 2)

	w.add("m", 1, long, 1) // it is at 0 in between, and is still the same count
	w.add("m", -1, brief, 0)
	w.add("m", 7, brief, 7)
	w.pass(brief + glance)
	w.count("m", 7)
}

// What many add at the same time is exact, and so is what each is told.
func testShelfCountAtTheSameTime(w *world) {
	w.start(conversation.Options{})
	countTogether([]*world{w})
}

// countTogether has 64 goroutines add, spread over the stores: ones, of which each
// total is told to one caller, and then what is worth nothing in the end.
func countTogether(worlds []*world) {
	first := worlds[0]
	const callers, each = 64, 5
	var mu sync.Mutex
	told := map[int64]bool{}
	var wg sync.WaitGroup
	for n := range callers {
		w := worlds[n%len(worlds)]
		wg.Go(func() {
			for range each {
				total, err := w.shelf().Add(w.Context(), home, "together", 1, long)
				mu.Lock()
				if err != nil || told[total] || total < 1 || total > callers*each {
					w.Errorf("total %d, %v; told before: %t", total, err, told[total])
				}
				told[total] = true
				mu.Unlock()
				for _, amount := range []int64{int64(n), -int64(n)} {
					if _, err := w.shelf().Add(w.Context(), home, "for nothing", amount, long); err != nil {
						w.Errorf("add: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, w := range worlds {
		w.count("together", callers*each)
		w.count("for nothing", 0)
	}
	if len(told) != callers*each {
		first.Fatalf("%d totals told, want %d", len(told), callers*each)
	}
}
