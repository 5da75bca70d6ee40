package feishu

import (
	"log/slog"
	"strings"
	"sync"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// scopes is what the app is known not to be allowed. Each is logged once, with what
// the operator has to apply for.
type scopes struct {
	log *slog.Logger

	mu      sync.Mutex
	told    map[string]bool   // scopes that were logged; guarded by mu
	missing map[string]string // the scope that an operation lacks, by the operation; guarded by mu
	narrow  bool              // it was logged that the app may not see everybody; guarded by mu
}

// sendScope is the scope without which the bot answers nobody.
const sendScope = "im:message:send_as_bot"

func newScopes(log *slog.Logger) *scopes {
	return &scopes{log: log, told: make(map[string]bool), missing: make(map[string]string)}
}

// granted notes that op works.
func (s *scopes) granted(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.missing, op)
}

// refused notes why op was refused, if that is for want of a scope.
func (s *scopes) refused(op string, code larkcore.CodeError) {
	if code.Code == 99991672 || code.Code == 99991679 {
		s.lacks(op, scopesIn(code))
	}
}

// lacks notes that op did not work for want of a scope.
func (s *scopes) lacks(op, scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing[op] = scope
	if !s.told[scope] {
		s.told[scope] = true
		s.log.Warn("the app lacks a scope: apply for it in the developer console and publish a new version", "scope", scope, "op", op)
	}
}

// scopeMissing reports whether err says that the app lacks a scope for a call.
func scopeMissing(err error) bool { return coded(err, "99991672", "99991679") }

// outOfRange notes that op did not work because its person is none of those whom the
// app may see. That is no scope, and is switched on elsewhere.
func (s *scopes) outOfRange(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.narrow {
		s.narrow = true
		s.log.Warn("the app may not see everybody: widen its contact range in the developer console, under its permissions, and publish a new version", "op", op)
	}
}

// scopesIn names the scopes of which the app has to apply for one.
func scopesIn(code larkcore.CodeError) string {
	var all []string
	if code.Err != nil {
		for _, violation := range code.Err.PermissionViolations {
			all = append(all, violation.Subject)
		}
	}
	if len(all) == 0 {
		return "that this says: " + clip(code.Msg, 300)
	}
	return clip(strings.Join(all, " or "), 300)
}

// problem says what is amiss, "" when the bot can answer. What else it may not do is
// only logged: a bot need not be allowed everything.
func (s *scopes) problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, scope := range s.missing {
		if strings.Contains(scope, sendScope) {
			return "nobody is answered: the app lacks the scope " + scope
		}
	}
	return ""
}
