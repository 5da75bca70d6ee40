package metrics

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"longwire/agent/model"
	"longwire/connectors"
)

// atOnce is what needs no waiting.
func (s *scraper) atOnce(from *Sources) (found []prometheus.Metric) {
	now := time.Now()
	for _, c := range from.Connections {
		found = append(found, s.m.linkOf(c, now)...)
		found = append(found, s.m.eventsOf(c)...)
	}
	if from.Models != nil {
		found = append(found, s.m.modelsOf(from.Models())...)
	}
	if from.Tools != nil {
		for _, t := range from.Tools() {
			found = append(found, s.m.tools.up.is(yes(t.Up), t.Name), s.m.tools.restarts.is(float64(t.Restarts), t.Name), s.m.tools.count.is(float64(t.Tools), t.Name))
		}
	}
	for _, log := range from.Logs {
		found = append(found, s.m.process.linesLost.is(float64(log.State().Lost), log.Name))
	}
	return found
}

// linkOf is how a connection's stream is.
func (m *Metrics) linkOf(c Connection, now time.Time) []prometheus.Metric {
	status := c.Link.Status()
	found := []prometheus.Metric{
		m.links.up.is(yes(status.State == connectors.Connected), c.Name, c.Platform),
		m.links.healthy.is(yes(status.Healthy()), c.Name, c.Platform),
		m.links.connects.is(float64(status.Connects), c.Name, c.Platform),
		m.links.failed.is(float64(status.Attempts), c.Name, c.Platform),
	}
	if !status.LastFrame.IsZero() {
		found = append(found, m.links.frameAge.is(max(now.Sub(status.LastFrame).Seconds(), 0), c.Name, c.Platform))
	}
	if c.Silence > 0 {
		found = append(found, m.links.silence.is(c.Silence.Seconds(), c.Name, c.Platform))
	}
	return found
}

// eventsOf is what a connection has counted.
func (m *Metrics) eventsOf(c Connection) []prometheus.Metric {
	in := c.Link.Counts()
	found := []prometheus.Metric{
		m.events.in.is(float64(in.Events), c.Name),
		m.events.refused.is(float64(in.Refused), c.Name),
		m.events.malformed.is(float64(in.Malformed), c.Name),
		m.events.withheld.is(float64(in.Withheld), c.Name),
		m.events.repeats.is(float64(in.Repeats), c.Name),
		m.events.panics.is(float64(in.Panics), c.Name, "stream"),
	}
	if c.Pool != nil {
		p := c.Pool.Counts()
		found = append(found,
			m.events.duplicates.is(float64(p.Duplicates), c.Name),
			m.events.turnedAway.is(float64(p.TurnedAway), c.Name),
			m.events.running.is(float64(p.Running), c.Name),
			m.events.panics.is(float64(p.Panics), c.Name, "turn"),
		)
	}
	if c.Gate != nil {
		g := c.Gate.Counts()
		for kind, n := range g.Refused {
			found = append(found, m.events.notAllowed.is(float64(n), c.Name, string(kind)))
		}
		found = append(found, m.events.owed.is(float64(g.Owed), c.Name))
	}
	return found
}

// modelsOf is how the models and their endpoints are.
func (m *Metrics) modelsOf(models []Model) (found []prometheus.Metric) {
	var states []model.EndpointState
	for _, one := range models {
		isDefault := "no"
		if one.Default {
			isDefault = "yes"
		}
		found = append(found, m.models.answers.is(yes(m.rows.answers(one)), one.Label, isDefault))
		states = append(states, one.Endpoints...)
	}
	return append(found, m.endpointsOf(states)...)
}

// endpointsOf is how the models' endpoints are. One that several clients ask is shown
// once: it rests where it rests for any, its keys are those of the worst off, and the
// first key to end counts.
func (m *Metrics) endpointsOf(states []model.EndpointState) (found []prometheus.Metric) {
	for _, s := range merged(states) {
		found = append(found,
			m.models.failures.is(float64(m.rows.of(s)), s.Endpoint, s.Model),
			m.models.resting.is(yes(s.Open), s.Endpoint, s.Model),
			m.models.inFlight.is(float64(s.InFlight), s.Endpoint, s.Model),
			m.models.keys.is(float64(s.Keys), s.Endpoint, s.Model),
			m.models.keysResting.is(float64(s.KeysResting), s.Endpoint, s.Model),
		)
		if !s.KeyExpires.IsZero() {
			found = append(found, m.models.keyExpires.is(float64(s.KeyExpires.Unix()), s.Endpoint, s.Model))
		}
	}
	return found
}

// merged is states with one for each endpoint and model.
func merged(states []model.EndpointState) (all []model.EndpointState) {
	for _, s := range states {
		i := slices.IndexFunc(all, func(o model.EndpointState) bool { return o.Endpoint == s.Endpoint && o.Model == s.Model })
		if i < 0 {
			all = append(all, s)
			continue
		}
		one := &all[i]
		one.Open = one.Open || s.Open
		one.InFlight += s.InFlight
		one.Keys = max(one.Keys, s.Keys)
		one.KeysResting = max(one.KeysResting, s.KeysResting)
		if one.KeyExpires.IsZero() || !s.KeyExpires.IsZero() && s.KeyExpires.Before(one.KeyExpires) {
			one.KeyExpires = s.KeyExpires
		}
	}
	slices.SortFunc(all, func(a, b model.EndpointState) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Model, b.Model))
	})
	return all
}
