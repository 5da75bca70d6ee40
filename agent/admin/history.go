package admin

import (
	"context"
	"math"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Turn is how a turn went, as Report takes it.
type Turn struct {
	Connection string
	Trace      string // of the event
	How        conversation.How
	Reason     string        // where How is not Answered
	Waited     time.Duration // from the event's arrival to the turn
	FirstWord  time.Duration // from the turn to the first visible word; 0 for none
	Took       time.Duration // the whole turn
}

// Report notes how a turn went, for the charts and the list of troubles.
func (s *Server) Report(t Turn) {
	now := time.Now()
	s.history.add(t, now)
	s.note(t, now)
}

// Course is the last hour of a connection, or of all, a minute in each element, the
// oldest first. The last minute is not over yet.
type Course struct {
	Connection string      `json:"connection"` // "" is all of them
	Answered   []int       `json:"answered"`
	Failed     []int       `json:"failed"` // dead letters included
	Skipped    []int       `json:"skipped"`
	Waiting    []*int      `json:"waiting"` // the most at one time; null where nobody could count
	FirstWord  Percentiles `json:"first_word"`
	Took       Percentiles `json:"took"`
	Hour       Hour        `json:"hour"`
}

// Percentiles are durations in milliseconds, 0 where nothing was measured.
type Percentiles struct {
	P50 []int64 `json:"p50"`
	P95 []int64 `json:"p95"`
	P99 []int64 `json:"p99"`
}

// Hour is the same hour as one.
type Hour struct {
	Answered  int      `json:"answered"`
	Failed    int      `json:"failed"`
	Skipped   int      `json:"skipped"`
	FirstWord [3]int64 `json:"first_word"` // p50, p95, p99
	Took      [3]int64 `json:"took"`
}

const (
	minutes     = 60
	sampleEvery = 5 * time.Second
)

// history is what the charts show. It takes 33 KiB for each connection, whatever
// happens.
type history struct {
	mu      sync.Mutex
	courses map[string]*[minutes]minute // of the connections that there are; guarded by mu
	counts  map[string]count            // of what waits on them; guarded by mu
}

// count is what waited at a time.
type count struct {
	n  int
	at time.Time
}

// fresh is how long a count is what waits now.
const fresh = 3 * sampleEvery

// minute is one of them. It belongs to the hour while its number says so.
type minute struct {
	number                    int64 // minutes since 1970
	answered, failed, skipped uint32
	waiting                   int32 // the most at one time
	counted                   bool  // somebody could count
	first, took               histogram
}

// keep makes room for these connections and no others.
func (h *history) keep(connections []Connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, counts := make(map[string]*[minutes]minute, len(connections)), make(map[string]count)
	for _, c := range connections {
		if known, ok := h.counts[c.Name]; ok {
			counts[c.Name] = known
		}
		if kept[c.Name] = h.courses[c.Name]; kept[c.Name] == nil {
			kept[c.Name] = new([minutes]minute)
		}
	}
	h.courses, h.counts = kept, counts
}

// at is the minute of now, nil for a connection that is not known. The caller holds mu.
func (h *history) at(connection string, now time.Time) *minute {
	course, number := h.courses[connection], now.Unix()/60
	if course == nil {
		return nil
	}
	m := &course[number%minutes]
	if m.number != number {
		*m = minute{number: number}
	}
	return m
}

// add counts a turn.
func (h *history) add(t Turn, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.at(t.Connection, now)
	if m == nil {
		return
	}
	switch t.How {
	case conversation.Skipped:
		m.skipped++
		return
	case conversation.Failed, conversation.Dead:
		m.failed++
	default:
		m.answered++
	}
	m.first.add(t.FirstWord)
	m.took.add(t.Took)
}

// wait notes how many events wait.
func (h *history) wait(connection string, n int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.at(connection, now); m != nil {
		m.waiting, m.counted = max(m.waiting, int32(min(n, math.MaxInt32))), true
		h.counts[connection] = count{n, now}
	}
}

// lost notes that nobody could count what waits.
func (h *history) lost(connection string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.counts, connection)
}

