package dingtalktest

import "strings"

// Censor makes the platform refuse whatever the robot says that contains one of the
// words: errcode 430104 by webhook, contain.notAllowed.content by the robot API,
// param.contentUnsafe in a card (documented; that a streamed frame is refused in the
// same way is UNVERIFIED). No words end it.
func (s *Server) Censor(words ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.censored = words
}

// unsafe reports whether a text is refused.
func (s *Server) unsafe(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsafeLocked(text)
}

// unsafeLocked is unsafe for a caller that holds s.mu.
func (s *Server) unsafeLocked(text string) bool {
	for _, word := range s.censored {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
