package feishutest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// tenant is the tenant_key of everybody here.
const tenant = "2ca1d211f64f6438"

// The types of events. Callback is not one: it is answered, and never repeated.
const (
	eventMessage         = "im.message.receive_v1"
	eventRecalled        = "im.message.recalled_v1"
	eventRead            = "im.message.message_read_v1"
	eventReactionCreated = "im.message.reaction.created_v1"
	eventReactionDeleted = "im.message.reaction.deleted_v1"
	eventEntered         = "im.chat.access_event.bot_p2p_chat_entered_v1"
	eventBotAdded        = "im.chat.member.bot.added_v1"
	eventBotDeleted      = "im.chat.member.bot.deleted_v1"
	eventMenu            = "application.bot.menu_v6"
	callbackCard         = "card.action.trigger"
)

type (
	// envelope is what all events and callbacks have in common.
	envelope struct {
		Schema string      `json:"schema"`
		Header eventHeader `json:"header"`
		Event  any         `json:"event"`
	}
	eventHeader struct {
		EventID    string `json:"event_id"`
		EventType  string `json:"event_type"`
		CreateTime string `json:"create_time"`
		Token      string `json:"token"`
		AppID      string `json:"app_id"`
		TenantKey  string `json:"tenant_key"`
	}
	// eventID is a person in an event.
	eventID struct {
		UnionID string `json:"union_id"`
		UserID  string `json:"user_id,omitempty"` // takes a scope of its own
		OpenID  string `json:"open_id"`
	}
)

// emit pushes an event to a, if a has subscribed to its type, under the name key;
// an empty one is the event's id. It returns the name, "" when nothing is pushed.
// mu is held.
func (s *Server) emit(a *app, eventType, key string, event any) string {
	if s.closed || !a.subscribes(eventType) {
		return ""
	}
	id := hexID("", 32)
	// Nothing in an event can fail to encode.
	payload, _ := json.Marshal(envelope{
		Schema: "2.0",
		Header: eventHeader{
			EventID: id, EventType: eventType, CreateTime: millis(s.now()), AppID: a.AppID, TenantKey: tenant,
		},
		Event: event,
	})
	if key == "" {
		key = id
	}
	s.startPush(a, key, payload)
	return key
}

func (a *app) subscribes(eventType string) bool {
	return a.Events == nil || slices.Contains(a.Events, eventType)
}

// may says whether one of the scopes is granted.
func (a *app) may(scopes ...string) bool {
	if a.Scopes == nil {
		return true
	}
	return slices.ContainsFunc(a.Scopes, func(granted string) bool { return slices.Contains(scopes, granted) })
}

// idFor is p as an event for a shows it.
func (p Person) idFor(a *app) eventID {
	id := eventID{UnionID: p.UnionID, OpenID: p.OpenID}
	if a.may("contact:user.employee_id:readonly") {
		id.UserID = p.UserID
	}
	return id
}

// millis is a time as the platform writes most of them.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// bot returns the app called appID, the first one for "", nil where there is none
// or the cloud is closed. mu is held.
func (s *Server) bot(appID string) *app {
	switch {
	case s.closed:
		return nil
	case appID == "":
		return s.bots[0]
	}
	return s.apps[appID]
}

// PushEvent pushes payload, whatever it is, and redelivers it like any event. It
// returns the name under which WaitAck, Acks, Deliveries and Redeliver know it:
// the message_id of its message, else its event_id, else a made-up one; "" when
// the app is unknown or the cloud closed.
func (s *Server) PushEvent(appID string, payload []byte) string {
	var e struct {
		Header eventHeader `json:"header"`
		Event  struct {
			Message struct {
				MessageID string `json:"message_id"`
			} `json:"message"`
		} `json:"event"`
	}
	_ = json.Unmarshal(payload, &e) // a payload that is no event is named all the same
	name := firstOf(e.Event.Message.MessageID, e.Header.EventID, hexID("", 32))
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil || s.closed {
		return ""
	}
	s.startPush(a, name, slices.Clone(payload))
	return name
}

// PushFrame sends raw as one binary message on every live connection and returns
// on how many. Nothing waits for a response.
func (s *Server) PushFrame(raw []byte) int {
	return s.sendAll(outgoing{websocket.BinaryMessage, slices.Clone(raw)})
}

// PushText sends a text message, which the platform never does, on every live
// connection and returns on how many.
func (s *Server) PushText(text string) int {
	return s.sendAll(outgoing{websocket.TextMessage, []byte(text)})
}

func (s *Server) sendAll(out outgoing) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := s.allConns()
	for _, c := range conns {
		c.send(out)
	}
	return len(conns)
}
