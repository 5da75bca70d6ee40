package dingtalktest

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Reactions of the robot to messages (alibaba-go; used by official clients). The
// body is the same for both.
const (
	PathEmotionReply  = "/v1.0/robot/emotion/reply"
	PathEmotionRecall = "/v1.0/robot/emotion/recall"
)

// Emotion is one call about a reaction.
type Emotion struct {
	At     time.Time
	Name   string // emotionName
	Recall bool   // it was taken back
}

// heardKey names a message as a robot knows it: two robots mentioned in one message
// get the same msgId (field).
type heardKey struct {
	app *app
	id  string
}

// heard is a message that can be reacted to.
type heard struct {
	chat    string
	card    bool     // of msgtype interactiveCard, which takes no reactions
	set     []string // emotionNames, in the order in which they were set
	history []Emotion
}

// keptHeard is how many messages can be reacted to with Options.Forget.
const keptHeard = 10_000

// remember notes a message. The caller holds s.mu.
func (s *Server) remember(a *app, id string, h heard) {
	key := heardKey{a, id}
	if s.said[key] == nil {
		s.told = append(s.told, key)
	}
	s.said[key] = &h
	if s.opts.Forget && len(s.told) > keptHeard {
		delete(s.said, s.told[0])
		s.told = s.told[1:]
	}
}

// Emotions are the reactions a message bears now, in the order in which they were
// set. The id is a msgId.
func (s *Server) Emotions(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.emotions(id)
}

func (s *Server) emotions(id string) []string {
	var set []string
	for _, a := range s.apps {
		if h := s.said[heardKey{a, id}]; h != nil {
			set = append(set, h.set...)
		}
	}
	return set
}

// EmotionHistory is every reaction set to a message and taken back, oldest first;
// empty with Options.Forget.
func (s *Server) EmotionHistory(id string) []Emotion {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Emotion
	for _, a := range s.apps {
		if h := s.said[heardKey{a, id}]; h != nil {
			list = append(list, h.history...)
		}
	}
	return list
}

// WaitEmotions returns when the reactions of a message are as done wants them. done
// is called under the server's lock and must not call it.
func (s *Server) WaitEmotions(ctx context.Context, id string, done func(set []string) bool) error {
	return s.await(ctx, func() bool { return done(s.emotions(id)) })
}

// emotionRequest is the body of both calls. The model requires robotCode, openMsgId
// and openConversationId; emotionType 2 with a textEmotion is all the field has.
type emotionRequest struct {
	RobotCode          string       `json:"robotCode"`
	OpenMsgID          string       `json:"openMsgId"`
	OpenConversationID string       `json:"openConversationId"`
	EmotionType        int          `json:"emotionType"`
	EmotionName        string       `json:"emotionName"`
	TextEmotion        *textEmotion `json:"textEmotion"`
}

type textEmotion struct {
	EmotionID    string `json:"emotionId"`
	EmotionName  string `json:"emotionName"`
	Text         string `json:"text"`
	BackgroundID string `json:"backgroundId"`
}

// check says what is wrong with a call (the codes are UNVERIFIED).
func (r *emotionRequest) check(a *app) *problem {
	if refusal := a.checkRobot(r.RobotCode); refusal != nil {
		return refusal
	}
	switch t := r.TextEmotion; {
	case r.OpenMsgID == "":
		return missing("openMsgId")
	case r.OpenConversationID == "":
		return missing("openConversationId")
	case r.EmotionType != 2 || r.EmotionName == "":
		return newProblem("invalidParameter.param.invalid", "emotionType 2 with an emotionName is expected")
	case t == nil || t.EmotionID == "" || t.EmotionName == "" || t.Text == "" || t.BackgroundID == "":
		return newProblem("invalidParameter.param.invalid", "textEmotion needs emotionId, emotionName, text and backgroundId")
	}
	return nil
}

// emotionReply answers PathEmotionReply.
func (s *Server) emotionReply(w http.ResponseWriter, r *http.Request, a *app) {
	s.emotion(w, r, a, false)
}

// emotionRecall answers PathEmotionRecall.
func (s *Server) emotionRecall(w http.ResponseWriter, r *http.Request, a *app) {
	s.emotion(w, r, a, true)
}

// emotion answers both.
func (s *Server) emotion(w http.ResponseWriter, r *http.Request, a *app, recall bool) {
	var req emotionRequest
	if !readJSON(w, r, &req) {
		return
	}
	refusal := req.check(a)
	if refusal == nil {
		refusal = s.react(a, &req, recall)
	}
	if refusal != nil {
		refuse(w, http.StatusBadRequest, refusal)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Success bool `json:"success"`
	}{true})
}

// react sets a reaction or takes it back. Setting one that is there, and taking back
// one that is not, works and changes nothing (UNVERIFIED).
func (s *Server) react(a *app, req *emotionRequest, recall bool) *problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.said[heardKey{a, req.OpenMsgID}]
	switch {
	case h == nil || h.chat != req.OpenConversationID:
		// which answer an unknown message has is UNVERIFIED
		return newProblem("invalidParameter.param.invalid", "openMsgId or openConversationId is invalid")
	case h.card: // client source: always
		return Problem{http.StatusInternalServerError, "system.error", "系统错误"}.problem()
	}
	i := slices.Index(h.set, req.EmotionName)
	switch {
	case recall && i >= 0:
		h.set = slices.Delete(h.set, i, i+1)
	case !recall && i < 0:
		h.set = append(h.set, req.EmotionName)
	}
	if !s.opts.Forget {
		h.history = append(h.history, Emotion{At: time.Now(), Name: req.EmotionName, Recall: recall})
	}
	s.wake()
	return nil
}
