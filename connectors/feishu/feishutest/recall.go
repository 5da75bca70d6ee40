package feishutest

// recallMessage withdraws a message of the bot (DELETE).
func (s *Server) recallMessage(c call) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findIn(c.app, c.r.PathValue("message_id"))
	switch {
	case no != nil:
		return nil, no
	case m.app != c.app:
		return nil, refuse(codeNotOwn, "No permission to recall this message.")
	case s.now().Sub(m.created) > s.opts.RecallWindow:
		return nil, refuse(codeRecallTooLate, "Message has expired when recall message.")
	}
	m.gone = codeRecalled // whether the bot hears of its own recall is UNVERIFIED
	s.notify()
	return success(struct{}{}), nil
}

// Recall withdraws a message, as its author does: replies to it fail with 230011
// from now on, and im.message.recalled_v1 is pushed to the bots in the chat, for
// WaitAck under the name that RecallOf returns. It reports whether the message is
// known.
func (s *Server) Recall(messageID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.remove(messageID, codeRecalled)
	if m == nil {
		return false
	}
	for _, a := range s.botsIn(m.chat) {
		if a.may(readScopes...) {
			s.emit(a, eventRecalled, RecallOf(messageID), map[string]any{
				"message_id": messageID, "chat_id": m.chat.ID,
				"recall_time": millis(s.now()), "recall_type": "message_owner",
			})
		}
	}
	return true
}

// RecallOf is the name under which WaitAck, Acks and Deliveries know the event
// that says that a message was recalled.
func RecallOf(messageID string) string { return "recall of " + messageID }

// Delete deletes a message: replies to it fail with 230110 from now on. It
// reports whether the message is known.
func (s *Server) Delete(messageID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(messageID, codeDeleted) != nil
}

// remove makes the message called id refuse with code, and returns it. mu is held.
func (s *Server) remove(id string, code int) *message {
	m := s.messages.get(id)
	if m != nil {
		m.gone = code
		s.notify()
	}
	return m
}

// botsIn returns the apps whose bots are in c. mu is held.
func (s *Server) botsIn(c *chat) []*app {
	var in []*app
	for _, a := range s.bots {
		if c.apps[a] {
			in = append(in, a)
		}
	}
	return in
}
