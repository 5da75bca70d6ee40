package dingtalktest

import (
	"net/http"
	"time"
)

// streamRequest is the body of PathStreaming (documented).
type streamRequest struct {
	OutTrackID string `json:"outTrackId"`
	GUID       string `json:"guid"` // names the call: the same one again has no effect
	Key        string `json:"key"`  // the template's streaming variable
	Content    string `json:"content"`
	IsFull     *bool  `json:"isFull"`
	IsFinalize bool   `json:"isFinalize"`
	IsError    bool   `json:"isError"`
}

// streamCard answers PathStreaming.
func (s *Server) streamCard(w http.ResponseWriter, r *http.Request, a *app) {
	var req streamRequest
	if _, ok := readCard(w, r, &req); !ok {
		return
	}
	now, changed, refusal := s.stream(a, &req)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	if changed {
		s.announce(now)
	}
	writeJSON(w, http.StatusOK, cardAnswer{true, true})
}

// stream carries a streaming call out. The order of the checks is UNVERIFIED.
func (s *Server) stream(a *app, req *streamRequest) (now Card, changed bool, refusal *problem) {
	if refusal := req.check(); refusal != nil {
		return Card{}, false, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cards[cardKey{a, req.OutTrackID}]
	if c == nil {
		return Card{}, false, newProblem("param.stream.outTrackId", "card is not exist")
	}
	if _, again := c.guids[req.GUID]; again {
		return c.copy(), false, nil
	}
	if refusal := s.checkFrame(c, req); refusal != nil {
		return Card{}, false, refusal
	}
	s.addFrame(c, req, time.Now())
	return s.cardChanged(c), true, nil
}

// check says what is missing (documented codes; the first is UNVERIFIED for an
// outTrackId that is empty, and an isFull of false is refused with the code of a
// missing one, as markdown variables must be written whole).
func (r *streamRequest) check() *problem {
	switch {
	case r.OutTrackID == "":
		return newProblem("param.stream.outTrackId", "card is not exist")
	case r.Key == "":
		return newProblem("param.stream.keyEmpty", "streaming update the parameter key is empty")
	case r.GUID == "":
		return newProblem("param.stream.guidEmpty", "streaming update the parameter guid is empty")
	case r.Content == "":
		return newProblem("param.stream.contentEmpty", "streaming update the parameter content is empty")
	case r.IsFull == nil:
		return newProblem("param.stream.isFull", "streaming update the parameter isFull is null")
	case !*r.IsFull:
		return newProblem("param.stream.isFull", "markdown variables are updated in full")
	}
	return nil
}

// checkFrame says why a card does not take a frame. The caller holds s.mu.
func (s *Server) checkFrame(c *card, req *streamRequest) *problem {
	switch {
	case c.Key == "" || req.Key != c.Key:
		return s.opts.WrongStreamKey.problem()
	case c.Final() || len(c.Places) == 0:
		return s.opts.WrongCardState.problem()
	case s.opts.CardBytes > 0 && len(req.Content) > s.opts.CardBytes:
		return newProblem("param.stream.content", "content is too large")
	case s.unsafeLocked(req.Content):
		return cardProblem("param.contentUnsafe")
	case s.opts.FrameGap > 0 && time.Since(c.lastFrame) < s.opts.FrameGap:
		s.quota.uncall(PathStreaming)
		s.throttled()
		return errThrottled()
	}
	return nil
}

// addFrame shows a frame. The caller holds s.mu.
func (s *Server) addFrame(c *card, req *streamRequest, now time.Time) {
	c.guids[req.GUID] = struct{}{}
	c.lastFrame = now
	c.FrameCount++
	if !s.opts.Forget {
		c.Frames = append(c.Frames, CardFrame{now, req.GUID, req.Content, req.IsFinalize, req.IsError})
	}
	c.Params = assign(c.Params, cardParams{c.Key: req.Content}, true)
	switch {
	case req.IsError:
		c.State = CardFailed
	case req.IsFinalize:
		c.State = CardFinished
	default:
		c.State = CardInputting
	}
	// A card that ends while clients still fetch it is not shown until the next
	// change (client source).
	c.Broken = c.foreign || c.Final() && now.Sub(c.Places[len(c.Places)-1].At) < s.opts.CardFetch
	s.stats.CardFrames++
}
