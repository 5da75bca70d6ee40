package dingtalktest

import (
	"fmt"
	"net/http"
	"time"
)

// The permissions that API calls need (documented; that reactions need ScopeRobot
// is UNVERIFIED). An app has all of them until Revoke.
const (
	ScopeRobot     = "qyapi_robot_sendmsg"
	ScopeCards     = "Card.Instance.Write"
	ScopeStreaming = "Card.Streaming.Write"
)

// Revoke takes permissions from an app: calls that need one are refused with 403
// until Grant.
func (s *Server) Revoke(clientID string, scopes ...string) {
	s.permit(clientID, scopes, true)
}

// Grant gives permissions back.
func (s *Server) Grant(clientID string, scopes ...string) {
	s.permit(clientID, scopes, false)
}

func (s *Server) permit(clientID string, scopes []string, revoked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed(clientID)
	for _, scope := range scopes {
		a.revoked[scope] = revoked
	}
}

// The refusals of the gateway (documented; the texts are from the field).
func errThrottled() *problem {
	return denied("QpsLimitForAppkeyAndApi", "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了")
}

func errPermission(scopes ...string) *problem {
	p := denied("AccessTokenPermissionDenied",
		"没有调用该接口的权限，接口权限申请参考：https://open.dingtalk.com/document/orgapp-server/add-api-permission")
	p.Denied = &accessDenied{RequiredScopes: scopes}
	return p
}

func errOutOfCalls() *problem {
	return denied("ApiCountLimitForOrg", "您的企业调用钉钉开放平台接口的次数已超过当月额度")
}

func errToken() *problem {
	return Problem{http.StatusBadRequest, "InvalidAuthentication", "不合法的access_token"}.problem()
}

// denied is one of the Forbidden.AccessDenied errors.
func denied(reason, message string) *problem {
	return Problem{http.StatusForbidden, "Forbidden.AccessDenied." + reason, message}.problem()
}

// authorized lets a call through that carries a good token, whose app has the
// permission and is within its calls per second, and whose organisation has calls
// left this month. The refusals are documented; their order is UNVERIFIED.
func (s *Server) authorized(scope string, next func(http.ResponseWriter, *http.Request, *app)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		a, refusal := s.admission(r, scope)
		s.mu.Unlock()
		if refusal != nil {
			refuse(w, http.StatusForbidden, refusal)
			return
		}
		next(w, r, a)
	}
}

// admission is the app that may make a call, or why it may not. The caller holds
// s.mu.
func (s *Server) admission(r *http.Request, scope string) (*app, *problem) {
	now := time.Now()
	a := s.tokens[r.Header.Get(tokenHeader)]
	switch {
	case a == nil || !now.Before(a.tokenUntil):
		return nil, errToken()
	case a.revoked[scope]:
		return nil, errPermission(scope)
	case !a.admit(fmt.Sprint(r.Method, " ", r.URL.Path), now, s.opts.CallsPerSecond):
		s.throttled()
		return nil, errThrottled()
	case !s.quota.call(r.URL.Path):
		s.wake()
		return nil, s.outOfCalls()
	}
	return a, nil
}

// throttled counts a refusal for speed. The caller holds s.mu.
func (s *Server) throttled() {
	s.stats.Throttled++
	s.wake()
}

// outOfCalls is errOutOfCalls with the status of Options.OutOfCallsStatus.
func (s *Server) outOfCalls() *problem {
	p := errOutOfCalls()
	p.status = s.opts.OutOfCallsStatus
	return p
}

// window counts the calls of one app to one API in one second.
type window struct {
	begin time.Time
	calls int
}

// admit counts a call and reports whether it is within the limit; that seconds are
// fixed ones is UNVERIFIED. A negative limit is none.
func (a *app) admit(api string, now time.Time, limit int) bool {
	if limit < 0 {
		return true
	}
	win := a.calls[api]
	if win == nil || now.Sub(win.begin) >= time.Second {
		win = &window{begin: now}
		a.calls[api] = win
	}
	win.calls++
	return win.calls <= limit
}
