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
	XMLName   xml.Name      `json:"-" xml:"Error"`
	Code      string        `json:"code" xml:"code"`
	RequestID string        `json:"requestid" xml:"requestid"`
	Message   string        `json:"message" xml:"message"`
	Denied    *accessDenied `json:"accessdenieddetail,omitempty" xml:"-"`
	status    int           // 0: what the route says
}

// accessDenied tells which permissions are missing (field: Python SDK issue 20).
type accessDenied struct {
	RequiredScopes []string `json:"requiredScopes"`
}

func newProblem(code, message string) *problem {
	return &problem{Code: code, RequestID: newRequestID(), Message: message}
}

// Problem is an error of api.dingtalk.com whose form is not certain, so that an
// option may change it.
type Problem struct {
	Status  int
	Code    string
	Message string
}

// problem is the error on the wire.
func (p Problem) problem() *problem {
	wire := newProblem(p.Code, p.Message)
	wire.status = p.Status
	return wire
}

// refuse answers with an error, with status unless the error has its own.
func refuse(w http.ResponseWriter, status int, p *problem) {
	if p.status != 0 {
		status = p.status
	}
	writeJSON(w, status, p)
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
	return readJSONOr(w, r, v, "invalidParameter.param.invalid")
}

// readJSONOr is readJSON for APIs that have another code for a body that is wrong.
func readJSONOr(w http.ResponseWriter, r *http.Request, v any, code string) bool {
	if !isJSON(r.Header.Get("Content-Type")) {
		writeProblem(w, http.StatusBadRequest, "UnsupportedContentType", "Content-Type must be application/json")
		return false
	}
	if err := decodeExact(r.Body, v); err != nil {
		writeProblem(w, http.StatusBadRequest, code, err.Error())
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
