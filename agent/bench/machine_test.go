package main

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"42 (longwire) S 1 42 42 0 -1 4194560 2500 0 0 0 123 45 0 0 20 0 9 0 100 0 0": 1680 * time.Millisecond,
		"42 (a) b (c) R 1 42 42 0 -1 4194560 2500 0 0 0 1 0 0 0":                      10 * time.Millisecond,
	} {
		if got, err := parseStat([]byte(line)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", line, got, err, want)
		}
	}
	for _, line := range []string{"", "42 (longwire) S 1 2 3", "1 (x) S 1 1 1 1 1 1 1 1 1 1 a 1 1", "1 (x) S 1 1 1 1 1 1 1 1 1 1 1 a 1"} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: %s, want an error", line, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	if got, err := parseStatus([]byte("Name:\tx\nVmPeak:\t  99 kB\nVmRSS:\t   13312 kB\nRssAnon:\t 1 kB\n")); err != nil || got != 13<<20 {
		t.Errorf("%d, %v", got, err)
	}
	for _, text := range []string{"", "Name: x\n", "VmRSS: many kB\n"} {
		if got, err := parseStatus([]byte(text)); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b (c) R 1 42 42 0 -1 4194560 2500 0 0 0 1 0 0 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := parseStat(raw); got < 0 || err != nil && got != 0 {
			t.Errorf("%s, %v", got, err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("VmRSS:\t   13312 kB\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := parseStatus(raw); got < 0 || err != nil && got != 0 {
			t.Errorf("%d, %v", got, err)
		}
	})
}
