package feishutest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// The codes of the open API that are not particular to one file.
const (
	codeBadBody         = 9499
	codeNoSuchRoute     = 404
	codeRateLimit       = 99991400
	codeNoToken         = 99991661
	codeBadToken        = 99991663
	codeUserToken       = 99991668
	codeTokenPrefix     = 99991671
	codeScopeMissing    = 99991672
	codeNoSuchOpenID    = 99992351
	codeNoSuchMessageID = 99992354
	codeFieldInvalid    = 99992402
)

// maxAPIBody bounds what is read of a request. It is more than any message may
// have, so that a message too long is told so.
const maxAPIBody = 4 << 20

// refusal is an API call that did not work. A nil *refusal is one that did.
type refusal struct {
	status int // HTTP; 0 means 400
	code   int
	msg    string
	header http.Header
	extra  map[string]any // further members of "error"
}

func refuse(code int, msg string) *refusal { return &refusal{code: code, msg: msg} }

// invalidField refuses a request because of one of its fields.
func invalidField(field, description string) *refusal {
	return &refusal{code: codeFieldInvalid, msg: "field validation failed", extra: map[string]any{
		"field_violations": []map[string]string{{"field": field, "description": description}},
	}}
}

// object is a JSON object whose keys are taken as they are, where encoding/json
// would let "MSG_TYPE" pass for msg_type.
type object map[string]json.RawMessage

// text returns the string called key. It returns false when there is none, or
// something else.
func (o object) text(key string) (string, bool) {
	var v *string
	if json.Unmarshal(o[key], &v) != nil || v == nil {
		return "", false
	}
	return *v, true
}

// call is one authorised request.
type call struct {
	app  *app
	r    *http.Request
	body object // of a POST
	size int    // of the body in bytes
}

// routes is the map of the cloud.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+bootstrapPath, s.bootstrap)
	mux.HandleFunc("GET "+socketPath, s.upgrade)
	mux.HandleFunc("POST "+tokenPath, s.issueToken)
	mux.HandleFunc("GET /open-apis/bot/v3/info", s.api("bot info", nil, s.botInfo))
	mux.HandleFunc("POST /open-apis/im/v1/messages", s.api("create", sendScopes, s.createMessage))
	mux.HandleFunc("POST /open-apis/im/v1/messages/{message_id}/reply", s.api("reply", sendScopes, s.replyMessage))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeRefusal(w, &refusal{status: http.StatusNotFound, code: codeNoSuchRoute, msg: "404 page not found"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			return
		}
		defer s.requests.Done()
		w.Header().Set("X-Tt-Logid", logID())
		s.countCall(r.URL.Path)
		s.withFailures(w, r, mux)
	})
}

func (s *Server) countCall(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path {
	case bootstrapPath:
		s.bootstraps++
		s.notify()
	case tokenPath:
		s.tokenCalls++
	}
}

// api wraps what an API call does with what all of them check: token, rate limit,
// scope, body, in this order (UNVERIFIED).
func (s *Server) api(name string, scopes []string, do func(call) (any, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, no := s.authorise(name, scopes, w, r)
		var answer any
		if no == nil {
			answer, no = do(c)
		}
		if no != nil {
			writeRefusal(w, no)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

func (s *Server) authorise(name string, scopes []string, w http.ResponseWriter, r *http.Request) (call, *refusal) {
	s.mu.Lock()
	a, no := s.checkToken(r.Header.Get("Authorization"))
	if no == nil {
		no = s.takeFromBucket(a, name)
	}
	s.mu.Unlock()
	if no != nil {
		return call{}, no
	}
	if len(scopes) > 0 && !a.may(scopes...) {
		return call{}, scopeMissing(scopes)
	}
	c := call{app: a, r: r}
	if r.Method == http.MethodPost {
		c.body, c.size, no = readObject(w, r)
	}
	return c, no
}

// readObject reads the JSON object of a request, and says how long it was.
func readObject(w http.ResponseWriter, r *http.Request) (object, int, *refusal) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/json" {
		return nil, 0, refuse(codeBadBody, "Bad Request: Content-Type is not application/json") // UNVERIFIED
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return nil, 0, &refusal{status: http.StatusRequestEntityTooLarge, code: codeBadBody, msg: "request too large"}
	}
	var o object
	if err != nil || json.Unmarshal(b, &o) != nil || o == nil {
		return nil, 0, refuse(codeBadBody, "Bad Request: body is not a JSON object")
	}
	return o, len(b), nil
}

func scopeMissing(scopes []string) *refusal {
	violations := make([]map[string]string, len(scopes))
	for i, scope := range scopes {
		violations[i] = map[string]string{"type": "action_scope_required", "subject": scope}
	}
	return &refusal{
		code:  codeScopeMissing,
		msg:   "Access denied. One of the following scopes is required: [" + strings.Join(scopes, ", ") + "]",
		extra: map[string]any{"permission_violations": violations},
	}
}

// success is the envelope of an answer.
func success(data any) any { return map[string]any{"code": 0, "msg": "success", "data": data} }

// writeRefusal answers with HTTP 400, unless no says otherwise, and the error
// envelope.
func writeRefusal(w http.ResponseWriter, no *refusal) {
	for key, values := range no.header {
		w.Header()[key] = values
	}
	status := no.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeJSON(w, status, no.envelope(w.Header().Get("X-Tt-Logid")))
}

func (no *refusal) envelope(log string) any {
	detail := map[string]any{
		"log_id":         log,
		"troubleshooter": "https://open.feishu.cn/search?from=openapi&log_id=" + log,
	}
	for key, value := range no.extra {
		detail[key] = value
	}
	return map[string]any{"code": no.code, "msg": no.msg, "error": detail}
}

// writeJSON answers with v. Every answer has this content type: the official
// client does not parse any other.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, _ := json.Marshal(v) // maps, strings and numbers
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
