package dingtalktest

import "time"

// Event is something that happened in the organisation, pushed as an EVENT frame.
type Event struct {
	ClientID string    // which app; may be empty when there is one
	Type     string    // headers.eventType, such as chat_update_title
	ID       string    // headers.eventId; default a fresh one
	Topic    string    // headers.topic; default "*" (what production sends is UNVERIFIED)
	Born     time.Time // headers.eventBornTime; default now
	Data     any       // the inner object, written as JSON; default {}
}

// Event pushes an event and returns its id. An event that is not answered within
// Options.EventTimeout (documented: 3 s), or answered with LATER or a code other
// than 200, is pushed again under the same id and a new messageId. Whether LATER
// waits for the timeout is UNVERIFIED; here it does.
func (s *Server) Event(e Event) string {
	if e.ID == "" {
		b := randomBytes()
		e.ID = hexOf(b)
	}
	if e.Topic == "" {
		e.Topic = topicEvery
	}
	if e.Born.IsZero() {
		e.Born = time.Now()
	}
	if e.Data == nil {
		e.Data = struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed(e.ClientID)
	headers := map[string]string{
		"eventType":         e.Type,
		"eventId":           e.ID,
		"eventBornTime":     millis(e.Born),
		"eventCorpId":       corpID,
		"eventUnifiedAppId": a.id,
	}
	s.submit(a, push{id: e.ID, kind: typeEvent, topic: e.Topic, headers: headers, body: encode(e.Data)})
	return e.ID
}
