package dingtalktest

import (
	"net/http"
)

// updateRequest is the body of PUT PathCards (documented).
type updateRequest struct {
	OutTrackID string                `json:"outTrackId"`
	Public     *cardValues           `json:"cardData"`
	Private    map[string]cardValues `json:"privateData"`
	Options    *updateOptions        `json:"cardUpdateOptions"`
	AtUsers    []string              `json:"cardAtUserIds"`
	UserIDType int                   `json:"userIdType"`
}

// updateOptions say whether variables are changed one by one. Without them all are
// replaced: those not named are gone (documented).
type updateOptions struct {
	Public  bool `json:"updateCardDataByKey"`
	Private bool `json:"updatePrivateDataByKey"`
}

// updateCard answers PUT PathCards. A card that has finished can still be updated:
// official clients set its flowStatus then.
func (s *Server) updateCard(w http.ResponseWriter, r *http.Request, a *app) {
	var req updateRequest
	if _, ok := readCard(w, r, &req); !ok {
		return
	}
	now, refusal := s.update(a, &req)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	s.announce(now)
	writeJSON(w, http.StatusOK, cardAnswer{true, true})
}

// update carries an update out.
func (s *Server) update(a *app, req *updateRequest) (Card, *problem) {
	if req.OutTrackID == "" {
		return Card{}, cardProblem("param.outTrackIdEmpty")
	}
	if (req.Public == nil || req.Public.Params == nil) && len(req.Private) == 0 {
		return Card{}, cardProblem("param.cardDataAndPrivateDataBothEmpty")
	}
	if refusal := checkUserIDType(req.UserIDType); refusal != nil {
		return Card{}, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cards[cardKey{a, req.OutTrackID}]
	if c == nil {
		return Card{}, cardProblem("param.cardNotExist")
	}
	if refusal := s.checkValues(req.Public, req.Private); refusal != nil {
		return Card{}, refusal
	}
	c.apply(req.Public, req.Private, req.Options)
	if req.AtUsers != nil {
		c.AtUsers = req.AtUsers
	}
	c.Updates++
	c.Broken = c.foreign
	s.stats.CardUpdates++
	return s.cardChanged(c), nil
}

// apply changes a card's variables. The caller holds Server.mu.
func (c *card) apply(public *cardValues, private map[string]cardValues, o *updateOptions) {
	if o == nil {
		o = &updateOptions{}
	}
	if public != nil && public.Params != nil {
		c.Params = assign(c.Params, public.Params, o.Public)
	}
	for id, values := range private {
		if values.Params != nil {
			c.Private[id] = assign(c.Private[id], values.Params, o.Private)
		}
	}
}
