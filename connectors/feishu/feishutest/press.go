package feishutest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// The codes that a person sees who clicks on a card.
const (
	codeNoCallback   = 200340
	codeNoAnswer     = 200341
	codeAnswerFailed = 200671
	codeAnswerFormat = 200672
	codeAnswerCard   = 200673
	codeSchemaDown   = 200830
)

// Press is a click on a card.
type Press struct {
	MessageID string // of the message that shows the card
	From      Person

	// Button names the element: its element_id, its name or what it says. Tag,
	// Name and Value then come from the card unless given.
	Button string
	Tag    string // default: button
	Name   string
	Value  any // what the card's author bound to it: an object or, for what it is worth, a string

	FormValue  map[string]any // what a form holds
	InputValue string         // of an input outside of a form
	Option     string         // chosen from a list
	Options    []string       // chosen from a list that allows several
	Checked    bool           // of a checker
	Timezone   string         // of a date picker
}

// Pressed is what came of a Press.
type Pressed struct {
	// Code is the error that the person sees, 0 for none: 200340 when nobody is
	// there to answer, 200341 when the answer does not come in time, 200671 when
	// it is not 200, 200672 and 200673 when it or its card is malformed, 200830
	// for a card of an older schema.
	Code  int
	Toast *Toast // what pops up; nil: nothing
	// Card is the JSON of the card in the answer, empty without one. It is shown
	// in the message from now on, unless the card streams.
	Card string
	Data string // the answer as it was sent, out of its base64
}

// Toast is a short notice.
type Toast struct {
	Type    string            `json:"type"` // info, success, error or warning
	Content string            `json:"content"`
	I18n    map[string]string `json:"i18n"`
}

// response is what a client answered to a push.
type response struct {
	code int
	data *string // base64
}

// Press clicks on a card and waits for the bot's answer, at most AckTimeout. It
// returns an error when there is nothing to click on, or ctx ends.
func (s *Server) Press(ctx context.Context, p Press) (Pressed, error) {
	p.From.fill()
	s.mu.Lock()
	m, err := s.pressable(&p)
	if err != nil {
		s.mu.Unlock()
		return Pressed{}, fmt.Errorf("press: %w", err)
	}
	a := m.app
	if !a.subscribes(callbackCard) || len(a.conns) == 0 || s.closed {
		s.mu.Unlock()
		return Pressed{Code: codeNoCallback}, nil
	}
	answered := make(chan response, 1)
	id := s.callBack(m, p, answered)
	if m.card != nil {
		m.card.presses++
	}
	s.mu.Unlock()

	var answer response
	select {
	case answer = <-answered:
	case <-ctx.Done():
		err = fmt.Errorf("press: %w", ctx.Err())
	case <-s.ctx.Done():
		err = errors.New("press: feishutest is closed")
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pushes, id)
	if m.card != nil {
		m.card.presses--
	}
	if err != nil {
		return Pressed{}, err
	}
	return s.pressed(m, answer), nil
}

// pressable finds the message of p and fills in what its card says about the
// button. mu is held.
func (s *Server) pressable(p *Press) (*message, error) {
	m := s.messages.get(p.MessageID)
	if m == nil || m.msgType != "interactive" || m.app == nil || m.gone != 0 {
		return nil, fmt.Errorf("%q shows no card of a bot", p.MessageID)
	}
	if p.Tag == "" {
		p.Tag = "button"
	}
	if p.Button == "" {
		return m, nil
	}
	tree, _ := decodeNode(m.current())
	var button node
	walk(tree, func(n node) {
		if button == nil && slices.Contains([]any{n["element_id"], n["name"], any(textOf(n["text"]))}, any(p.Button)) {
			button = n
		}
	})
	if button == nil {
		return nil, fmt.Errorf("the card has no %q", p.Button)
	}
	p.Tag = tagOf(button)
	if p.Name == "" {
		p.Name, _ = button["name"].(string)
	}
	if p.Value == nil {
		p.Value = boundValue(button)
	}
	if p.Value == nil {
		return nil, fmt.Errorf("%q does not call back", p.Button)
	}
	return m, nil
}

// boundValue is what a button calls back with, in either schema; nil: it does not.
func boundValue(button node) any {
	behaviors, _ := button["behaviors"].([]any)
	for _, each := range behaviors {
		if b, _ := each.(node); b["type"] == "callback" {
			return b["value"]
		}
	}
	return button["value"]
}

