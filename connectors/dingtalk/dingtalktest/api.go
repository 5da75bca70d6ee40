package dingtalktest

import (
	"encoding/xml"
	"net/http"
	"time"
)

// PathToken gives out access tokens (documented).
const PathToken = "/v1.0/oauth2/accessToken"

// tokenHeader carries the access token of every other call (documented).
const tokenHeader = "x-acs-dingtalk-access-token"

// problem is an error of api.dingtalk.com (documented).
type problem struct {
	XMLName   xml.Name `json:"-" xml:"Error"`
	Code      string   `json:"code" xml:"code"`
	RequestID string   `json:"requestid" xml:"requestid"`
	Message   string   `json:"message" xml:"message"`
}

func newProblem(code, message string) *problem {
	return &problem{Code: code, RequestID: newRequestID(), Message: message}
}

// missing is how the gateway refuses a call without a parameter (UNVERIFIED for
// the APIs here; the robot API has codes of its own).
func missing(name string) *problem {
	return newProblem("Missing"+name, name+" is mandatory for this action.")
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, newProblem(code, message))
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(encode(v))
}

// readJSON reads a request's JSON body into v, or answers 400 and returns false.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	if !isJSON(r.Header.Get("Content-Type")) {
		writeProblem(w, http.StatusBadRequest, "UnsupportedContentType", "Content-Type must be application/json")
		return false
	}
	if err := decodeExact(r.Body, v); err != nil {
		writeProblem(w, http.StatusBadRequest, "invalidParameter.param.invalid", err.Error())
		return false
	}
	return true
}

// unknownRoute answers whatever the cloud does not have (status and code
// UNVERIFIED).
func (s *Server) unknownRoute(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
}

// accessToken answers PathToken. While a token is good the same one is given again
// and renewed (documented).
func (s *Server) accessToken(w http.ResponseWriter, r *http.Request) {
	var req struct {
		AppKey    string `json:"appKey"`
		AppSecret string `json:"appSecret"`
	}
	if !readJSON(w, r, &req) {
		return
	}
	s.mu.Lock()
	a := s.apps[req.AppKey]
	if a == nil || a.ClientSecret != req.AppSecret {
		s.mu.Unlock()
		writeProblem(w, http.StatusBadRequest, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
		return
	}
	now := time.Now()
	if a.token == "" || !now.Before(a.tokenUntil) {
		delete(s.tokens, a.token)
		a.token = hexOf(randomBytes())
		s.tokens[a.token] = a
	}
	a.tokenUntil = now.Add(s.opts.TokenTTL)
	token := a.token
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, struct {
		AccessToken string `json:"accessToken"`
		ExpireIn    int    `json:"expireIn"`
	}{token, int(s.opts.TokenTTL / time.Second)})
}

// window counts the calls of one app to one API in one second.
type window struct {
	begin time.Time
	calls int
}

// authorized lets a call through that carries a good token and is within the app's
// calls per second. Both refusals are documented; that throttled calls are counted
// by a fixed second is UNVERIFIED.
func (s *Server) authorized(next func(http.ResponseWriter, *http.Request, *app)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		s.mu.Lock()
		a := s.tokens[r.Header.Get(tokenHeader)]
		known := a != nil && now.Before(a.tokenUntil)
		within := known && a.admit(r.URL.Path, now, s.opts.CallsPerSecond)
		s.mu.Unlock()
		switch {
		case !known:
			writeProblem(w, http.StatusBadRequest, "InvalidAuthentication", "不合法的access_token")
		case !within:
			writeProblem(w, http.StatusForbidden, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
				"您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了")
		default:
			next(w, r, a)
		}
	}
}

// admit counts a call and reports whether it is within the limit. A negative limit
// is none.
func (a *app) admit(path string, now time.Time, limit int) bool {
	if limit < 0 {
		return true
	}
	win := a.calls[path]
	if win == nil || now.Sub(win.begin) >= time.Second {
		win = &window{begin: now}
		a.calls[path] = win
	}
	win.calls++
	return win.calls <= limit
}
