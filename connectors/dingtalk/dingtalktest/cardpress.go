package dingtalktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// TopicCard is the CALLBACK topic of button presses (documented).
const TopicCard = "/v1.0/card/instances/callback"

// Why Press fails.
var (
	ErrNoCallback = errors.New("dingtalktest: the card has no STREAM callback")      // it was not created with callbackType STREAM, or is unknown
	ErrOffline    = errors.New("dingtalktest: nobody is subscribed to card presses") // no connection has TopicCard
	ErrPressLate  = errors.New("dingtalktest: the press was not answered in time")   // Options.PressTimeout
	ErrPressWrong = errors.New("dingtalktest: the press was answered with nonsense") // the answer's data cannot be read
	ErrPressCode  = errors.New("dingtalktest: the press was answered with an error") // a code other than 200
	errNoResponse = errors.New("the data has no response object")                    // wrapped by ErrPressWrong
)

// PressForm is where a press says which button it was. Templates differ.
type PressForm int

// The forms.
const (
	PressDocumented PressForm = iota // content.cardPrivateData has actionIds and params
	PressActionID                    // actionId beside content, params in content.cardPrivateData (client source; the exact place is UNVERIFIED)
	PressActionData                  // actionData.cardPrivateData beside content (client source)
)

// PressAnswer is what a robot answers to a press.
type PressAnswer struct {
	Ack     Ack
	Updated bool // it changed variables of the card
	Card    Card // as it is afterwards
}

// Press pushes that a person pressed a button of a card, to one of the connections
// that subscribe to TopicCard, and waits at most Options.PressTimeout for the answer
// (documented: 2 s). A press is never pushed again. What the answer says about the
// card is carried out; an answer without cardData and userPrivateData is a press
// without visible effect.
func (s *Server) Press(c Card, userID, actionID string, params map[string]any) (PressAnswer, error) {
	s.mu.Lock()
	a := s.apps[c.ClientID]
	known := s.cards[cardKey{a, c.OutTrackID}]
	if a == nil || known == nil || known.Callback != "STREAM" {
		s.mu.Unlock()
		return PressAnswer{}, ErrNoCallback
	}
	answer := make(chan Ack, 1)
	p := push{id: newUUID(), kind: typeCallback, topic: TopicCard, body: s.pressBody(known, userID, actionID, params), answer: answer}
	delivered := s.submit(a, p)
	s.mu.Unlock()
	if !delivered {
		return PressAnswer{}, ErrOffline
	}
	timer := time.NewTimer(s.opts.PressTimeout)
	defer timer.Stop()
	select {
	case ack := <-answer:
		return s.pressed(known, userID, ack)
	case <-timer.C:
		return PressAnswer{}, ErrPressLate
	case <-s.done:
		return PressAnswer{}, ErrClosed
	}
}

// pressBody is the data of the callback (documented, but for userIdType, spaceId,
// spaceType and extension, which are in SDK models; what spaceType says is
// UNVERIFIED: Options.PressSpaceType). The caller holds s.mu.
func (s *Server) pressBody(c *card, userID, actionID string, params map[string]any) []byte {
	if params == nil {
		params = map[string]any{}
	}
	private := map[string]any{"actionIds": []string{actionID}, "params": params}
	body := map[string]any{
		"type": "actionCallback", "outTrackId": c.OutTrackID, "corpId": corpID, "userId": userID, "userIdType": 1,
		"spaceId": c.Chat(), "spaceType": s.opts.PressSpaceType, "extension": "{}",
	}
	switch s.opts.PressForm {
	case PressActionID:
		body["actionId"] = actionID
		delete(private, "actionIds")
	case PressActionData:
		body["actionData"] = map[string]any{"cardPrivateData": private}
		private = map[string]any{}
	}
	body["content"] = string(encode(map[string]any{"cardPrivateData": private}))
	return encode(body)
}

// pressReply is the data of a robot's answer (documented). Parts may be null: the Go
// SDK writes absent ones so.
type pressReply struct {
	Response *pressResponse `json:"response"`
}

type pressResponse struct {
	Options *updateOptions `json:"cardUpdateOptions"`
	Public  *cardValues    `json:"cardData"`
	Private *cardValues    `json:"userPrivateData"` // of who pressed
}

// parsePress reads an answer's data. An empty one, and {"response":null}, mean that
// nothing changes (UNVERIFIED).
func parsePress(text string) (*pressResponse, error) {
	if text == "" {
		return &pressResponse{}, nil
	}
	var reply pressReply
	if err := decodeExact(strings.NewReader(text), &reply); err != nil {
		return nil, err
	}
	if reply.Response != nil {
		return reply.Response, nil
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &fields)
	if _, has := fields["response"]; !has {
		return nil, errNoResponse
	}
	return &pressResponse{}, nil
}

// pressed carries out what the answer to a press says.
func (s *Server) pressed(c *card, userID string, ack Ack) (PressAnswer, error) {
	out := PressAnswer{Ack: ack}
	if ack.Code != http.StatusOK {
		return out, fmt.Errorf("%w: code %d", ErrPressCode, ack.Code)
	}
	reply, err := parsePress(ack.Data)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrPressWrong, err)
	}
	private := make(map[string]cardValues)
	if reply.Private != nil {
		private[userID] = *reply.Private
	}
	s.mu.Lock()
	if refusal := s.checkValues(reply.Public, private); refusal != nil {
		s.mu.Unlock()
		return out, fmt.Errorf("%w: %s", ErrPressWrong, refusal.Message)
	}
	out.Updated = reply.Public != nil && reply.Public.Params != nil || reply.Private != nil && reply.Private.Params != nil
	if out.Updated {
		c.apply(reply.Public, private, reply.Options)
		c.Presses++
		out.Card = s.cardChanged(c)
	} else {
		out.Card = c.copy()
	}
	s.mu.Unlock()
	if out.Updated {
		s.announce(out.Card)
	}
	return out, nil
}
