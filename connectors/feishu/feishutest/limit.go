package feishutest

import (
	"net/http"
	"strconv"
	"time"
)

// The platform's rate limits. A chat's is shared by all bots in it.
const (
	chatPerSecond = 5
	apiPerSecond  = 50
	apiPerMinute  = 1000
)

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
	now := time.Now()
	limit, wait := apiPerMinute, b.minute.take(now, time.Minute, apiPerMinute)
	if wait == 0 {
		limit, wait = apiPerSecond, b.second.take(now, time.Second, apiPerSecond)
	}
	if wait == 0 {
		return nil
	}
	return &refusal{
		status: http.StatusTooManyRequests,
		code:   codeRateLimit,
		msg:    "request trigger frequency limit",
		header: http.Header{
			"X-Ogw-Ratelimit-Limit": {strconv.Itoa(limit)},
			"X-Ogw-Ratelimit-Reset": {strconv.Itoa(int((wait + time.Second - 1) / time.Second))},
		},
	}
}

// takeFromChat counts a message into c. mu is held.
func (s *Server) takeFromChat(c *chat) *refusal {
	if s.opts.Unlimited || c.sends.take(time.Now(), time.Second, chatPerSecond) == 0 {
		return nil
	}
	return refuse(codeChatRate, "This operation triggers the frequency limit, ext=chat rate limit")
}
