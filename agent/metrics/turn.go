package metrics

import (
	"longwire/agent/turn"
	"longwire/conversation"
)

// Turn is told how a turn went (turn.With.Report). Only answers of a model are timed: a
// command's is there at once, and would make the others look faster. How turns end is
// counted where they are settled (Measure), since not each end has a report.
func (m *Metrics) Turn(r turn.Report) {
	if r.How != conversation.Answered || !r.Asked {
		return
	}
	connection := r.Event.Connection
	m.events.wait.WithLabelValues(connection).Observe(r.Waited.Seconds())
	m.events.answer.WithLabelValues(connection).Observe((r.Waited + r.Took).Seconds())
	if r.FirstWord > 0 {
		m.events.firstWord.WithLabelValues(connection).Observe((r.Waited + r.FirstWord).Seconds())
	}
}
