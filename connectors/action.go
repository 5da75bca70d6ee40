package connectors

import "context"

// Action says that somebody has pressed a button below an answer.
type Action struct {
	Press Press
	// Event is the question that the answer was about, as it was delivered.
	Event Event
	// By is who pressed. Only the ID is sure to be there.
	By Person
	// ID tells this press from every other.
	ID string
	// Reply is the key of the reply that the button stands below (Ledger.Key), or of
	// the Proposal.
	Reply string
}

// Press is which button it was.
type Press string

// The buttons.
const (
	PressStop  Press = "stop"  // the answer is to end here
	PressAgain Press = "again" // the question is to be answered once more
	PressGood  Press = "good"  // the answer was of use
	PressBad   Press = "bad"   // it was not
	PressYes   Press = "yes"   // what a Proposal proposes is to be done
	PressNo    Press = "no"    // it is not
)

// Act does what a button says, and returns what whoever pressed it is to read, in
// their language. It returns within a second; what takes longer goes on afterwards.
type Act func(ctx context.Context, a Action) (words string, err error)

// Labels are the connector's own words on a card, in the language of the question.
type Labels struct {
	Thinking               string // while there is no answer yet
	Continued              string // at the end of a card whose answer goes on in the next one
	Stop, Again, Good, Bad string // on the buttons
	Yes, No                string // on those of a Proposal
}

// Proposal asks whoever wrote an event whether something is to be done, in a card of
// its own with the buttons Yes and No. Where there can be no card it is a message,
// whose text says what to write.
type Proposal struct {
	Event Event
	Key   string // of this proposal; the same key never shows a second one
	Text  string // what is proposed
	Plain string // the text where there are no buttons
}
