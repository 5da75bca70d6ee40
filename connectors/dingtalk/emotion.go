package dingtalk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"longwire/connectors"
)

// Reactions of the robot to a message (generated SDK; official clients use them). The
// body is the same for both calls. Setting one that is there, and taking back one that
// is not, changes nothing (UNVERIFIED).
const (
	emotionPath = "/v1.0/robot/emotion/reply"
	recallPath  = "/v1.0/robot/emotion/recall"
)

// sign is a reaction to a question that says that its answer is being prepared.
type sign struct {
	c     *Connector
	ev    connectors.Event
	to    address
	name  string // what the shelf knows it by
	text  string
	purse *purse

	begun   atomic.Bool        // it may be there: taking it back takes a while
	there   bool               // read after stopped is closed
	cancel  context.CancelFunc // nil: there is to be none
	stopped chan struct{}
}

// signOfLife sets such a sign as soon as the answer turns out to be slow; end takes it back.
// Nothing depends on it, so it is never a reason to fail.
//
// When there is a budget, a card that grows is sign enough.
func (c *Connector) signOfLife(ctx context.Context, ev connectors.Event, to address, key string, ended <-chan struct{}) *sign {
	s := &sign{c: c, ev: ev, to: to, name: "sign/" + key, text: c.config.Labels(ev).Thinking}
	if !s.wanted() {
		return s
	}
	s.stopped = make(chan struct{})
	over, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	go func() {
		defer close(s.stopped)
		defer connectors.Contain(c.log, "set reaction", nil, "event", ev.Trace())
		if c.slow(over, ended) {
			s.begun.Store(true)
			s.there = s.set(ctx)
		}
	}()
	return s
}

// end takes the sign back, and returns when nothing of it is under way any more.
func (s *sign) end(ctx context.Context) {
	if s.cancel == nil {
		return
	}
	s.cancel()
	<-s.stopped
	s.takeBack(ctx, s.there)
}

// wanted reports whether there is to be a sign. A card takes no reactions.
func (s *sign) wanted() bool {
	switch {
	case s.c.config.Shelf == nil, s.text == "", s.to.Message == "", s.to.Chat == "", s.ev.Kind == connectors.KindCard:
		return false
	case s.c.budget.Limited() && s.c.config.Reply != ReplyText:
		return false
	}
	return s.c.signs.open()
}

// set shows the sign, and reports whether it may be there.
func (s *sign) set(ctx context.Context) bool {
	s.purse = s.c.reserve(ctx, 2, 2)
	if s.purse.holds() == 0 || !s.c.mayCall(ctx, "emotion") {
		s.purse.close(ctx)
		return false
	}
	// Should we crash before it is taken back, the next attempt knows of it.
	if err := s.c.config.Shelf.Put(ctx, s.name, []byte("set"), signTime); err != nil {
		s.c.log.Debug("a reaction may stay", "event", s.ev.Trace(), "err", err)
	}
	err := s.call(ctx, "set reaction", emotionPath)
	s.c.signs.saw(s.c.log, err)
	if err != nil && !connectors.Unsure(err) {
		s.forget(ctx)
		return false
	}
	return true
}

// signTime is how long a sign that was not taken back is remembered.
const signTime = 24 * time.Hour

// endTime bounds the taking back: the answer is there, and the turn waits.
const endTime = 5 * time.Second

// takeBack takes the sign back, if this attempt or one before it has set it.
func (s *sign) takeBack(ctx context.Context, set bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if s.purse == nil { // there was no need for it
		s.purse = &purse{c: s.c}
	}
	defer s.purse.close(ctx)
	if !set {
		raw, err := s.c.config.Shelf.Get(ctx, s.name)
		if err != nil || len(raw) == 0 {
			return
		}
	}
	err := s.c.turn(ctx, "recall emotion")
	if err == nil {
		err = s.call(ctx, "take reaction back", recallPath)
	}
	if err != nil {
		s.c.log.Info("a reaction may stay", "event", s.ev.Trace(), "err", err)
		return
	}
	s.forget(ctx)
}

// forget notes that there is no sign to be taken back.
func (s *sign) forget(ctx context.Context) {
	if err := s.c.config.Shelf.Put(ctx, s.name, nil, time.Second); err != nil {
		s.c.log.Debug("a reaction may be taken back twice", "event", s.ev.Trace(), "err", err)
	}
}

// emotionPauses are before the tries of one call (as another client has them).
var emotionPauses = []time.Duration{0, 400 * time.Millisecond, 1200 * time.Millisecond}

// call makes one of the two calls, again while the platform has trouble.
func (s *sign) call(ctx context.Context, op, path string) (err error) {
	robot := s.to.RobotCode
	if robot == "" {
		robot = s.c.config.RobotCode
	}
	body := map[string]any{
		"robotCode": robot, "openMsgId": s.to.Message, "openConversationId": s.to.Chat,
		"emotionType": 2, "emotionName": s.text,
		"textEmotion": map[string]string{"emotionId": "2659900", "emotionName": s.text, "text": s.text, "backgroundId": "im_bg_1"},
	}
	for _, pause := range emotionPauses {
		if !connectors.Sleep(ctx, pause) {
			return err
		}
		err = s.c.api.request(ctx, s.purse, http.MethodPost, op, path, body, &cardAnswer{})
		if !troubled(err) {
			return err
		}
	}
	return err
}

// troubled reports whether a call failed for a reason that passes by itself.
func troubled(err error) bool {
	var e *connectors.Error
	if !errors.As(err, &e) || e.Fatal || tooOften(err) {
		return false
	}
	return e.Code == "" || strings.HasPrefix(e.Code, "HTTP 5") || strings.HasPrefix(e.Code, "system.")
}
