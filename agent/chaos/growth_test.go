package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// series are so many samples, of which each is made from its number.
func series(n int, of func(i int64) sample) []samples {
	s := samples{name: "replica-1"}
	for i := range int64(n) {
		s.list = append(s.list, of(i))
	}
	return []samples{s}
}

func TestGrowth(t *testing.T) {
	flat := sample{goroutines: 100, threads: 20, files: 40, resident: 60 * mib, own: 40 * mib}
	rows := []struct {
		name string
		n    int
		of   func(i int64) sample
		want string
	}{
		{"flat", 100, func(int64) sample { return flat }, ""},
		{"noise", 100, func(i int64) sample { s := flat; s.goroutines += i % 7 * 5; return s }, ""},
		{"a peak", 100, func(i int64) sample {
			s := flat
			if i == 50 {
				s.files = 4000
			}
			return s
		}, ""},
		{"a warm-up", 100, func(i int64) sample {
			s := flat
			if i < 10 {
				s.goroutines, s.own = 5, mib
			}
			return s
		}, ""},
		{"goroutines leak", 100, func(i int64) sample { s := flat; s.goroutines += i; return s }, "goroutines of replica-1"},
		{"threads leak", 100, func(i int64) sample { s := flat; s.threads += i / 5; return s }, "threads of replica-1"},
		{"file descriptors leak", 100, func(i int64) sample { s := flat; s.files += i / 4; return s }, "file descriptors of replica-1"},
		{"memory leaks", 100, func(i int64) sample { s := flat; s.own += i * mib / 2; return s }, "memory of its own, MiB of replica-1"},
		{"mapped files grow", 100, func(i int64) sample { s := flat; s.resident += i * mib; return s }, ""},
		{"it does not say", 100, func(int64) sample { s := flat; s.goroutines = -1; return s }, ""},
		{"too few", fewestSamples - 1, func(int64) sample { return flat }, "samples of replica-1"},
	}
	for _, row := range rows {
		figures, _ := growthFigures(series(row.n, row.of))
		if got := overs(figures); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// The table has a line for each thing that the program lets be known.
func TestGrowthTable(t *testing.T) {
	_, detail := growthFigures(series(41, func(i int64) sample {
		return sample{goroutines: -1, threads: 10 + i, files: 5, resident: 3 * mib, own: 2 * mib}
	}))
	if len(detail.rows) != 1+len(wants)-1 {
		t.Fatalf("%v", detail.rows)
	}
	// 41 samples are 4 of warm-up and 37, of which nine are a quarter.
	if got := fmt.Sprint(detail.rows[1]); got != "[replica-1 threads 10 18 46 50 24]" {
		t.Errorf("%s", got)
	}
}

func TestSampleOfThisProcess(t *testing.T) {
	before, err := sampleOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	after, err := sampleOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.files != before.files+1 || after.threads < 1 || after.own < 1<<16 || after.resident < after.own {
		t.Errorf("%+v, and then %+v", before, after)
	}
}

func TestSampleParse(t *testing.T) {
	var s sample
	if err := s.parse("Name:\tlongwire\nVmRSS:\t    2048 kB\nRssAnon:\t    1024 kB\nThreads:\t12\n"); err != nil {
		t.Fatal(err)
	}
	if s != (sample{threads: 12, resident: 2 * mib, own: mib}) {
		t.Errorf("%+v", s)
	}
	for _, status := range []string{"", "Threads:\t12\n", "VmRSS:\t2 kB\nRssAnon:\tmany kB\nThreads:\t1\n", "VmRSS:\n"} {
		if err := new(sample).parse(status); err == nil {
			t.Errorf("%q: no error", status)
		}
	}
}

// The program's count of goroutines is read where it says one.
func TestSampleOfAReplica(t *testing.T) {
	said := `{"status":"healthy","process":{"goroutines":123}}`
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, said) }))
	defer page.Close()
	r, _ := newReplica(t, fmt.Sprintf(`echo '{"msg":"running","health":"%s/api/health"}'; while :; do sleep 0.02; done`, page.URL))
	if _, err := r.sample(t.Context()); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("of a process that is not there: %v", err)
	}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	awaitSaid(t, r, "health")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if s, err := r.sample(ctx); err != nil || s.goroutines != 123 || s.threads < 1 {
		t.Errorf("%+v, %v", s, err)
	}
	said = `{"status":"unhealthy"}` // and no word about it
	if s, err := r.sample(ctx); err != nil || s.goroutines != -1 {
		t.Errorf("%+v, %v", s, err)
	}
}
