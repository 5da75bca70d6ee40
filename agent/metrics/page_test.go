package metrics

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/conversation"
)

// full is metrics of which each has a series.
func full(t *testing.T) *Metrics {
	t.Helper()
	m := newMetrics(t)
	m.Watch(everything(t))
	meter := m.Meter("sales", "dingtalk")
	meter.Acked(time.Second)
	meter.Called("create card", "ok", time.Second)
	meter.Down(nil)
	m.Turn(turn.Report{Event: connectors.Event{Connection: "sales"}, How: conversation.Answered, Asked: true, FirstWord: 1, Took: 1})
	m.Model().RequestEnded(model.Ended{Endpoint: "a", Model: "b", First: 1, Total: 1, Usage: &model.Usage{}})
	m.Model().FailedOver("a", "b", model.Busy)
	if err := m.Measure(openStore(t)).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// What is shown and what is on the page are the same, with type, labels and words.
func TestPage(t *testing.T) {
	m := full(t)
	families, err := m.page.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	page := m.Page()
	for _, family := range families {
		name := family.GetName()
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		shown[name] = true
		i := slices.IndexFunc(page, func(metric Metric) bool { return metric.Name == name })
		if i < 0 {
			t.Errorf("%s is shown, but not on the page", name)
			continue
		}
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		on := page[i]
		if kind := strings.ToLower(family.GetType().String()); kind != on.Type || family.GetHelp() != on.Help {
			t.Errorf("%s is shown as a %s: %s", name, kind, family.GetHelp())
		}
		if want := slices.Sorted(slices.Values(on.Labels)); !slices.Equal(labels, want) {
			t.Errorf("%s is shown with labels %v, want %v", name, labels, want)
		}
	}
	for _, metric := range page {
		if !shown[metric.Name] {
			t.Errorf("%s is on the page, but not shown", metric.Name)
		}
	}
}

// Names are as Prometheus' users expect them.
func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, metric := range newMetrics(t).Page() {
		name := metric.Name
		switch {
		case seen[name]:
			t.Errorf("%s is there twice", name)
		case !strings.HasPrefix(name, "longwire_"):
			t.Errorf("%s has not our prefix", name)
		case strings.HasSuffix(name, "_total") != (metric.Type == counter):
			t.Errorf("%s is a %s", name, metric.Type)
		case metric.Type == histogram && !strings.HasSuffix(name, "_seconds"):
			t.Errorf("%s has no unit", name)
		case !strings.HasSuffix(metric.Help, "."), strings.ContainsAny(metric.Help, "|\n"):
			t.Errorf("%s: %q is no sentence for the table", name, metric.Help)
		}
		seen[name] = true
	}
	if len(seen) < 40 {
		t.Errorf("only %d metrics", len(seen))
	}
}

func TestTable(t *testing.T) {
	m := newMetrics(t)
	lines := strings.Split(strings.TrimSpace(m.Table()), "\n")
	if len(lines) != 2+len(m.Page()) {
		t.Errorf("%d lines for %d metrics", len(lines), len(m.Page()))
	}
	want := "| `longwire_connection_up` | gauge | `connection` `platform` | 1 while the stream is up, else 0. Whether it is heard of is the age of its last frame. |"
	if !slices.Contains(lines, want) {
		t.Errorf("no line %q", want)
	}
	for _, line := range lines {
		if strings.Count(line, "|") != 5 {
			t.Errorf("%q has not four columns", line)
		}
	}
}

// Two programs in one process do not meet, and nothing is shown besides ours and
// Prometheus' own.
func TestHandler(t *testing.T) {
	one, two := newMetrics(t), newMetrics(t)
	one.Meter("sales", "feishu").Acked(time.Second)
	series := `longwire_ack_seconds_count{connection="sales",platform="feishu"}`
	scrape(t, one).expect(t, scraped{
		series: 1,
		`longwire_build_info{goversion="` + runtime.Version() + `",version="v1.2.3"}`: 1,
	})
	scrape(t, two).expect(t, scraped{series: absent})

	w := httptest.NewRecorder()
	one.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", kind)
	}
	for _, name := range []string{"process_resident_memory_bytes", "process_start_time_seconds", "go_goroutines"} {
		if !strings.Contains(w.Body.String(), "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}
