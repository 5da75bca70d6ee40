package connectors

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// attempts calls Retry with errs, one for each try and the last for all further
// ones, and returns when each try was made.
func attempts(t *testing.T, ctx context.Context, tries int, errs ...error) ([]time.Duration, error) {
	t.Helper()
	began := time.Now()
	var at []time.Duration
	err := Retry(ctx, tries, func() error {
		at = append(at, time.Since(began))
		return errs[min(len(at), len(errs))-1]
	})
	return at, err
}

func TestRetryStops(t *testing.T) {
	away := errors.New("away")
	fatal := &Error{Op: "send", Fatal: true}
	rows := []struct {
		name  string
		tries int
		errs  []error
		calls int
		want  error
	}{
		{"at once", 4, []error{nil}, 1, nil},
		{"after a while", 4, []error{away, away, nil}, 3, nil},
		{"when it has tried enough", 4, []error{away}, 4, away},
		{"after one try", 1, []error{away}, 1, away},
		{"when nothing helps", 4, []error{away, fatal}, 2, fatal},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			at, err := attempts(t, t.Context(), row.tries, row.errs...)
			if len(at) != row.calls || !errors.Is(err, row.want) {
				t.Errorf("%s: %d calls, %v; want %d, %v", row.name, len(at), err, row.calls, row.want)
			}
		})
	}
}

func TestRetryWaitsLongerEachTime(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			at, _ := attempts(t, t.Context(), 10, errors.New("away"))
			wait := 500 * time.Millisecond
			for i := 1; i < len(at); i++ {
				if pause := at[i] - at[i-1]; pause < wait/2 || pause > wait {
					t.Errorf("pause %d is %s, not within half of %s", i, pause, wait)
				}
				wait = min(2*wait, 30*time.Second)
			}
		})
	}
}

func TestRetryWaitsAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &Error{Op: "send", RetryAfter: 7 * time.Second}
		at, err := attempts(t, t.Context(), 100, slow) // so often that doubling alone would overflow
		if len(at) != 100 || !errors.Is(err, slow) {
			t.Fatalf("%d calls, %v", len(at), err)
		}
		for i, when := range at {
			if want := time.Duration(i) * 7 * time.Second; when != want {
				t.Fatalf("call %d at %s, want %s", i, when, want)
			}
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &Error{Op: "send", RetryAfter: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		at, err := attempts(t, ctx, 4, away)
		if len(at) != 1 || !errors.Is(err, away) || time.Since(began) != time.Minute {
			t.Errorf("%d calls, %v after %s", len(at), err, time.Since(began))
		}
		began = time.Now()
		at, err = attempts(t, ctx, 4, away)
		if len(at) != 1 || !errors.Is(err, away) || time.Since(began) != 0 {
			t.Errorf("ended before: %d calls, %v after %s", len(at), err, time.Since(began))
		}
	})
}
