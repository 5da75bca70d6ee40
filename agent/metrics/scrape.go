package metrics

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"longwire/conversation"
)

// Watch sets what is looked at from now on.
func (m *Metrics) Watch(s Sources) {
	for _, c := range s.Connections {
		for _, outcome := range outcomes {
			m.events.turns.WithLabelValues(c.Name, outcome)
		}
		for _, vec := range []*prometheus.CounterVec{m.events.taken, m.events.takenAgain, m.events.lost} {
			vec.WithLabelValues(c.Name)
		}
	}
	m.scraper.sources.Store(&s)
}

const (
	// askTime is how long the store has for all that it is asked during a scrape.
	askTime = 2 * time.Second
	// lookTime is how long a scrape waits for what may hang. What is bound by askTime
	// can say until then that it was late.
	lookTime = askTime + 500*time.Millisecond
)

// scraper looks at the sources whenever somebody scrapes.
type scraper struct {
	m       *Metrics
	sources atomic.Pointer[Sources] // nil: nothing to look at yet

	scraping sync.Mutex // held during a scrape: one after the other, so that none finds the looks of another under way
	looking  sync.WaitGroup

	store, health, spool, disks look
}

// Describe implements prometheus.Collector. It names nothing: what is there depends on
// the sources, and is checked at each scrape.
func (s *scraper) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *scraper) Collect(ch chan<- prometheus.Metric) {
	from := s.sources.Load()
	if from == nil {
		return
	}
	s.scraping.Lock()
	defer s.scraping.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	found := make(chan []prometheus.Metric, 4)
	under := s.look(&s.store, found, func() []prometheus.Metric { return s.askStore(ctx, from) }) +
		s.look(&s.health, found, func() []prometheus.Metric { return s.judge(ctx, from) }) +
		s.look(&s.spool, found, func() []prometheus.Metric { return s.askSpool(ctx, from) }) +
		s.look(&s.disks, found, func() []prometheus.Metric { return s.lookAtDisks(from) })
	send(ch, s.atOnce(from))
	for range under {
		select {
		case metrics := <-found:
			send(ch, metrics)
		case <-ctx.Done():
			return
		}
	}
}

func send(ch chan<- prometheus.Metric, metrics []prometheus.Metric) {
	for _, metric := range metrics {
		ch <- metric
	}
}

// look is something that may hang. It is looked at once at a time.
type look struct{ under atomic.Bool }

// look begins to look at something, and returns how many looks were begun: none while
// the last one has not ended.
func (s *scraper) look(l *look, found chan<- []prometheus.Metric, at func() []prometheus.Metric) int {
	if !l.under.CompareAndSwap(false, true) {
		return 0
	}
	s.looking.Go(func() {
		metrics := at()
		l.under.Store(false) // before it is found: the next scrape looks again
		found <- metrics
	})
	return 1
}

// askStore asks the store whether it would take an event, what waits and what is spent.
// It is up if it can all of that: from a full disk everything can be read. After its first
// failure to read it is not asked further.
func (s *scraper) askStore(ctx context.Context, from *Sources) (found []prometheus.Metric) {
	if from.Waiting == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	up := from.Takes == nil || takes(ctx, from)
	for _, c := range from.Connections {
		more, err := s.ask(ctx, from, c)
		if found = append(found, more...); err != nil {
			up = false
			break
		}
	}
	return append(found, s.m.store.up.is(yes(up)))
}

// takes asks whether the store would take an event, for half the time: what waits there is
// read after it.
func takes(ctx context.Context, from *Sources) bool {
	ctx, cancel := context.WithTimeout(ctx, askTime/2)
	defer cancel()
	return from.Takes(ctx) == nil
}

// ask asks the store about one connection.
func (s *scraper) ask(ctx context.Context, from *Sources, c Connection) (found []prometheus.Metric, err error) {
	waiting := 0
	for _, line := range []string{c.Name, conversation.LineAside(c.Name)} {
		n, err := from.Waiting.Waiting(ctx, line)
		if err != nil {
			return nil, err
		}
		waiting += n
	}
	found = append(found, s.m.events.waiting.is(float64(waiting), c.Name))
	calls, used, err := c.Link.Budget(ctx)
	if err != nil || calls <= 0 {
		return found, err
	}
	api := s.m.api
	return append(found,
		api.budget.is(float64(calls), c.Name, c.Platform),
		api.used.is(float64(used), c.Name, c.Platform),
		api.budgetLeft.is(float64(max(calls-used, 0)), c.Name, c.Platform),
	), nil
}

// judge asks how the program is as a whole. The store has half the time, since others are
// asked after it: where nothing answers, that is what is to be said.
func (s *scraper) judge(ctx context.Context, from *Sources) []prometheus.Metric {
	if from.Judge == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime/2)
	defer cancel()
	healthy, degraded := from.Judge(ctx)
	return []prometheus.Metric{s.m.process.healthy.is(yes(healthy)), s.m.process.degraded.is(yes(degraded))}
}

func (s *scraper) askSpool(ctx context.Context, from *Sources) []prometheus.Metric {
	if from.Spool == nil {
		return nil
	}
	n, err := from.Spool.Spooled(ctx)
	if err != nil {
		return nil
	}
	return []prometheus.Metric{s.m.store.spooled.is(float64(n))}
}

func (s *scraper) lookAtDisks(from *Sources) (found []prometheus.Metric) {
	for _, disk := range from.Disks {
		size, free, err := space(disk.Path)
		if err != nil {
			continue
		}
		found = append(found, s.m.process.diskSize.is(float64(size), disk.Name), s.m.process.diskFree.is(float64(free), disk.Name))
	}
	return found
}
