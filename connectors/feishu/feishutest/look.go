package feishutest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Look is what a message looks like now.
type Look struct {
	MessageID, ChatID, ThreadID, RootID, ParentID string

	AppID   string // whose bot wrote it; empty: a person did
	MsgType string
	Source  string // content as it was sent; of a card entity the card as it is now
	Content string // content as others read it
	Text    string // what one reads of a bot's text, post or card
	CardID  string // of the entity it shows

	Edits    int // times it was edited (PUT), or its card updated (PATCH)
	Updated  time.Time
	Recalled bool
	Deleted  bool
	// Reactions are the emoji types that stand under it, oldest first.
	Reactions []string
}

// Look returns what a message looks like, false when it is unknown.
func (s *Server) Look(messageID string) (Look, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages.get(messageID)
	if m == nil {
		return Look{}, false
	}
	return s.look(m), true
}

// WaitLook returns what a message looks like as soon as match accepts it. match
// is asked now and after changes, and may use the Server.
func (s *Server) WaitLook(ctx context.Context, messageID string, match func(Look) bool) (Look, error) {
	seen, err := watch(ctx, s, func() (Look, error) {
		m := s.messages.get(messageID)
		if m == nil {
			return Look{}, errors.New("unknown message")
		}
		return s.look(m), nil
	}, match)
	if err != nil {
		return Look{}, fmt.Errorf("wait for look of %q: %w", messageID, err)
	}
	return seen, nil
}

func (s *Server) look(m *message) Look {
	seen := Look{
		MessageID: m.id, ChatID: m.chat.ID, ThreadID: m.thread, RootID: m.root, ParentID: m.parent,
		MsgType: m.msgType, Source: m.current(), Content: s.shownContent(m, reading{}), Text: m.text,
		Edits: m.edits, Updated: m.updated, Recalled: m.gone == codeRecalled, Deleted: m.gone == codeDeleted,
	}
	if m.app != nil {
		seen.AppID = m.app.AppID
	}
	if m.card != nil {
		seen.CardID, seen.Text = m.card.id, readableCard(m.card.tree)
	}
	for _, r := range s.reactions {
		if r.MessageID == m.id && r.Removed.IsZero() {
			seen.Reactions = append(seen.Reactions, r.Emoji)
		}
	}
	return seen
}
