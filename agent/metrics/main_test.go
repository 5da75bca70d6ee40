package metrics

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newMetrics(t *testing.T) *Metrics {
	t.Helper()
	m := New("v1.2.3", quiet)
	t.Cleanup(m.Close)
	return m
}

// scraped is what a scrape shows: the value of each series, by its name and labels as
// the page writes them.
type scraped map[string]float64

func scrape(t *testing.T, m *Metrics) scraped {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	all := make(scraped)
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[line[:at]] = value
	}
	return all
}

// expect checks series; a negative value is one that must not be there.
func (s scraped) expect(t *testing.T, want scraped) {
	t.Helper()
	for series, value := range want {
		got, there := s[series]
		switch {
		case value < 0 && there:
			t.Errorf("%s is there: %v", series, got)
		case value >= 0 && !there:
			t.Errorf("%s is missing", series)
		case value >= 0 && got != value:
			t.Errorf("%s is %v, want %v", series, got, value)
		}
	}
}

const absent = -1

// count is how many series of a metric there are.
func (s scraped) count(name string) (n int) {
	for series := range s {
		if strings.HasPrefix(series, name+"{") || series == name {
			n++
		}
	}
	return n
}
