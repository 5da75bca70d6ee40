package dingtalktest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// corpID is the one organisation there is.
const corpID = "ding9f50b15bc16741"

// Person is somebody who writes to the robot. The zero Person is a colleague
// named 张三.
type Person struct {
	StaffID  string // the userId; empty, with a SenderID, for somebody outside the organisation
	SenderID string // default: derived from StaffID
	Nick     string // default: StaffID
	Admin    bool
}

// withDefaults fills in what the platform always has.
func (p Person) withDefaults() Person {
	if p.StaffID == "" && p.SenderID == "" {
		p.StaffID = "staff-1"
		if p.Nick == "" {
			p.Nick = "张三"
		}
	}
	if p.SenderID == "" {
		p.SenderID = personID("staff", p.StaffID)
	}
	if p.Nick == "" {
		p.Nick = p.StaffID
	}
	return p
}

// Message is what a person writes, seen from the person's side.
type Message struct {
	ClientID string // the app whose robot is written to; may be empty when there is one
	From     Person
	Chat     string // conversationId of a group; empty for the 1:1 chat with the robot
	Title    string // the group's name

	// Mention says that the message mentions the robot. In a group a robot is
	// pushed nothing else (documented). 1:1 it has no meaning.
	Mention       bool
	OtherMentions []Person // other people mentioned; their @names are part of Text

	Text     string         // what is written, without the mention of the robot
	Content  any            // the content of other types: one of Picture, Audio, RichText, ..., or whatever is to be written as JSON
	MsgType  string         // default that of Content, or "text"
	Quote    *Quote         // what the message answers; nil when nothing
	Withheld Withheld       // the platform withholds text and content; default not
	Extra    map[string]any // further top-level fields; nil removes a field that would be there

	ID             string    // data.msgId; default a fresh one
	At             time.Time // createAt; default now
	WebhookExpired bool      // the message is so old that it cannot be replied to
}

// unmentioning are the msgtypes that cannot mention anybody (documented).
var unmentioning = map[string]bool{"audio": true, "video": true, "file": true}

// Say writes a message to the robot as a person does and returns its msgId. In a
// group nothing is pushed of what does not mention the robot, nor audio, video and
// files, which cannot mention anybody (documented). It panics when there is no app
// of that ClientID, as do PushData, Event, Callback and Join.
func (s *Server) Say(m Message) string {
	id, body := s.Callback(m)
	if m.Chat != "" && (!m.Mention || unmentioning[kindOf(m.MsgType, m.Content)]) {
		return id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.submit(s.appNamed(m.ClientID), push{id: id, kind: typeCallback, topic: TopicMessage, body: body})
	return id
}

// Callback is the callback data of a message, with a working sessionWebhook, as
// Say would push it: for tests that change it before PushData.
func (s *Server) Callback(m Message) (id string, body []byte) {
	if m.ID == "" {
		m.ID = newMsgID()
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	m.From = m.From.withDefaults()
	return m.ID, withExtra(withhold(encode(s.register(m)), m.Withheld), m.Extra)
}

// register makes a message's callback and the webhook in it.
func (s *Server) register(m Message) *callback {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed(m.ClientID)
	c := newCallback(a, m)
	until := m.At.Add(s.opts.WebhookTTL)
	if m.WebhookExpired {
		until = time.Now().Add(-time.Second)
	}
	if m.Chat != "" {
		a.groups[m.Chat] = struct{}{}
	}
	s.remember(a, m.ID, heard{chat: c.ConversationID, card: c.MsgType == "interactiveCard"})
	key := s.webhooks.add(webhook{app: a, chat: c.ConversationID, msgID: m.ID, until: until})
	c.SessionWebhook = s.url + PathWebhook + "?session=" + hexOf(key)
	// documented samples: createAt + 5,400,2xx ms
	c.SessionWebhookExpiredTime = until.UnixMilli() + 200
	return c
}

// appNamed finds an app; "" is the only one. It panics when there is no such app,
// which only a mistake in the calling test can bring about. The caller holds s.mu.
func (s *Server) appNamed(clientID string) *app {
	if clientID == "" && len(s.apps) == 1 {
		for _, a := range s.apps {
			return a
		}
	}
	a := s.apps[clientID]
	if a == nil {
		panic(fmt.Sprintf("dingtalktest: no app with client id %q", clientID))
	}
	return a
}

// hexOf is 16 bytes as 32 hex digits, the form of sessions and event ids.
func hexOf(b [16]byte) string { return hex.EncodeToString(b[:]) }

// millis is a time as the platform writes it into headers.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