// callBack pushes p as card.action.trigger on a live connection of m's app, and
// answers on answered. It returns the push's id. mu is held.
func (s *Server) callBack(m *message, p Press, answered chan<- response) string {
	who := p.From.idFor(m.app)
	operator := map[string]any{"tenant_key": tenant, "open_id": who.OpenID, "union_id": who.UnionID}
	if who.UserID != "" {
		operator["user_id"] = who.UserID
	}
	if p.Value == nil {
		p.Value = node{}
	}
	action := map[string]any{"value": p.Value, "tag": p.Tag}
	for key, value := range map[string]string{
		"name": p.Name, "input_value": p.InputValue, "option": p.Option, "timezone": p.Timezone,
	} {
		if value != "" {
			action[key] = value
		}
	}
	if p.Options != nil {
		action["options"] = p.Options
	}
	if p.FormValue != nil {
		action["form_value"] = p.FormValue
	}
	if p.Tag == "checker" {
		action["checked"] = p.Checked
	}
	payload, _ := json.Marshal(envelope{ // values that came from JSON, or from a test
		Schema: "2.0",
		Header: eventHeader{
			EventID: hexID("", 32), EventType: callbackCard, AppID: m.app.AppID, TenantKey: tenant,
			CreateTime: strconv.FormatInt(s.now().UnixMicro(), 10), // microseconds, unlike in events
		},
		Event: map[string]any{
			"operator": operator, "token": hexID("c-", 40), "action": action, "host": "im_message",
			"context": map[string]string{"open_message_id": m.id, "open_chat_id": m.chat.ID},
		},
	})
	push := &push{id: hexID("", 32), trace: hexID("", 32), app: m.app, payload: payload, record: &record{}, awaiting: true}
	push.answer = func(r response) {
		push.awaiting = false
		answered <- r
	}
	s.pushes[push.id] = push
	s.transmit(push)
	s.after(s.opts.AckTimeout, func() {
		if push.awaiting {
			push.answer(response{code: codeNoAnswer})
		}
	})
	return push.id
}

// pressed reads an answer and shows its card. mu is held.
func (s *Server) pressed(m *message, r response) Pressed {
	switch {
	case r.code == codeNoAnswer:
		return Pressed{Code: codeNoAnswer}
	case r.code != 200:
		return Pressed{Code: codeAnswerFailed}
	case r.data == nil || *r.data == "":
		return Pressed{}
	}
	b, err := base64.StdEncoding.DecodeString(*r.data)
	var body *struct {
		Toast *Toast `json:"toast"`
		Card  *struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		} `json:"card"`
	}
	result := Pressed{Data: string(b)}
	if err != nil || json.Unmarshal(b, &body) != nil {
		result.Code = codeAnswerFormat
		return result
	}
	if body == nil { // null keeps the card
		return result
	}
	result.Toast = body.Toast
	if t := body.Toast; t != nil && !slices.Contains([]string{"", "info", "success", "error", "warning"}, t.Type) {
		result.Code = codeAnswerFormat
		return result
	}
	if body.Card != nil {
		result.Card = string(body.Card.Data)
		result.Code = s.showAnswer(m, body.Card.Type, result.Card)
	}
	return result
}

// showAnswer shows the card of an answer in m, or returns what is wrong with it.
// mu is held.
func (s *Server) showAnswer(m *message, kind, data string) int {
	tree, ok := decodeNode(data)
	if !ok || kind != "raw" { // there are no templates here
		return codeAnswerCard
	}
	before, _ := decodeNode(m.current())
	if before["schema"] == schema2 && tree["schema"] != schema2 {
		return codeSchemaDown
	}
	content := encode(tree)
	seen, no := checkContent("interactive", content, s.opts.Doubts.MarkdownTables)
	switch {
	case no != nil || seen.cardID != "":
		return codeAnswerCard
	case m.card == nil:
		m.show(draft{msgType: "interactive", content: content, shown: seen})
		m.updated = later(s.now(), m.created)
		s.notify()
	case !m.card.streams(s.now(), s.opts.StreamingLife): // a card that streams keeps what it shows
		m.card.tree = tree
		m.card.setStreaming(s.now())
		m.card.updates = append(m.card.updates, CardUpdate{At: s.now(), Op: "callback"})
		s.cardChanged(m.card)
	}
	return 0
}
