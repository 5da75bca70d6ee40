package feishutest

import (
	"time"
)

// The codes of cardkit/v1, beside those of cardFault.
const (
	codeCardParameter    = 10002
	codeCardRender       = 200220
	codeElementTimeout   = 200510
	codeNoCard           = 200740
	codeCardExpired      = 200750
	codeUUIDConflict     = 200770
	codeInteraction      = 200810
	codeStreamingTimeout = 200850
	codeCardTooLarge     = 200860
	codeReplaceFailed    = 300121
	codeSettingsFailed   = 300122
	codeOldSchema        = 300303
	codeCardEmpty        = 300307
	codeStreamingClosed  = 300309
	codeOnlyText         = 300310
	codeForeignCard      = 300311
	codeTagChange        = 300312
	codeElementFailed    = 300313
	codeDeleteFailed     = 300314
	codeAddFailed        = 300315
	codeSequence         = 300317
)

// card is a card entity.
type card struct {
	id      string
	app     *app
	tree    node
	created time.Time
	message *message // that shows it; nil until it is sent

	streaming bool
	enabled   time.Time         // when streaming was last switched on
	sequence  int               // of the last operation that counts
	uuids     map[string]string // by uuid: what the operation asked for
	presses   int               // callbacks under way
	rate      window

	updates []CardUpdate
	change  int // Server.changes at its last change
}

// json is the card as it is now.
func (c *card) json() string { return encode(c.tree) }

// streams says whether the card streams at a time.
func (c *card) streams(now time.Time, life time.Duration) bool {
	return c.streaming && now.Sub(c.enabled) < life
}

// setStreaming obeys the streaming_mode of the card's config.
func (c *card) setStreaming(now time.Time) {
	config, _ := c.tree["config"].(node)
	c.streaming = config["streaming_mode"] == true
	c.enabled = now
}

// stopStreaming is what time does.
func (c *card) stopStreaming() {
	c.streaming = false
	if config, ok := c.tree["config"].(node); ok {
		config["streaming_mode"] = false
	}
}

// newCard makes an entity of tree. mu is held.
func (s *Server) newCard(a *app, tree node) *card {
	c := &card{id: deviceID(), app: a, tree: tree, created: s.now(), uuids: make(map[string]string)}
	c.setStreaming(c.created)
	s.cards.put(c.id, c)
	if !s.opts.NoHistory {
		s.cardOrder = append(s.cardOrder, c)
	}
	s.cardChanged(c)
	return c
}

// cardChanged tells those who wait. mu is held.
func (s *Server) cardChanged(c *card) {
	s.changes++
	c.change = s.changes
	s.notify()
}

// usable returns the entity called id if a may use it now. mu is held.
func (s *Server) usable(a *app, id string) (*card, *refusal) {
	c := s.cards.get(id)
	switch {
	case c == nil:
		return nil, refuse(codeNoCard, "The card entity does not exist")
	case c.app != a:
		return c, refuse(codeForeignCard, "The current application does not have permission to update/use this card")
	case s.now().Sub(c.created) > s.opts.CardLife:
		return c, refuse(codeCardExpired, "The card entity has expired")
	}
	return c, nil
}

// entityToSend returns the entity called id for a message of a's, once. That the
// refusals of CardKit are the sub-codes of a 230099 here, and 11310 is that of a
// second message, is UNVERIFIED. mu is held.
func (s *Server) entityToSend(a *app, id string) (*card, *refusal) {
	c, no := s.usable(a, id)
	switch {
	case no != nil:
		return nil, cardFailed(no.code, no.msg)
	case c.message != nil:
		return nil, cardFailed(11310, "card entity can only be sent once")
	}
	return c, nil
}
