package dingtalktest

import "maps"

// What an organisation of the standard edition has a month since 2025-11-19
// (documented), for Options.MonthlyCalls and Options.MonthlyPushes.
const (
	StandardCalls  = 5000
	StandardPushes = 3000
)

// Quota is what the organisation has used this month. All apps share it. Token
// calls, opening connections and fetching files are not counted (documented for
// tokens, UNVERIFIED for the others), nor are calls that were throttled (documented),
// refused for their token or permission (UNVERIFIED), or hit by a Failure without
// Commit.
type Quota struct {
	Calls     int // API calls
	CallLimit int // 0 and less: no limit
	Denied    int // API calls refused because of it
	Pushes    int // pushes and webhook sends; redeliveries are not counted (UNVERIFIED)
	PushLimit int // 0 and less: no limit
	Withheld  int // pushes without content because of it

	ByPath map[string]int // API calls by path
}

// call counts an API call and reports whether the organisation has it left.
func (q *Quota) call(path string) bool {
	if q.CallLimit > 0 && q.Calls >= q.CallLimit {
		q.Denied++
		return false
	}
	q.Calls++
	if q.ByPath == nil {
		q.ByPath = make(map[string]int)
	}
	q.ByPath[path]++
	return true
}

// uncall takes a call back that turned out to be throttled.
func (q *Quota) uncall(path string) {
	q.Calls--
	q.ByPath[path]--
}

// push counts a push or a webhook send and reports whether the organisation has it
// left.
func (q *Quota) push() bool {
	if q.PushLimit > 0 && q.Pushes >= q.PushLimit {
		return false
	}
	q.Pushes++
	return true
}

// Quota is what was used this month.
func (s *Server) Quota() Quota {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.quota
	q.ByPath = maps.Clone(q.ByPath)
	return q
}

// SetQuota changes the monthly limits; 0 is none. What was used stays used.
func (s *Server) SetQuota(calls, pushes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota.CallLimit, s.quota.PushLimit = calls, pushes
}

// NewMonth begins a month: nothing is used, the limits stay.
func (s *Server) NewMonth() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = Quota{CallLimit: s.quota.CallLimit, PushLimit: s.quota.PushLimit}
}

// meter counts a new push and takes its content out when the month's count is used
// up (documented). Card callbacks are counted but keep what they say (UNVERIFIED).
// The caller holds s.mu.
func (s *Server) meter(p *push) {
	eventType := p.headers["eventType"]
	if p.kind == typeEvent && exempt(eventType) || s.quota.push() {
		return
	}
	switch {
	case p.answer != nil:
		return
	case p.kind == typeEvent:
		if isObject(p.body) {
			p.body = encode(WithheldShortNumber.fields())
		}
	default:
		p.body = withhold(p.body, s.opts.WithheldAs)
	}
	s.quota.Withheld++
}

// meterWebhook counts a webhook send and reports whether it goes. Whether a month's
// count that is used up stops webhook sends is UNVERIFIED:
// Options.OutOfPushesErrcode.
func (s *Server) meterWebhook() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quota.push() || s.opts.OutOfPushesErrcode == 0
}
