package feishutest

import "time"

// window counts within fixed spans of time.
type window struct {
	start time.Time
	n     int
}

// take counts one more at now. It returns how long to wait when the span already
// has limit.
func (w *window) take(now time.Time, span time.Duration, limit int) time.Duration {
	if now.Sub(w.start) >= span {
		w.start, w.n = now, 0
	}
	if w.n >= limit {
		return w.start.Add(span).Sub(now)
	}
	w.n++
	return 0
}

// bucket limits one API for one app.
type bucket struct{ second, minute window }

// takeFromBucket counts a call of a's to the API called name. mu is held.
func (s *Server) takeFromBucket(a *app, name string) *refusal {
	if s.opts.Unlimited {
		return nil
	}
	b := a.buckets[name]
	if b == nil {
		b = &bucket{}
		a.buckets[name] = b
	}
	now, limits := s.now(), s.opts.Limits
	limit, wait := limits.APIPerMinute, b.minute.take(now, time.Minute, limits.APIPerMinute)
	if wait == 0 {
		limit, wait = limits.APIPerSecond, b.second.take(now, time.Second, limits.APIPerSecond)
	}
	if wait == 0 {
		return nil
	}
	return tooManyCalls(limit, wait)
}

// takeFromChat counts a message into c. mu is held.
func (s *Server) takeFromChat(c *chat) *refusal {
	if s.opts.Unlimited || c.sends.take(s.now(), time.Second, s.opts.Limits.ChatPerSecond) == 0 {
		return nil
	}
	return chatRate("chat rate limit")
}

// takeFromMessage counts an update of m. mu is held.
func (s *Server) takeFromMessage(m *message) *refusal {
	if s.opts.Unlimited || m.updates.take(s.now(), time.Second, s.opts.Limits.MessagePerSecond) == 0 {
		return nil
	}
	return chatRate("message update rate limit") // the text is UNVERIFIED
}

// takeFromCard counts an operation on c. Which code the platform gives here is
// UNVERIFIED. mu is held.
func (s *Server) takeFromCard(c *card) *refusal {
	if s.opts.Unlimited || s.opts.Doubts.StreamingHasNoRate && c.streams(s.now(), s.opts.StreamingLife) {
		return nil
	}
	limit := s.opts.Limits.CardPerSecond
	if wait := c.rate.take(s.now(), time.Second, limit); wait > 0 {
		return tooManyCalls(limit, wait)
	}
	return nil
}
