package metrics

import "longwire/agent/model"

// Model is what model clients tell.
func (m *Metrics) Model() model.Observer { return observer{m} }

type observer struct{ m *Metrics }

// RequestEnded implements model.Observer.
func (o observer) RequestEnded(e model.Ended) {
	models := o.m.models
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
