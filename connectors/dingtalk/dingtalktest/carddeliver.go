package dingtalktest

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// The kinds of space a robot can show a card in (documented). The platform knows
// others, IM_SINGLE and ONE_BOX; a delivery there fails here.
const (
	spaceGroup = "IM_GROUP" // with an openConversationId
	spaceRobot = "IM_ROBOT" // with a userId: the 1:1 chat with the robot
)

// spacePrefix begins every openSpaceId: dtv1.card//TYPE.ID[;TYPE.ID...] (documented).
const spacePrefix = "dtv1.card//"

// space is one part of an openSpaceId.
type space struct{ kind, id string }

// parseSpaces reads an openSpaceId. Types are written in upper and lower case in
// documented samples.
func parseSpaces(text string) ([]space, bool) {
	rest, ok := strings.CutPrefix(text, spacePrefix)
	if !ok {
		return nil, false
	}
	var list []space
	for part := range strings.SplitSeq(rest, ";") {
		kind, id, _ := strings.Cut(part, ".")
		kind = strings.ToUpper(kind)
		switch kind {
		case spaceGroup, spaceRobot, "IM_SINGLE", "ONE_BOX":
		default:
			return nil, false
		}
		if id == "" {
			return nil, false
		}
		list = append(list, space{kind, id})
	}
	return list, true
}

// check says what is wrong with where a card is to go (documented codes; which one
// a wrong robotCode has is UNVERIFIED).
func (t *cardTarget) check(a *app) ([]space, *problem) {
	if t.OpenSpaceID == "" {
		return nil, cardProblem("param.openSpaceIdEmpty")
	}
	spaces, ok := parseSpaces(t.OpenSpaceID)
	if !ok {
		return nil, cardProblem("param.openSpaceIdInvalid")
	}
	for _, sp := range spaces {
		switch {
		case sp.kind == spaceGroup && t.Group == nil, sp.kind == spaceRobot && t.Robot == nil:
			return nil, cardProblem("param.openDeliverModelEmpty")
		case sp.kind == spaceGroup && t.Group.RobotCode != a.RobotCode:
			return nil, cardProblem("param.openDeliverModelError")
		case sp.kind == spaceRobot && t.Robot.SpaceType != spaceRobot:
			return nil, cardProblem("param.openDeliverModelError")
		case sp.kind == spaceRobot && t.Robot.RobotCode != "" && t.Robot.RobotCode != a.RobotCode:
			return nil, cardProblem("param.openDeliverModelError")
		}
	}
	return spaces, nil
}

// deliverRequest is the body of PathDeliver (documented).
type deliverRequest struct {
	OutTrackID string `json:"outTrackId"`
	UserIDType int    `json:"userIdType"`
	cardTarget
}

// deliverResult is what became of one delivery. A failed one comes in a 200 with
// success true (seen live by an official client).
type deliverResult struct {
	SpaceType string `json:"spaceType"`
	SpaceID   string `json:"spaceId"`
	Success   bool   `json:"success"`
	CarrierID string `json:"carrierId"`
	ErrorMsg  string `json:"errorMsg"`
}

// errorSpace is why a delivery fails to a group without the robot, a person the
// platform does not know (SetInvalidStaff) and a kind of space there is not here.
const errorSpace = "spaceId is illegal"

// FailDelivery makes the deliveries of cards to a space (a conversationId, or a
// userId) fail with this errorMsg inside the 200; an empty one ends it.
func (s *Server) FailDelivery(spaceID, errorMsg string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undelivers[spaceID] = errorMsg
}

// deliverCard answers PathDeliver.
func (s *Server) deliverCard(w http.ResponseWriter, r *http.Request, a *app) {
	var req deliverRequest
	raw, ok := readCard(w, r, &req)
	if !ok {
		return
	}
	refusal := checkUserIDType(req.UserIDType)
	if req.OutTrackID == "" {
		refusal = cardProblem("param.outTrackIdEmpty")
	}
	var spaces []space
	if refusal == nil {
		spaces, refusal = req.cardTarget.check(a)
	}
	var results []deliverResult
	if refusal == nil {
		results, refusal = s.deliverTo(a, req.OutTrackID, spaces, &req.cardTarget, raw)
	}
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	writeJSON(w, http.StatusOK, cardAnswer{true, results})
}

