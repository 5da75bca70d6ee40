package main

import (
	"testing"
	"time"
)

func TestParseBusy(t *testing.T) {
	got, err := parseBusy("cpu  1 2 4 1000 2000 8 16 32 64 128\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if want := 630 * time.Millisecond; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7 x"} {
		if got, err := parseBusy(text); err == nil {
			t.Errorf("%q: %s, want an error", text, got)
		}
	}
}

func FuzzParseBusy(f *testing.F) {
	f.Add("cpu  1 2 4 1000 2000 8 16 32 64 128\n")
	f.Add("cpu 4294967295 4294967295 4294967295 0 0 4294967295 4294967295 4294967295")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parseBusy(text); got < 0 || err != nil && got != 0 {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func TestOthers(t *testing.T) {
	earlier := busy{at: at(0), all: time.Second, ours: 0}
	for _, row := range []struct {
		all, ours time.Duration
		want      float64
	}{
		{7 * time.Second, 2 * time.Second, 2},         // 6 s in 2 s, of which 2 s are ours
		{3 * time.Second, 2 * time.Second, 0},         // nothing else
		{3 * time.Second, 2100 * time.Millisecond, 0}, // two clocks that differ a little
	} {
		if got := (busy{at: at(2000), all: row.all, ours: row.ours}).others(earlier); got != row.want {
			t.Errorf("%+v: %g", row, got)
		}
	}
}
