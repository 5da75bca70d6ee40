// Package prompt says what the model is asked: a system prompt, a summary of what
// was said long ago, the turns since, and the question, within a budget of tokens.
// It is pure: no clock, no I/O, and the same input gives the same bytes.
//
//	system prompt     constant
//	summary           of the turns that are left out; a question and an answer
//	turns             word for word, as they were stored
//	question          with what it quotes and the files that came with it
//
// # A prefix that stays
//
// Providers charge less for the beginning of a prompt that they have read before, and
// answer sooner. So the prompt of a turn begins with the whole prompt of the turn
// before, except when the oldest turns are left out. That happens seldom, for many
// turns at once, and is written with the turn that does it, as its Before: the
// prompts after it leave out the same turns, whichever process builds them and
// whatever the Estimator has learnt since.
//
// # Three marks
//
// Of the room that system prompt and answer leave,
//
//	¾ used   Due asks for a summary of the oldest turns, down to ½. It is made in the
//	         background and comes back as Pending to a later Build, so nobody waits.
//	all      there is no summary yet, or none is wanted: Build leaves the oldest turns
//	         out, until half of what question and summary leave is free. Due makes up
//	         for them later, as long as the store has them.
//	more     the question alone does not fit: Build says so, and Fit cuts files and
//	         quotes.
//
// The same three marks hold for the number of turns, where the store keeps few.
//
// # How many tokens
//
// Nobody outside knows how an endpoint counts. Measure estimates by script, and an
// Estimator corrects that by the usage that the endpoint reports. How far off that is,
// package corpus says.
//
// Left to others: storing what Build says, keeping a Pending, asking for summaries
// (agent/turn).
package prompt

import (
	"math"

	"longwire/agent/model"
	"longwire/conversation"
)

// Budget bounds a prompt. A zero field takes its default.
type Budget struct {
	Context   int  // tokens of a prompt and its answer together; default 32768
	Answer    int  // of these, left to the answer; default 2048, at most half of Context
	History   int  // tokens of summary and turns together; 0: what the rest leaves them
	Picture   int  // tokens that a picture is taken to have; default 1024
	Turns     int  // turns of a conversation that the store keeps; 0: more than ever fit
	Summarise bool // what does not fit is summarised; otherwise it is left out
}

func (b Budget) withDefaults() Budget {
	if b.Context <= 0 {
		b.Context = 32 << 10
	}
	if b.Answer <= 0 {
		b.Answer = 2048
	}
	b.Answer = min(b.Answer, b.Context/2)
	if b.Picture <= 0 {
		b.Picture = 1024
	}
	return b
}

// Halved is the budget for the second try, after an endpoint has refused a prompt as
// too long.
func (b Budget) Halved() Budget {
	b = b.withDefaults()
	b.Context = max(b.Context/2, 1)
	b.Answer = min(b.Answer, b.Context/2)
	return b
}

// Builder builds the prompts for one model at one endpoint.
type Builder struct {
	Budget Budget
	Tokens *Estimator
}

// Input is what a prompt is made of.
type Input struct {
	System   string              // the system prompt; may be empty
	Frame    string              // what every request carries beside its messages: the tools, as JSON
	History  []conversation.Turn // as the store has it, oldest first
	Pending  *Pending            // the newest summary that was made; nil where there is none
	Question string              // what is asked now; Due does not look at it
	Pictures int                 // how many come with the question
}

// Built is a prompt, and what is to be remembered of its making.
type Built struct {
	Messages []model.Message
	Tokens   int   // of the whole prompt, as estimated
	Count    Count // for Estimator.Observe, once the endpoint has reported
	// Before is what the turn is to be stored with; nil most of the time. A turn that
	// is not stored does not matter: the next one builds the same.
	Before *conversation.Before

	// TooLong says that the question alone does not fit. There are no messages then,
	// and Room is how many tokens a question may have, 0 when none fits.
	TooLong bool
	Room    int
}

// Build makes the prompt of a turn. What it comes to, and Budget.Answer, is less than
// Budget.Context by what estimates may err.
func (b Builder) Build(in Input) Built {
	f := b.fill(in)
	f.shorten()
	if f.total() > f.limit {
		left := f.limit - f.size(f.fixed) - f.size(f.summary) - f.question.Fixed
		return Built{TooLong: true, Room: max(0, int(left*maxQuestion))}
	}
	built := Built{Messages: f.messages(in), Count: f.count(), Before: f.window.record()}
	built.Tokens = int(math.Ceil(f.size(built.Count)))
	return built
}

// maxQuestion is the part of what is left that a question may have which has to be
// cut. The rest is for the next question, so that it finds this one remembered.
const maxQuestion = 0.75

// spare is the part of the room for the prompt that is not used: estimates err.
const spare = 1.0 / 20

