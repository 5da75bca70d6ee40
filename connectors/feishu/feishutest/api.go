package feishutest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// The codes of the open API that are not particular to one file.
const (
	codeBadBody         = 9499
	codeNoSuchRoute     = 404
	codeRateLimit       = 99991400
	codeQuota           = 99991403
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
	body object // nil where the request has none
	size int    // of the body in bytes
}

// routes is the map of the cloud.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+bootstrapPath, s.bootstrap)
	mux.HandleFunc("GET "+socketPath, s.upgrade)
	mux.HandleFunc("POST "+tokenPath, s.issueToken)
	for _, r := range s.apis() {
		mux.HandleFunc(r.pattern, s.api(r))
	}
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

// api is one route of the open API.
type api struct {
	pattern string
	scopes  []string // of which one is needed
	do      func(call) (any, *refusal)
	free    bool // does not count against the month's quota
}

// apis are all routes of the open API.
func (s *Server) apis() []api {
	const messages, cards = "/open-apis/im/v1/messages", "/open-apis/cardkit/v1/cards"
	const message, card = messages + "/{message_id}", cards + "/{card_id}"
	const element = card + "/elements/{element_id}"
	return []api{
		{pattern: "GET /open-apis/bot/v3/info", do: s.botInfo},
		{pattern: "GET /open-apis/im/v1/chats/{chat_id}", scopes: []string{"im:chat", "im:chat:read", "im:chat:readonly"}, do: s.readChat},
		{pattern: "GET /open-apis/contact/v3/users/{user_id}", scopes: userScopes, do: s.readUser, free: true},
		{pattern: "GET /open-apis/contact/v3/departments/parent", scopes: treeScopes, do: s.readParents, free: true},

		{pattern: "POST " + messages, scopes: sendScopes, do: s.createMessage},
		{pattern: "POST " + message + "/reply", scopes: sendScopes, do: s.replyMessage},
		{pattern: "PUT " + message, scopes: editScopes, do: s.editMessage},
		{pattern: "PATCH " + message, scopes: editScopes, do: s.patchMessage},
		{pattern: "DELETE " + message, scopes: recallScopes, do: s.recallMessage},
		{pattern: "GET " + message, scopes: readScopes, do: s.readMessage},
		{pattern: "GET " + message + "/resources/{file_key}", scopes: downloadScopes, do: s.readResource},
		{pattern: "POST " + message + "/reactions", scopes: reactScopes, do: s.createReaction},
		{pattern: "GET " + message + "/reactions", scopes: reactionReadScopes, do: s.listReactions},
		{pattern: "DELETE " + message + "/reactions/{reaction_id}", scopes: reactScopes, do: s.deleteReaction},

		{pattern: "POST " + cards, scopes: cardScopes, do: s.createCard},
		{pattern: "POST " + cards + "/id_convert", scopes: cardScopes, do: s.convertID},
		{pattern: "PUT " + card, scopes: cardScopes, do: s.operate("update", s.readReplacement)},
		{pattern: "PATCH " + card + "/settings", scopes: cardScopes, do: s.operate("settings", s.readSettings)},
		{pattern: "POST " + card + "/batch_update", scopes: cardScopes, do: s.operate("batch_update", s.readBatch)},
		{pattern: "POST " + card + "/elements", scopes: cardScopes, do: s.operate("add", readAddition)},
		{pattern: "PUT " + element, scopes: cardScopes, do: s.operate("replace", readElement)},
		{pattern: "PATCH " + element, scopes: cardScopes, do: s.operate("patch", readPartial)},
		{pattern: "DELETE " + element, scopes: cardScopes, do: s.operate("delete", readDeletion)},
		{pattern: "PUT " + element + "/content", scopes: cardScopes, do: s.operate("content", readContent)},
	}
}

// api wraps what an API call does with what all of them check: token, rate limit,
// scope, body, in this order (UNVERIFIED).
func (s *Server) api(api api) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, no := s.authorise(api, w, r)
		var answer any
		if no == nil {
			answer, no = api.do(c)
		}
		if no != nil {
			writeRefusal(w, no)
			return
		}
		if !api.free {
			s.mu.Lock()
			c.app.month++
			s.mu.Unlock()
		}
		if stream, ok := answer.(http.Handler); ok {
			stream.ServeHTTP(w, r)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

func (s *Server) authorise(api api, w http.ResponseWriter, r *http.Request) (call, *refusal) {
	s.mu.Lock()
	s.calls[api.pattern]++
	a, no := s.checkToken(r.Header.Get("Authorization"))
	if no == nil {
		no = s.takeFromBucket(a, api.pattern)
	}
	if no == nil && !api.free && a.month >= s.opts.Limits.CallsPerMonth {
		no = quotaUsedUp()
	}
	s.mu.Unlock()
	if no != nil {
		return call{}, no
	}
	if len(api.scopes) > 0 && !a.may(api.scopes...) {
		return call{}, scopeMissing(a, api.scopes)
	}
	c := call{app: a, r: r}
	if r.Method != http.MethodGet && (r.Method != http.MethodDelete || r.ContentLength != 0) {
		c.body, c.size, no = readObject(w, r)
	}
	return c, no
}

// Calls returns how many requests have reached a route of the open API, the
// refused ones included. A route is a method and a path with the names of its
// variables, for instance "PUT /open-apis/im/v1/messages/{message_id}".
func (s *Server) Calls(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[route]
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

// scopeMissing refuses a, nil for no app in particular, because it has none of the
// scopes.
func scopeMissing(a *app, scopes []string) *refusal {
	id := "cli_0000000000000000"
	if a != nil {
		id = a.AppID
	}
	list := strings.Join(scopes, ", ")
	violations := make([]map[string]string, len(scopes))
	for i, scope := range scopes {
		violations[i] = map[string]string{"type": "action_scope_required", "subject": scope}
	}
	return &refusal{
		code: codeScopeMissing,
		msg:  "Access denied. One of the following scopes is required: [" + list + "]",
		extra: map[string]any{
			"permission_violations": violations,
			"helps": []map[string]string{{
				"url": "https://open.feishu.cn/app/" + id + "/auth?q=" + url.QueryEscape(strings.Join(scopes, ",")) +
					"&op_from=openapi&token_type=tenant",
				"description": "Learn more about scopes and how to add them: [" + list + "]",
			}},
		},
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
