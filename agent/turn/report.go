package turn

import (
	"cmp"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Report is how a turn went, once it is settled.
type Report struct {
	Event     connectors.Event    // the question, with what it quotes and what its files say
	Questions int                 // how many were answered together
	With      []connectors.Person // who else has asked of these, each once
	Attempt   int
	How       conversation.How
	Reason    string // where How is not Answered
	Answer    string // what was shown of it, or the bot's own words in its place
	Asked     bool   // a model was asked in this attempt, and the following counts

	Usage model.Usage // of all requests together
	Tools []string    // that were called, by their names for the model
	Steps []Step      // in the order in which they ended

	Waited    time.Duration // from the event's arrival to the turn
	FirstWord time.Duration // from the turn to the first visible word
	Took      time.Duration // the whole turn
}

// Step is one step of a turn, for whoever draws it. It holds no word of what was said.
type Step struct {
	Kind       StepKind
	Name       string
	Begin, End time.Time
	Error      string // why it failed, in a word of the code; "" where it did not

	Endpoint string // of a StepChat: who answered; "" where nobody knows

	Usage  *model.Usage  // of a StepChat; nil where nobody knows
	First  time.Duration // of a StepChat: until the first sign of life; 0 where none came
	CallID string        // of a StepTool: as the model named the call
}

// StepKind says what a step is.
type StepKind string

// The kinds of a step.
const (
	StepChat StepKind = "chat" // a question to a model; Name is the model
	StepTool StepKind = "tool" // a tool that the model called; Name is the tool
	StepWork StepKind = "work" // anything else; Name says what
)

// step notes a step that has ended now.
func (r *reply) step(s Step) {
	s.End = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
}

// report tells how a turn went, to whoever is interested.
func (t *Turn) report(lease *conversation.Lease, r *reply, out conversation.Outcome) {
	if t.with.Report == nil {
		return
	}
	t.with.Report(r.report(lease, out))
	for _, one := range r.away {
		t.with.Report(Report{
			Event: one.event, Questions: 1, Attempt: lease.Attempt, How: conversation.Skipped, Reason: (&refusedError{one.refusal}).Error(),
			Waited: r.began.Sub(one.event.Received), Took: time.Since(r.began),
		})
	}
}

// others are who has asked beside the one who stands for all.
func (r *reply) others(first connectors.Person) (others []connectors.Person) {
	seen := map[string]bool{first.ID: true}
	for _, ev := range r.asked {
		if !seen[ev.Sender.ID] {
			seen[ev.Sender.ID] = true
			others = append(others, ev.Sender)
		}
	}
	return others
}

func (r *reply) report(lease *conversation.Lease, out conversation.Outcome) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Report{
		Event: lease.Event, Questions: max(1, len(r.asked)), With: r.others(lease.Event.Sender), Attempt: lease.Attempt,
		How: cmp.Or(out.How, conversation.Answered), Reason: out.Reason, Answer: r.text.String(), Asked: r.requests > 0,
		Usage: r.usage, Tools: r.called, Steps: r.steps,
		Waited: r.began.Sub(lease.Event.Received), FirstWord: r.first, Took: time.Since(r.began),
	}
}
