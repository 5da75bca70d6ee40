package feishutest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Card is a card entity at a moment.
type Card struct {
	ID, AppID string
	// Where it was sent; empty until it is.
	MessageID, ChatID, ThreadID, ParentID string

	JSON      string
	Elements  []CardElement // those with an element_id, outer ones first
	Text      string        // what one reads of it
	Streaming bool          // streaming_mode is on and its time is not over
	Summary   string        // what the chat list shows
	Created   time.Time
	Updates   []CardUpdate // the operations on it, refused ones included
}

// CardElement is an element of a card.
type CardElement struct{ ID, Tag, Content string }

// CardUpdate is one operation on a card.
type CardUpdate struct {
	At time.Time
	// Op is content, settings, update (the whole card), batch_update, or for
	// elements add, replace, patch or delete; callback for a card in the answer
	// to a press.
	Op        string
	Element   string // the element_id it is about, if any
	Content   string // the full text of a content
	Append    bool   // of a content: the text before is its beginning, so it goes on typing
	Sequence  int
	UUID      string
	Duplicate bool // the uuid had been used before: nothing was changed
	Code      int  // why it was refused; 0: it was not
}

// Content returns the content of the element called id.
func (c Card) Content(id string) string {
	for _, e := range c.Elements {
		if e.ID == id {
			return e.Content
		}
	}
	return ""
}

// Cards returns all card entities, oldest first; with Options.NoHistory none.
func (s *Server) Cards() []Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cardsSince(0)
}

// cardsSince returns the cards that have changed since the change numbered since.
// mu is held.
func (s *Server) cardsSince(since int) []Card {
	var cards []Card
	for _, c := range s.cardOrder {
		if c.change > since {
			cards = append(cards, s.cardNow(c))
		}
	}
	return cards
}

// WaitCard returns the first card that match accepts. match is asked about every
// card, and again whenever one has changed; it may use the Server.
func (s *Server) WaitCard(ctx context.Context, match func(Card) bool) (Card, error) {
	if s.opts.NoHistory {
		return Card{}, errors.New("wait for card: there is no history")
	}
	since := 0
	var found Card
	_, err := watch(ctx, s, func() ([]Card, error) {
		cards := s.cardsSince(since)
		since = s.changes
		return cards, nil
	}, func(cards []Card) bool {
		i := slices.IndexFunc(cards, match)
		if i >= 0 {
			found = cards[i]
		}
		return i >= 0
	})
	if err != nil {
		return Card{}, fmt.Errorf("wait for card: %w", err)
	}
	return found, nil
}

// SequenceFaults counts the operations on cards that were refused because their
// sequence did not grow.
func (s *Server) SequenceFaults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.cardOrder {
		for _, u := range c.updates {
			if u.Code == codeSequence {
				n++
			}
		}
	}
	return n
}

// cardNow is c as a Card. mu is held.
func (s *Server) cardNow(c *card) Card {
	now := Card{
		ID: c.id, AppID: c.app.AppID, JSON: c.json(), Text: readableCard(c.tree), Created: c.created,
		Streaming: c.streams(s.now(), s.opts.StreamingLife), Updates: slices.Clone(c.updates),
	}
	if m := c.message; m != nil {
		now.MessageID, now.ChatID, now.ThreadID, now.ParentID = m.id, m.chat.ID, m.thread, m.parent
	}
	config, _ := c.tree["config"].(node)
	now.Summary = textOf(config["summary"])
	if now.Summary == "" && now.Streaming {
		now.Summary = "[生成中...]"
	}
	walk(c.tree, func(n node) {
		if id, ok := n["element_id"].(string); ok {
			now.Elements = append(now.Elements, CardElement{ID: id, Tag: tagOf(n), Content: textOf(n)})
		}
	})
	return now
}