// deliverTo shows a card in the spaces.
func (s *Server) deliverTo(a *app, outTrackID string, spaces []space, t *cardTarget, raw []byte) ([]deliverResult, *problem) {
	s.mu.Lock()
	c := s.cards[cardKey{a, outTrackID}]
	if c == nil {
		s.mu.Unlock()
		return nil, cardProblem("param.cardNotExist")
	}
	for _, sp := range spaces {
		if wanted, known := c.spaces[sp.kind]; known && !wanted {
			s.mu.Unlock()
			return nil, cardProblem("param.openSpaceModelInvalid")
		}
	}
	var results []deliverResult
	var news []Sent
	for _, sp := range spaces {
		result, place := s.place(c, sp, t)
		results = append(results, result)
		if place != nil {
			news = append(news, place.sent(c, raw))
		}
	}
	now := s.cardChanged(c)
	s.mu.Unlock()
	for _, sent := range news {
		s.record(sent)
	}
	s.announce(now)
	return results, nil
}

// place shows a card in one space and returns where, or nil when nothing new is to
// be seen: the delivery fails, or the card is there already. The caller holds s.mu.
func (s *Server) place(c *card, sp space, t *cardTarget) (deliverResult, *Place) {
	result := deliverResult{SpaceType: sp.kind, SpaceID: sp.id}
	if result.ErrorMsg = s.whyNot(c.app, sp); result.ErrorMsg != "" {
		s.stats.CardsUndelivered++
		return result, nil
	}
	result.Success = true
	if known := c.placeIn(sp); known != nil && !s.opts.CardRepeats {
		result.CarrierID = known.CarrierID
		return result, nil
	}
	id := randomBytes()
	p := Place{Type: sp.kind, ID: sp.id, CarrierID: base64.StdEncoding.EncodeToString(id[:]), At: time.Now()}
	if sp.kind == spaceGroup {
		p.Chat, p.AtUsers, p.Recipients = sp.id, t.Group.AtUsers, t.Group.Recipients
	} else {
		p.StaffID = sp.id
		p.Chat = dialogueID(c.app, personID("staff", sp.id))
	}
	c.Places = append(c.Places, p)
	s.remember(c.app, p.CarrierID, heard{chat: p.Chat, card: true})
	result.CarrierID = p.CarrierID
	return result, &p
}

// whyNot is why a card cannot be shown in a space, empty when it can. The caller
// holds s.mu.
func (s *Server) whyNot(a *app, sp space) string {
	if msg := s.undelivers[sp.id]; msg != "" {
		return msg
	}
	switch sp.kind {
	case spaceGroup:
		if _, joined := a.groups[sp.id]; joined && !s.disbanded[sp.id] {
			return ""
		}
	case spaceRobot:
		if !s.invalidStaff[sp.id] {
			return ""
		}
	}
	return errorSpace
}

// placeIn is where a card is in a space, nil when it is not there.
func (c *card) placeIn(sp space) *Place {
	for i := range c.Places {
		if c.Places[i].Type == sp.kind && c.Places[i].ID == sp.id {
			return &c.Places[i]
		}
	}
	return nil
}

// sent is the card as the message that people see appear.
func (p *Place) sent(c *card, raw []byte) Sent {
	sent := Sent{
		Via: ViaCard, ClientID: c.ClientID, ChatID: p.Chat, QueryKey: p.CarrierID,
		Card: c.OutTrackID, Text: c.Content(), Raw: raw,
	}
	if p.StaffID != "" {
		sent.StaffIDs = []string{p.StaffID}
	}
	for id := range p.AtUsers {
		sent.Mentions = append(sent.Mentions, id)
	}
	return sent
}
