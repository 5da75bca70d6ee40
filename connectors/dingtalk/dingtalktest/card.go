package dingtalktest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// CardState is how far the streaming of a card is (documented names).
type CardState string

// The states. Templates have the variable flowStatus beside it, which the platform
// does not set: see Card.Done.
const (
	CardProcessing CardState = "processing" // not streamed to
	CardInputting  CardState = "inputting"  // from the first frame on
	CardFinished   CardState = "finished"   // by isFinalize
	CardFailed     CardState = "failed"     // by isError
)

// Card is an interactive card of a robot, as it is now.
type Card struct {
	ClientID   string
	OutTrackID string // the robot's own name for it
	TemplateID string
	Callback   string                       // callbackType: STREAM, HTTP or empty
	Params     map[string]string            // the variables that all see
	Private    map[string]map[string]string // variables by the userId that sees them
	AtUsers    []string                     // cardAtUserIds
	Places     []Place                      // where it is, in the order of delivery
	State      CardState
	Key        string      // the template's streaming variable; empty when it has none
	Text       string      // the variable that says what the card says, where Key is empty
	Frames     []CardFrame // frames streamed, oldest first; empty with Options.Forget
	FrameCount int
	Updates    int       // calls of PUT PathCards
	Presses    int       // button presses that changed it
	Changes    int       // grows with every change
	Broken     bool      // people see 内容加载失败: see Template.Foreign and Options.CardFetch
	Created    time.Time // when it was made
	Changed    time.Time // when Changes grew last
}

// Place is a chat that shows a card.
type Place struct {
	Type       string // IM_GROUP or IM_ROBOT
	ID         string // openConversationId or userId, as the robot gave it
	Chat       string // conversationId
	StaffID    string // IM_ROBOT: who sees it
	CarrierID  string // also the processQueryKey of the message
	AtUsers    map[string]string
	Recipients []string // IM_GROUP: who sees it; empty: everybody
	At         time.Time
}

// CardFrame is one call of PathStreaming that had an effect.
type CardFrame struct {
	At      time.Time
	GUID    string
	Content string
	Final   bool // isFinalize
	Error   bool // isError
}

// Content is what the card says: what its streaming variable holds, or the one that
// stands for it.
func (c Card) Content() string {
	if c.Key == "" {
		return c.Params[c.Text]
	}
	return c.Params[c.Key]
}

// Button is a button of a card.
type Button struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Buttons are the buttons of a card whose template takes them from the variable
// sys_full_json_obj (SDK).
func (c Card) Buttons() []Button {
	var layout struct {
		Buttons []Button `json:"msgButtons"`
	}
	_ = json.Unmarshal([]byte(c.Params["sys_full_json_obj"]), &layout) // what cannot be read has none
	return layout.Buttons
}

// Final reports whether streaming has ended, for better or worse.
func (c Card) Final() bool { return c.State == CardFinished || c.State == CardFailed }

// Done reports whether people see that nothing more comes: streaming has ended, or
// the variable flowStatus says finished or failed (SDK).
func (c Card) Done() bool {
	return c.Final() || c.Params["flowStatus"] == "3" || c.Params["flowStatus"] == "5"
}

// Chat is the conversationId of the first place, empty when there is none.
func (c Card) Chat() string {
	if len(c.Places) == 0 {
		return ""
	}
	return c.Places[0].Chat
}

// CarrierID is the carrierId of the first place, empty when there is none.
func (c Card) CarrierID() string {
	if len(c.Places) == 0 {
		return ""
	}
	return c.Places[0].CarrierID
}

// cardKey names a card: its outTrackId within its app (that apps are apart is
// UNVERIFIED).
type cardKey struct {
	app *app
	id  string
}

// card is a Card at work, guarded by Server.mu.
type card struct {
	Card
	app       *app
	foreign   bool
	spaces    map[string]bool // space types it was made for
	guids     map[string]struct{}
	lastFrame time.Time
}

// keptCards is how many cards are kept with Options.Forget.
const keptCards = 10_000

// addCard makes a card known. The caller holds s.mu.
func (s *Server) addCard(c *card) {
	s.cards[cardKey{c.app, c.OutTrackID}] = c
	s.cardOrder = append(s.cardOrder, c)
	if s.opts.Forget && len(s.cardOrder) > keptCards {
		oldest := s.cardOrder[0]
		delete(s.cards, cardKey{oldest.app, oldest.OutTrackID})
		s.cardOrder = s.cardOrder[1:]
	}
	s.stats.Cards++
}

// cardChanged ends a change of a card and returns how it is now. The caller holds s.mu
// and calls Options.OnCard without it.
func (s *Server) cardChanged(c *card) Card {
	c.Changes++
	c.Changed = time.Now()
	s.wake()
	return c.copy()
}

// announce tells Options.OnCard of a change.
func (s *Server) announce(c Card) {
	if s.opts.OnCard != nil {
		s.opts.OnCard(c)
	}
}

// copy is the card for others. The caller holds s.mu.
func (c *card) copy() Card {
	out := c.Card
	out.Params = maps.Clone(c.Params)
	out.Private = make(map[string]map[string]string, len(c.Private))
	for id, params := range c.Private {
		out.Private[id] = maps.Clone(params)
	}
	out.Places = slices.Clone(c.Places)
	out.Frames = slices.Clone(c.Frames)
	return out
}

// Cards is every card made so far, oldest first; with Options.Forget the latest
// 10,000.
func (s *Server) Cards() []Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cardList()
}

func (s *Server) cardList() []Card {
	list := make([]Card, 0, len(s.cardOrder))
	for _, c := range s.cardOrder {
		list = append(list, c.copy())
	}
	return list
}

// WaitCard returns the first card that matches, as soon as there is one. It looks at
// cards as they are, so a state that lasts for a moment may be missed: Card.Frames
// has the history. A nil match takes any.
func (s *Server) WaitCard(ctx context.Context, match func(Card) bool) (Card, error) {
	for {
		s.mu.Lock()
		list, closed := s.cardList(), s.closed
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		i := slices.IndexFunc(list, func(c Card) bool { return match == nil || match(c) })
		if i >= 0 {
			return list[i], nil
		}
		if closed {
			return Card{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Card{}, ctx.Err()
		}
	}
}
