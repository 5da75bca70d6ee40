package feishutest

import (
	"net/http"
	"strings"
	"time"
)

const tokenPath = "/open-apis/auth/v3/tenant_access_token/internal"

// The codes of the token endpoint, which come with HTTP 200.
const (
	codeInvalidParam = 10003
	codeAppInvalid   = 10014
)

const textBadToken = "Invalid access token for authorization. Please make a request with token attached."

// renewBelow is how much of a token's life must be left for it to be given out
// again. Below it a new one is made, and both are good.
const renewBelow = 30 * time.Minute

// token is a tenant access token.
type token struct {
	value   string
	app     *app
	expires time.Time
}

// issueToken gives out a tenant token.
func (s *Server) issueToken(w http.ResponseWriter, r *http.Request) {
	body, _, no := readObject(w, r)
	id, _ := body.text("app_id")
	secret, _ := body.text("app_secret")
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[id]
	switch {
	case no != nil || id == "" || secret == "":
		writeJSON(w, http.StatusOK, map[string]any{"code": codeInvalidParam, "msg": "invalid param", "data": struct{}{}})
	case a == nil:
		writeJSON(w, http.StatusOK, map[string]any{"code": codeAppInvalid, "msg": "app id not exists"})
	case a.AppSecret != secret:
		writeJSON(w, http.StatusOK, map[string]any{"code": codeAppInvalid, "msg": "app secret invalid"})
	default:
		now := s.now()
		t := s.currentToken(a, now)
		writeJSON(w, http.StatusOK, map[string]any{
			"code": 0, "msg": "ok",
			"tenant_access_token": t.value,
			"expire":              int(t.expires.Sub(now).Seconds()), // what is left of it
		})
	}
}

// currentToken returns a's token, a new one if the old one is about to end. mu is
// held.
func (s *Server) currentToken(a *app, now time.Time) token {
	if a.token.expires.Sub(now) >= renewBelow {
		return a.token
	}
	for value, t := range s.tokens {
		if !now.Before(t.expires) {
			delete(s.tokens, value)
		}
	}
	a.token = token{value: hexID("t-", 40), app: a, expires: now.Add(s.opts.TokenTTL)}
	s.tokens[a.token.value] = a.token
	return a.token
}

// checkToken finds the app that a request's Authorization speaks for. The HTTP
// status of these refusals is UNVERIFIED. mu is held.
func (s *Server) checkToken(authorization string) (*app, *refusal) {
	value, ok := strings.CutPrefix(authorization, "Bearer ")
	switch {
	case !ok || value == "":
		return nil, refuse(codeNoToken, "Missing access token for authorization. Please make a request with token attached.")
	case strings.HasPrefix(value, "u-"):
		return nil, refuse(codeUserToken, "Invalid access token for authorization: user tokens are not served here.")
	case !strings.HasPrefix(value, "t-"):
		return nil, refuse(codeTokenPrefix, "Invalid access token: a token starts with t- or u-.")
	}
	t, ok := s.tokens[value]
	if !ok || !s.now().Before(t.expires) {
		return nil, refuse(codeBadToken, textBadToken)
	}
	return t.app, nil
}

// ExpireTokens ends all tokens before their time.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
	for _, a := range s.apps {
		a.token = token{}
	}
}
