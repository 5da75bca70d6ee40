package metrics

import (
	"sync"

	"longwire/agent/model"
)

// Model is what model clients tell.
func (m *Metrics) Model() model.Observer { return observer{m} }

type observer struct{ m *Metrics }

// RequestEnded implements model.Observer.
func (o observer) RequestEnded(e model.Ended) {
	models := o.m.models
	o.m.rows.ended(e)
	outcome := string(e.Kind)
	if outcome == "" {
		outcome = "ok"
	}
	models.requests.WithLabelValues(e.Endpoint, e.Model, outcome).Inc()
	models.seconds.WithLabelValues(e.Endpoint, e.Model).Observe(e.Total.Seconds())
	if e.First > 0 {
		models.first.WithLabelValues(e.Endpoint, e.Model).Observe(e.First.Seconds())
	}
	if u := e.Usage; u != nil {
		models.tokens.WithLabelValues(e.Endpoint, e.Model, "prompt").Add(counted(u.Prompt))
		models.tokens.WithLabelValues(e.Endpoint, e.Model, "answer").Add(counted(u.Answer))
		models.cached.WithLabelValues(e.Endpoint, e.Model).Add(counted(u.Cached))
		models.reasoning.WithLabelValues(e.Endpoint, e.Model).Add(counted(u.Reasoning))
	}
}

// counted is an endpoint's count as a counter takes it, which panics below 0.
func counted(n int) float64 { return float64(max(n, 0)) }

// FailedOver implements model.Observer.
func (o observer) FailedOver(from, to string, because model.Kind) {
	o.m.models.failovers.WithLabelValues(from, to, string(because)).Inc()
}

// place is one model at one endpoint.
type place struct{ endpoint, model string }

// rows count the failures in a row of each place. A breaker forgets them after each rest,
// and a key that is refused is none of its; here they stay until the next answer.
type rows struct {
	mu    sync.Mutex
	count map[place]int // guarded by mu
}

// failuresToDoubt is how many failures in a row make an endpoint one that does not answer.
const failuresToDoubt = 3

// ended counts a request that has ended.
func (r *rows) ended(e model.Ended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{e.Endpoint, e.Model}
	switch e.Kind {
	case "", model.Length:
		delete(r.count, at)
	case model.Stopped, model.Filtered, model.TooLong, model.Empty: // which say nothing of the endpoint
	default:
		if r.count == nil {
			r.count = make(map[place]int)
		}
		r.count[at]++
	}
}

func (r *rows) of(e model.EndpointState) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[place{e.Endpoint, e.Model}]
}

// answers reports whether a model has an endpoint that may be asked and will probably
// answer.
func (r *rows) answers(m Model) bool {
	for _, e := range m.Endpoints {
		if !e.Open && r.of(e) < failuresToDoubt && (e.Keys == 0 || e.KeysResting < e.Keys) {
			return true
		}
	}
	return len(m.Endpoints) == 0
}
