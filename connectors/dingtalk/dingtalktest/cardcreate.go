package dingtalktest

import (
	"net/http"
	"time"
)

// The card API (documented). PathCards takes POST to create and PUT to update.
const (
	PathCards            = "/v1.0/card/instances"
	PathCreateAndDeliver = "/v1.0/card/instances/createAndDeliver"
	PathDeliver          = "/v1.0/card/instances/deliver"
	PathStreaming        = "/v1.0/card/streaming"
)

// cardAnswer is the answer of the card API when it works.
type cardAnswer struct {
	Success bool `json:"success"`
	Result  any  `json:"result"`
}

// createCard answers POST PathCards.
func (s *Server) createCard(w http.ResponseWriter, r *http.Request, a *app) {
	var req cardBody
	if _, ok := readCard(w, r, &req); !ok {
		return
	}
	made, fresh, refusal := s.makeCard(a, &req)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	if fresh {
		s.announce(made)
	}
	writeJSON(w, http.StatusOK, cardAnswer{true, made.OutTrackID})
}

// makeCard makes a card, unless its outTrackId is taken: that is then the answer's
// card, unchanged (documented: the outTrackId is the identity), or an error with
// Options.RefuseCardReuse.
func (s *Server) makeCard(a *app, req *cardBody) (made Card, fresh bool, refusal *problem) {
	if refusal := req.check(); refusal != nil {
		return Card{}, false, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	template, ok := s.opts.Templates[req.TemplateID]
	switch {
	case !ok:
		return Card{}, false, cardProblem("param.templateNotExist")
	case template.Unpublished:
		return Card{}, false, cardProblem("param.templateUnpublished")
	}
	if refusal := s.checkValues(req.Public, req.Private); refusal != nil {
		return Card{}, false, refusal
	}
	if known := s.cards[cardKey{a, req.OutTrackID}]; known != nil {
		if s.opts.RefuseCardReuse {
			return Card{}, false, cardProblem("param.cardAlreadyExist")
		}
		return known.copy(), false, nil
	}
	c := newCard(a, req, template)
	s.addCard(c)
	return s.cardChanged(c), true, nil
}

// newCard is the card that a request describes.
func newCard(a *app, req *cardBody, template Template) *card {
	c := &card{
		Card: Card{
			ClientID:   a.ClientID,
			OutTrackID: req.OutTrackID,
			TemplateID: req.TemplateID,
			Callback:   req.CallbackType,
			Params:     assign(nil, req.Public.Params, false),
			Private:    make(map[string]map[string]string),
			AtUsers:    req.AtUsers,
			State:      CardProcessing,
			Key:        template.Key,
			Text:       template.Text,
			Broken:     template.Foreign,
			Created:    time.Now(),
		},
		app:     a,
		foreign: template.Foreign,
		spaces:  make(map[string]bool),
		guids:   make(map[string]struct{}),
	}
	for id, values := range req.Private {
		c.Private[id] = assign(nil, values.Params, false)
	}
	c.spaces[spaceGroup] = req.GroupSpace != nil
	c.spaces[spaceRobot] = req.RobotSpace != nil
	return c
}

// createDeliverRequest is the body of PathCreateAndDeliver (documented).
type createDeliverRequest struct {
	cardBody
	cardTarget
}

// createAndDeliver answers PathCreateAndDeliver. A delivery that fails leaves the
// card made (UNVERIFIED), and the status 200 (documented).
func (s *Server) createAndDeliver(w http.ResponseWriter, r *http.Request, a *app) {
	var req createDeliverRequest
	raw, ok := readCard(w, r, &req)
	if !ok {
		return
	}
	spaces, refusal := req.cardTarget.check(a)
	if refusal == nil {
		refusal = req.checkSpaces(spaces)
	}
	var made Card
	if refusal == nil {
		made, _, refusal = s.makeCard(a, &req.cardBody)
	}
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	results, refusal := s.deliverTo(a, made.OutTrackID, spaces, &req.cardTarget, raw)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	writeJSON(w, http.StatusOK, cardAnswer{true, struct {
		OutTrackID string          `json:"outTrackId"`
		Results    []deliverResult `json:"deliverResults"`
	}{made.OutTrackID, results}})
}

// checkSpaces wants a space model for every kind of space the card goes to: all
// clients send them; that they are needed is UNVERIFIED.
func (b *cardBody) checkSpaces(spaces []space) *problem {
	for _, sp := range spaces {
		if sp.kind == spaceGroup && b.GroupSpace == nil || sp.kind == spaceRobot && b.RobotSpace == nil {
			return cardProblem("param.openSpaceModelInvalid")
		}
	}
	return nil
}