// filling is a prompt on its way into its budget.
type filling struct {
	window
	budget Budget
	rates  rates   // of the Estimator, the same from beginning to end
	limit  float64 // tokens that the prompt may have

	fixed    Count   // system prompt and what goes with every request
	summary  Count   // of window.before.Summary
	turns    []Count // of window.live()
	question Count
}

func (b Builder) fill(in Input) *filling {
	f := &filling{budget: b.Budget.withDefaults(), rates: b.Tokens.snapshot(), window: look(in.History)}
	f.limit = float64(f.budget.Context-f.budget.Answer) * (1 - spare)
	f.fixed = Count{Fixed: framePrompt}.Plus(Measure(in.Frame))
	if in.System != "" {
		f.fixed = f.fixed.Plus(measureMessage(in.System))
	}
	f.adopt(in.Pending)
	f.bound()
	for _, turn := range f.live() {
		f.turns = append(f.turns, measureTurn(turn))
	}
	f.question = measureMessage(in.Question)
	f.question.Fixed += float64(in.Pictures * f.budget.Picture)
	f.question.Pictures = in.Pictures
	return f
}

// Parts of the room for summary, turns and question that a summary may have: what it
// is cut to when it comes, and what it has to exceed to be cut again later. They are
// apart so that a change of the estimates alone changes no prompt.
const (
	maxSummary    = 1.0 / 4
	maxSummaryOld = 1.0 / 2
)

// bound cuts a summary that is longer than it was asked to be.
func (f *filling) bound() {
	f.summary = measureSummary(f.before.Summary)
	room, most := f.room(), maxSummaryOld
	if f.adopted {
		most = maxSummary
	}
	if f.before.Summary == "" || f.size(f.summary) <= most*room {
		return
	}
	frame := f.size(f.summary) - f.size(Measure(f.before.Summary))
	if cut := f.rates.clip(f.before.Summary, maxSummary*room-frame); cut != f.before.Summary {
		f.before.Summary, f.summary, f.changed = cut, measureSummary(cut), true
	}
}

// shorten leaves out the oldest turns if there is no room for all, and then so many
// that it is a while until the next time.
func (f *filling) shorten() {
	if f.total() > f.limit {
		room := f.limit - f.size(f.fixed) - f.size(f.summary) - f.size(f.question)
		f.leaveOut(f.size(f.summary)+max(0, room)*lowMark, len(f.turns))
	}
	if room := f.room(); f.used() > room {
		f.leaveOut(room*lowMark, len(f.turns))
	}
	if keep := keptTurns(f.budget.Turns); f.budget.Turns > 0 && len(f.turns) >= f.budget.Turns && len(f.turns) > keep {
		f.leaveOut(math.Inf(1), keep)
	}
}

// leaveOut drops the oldest turns until summary and turns have at most so many tokens
// and there are at most so many turns.
func (f *filling) leaveOut(tokens float64, turns int) {
	used, n := f.used(), 0
	for ; n < len(f.turns) && (used > tokens || len(f.turns)-n > turns); n++ {
		used -= f.size(f.turns[n])
	}
	f.turns = f.turns[n:]
	f.drop(n)
}

// used is what summary and turns come to.
func (f *filling) used() float64 {
	used := f.size(f.summary)
	for _, turn := range f.turns {
		used += f.size(turn)
	}
	return used
}

// room is what summary, turns and question may have together, and what summary and
// turns may have at most.
func (f *filling) room() float64 {
	room := f.limit - f.size(f.fixed)
	if f.budget.History > 0 {
		room = min(room, float64(f.budget.History))
	}
	return room
}

func (f *filling) total() float64 { return f.size(f.fixed) + f.used() + f.size(f.question) }

func (f *filling) size(c Count) float64 { return f.rates.tokens(c) }

func (f *filling) count() Count {
	c := f.fixed.Plus(f.summary).Plus(f.question)
	for _, turn := range f.turns {
		c = c.Plus(turn)
	}
	return c
}

func (f *filling) messages(in Input) []model.Message {
	messages := make([]model.Message, 0, 4+2*len(f.turns))
	if in.System != "" {
		messages = append(messages, model.Message{Role: model.System, Content: in.System})
	}
	messages = append(messages, summaryMessages(f.before.Summary)...)
	for _, turn := range f.live() {
		messages = append(messages, turnMessages(turn)...)
	}
	return append(messages, model.Message{Role: model.User, Content: in.Question})
}

// turnMessages are a turn as it stands in a prompt. What was not said has no message:
// endpoints refuse empty ones.
func turnMessages(turn conversation.Turn) (messages []model.Message) {
	if turn.Question != "" {
		messages = append(messages, model.Message{Role: model.User, Content: turn.Question})
	}
	if turn.Answer != "" {
		messages = append(messages, model.Message{Role: model.Assistant, Content: turn.Answer})
	}
	return messages
}

func measureTurn(turn conversation.Turn) (c Count) {
	for _, m := range turnMessages(turn) {
		c = c.Plus(measureMessage(m.Content))
	}
	return c
}
