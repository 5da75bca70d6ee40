package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// person is somebody who writes to the bot, always in the same chat, which is a
// conversation of its own.
type person struct {
	index   int
	group   string // the group's id; empty: one-to-one
	chinese bool
	hurried bool // writes on before the platform has its ack
}

// peopleOf are n people: every fourth of them writes in a group, which four share.
func peopleOf(platform string, n int) []person {
	people := make([]person, n)
	for i := range people {
		people[i] = person{index: i, chinese: i%3 == 2, hurried: i%5 == 4}
		if i%4 == 3 {
			people[i].group = fmt.Sprintf(map[string]string{dingtalkName: "cidgroup%04d==", feishuName: "oc_%032x"}[platform], i/16+1)
		}
	}
	return people
}

// message is what a person said and what became of it. Times are those since the
// run began.
type message struct {
	number int
	person person
	id     string // the platform's
	text   string

	said  time.Duration
	acked time.Duration // when it was known that the platform has an ack; 0: never
	place string        // where it was said, as the platform calls it

	deliveries int // how often it was pushed; known at the end
	replies    []reply
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
	strays   []reply             // guarded by mu
	firings  []firing            // guarded by mu
	open     int                 // messages without a reply; guarded by mu
	changed  chan struct{}       // closed when open has changed; guarded by mu
}

func newBook(platform string) *book {
	return &book{began: time.Now(), platform: platform, byID: make(map[string]*message), changed: make(chan struct{})}
}

// now is the time since the run began.
func (b *book) now() time.Duration { return time.Since(b.began) }

// marker stands before the number of a message, in questions and answers.
const marker = "№"

// digits is how many a number has.
const digits = 8

// question is the text of the message with this number, in the person's language.
func (p person) question(number int) string {
	if p.chinese {
		return fmt.Sprintf("请问 %s%0*d 怎么样了？", marker, digits, number)
	}
	return fmt.Sprintf("How is %s%0*d doing?", marker, digits, number)
}

// numberIn finds the number in a question or an answer.
func numberIn(text string) (number int, ok bool) {
	_, rest, ok := strings.Cut(text, marker)
	if !ok || len(rest) < digits {
		return 0, false
	}
	for _, c := range []byte(rest[:digits]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = 10*number + int(c-'0')
	}
	return number, true
}

// isErrorText reports whether text is the program's own word that something went
// wrong: it names the id to look for in the log.
func isErrorText(text string) bool {
	return strings.Contains(text, "(ref ") || strings.Contains(text, "（编号 ")
}

// say opens a message. Its number, its text and its id are new.
func (b *book) say(p person) message {
	b.mu.Lock()
	defer b.mu.Unlock()
	number := len(b.messages)
	m := &message{number: number, person: p, text: p.question(number), said: b.now()}
	m.id = fmt.Sprintf(map[string]string{dingtalkName: "msg%022d==", feishuName: "om_%032x"}[b.platform], number)
	b.messages = append(b.messages, m)
	b.byID[m.id] = m
	b.open++
	return *m
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
// reply that does not say so, to the one whose number it repeats; one that does
// not do that either, because it is an error text, to the oldest unanswered
// message of its place.
func (b *book) replied(at time.Time, to, place, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := reply{at: at.Sub(b.began), place: place, text: text}
	m := b.byID[to]
	if number, ok := numberIn(text); m == nil && ok && number < len(b.messages) {
		m = b.messages[number]
	}
	if m == nil {
		m = b.oldestAt(place)
	}
	if m == nil {
		b.strays = append(b.strays, r)
		return
	}
	m.replies = append(m.replies, r)
	if len(m.replies) == 1 {
		b.open--
		close(b.changed)
		b.changed = make(chan struct{})
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

// unanswered is how many of the messages with these numbers have no reply, and a
// channel that is closed when it may have changed. No numbers are all of them.
func (b *book) unanswered(numbers ...int) (int, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(numbers) == 0 {
		return b.open, b.changed
	}
	open := 0
	for _, n := range numbers {
		if len(b.messages[n].replies) == 0 {
			open++
		}
	}
	return open, b.changed
}

// latest are the ids of up to n messages, the latest ones.
func (b *book) latest(n int) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages[max(0, len(b.messages)-n):] {
		ids = append(ids, m.id)
	}
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
