// Package metrics says in numbers how the program does, at /metrics, in Prometheus'
// words.
//
// Where the numbers come from:
//
//	Meter    a connector tells of acks, calls of the platform and ends of streams (meter.go)
//	Measure  a store is asked through us, so what it takes and how turns end is seen (store.go)
//	Turn     each answered turn, as turn.Report has it (turn.go)
//	Model    each request to a model's endpoint (model.go)
//	Watch    what is only looked at when somebody scrapes: streams, counts, what waits,
//	         budgets, breakers, tool servers, disks (scrape.go)
//
// Every name is on one page, names.go: it makes the metrics, and what is made there is
// all there is. Table prints it for the README.
//
// What it promises:
//
//   - Telling costs little and never waits: no call here asks a store or the network.
//   - A scrape ends within three seconds, whatever the store does. What could not be
//     learned in time is left out; nothing old is shown in its place.
//   - The number of series is bounded. Labels are names of the configuration and words
//     of the code. What a platform answers is a label too, but after 50 codes of one
//     call the next one is "other". Ids of people, chats and messages never are.
//   - A counter is there before it moves, for the ends of turns and the failures that
//     the alerts in deploy/prometheus ask for.
//
// It has a registry of its own, so two programs in one process do not meet.
//
// Goroutines: during a scrape one each for the store, the program's health, the spool and
// the disks. One that hangs is not started again before it has ended, and Close waits for it.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's metrics. All methods may be called at the same time.
type Metrics struct {
	page    *page
	links   links
	events  events
	api     api
	models  models
	tools   tools
	store   store
	process process

	codes   bounds // of the platforms' answers, by platform and call; meter.go
	rows    rows   // of failures, by endpoint; model.go
	scraper *scraper
	log     *slog.Logger
}

// New makes the metrics of a program of this version.
func New(version string, log *slog.Logger) *Metrics {
	m := &Metrics{page: &page{registry: prometheus.NewRegistry()}, log: log}
	m.links = m.page.links()
	m.events = m.page.events()
	m.api = m.page.api()
	m.models = m.page.models()
	m.tools = m.page.tools()
	m.store = m.page.store()
	m.process = m.page.process()

	m.process.build.WithLabelValues(version, runtime.Version()).Set(1)
	for _, call := range storeCalls {
		m.store.errors.WithLabelValues(call)
	}
	m.scraper = &scraper{m: m}
	m.page.registry.MustRegister(m.scraper, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// maxScrapes is how many may scrape at the same time. They take turns, so the last of
// them waits three times as long as the first.
const maxScrapes = 3

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.page.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// Close returns when nothing is looked at any more. It is called once no scrape begins.
func (m *Metrics) Close() { m.scraper.looking.Wait() }