// waiting is what waits on all connections together; nil: nobody knows.
func (h *history) waiting(now time.Time) *int {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := 0
	for name := range h.courses {
		c, ok := h.counts[name]
		if !ok || now.Sub(c.at) > fresh {
			return nil
		}
		sum += c.n
	}
	return &sum
}

// hour is the last hour of a connection, or of all of them ("").
func (h *history) hour(connection string, now time.Time) Course {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := Course{Connection: connection}
	var all minute
	for number := now.Unix()/60 - minutes + 1; number <= now.Unix()/60; number++ {
		var sum minute
		for name, course := range h.courses {
			if m := &course[number%minutes]; m.number == number && (connection == "" || connection == name) {
				sum.join(m)
			}
		}
		c.Answered = append(c.Answered, int(sum.answered))
		c.Failed = append(c.Failed, int(sum.failed))
		c.Skipped = append(c.Skipped, int(sum.skipped))
		var waiting *int
		if sum.counted {
			waiting = new(int(sum.waiting))
		}
		c.Waiting = append(c.Waiting, waiting)
		c.FirstWord.add(sum.first.percentiles())
		c.Took.add(sum.took.percentiles())
		all.join(&sum)
	}
	c.Hour = Hour{int(all.answered), int(all.failed), int(all.skipped), all.first.percentiles(), all.took.percentiles()}
	return c
}

func (p *Percentiles) add(three [3]int64) {
	p.P50, p.P95, p.P99 = append(p.P50, three[0]), append(p.P95, three[1]), append(p.P99, three[2])
}

func (m *minute) join(other *minute) {
	m.answered += other.answered
	m.failed += other.failed
	m.skipped += other.skipped
	m.waiting += other.waiting
	m.counted = m.counted || other.counted
	for i := range m.first {
		m.first[i] += other.first[i]
		m.took[i] += other.took[i]
	}
}

// histogram counts durations from 10 ms to 11 min, four bins to each doubling, so a
// percentile is right within a tenth. What is longer is in the last bin.
type histogram [bins]uint32

const (
	bins      = 64
	shortest  = 10 * time.Millisecond
	perDouble = 4
)

// add counts a duration; none is not counted.
func (h *histogram) add(d time.Duration) {
	if d <= 0 {
		return
	}
	bin := math.Floor(perDouble * math.Log2(float64(d)/float64(shortest)))
	h[int(min(max(bin, 0), bins-1))]++
}

// percentiles are p50, p95 and p99 in milliseconds: the middle of the bin in which
// each is.
func (h *histogram) percentiles() (three [3]int64) {
	var total uint64
	for _, n := range h {
		total += uint64(n)
	}
	if total == 0 {
		return three
	}
	for i, share := range []float64{0.50, 0.95, 0.99} {
		rank, below := uint64(math.Ceil(share*float64(total))), uint64(0)
		for bin, n := range h {
			if below += uint64(n); below >= rank {
				three[i] = int64(float64(shortest.Milliseconds()) * math.Exp2((float64(bin)+0.5)/perDouble))
				break
			}
		}
	}
	return three
}

// sample counts what waits, until ctx ends.
func (s *Server) sample(ctx context.Context) {
	for {
		config := s.now()
		for _, c := range config.Connections {
			if n, err := s.waiting(ctx, config, c.Name); err == nil {
				s.history.wait(c.Name, n, time.Now())
			} else {
				s.history.lost(c.Name)
			}
		}
		if !connectors.Sleep(ctx, sampleEvery) {
			return
		}
	}
}

// waiting counts the events of a connection that are not done, in both of its lines.
func (s *Server) waiting(ctx context.Context, config *Config, connection string) (sum int, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for _, line := range linesOf(connection) {
		n, err := config.Store.Waiting(ctx, line)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// linesOf are the two lines of a connection (conversation.LineOf).
func linesOf(connection string) []string {
	return []string{connection, conversation.LineAside(connection)}
}
