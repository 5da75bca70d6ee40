package metrics

import (
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/conversation"
)

func TestTurn(t *testing.T) {
	m := newMetrics(t)
	said := turn.Report{
		Event: connectors.Event{Connection: "sales", Sender: connectors.Person{ID: "secret-person"}}, How: conversation.Answered, Asked: true,
		Waited: 2 * time.Second, FirstWord: time.Second, Took: 6 * time.Second,
	}
	m.Turn(said)
	silent, command, failed := said, said, said
	silent.FirstWord = 0
	command.Asked = false
	failed.How = conversation.Failed
	for _, r := range []turn.Report{silent, command, failed} {
		m.Turn(r)
	}
	scrape(t, m).expect(t, scraped{
		`longwire_wait_seconds_count{connection="sales"}`:            2,
		`longwire_wait_seconds_bucket{connection="sales",le="2"}`:    2,
		`longwire_wait_seconds_bucket{connection="sales",le="1"}`:    0,
		`longwire_first_word_seconds_count{connection="sales"}`:      1,
		`longwire_first_word_seconds_sum{connection="sales"}`:        3,
		`longwire_answer_seconds_sum{connection="sales"}`:            16,
		`longwire_answer_seconds_bucket{connection="sales",le="5"}`:  0,
		`longwire_answer_seconds_bucket{connection="sales",le="10"}`: 2,
	})
}

func TestModel(t *testing.T) {
	m := newMetrics(t)
	o := m.Model()
	o.RequestEnded(model.Ended{
		Endpoint: "api.example.com", Model: "qwen-max", First: 300 * time.Millisecond, Total: 4 * time.Second,
		Usage: &model.Usage{Prompt: 800, Cached: 500, Answer: 90, Reasoning: 40},
	})
	o.RequestEnded(model.Ended{Endpoint: "api.example.com", Model: "qwen-max", Kind: model.Busy, Total: time.Second})
	o.RequestEnded(model.Ended{Endpoint: "api.example.com", Model: "qwen-max", Total: time.Second, Usage: &model.Usage{Prompt: -1}})
	o.FailedOver("api.example.com", "other.example.com", model.Busy)
	scrape(t, m).expect(t, scraped{
		`longwire_model_requests_total{endpoint="api.example.com",model="qwen-max",outcome="ok"}`:     2,
		`longwire_model_requests_total{endpoint="api.example.com",model="qwen-max",outcome="busy"}`:   1,
		`longwire_model_first_token_seconds_count{endpoint="api.example.com",model="qwen-max"}`:       1,
		`longwire_model_first_token_seconds_sum{endpoint="api.example.com",model="qwen-max"}`:         0.3,
		`longwire_model_request_seconds_sum{endpoint="api.example.com",model="qwen-max"}`:             6,
		`longwire_model_tokens_total{endpoint="api.example.com",kind="prompt",model="qwen-max"}`:      800,
		`longwire_model_tokens_total{endpoint="api.example.com",kind="answer",model="qwen-max"}`:      90,
		`longwire_model_cached_tokens_total{endpoint="api.example.com",model="qwen-max"}`:             500,
		`longwire_model_reasoning_tokens_total{endpoint="api.example.com",model="qwen-max"}`:          40,
		`longwire_model_failovers_total{from="api.example.com",reason="busy",to="other.example.com"}`: 1,
	})
}
