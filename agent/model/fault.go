package model

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// fault is what an endpoint says about its failure, in whichever form:
//
//	{"error":{"message":…,"type":…,"code":…}}    OpenAI and most; code is a word, a number, or a number in quotes
//	{"error":"…"}                                proxies
//	{"code":"…","message":"…"}                   DashScope's own
//	{"object":"error","message":…,"code":400}    vLLM before 0.10
//	{"detail":…}                                 FastAPI
//	[{"error":{…}}]                              Google
//	anything else                                a gateway's page
type fault struct {
	message string
	code    string
	class   string // "type" in JSON
}

func (f *fault) Error() string { return f.message }

// parseFault reads the body of a failed response.
func parseFault(body []byte) *fault {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0]
	}
	var outer struct {
		Error, Message, Detail, Code, Type json.RawMessage
	}
	if json.Unmarshal(body, &outer) != nil {
		return &fault{message: oneLine(body)}
	}
	f := &fault{message: words(outer.Message), code: words(outer.Code), class: words(outer.Type)}
	var inner struct {
		Message, Code, Type json.RawMessage
	}
	switch {
	case present(outer.Error) && json.Unmarshal(outer.Error, &inner) == nil:
		f = &fault{message: words(inner.Message), code: words(inner.Code), class: words(inner.Type)}
	case present(outer.Error):
		f.message = words(outer.Error)
	case !present(outer.Message):
		f.message = words(outer.Detail)
	}
	if f.message == "" {
		f.message = oneLine(body)
	}
	return f
}

// present reports whether a field of JSON says anything.
func present(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", `""`, "{}", "false":
		return false
	}
	return true
}

// words is a field of JSON as text: a string's content, anything else as it stands.
func words(raw json.RawMessage) string {
	var s string
	if !present(raw) {
		return ""
	}
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return oneLine(raw)
}

func oneLine(text []byte) string {
	if len(text) > 4*maxMessage {
		text = text[:4*maxMessage]
	}
	if line := strings.Join(strings.Fields(string(text)), " "); line != "" {
		return line
	}
	return "it says nothing"
}

// status is the HTTP status of a fault that came inside a response with status
// 200: LiteLLM and vLLM put it into the code.
func (f *fault) status() int {
	if n, err := strconv.Atoi(f.code); err == nil && n >= 400 && n < 600 {
		return n
	}
	return http.StatusOK
}

// The words by which endpoints tell what shares a status, lower case. Those with a
// digit are codes and are compared as a whole.
var (
	tooLongWords = []string{
		"context_length", "maximum context", "context length", "context window", "range of input length", "too many tokens",
		"prompt is too long", "exceeded model token limit", "input is too long", "string_above_max_length", "prompt too long", "1261",
	}
	filteredWords = []string{
		"content_filter", "data_inspection", "datainspection", "content exists risk", "content_policy", "content management policy",
		"responsibleaipolicy", "high risk", "敏感内容", "1301",
	}
	quotaWords = []string{
		"insufficient_quota", "insufficient balance", "exceeded_current_quota", "arrearage", "allocationquota.freetieronly",
		"billing_hard_limit", "欠费", "余额不足", "1113",
	}
	keyWords     = []string{"invalid_api_key", "invalidapikey", "authentication_error", "1000", "1001", "1002", "1003", "1004"}
	busyWords    = []string{"rate_limit", "ratelimit", "throttling", "overloaded", "too many requests", "1302", "1303", "1305"}
	noModelWords = []string{"model_not_found", "modelnotfound", "deploymentnotfound", "model not exist", "1211"}
)

// says reports whether the fault has one of the words in it.
func (f *fault) says(list []string) bool {
	all := strings.ToLower(f.code + " " + f.class + " " + f.message)
	for _, word := range list {
		if word[0] >= '0' && word[0] <= '9' {
			if f.code == word {
				return true
			}
		} else if strings.Contains(all, word) {
			return true
		}
	}
	return false
}

// kind reads the HTTP status and, for the cases that share one, the words. A fault
// inside a response with status 200 is the endpoint's trouble unless it says
// otherwise.
func (f *fault) kind(status int) (kind Kind, noModel bool) {
	inside := status == http.StatusOK
	switch {
	case status == http.StatusUnauthorized:
		return Key, false
	case status == http.StatusPaymentRequired, f.says(quotaWords):
		return Quota, false
	case status == http.StatusTooManyRequests:
		return Busy, false
	case status == http.StatusRequestEntityTooLarge, f.says(tooLongWords):
		return TooLong, false
	case f.says(filteredWords):
		return Filtered, false
	case status == http.StatusForbidden, inside && f.says(keyWords):
		return Key, false
	case inside && f.says(busyWords):
		return Busy, false
	case status == http.StatusNotFound, f.says(noModelWords):
		return Refused, true
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly:
		return Unavailable, false
	case status >= 400 && status < 500:
		return Refused, false
	}
	return Unavailable, false
}
