package feishutest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// The codes of message reactions.
const (
	codeBadEmoji        = 231001
	codeNoReacting      = 231002
	codeNotOwnReaction  = 231007
	codeOtherMessages   = 231010
	codeBadReactionID   = 231011
	codeCannotBeReacted = 231017
	textNoReacting      = "The operator has no permission to react on the specific message."
)

// The scopes of which one is needed to react and to see reactions.
var (
	reactScopes        = []string{"im:message.reactions:write_only", "im:message"}
	reactionReadScopes = []string{"im:message.reactions:read", "im:message:readonly", "im:message"}
)

// Reaction is an emoji under a message, or one that was there.
type Reaction struct {
	ID        string
	MessageID string
	Emoji     string // emoji_type, for instance Typing
	AppID     string // whose bot put it there; empty: a person did
	OpenID    string // the person
	At        time.Time
	Removed   time.Time // zero while it is there
}

// reaction is a Reaction at run time.
type reaction struct {
	Reaction
	app *app
	by  Person
}

// Reactions returns all reactions there are and were, oldest first.
func (s *Server) Reactions() []Reaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allReactions()
}

func (s *Server) allReactions() []Reaction {
	all := make([]Reaction, len(s.reactions))
	for i, r := range s.reactions {
		all[i] = r.Reaction
	}
	return all
}

// WaitReaction returns the first reaction that match accepts. match is asked
// about all of them after every change, and may use the Server.
func (s *Server) WaitReaction(ctx context.Context, match func(Reaction) bool) (Reaction, error) {
	var found Reaction
	_, err := watch(ctx, s, func() ([]Reaction, error) { return s.allReactions(), nil }, func(all []Reaction) bool {
		i := slices.IndexFunc(all, match)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	if err != nil {
		return Reaction{}, fmt.Errorf("wait for reaction: %w", err)
	}
	return found, nil
}

// React puts an emoji under a message, as a person does, and tells the bots in
// the chat. It returns the reaction's id, under which WaitAck knows the event; ""
// for an unknown message.
func (s *Server) React(messageID string, by Person, emoji string) string {
	by.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages.get(messageID)
	if m == nil {
		return ""
	}
	return s.react(m, nil, by, emoji).ID
}

// Unreact takes a reaction back. It reports whether it was there.
func (s *Server) Unreact(reactionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reaction(reactionID)
	if r == nil || !r.Removed.IsZero() {
		return false
	}
	s.unreact(r)
	return true
}

func (s *Server) reaction(id string) *reaction {
	i := slices.IndexFunc(s.reactions, func(r *reaction) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return s.reactions[i]
}

// react returns the reaction of somebody to m, a new one unless the same emoji is
// there already (that it is the same then is UNVERIFIED). mu is held.
func (s *Server) react(m *message, a *app, by Person, emoji string) *reaction {
	for _, r := range s.reactions {
		if r.MessageID == m.id && r.app == a && r.OpenID == by.OpenID && r.Emoji == emoji && r.Removed.IsZero() {
			return r
		}
	}
	r := &reaction{app: a, by: by, Reaction: Reaction{
		ID: "ZCaCIjUBVVWSrm5L-" + hexID("", 32), MessageID: m.id, Emoji: emoji, OpenID: by.OpenID, At: s.now(),
	}}
	if a != nil {
		r.AppID = a.AppID
	}
	s.reactions = append(s.reactions, r)
	s.reactionEvent(eventReactionCreated, r)
	return r
}

func (s *Server) unreact(r *reaction) {
	r.Removed = s.now()
	if s.opts.NoHistory {
		s.reactions = slices.DeleteFunc(s.reactions, func(other *reaction) bool { return other == r })
	}
	s.reactionEvent(eventReactionDeleted, r)
}

// reactionEvent tells the bots in the chat of r's message. mu is held.
func (s *Server) reactionEvent(eventType string, r *reaction) {
	s.notify()
	m := s.messages.get(r.MessageID)
	if m == nil {
		return // forgotten
	}
	for _, a := range s.botsIn(m.chat) {
		if !a.may("im:message.reactions:read", "im:message:readonly") || r.app == a && !s.opts.OwnReactions {
			continue
		}
		event := map[string]any{
			"message_id": r.MessageID, "reaction_type": map[string]string{"emoji_type": r.Emoji},
			"operator_type": "user", "action_time": millis(s.now()),
		}
		if r.app != nil {
			event["operator_type"], event["app_id"] = "app", r.AppID
		} else {
			event["user_id"] = r.by.idFor(a)
		}
		s.emit(a, eventType, r.ID, event)
	}
}

// createReaction reacts as the bot.
func (s *Server) createReaction(c call) (any, *refusal) {
	var body struct {
		Emoji string `json:"emoji_type"`
	}
	if json.Unmarshal(c.body["reaction_type"], &body) != nil || body.Emoji == "" {
		return nil, invalidField("reaction_type", "reaction_type.emoji_type is required")
	}
	if !slices.Contains(emojis, body.Emoji) {
		return nil, refuse(codeBadEmoji, "reaction type is invalid.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findToReact(c)
	switch {
	case no != nil:
		return nil, no
	case m.msgType == "system":
		return nil, refuse(codeCannotBeReacted, "This operation is not supported for this message type.")
	}
	return success(s.react(m, c.app, Person{}, body.Emoji).object()), nil
}

// findToReact finds the message of a request. mu is held.
func (s *Server) findToReact(c call) (*message, *refusal) {
	m, no := s.findIn(c.app, c.r.PathValue("message_id"))
	switch {
	case no == nil:
		return m, nil
	case no.code == codeRecalled:
		return nil, refuse(codeNotFound, textNotFound)
	case no.code == codeNotInChat:
		return nil, refuse(codeNoReacting, textNoReacting)
	}
	return nil, no
}

// deleteReaction takes a reaction of the bot back.
func (s *Server) deleteReaction(c call) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findToReact(c)
	if no != nil {
		return nil, no
	}
	r := s.reaction(c.r.PathValue("reaction_id"))
	switch {
	case r == nil || !r.Removed.IsZero():
		return nil, refuse(codeBadReactionID, "The request has an invalid reaction_id.")
	case r.MessageID != m.id:
		return nil, refuse(codeOtherMessages, "The reaction does not belong to the message.")
	case r.app != c.app:
		return nil, refuse(codeNotOwnReaction, "The operator has no permission to delete this reaction.")
	}
	s.unreact(r)
	return success(r.object()), nil
}

// listReactions answers with the reactions under a message, all on one page.
func (s *Server) listReactions(c call) (any, *refusal) {
	emoji := c.r.URL.Query().Get("reaction_type")
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findToReact(c)
	if no != nil {
		return nil, no
	}
	items := []any{}
	for _, r := range s.reactions {
		if r.MessageID == m.id && r.Removed.IsZero() && (emoji == "" || emoji == r.Emoji) {
			items = append(items, r.object())
		}
	}
	return success(map[string]any{"items": items, "has_more": false, "page_token": ""}), nil
}

// object is r as the API shows it.
func (r *reaction) object() map[string]any {
	operator := map[string]string{"operator_id": r.OpenID, "operator_type": "user"}
	if r.app != nil {
		operator = map[string]string{"operator_id": r.AppID, "operator_type": "app"}
	}
	return map[string]any{
		"reaction_id": r.ID, "operator": operator, "action_time": millis(r.At),
		"reaction_type": map[string]string{"emoji_type": r.Emoji},
	}
}
