package metrics

import (
	"testing"

	"longwire/agent/model"
)

// Failures in a row stay until the endpoint answers again, whatever its breaker and its
// keys say meanwhile, and a model without an endpoint that answers is gone.
func TestFailuresInARowStay(t *testing.T) {
	m := newMetrics(t)
	states := []model.EndpointState{{Endpoint: "a", Model: "x", Keys: 1}, {Endpoint: "b", Model: "x", Keys: 1}}
	m.Watch(Sources{Models: func() []Model {
		return []Model{{"default", true, states}, {"second", false, states[:1]}, {"none", false, nil}}
	}})
	ended := func(endpoint string, kinds ...model.Kind) {
		for _, kind := range kinds {
			m.Model().RequestEnded(model.Ended{Endpoint: endpoint, Model: "x", Kind: kind})
		}
	}
	expect := func(when string, a, b, answers, second float64) {
		t.Helper()
		t.Log(when)
		scrape(t, m).expect(t, scraped{
			`longwire_model_failures_in_a_row{endpoint="a",model="x"}`: a,
			`longwire_model_failures_in_a_row{endpoint="b",model="x"}`: b,
			`longwire_model_answers{choice="default",default="yes"}`:   answers,
			`longwire_model_answers{choice="second",default="no"}`:     second,
			`longwire_model_answers{choice="none",default="no"}`:       1,
		})
	}
	expect("nobody has asked", 0, 0, 1, 1)
	ended("a", model.Key, model.Stopped, model.Key, model.Filtered, model.TooLong)
	expect("a refused key, and what is nobody's fault", 2, 0, 1, 1)
	ended("a", model.Refused)
	expect("one of two", 3, 0, 1, 0)
	ended("b", model.Unavailable, model.Timeout, model.Cut)
	expect("both", 3, 3, 0, 0)
	ended("b", "")
	expect("one is back", 3, 0, 1, 0)
	ended("a", model.Length)
	expect("both are", 0, 0, 1, 1)
	states[0].Open = true
	states[1].KeysResting = 1
	expect("one rests, one has no key", 0, 0, 0, 0)
}
