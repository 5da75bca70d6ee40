package metrics

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is one metric that the program has.
type Metric struct {
	Name   string
	Type   string // "counter", "gauge" or "histogram"
	Labels []string
	Help   string
}

// The types of a Metric.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// page makes metrics, and remembers which.
type page struct {
	registry *prometheus.Registry
	metrics  []Metric
}

func (p *page) note(kind, name, help string, labels []string) {
	p.metrics = append(p.metrics, Metric{Name: name, Type: kind, Labels: labels, Help: help})
}

// counter is a metric that is counted up as things happen.
func (p *page) counter(name, help string, labels ...string) *prometheus.CounterVec {
	p.note(counter, name, help, labels)
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	p.registry.MustRegister(vec)
	return vec
}

// histogram is a metric that is observed as things happen.
func (p *page) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	p.note(histogram, name, help, labels)
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	p.registry.MustRegister(vec)
	return vec
}

// set is a gauge that keeps its value.
func (p *page) set(name, help string, labels ...string) *prometheus.GaugeVec {
	p.note(gauge, name, help, labels)
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	p.registry.MustRegister(vec)
	return vec
}

// gauge and count are metrics that are read at each scrape.
func (p *page) gauge(name, help string, labels ...string) reading {
	p.note(gauge, name, help, labels)
	return reading{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func (p *page) count(name, help string, labels ...string) reading {
	p.note(counter, name, help, labels)
	return reading{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

// reading makes the series of one metric that is read at each scrape.
type reading struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func (r reading) is(value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(r.desc, r.kind, value, labels...)
}

// yes is 1 for true.
func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Page is every metric of ours, in the order of names.go.
func (m *Metrics) Page() []Metric { return slices.Clone(m.page.metrics) }

// Table is the page as the README shows it, in Markdown.
func (m *Metrics) Table() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n")
	for _, metric := range m.page.metrics {
		labels := "–"
		if len(metric.Labels) > 0 {
			labels = "`" + strings.Join(metric.Labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", metric.Name, metric.Type, labels, metric.Help)
	}
	return b.String()
}
