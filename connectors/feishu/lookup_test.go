package feishu

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// oracle answers lookups.
type oracle struct {
	answer string
	err    error
	asked  int
}

func (o *oracle) ask(context.Context, string) (string, error) {
	o.asked++
	return o.answer, o.err
}

// expect looks id up, for which the platform is to have been asked so often by then.
func (o *oracle) expect(t *testing.T, l *lookup[string], id, want string, asked int) {
	t.Helper()
	if got := l.of(t.Context(), id); got != want || o.asked != asked {
		t.Errorf("%q, asked %d times; want %q, %d times", got, o.asked, want, asked)
	}
}

// What is known is good for a day, and what nobody told is not asked for at once again.
func TestLookupKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retry = 10 * time.Minute
		o := &oracle{answer: "Ann"}
		l := newLookup(retry, o.ask)
		o.expect(t, l, "1", "Ann", 1)
		o.answer = "Anna"
		time.Sleep(lookupKeep - time.Nanosecond)
		o.expect(t, l, "1", "Ann", 1)
		time.Sleep(time.Nanosecond)
		o.expect(t, l, "1", "Anna", 2)

		o.answer, o.err = "not an answer", errors.New("trouble")
		o.expect(t, l, "2", "", 3)
		time.Sleep(retry - time.Nanosecond)
		o.expect(t, l, "2", "", 3)
		time.Sleep(time.Nanosecond)
		o.expect(t, l, "2", "", 4)

		time.Sleep(lookupKeep)
		o.expect(t, l, "1", "Anna", 5) // an old answer is better than none
		time.Sleep(retry - time.Nanosecond)
		o.expect(t, l, "1", "Anna", 5)
		time.Sleep(time.Nanosecond)
		o.answer, o.err = "Annie", nil
		o.expect(t, l, "1", "Annie", 6)
	})
}

// Who has to know tells nothing from nobody's answer, and that is said for as long as
// nobody is asked again. Once told, an old answer is one.
func TestLookupSaysThatNobodyTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trouble := errors.New("trouble")
		o := &oracle{answer: "not an answer", err: trouble}
		l := newLookup(time.Minute, o.ask)
		expect := func(want string, wantErr error, asked int) {
			t.Helper()
			if got, err := l.told(t.Context(), "1"); got != want || !errors.Is(err, wantErr) || o.asked != asked {
				t.Errorf("%q, %v, asked %d times; want %q, %v, %d times", got, err, o.asked, want, wantErr, asked)
			}
		}
		expect("", trouble, 1)
		o.answer, o.err = "", nil
		expect("", trouble, 1)
		time.Sleep(time.Minute)
		expect("", nil, 2) // that there is nothing is an answer, too
		o.err = trouble
		time.Sleep(lookupKeep)
		expect("", nil, 3)
		expect("", nil, 3)
		time.Sleep(time.Minute)
		expect("", nil, 4)
	})
}

// A platform that does not answer is waited for so long and no longer.
func TestLookupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		l := newLookup(time.Minute, func(ctx context.Context, _ string) (string, error) {
			asked++
			<-ctx.Done()
			return "", ctx.Err()
		})
		began := time.Now()
		for range 3 {
			if got := l.of(t.Context(), "1"); got != "" {
				t.Errorf("%q", got)
			}
		}
		if took := time.Since(began); took != lookupTime || asked != 1 {
			t.Errorf("took %v, asked %d times", took, asked)
		}
	})
}

// Nothing is learned from an answer that nobody waited for.
func TestLookupForNobody(t *testing.T) {
	o := &oracle{err: context.Canceled}
	l := newLookup(time.Hour, o.ask)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := l.of(gone, "1"); got != "" {
		t.Errorf("%q", got)
	}
	o.answer, o.err = "Ann", nil
	o.expect(t, l, "1", "Ann", 2)
}

// However many there are, so many are kept, and those that are known stay when one of
// them is asked for again.
func TestLookupForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{answer: "x"}
		l := newLookup(time.Hour, o.ask)
		for n := range maxKnown {
			l.of(t.Context(), strconv.Itoa(n))
		}
		o.expect(t, l, "0", "x", maxKnown)
		time.Sleep(lookupKeep)
		o.expect(t, l, "0", "x", maxKnown+1)
		if len(l.known) != maxKnown {
			t.Errorf("%d are known", len(l.known))
		}
		for n := range 3 * maxKnown {
			l.of(t.Context(), "more "+strconv.Itoa(n))
			if len(l.known) > maxKnown {
				t.Fatalf("%d are known", len(l.known))
			}
		}
	})
}
