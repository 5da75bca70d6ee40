package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"longwire/connectors"
)

// person is somebody who writes to the bot, always in the same chat, which is a
// conversation of its own.
type person struct {
	index   int
	group   string // the group's id; empty: one-to-one
	chinese bool
	hurried bool // writes on before the platform has its ack
	deep    bool // asks what the model has to think about
}

// peopleOf are n people: every fourth of them writes in a group, which four share.
func peopleOf(platform string, n int) []person {
	people := make([]person, n)
	for i := range people {
		people[i] = person{index: i, chinese: i%3 == 2, hurried: i%5 == 4}
		if i%4 == 3 {
			people[i].group = group(platform, i/16+1)
		}
	}
	return people
}

// group is the id of the n-th group.
func group(platform string, n int) string {
	return fmt.Sprintf(map[string]string{dingtalkName: "cidgroup%04d==", feishuName: "oc_%032x"}[platform], n)
}

// message is what a person said and what became of it. Times are those since the
// run began.
type message struct {
	number int
	person person
	id     string // the platform's
	trace  string // what the program's log calls it
	text   string

	said  time.Duration
	acked time.Duration // when it was known that the platform has an ack; 0: never
	place string        // where it was said, as the platform calls it

	deliveries int // how often it was pushed; known at the end
	replies    []reply
	refused    bool          // the program's log says that it was not taken
	settled    chan struct{} // closed with the first reply, or when it is known to be refused
}

// answers are the replies that are not the word that the message was not taken.
func (m message) answers() (answers []reply) {
	for _, r := range m.replies {
		if !isBusyText(r.text) {
			answers = append(answers, r)
		}
	}
	return answers
}

// reply is what people saw.
type reply struct {
	at    time.Duration
	place string
	text  string
}

// firing is a fault as it happened.
type firing struct {
	fault  fault
	struck time.Duration // just before
	done   time.Duration // when the blow itself was over; of a killed process, when it was gone
	mended time.Duration
}

// history is everything that the judge needs to know.
type history struct {
	platform string
	messages []message
	strays   []reply // replies that belong to no message
	firings  []firing

	bursts    []burst
	cards     bool           // answers came in cards
	announced map[string]int // how often the program said of an event that it may be seen twice, by trace

	// unfinished says that the run was broken off, so that nothing can be said
	// of messages without a reply.
	unfinished bool
}

// book writes down what happens. The platform, the people and the faults use it
// at the same time.
type book struct {
	began    time.Time
	platform string

	mu       sync.Mutex
	messages []*message          // by number, and so is what they point to; guarded by mu
	byID     map[string]*message // guarded by mu
	byTrace  map[string]*message // guarded by mu
	strays   []reply             // guarded by mu
	firings  []firing            // guarded by mu
}

func newBook(platform string) *book {
	return &book{began: time.Now(), platform: platform, byID: make(map[string]*message), byTrace: make(map[string]*message)}
}

// now is the time since the run began.
func (b *book) now() time.Duration { return time.Since(b.began) }

// say opens a message. Its number, its text and its id are new.
func (b *book) say(p person) message {
	b.mu.Lock()
	defer b.mu.Unlock()
	number := len(b.messages)
	m := &message{number: number, person: p, text: p.question(number), said: b.now(), settled: make(chan struct{})}
	m.id = fmt.Sprintf(map[string]string{dingtalkName: "msg%022d==", feishuName: "om_%032x"}[b.platform], number)
	m.trace = traceOf(b.platform, m.id)
	b.messages = append(b.messages, m)
	b.byID[m.id], b.byTrace[m.trace] = m, m
	return *m
}

// traceOf is what the program's log calls a message. In DingTalk the robot is part
// of a message's id.
func traceOf(platform, id string) string {
	if platform == dingtalkName {
		id = clientID + "/" + id
	}
	return connectors.Event{Connection: connectionName, ID: id}.Trace()
}

// at notes where a message was said.
func (b *book) at(number int, place string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages[number].place = place
}

// acked notes that the platform has the ack of a message.
func (b *book) acked(number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages[number].acked = b.now()
}

// replied notes a reply. It belongs to the message that it says it replies to; a
// reply that does not say so, to the one whose number it repeats, or whose id it
// names because it is an error text; one that does nothing of that, to the oldest
// unanswered message of its place.
func (b *book) replied(at time.Time, to, place, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := reply{at: at.Sub(b.began), place: place, text: text}
	m := b.byID[to]
	if number, ok := numberIn(text); m == nil && ok && number < len(b.messages) {
		m = b.messages[number]
	}
	if trace, ok := traceIn(text); m == nil && ok {
		m = b.byTrace[trace]
	}
	if m == nil {
		m = b.oldestAt(place)
	}
	if m == nil {
		b.strays = append(b.strays, r)
		return
	}
	m.replies = append(m.replies, r)
	m.settle()
}

// settle lets those go on who wait for an outcome; the book's mu is held.
func (m *message) settle() {
	select {
	case <-m.settled:
	default:
		close(m.settled)
	}
}

// refuse notes what the log says was not taken, by trace.
func (b *book) refuse(traces map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for trace := range traces {
		if m := b.byTrace[trace]; m != nil {
			m.refused = true
			m.settle()
		}
	}
}

// oldestAt is the first message of a place that has no reply; mu is held.
func (b *book) oldestAt(place string) *message {
	for _, m := range b.messages {
		if len(m.replies) == 0 && b.belongs(m, place) {
			return m
		}
	}
	return nil
}

// belongs reports whether place is where m was said; mu is held.
func (b *book) belongs(m *message, place string) bool {
	return place == m.place || m.person.group == "" && place == m.person.private()
}

// private is the place of what is sent to a person rather than to a chat.
func (p person) private() string { return "to " + p.id() }

// id is the person's id with the platform.
func (p person) id() string { return fmt.Sprintf("person%04d", p.index) }

// await waits until the messages with these numbers have an outcome; no numbers
// are all of them. false means that ctx has ended first.
func (b *book) await(ctx context.Context, numbers ...int) bool {
	for _, m := range b.named(numbers) {
		select {
		case <-m.settled:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// named are the messages with these numbers; no numbers are all of them.
func (b *book) named(numbers []int) (list []*message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(numbers) == 0 {
		return slices.Clone(b.messages)
	}
	for _, n := range numbers {
		list = append(list, b.messages[n])
	}
	return list
}

// latest are the ids of up to n messages, the latest ones. Those that were not
// taken are left out: to the program they would be new.
func (b *book) latest(n int) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range slices.Backward(b.messages) {
		if len(ids) == n {
			break
		}
		if !m.refused {
			ids = append(ids, m.id)
		}
	}
	slices.Reverse(ids)
	return ids
}

// fired notes a fault.
func (b *book) fired(f firing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.firings = append(b.firings, f)
}

// history is all of it. deliveries says how often a message was pushed.
func (b *book) history(deliveries func(id string) int) history {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := history{platform: b.platform, strays: b.strays, firings: b.firings}
	for _, m := range b.messages {
		m.deliveries = deliveries(m.id)
		h.messages = append(h.messages, *m)
	}
	return h
}
