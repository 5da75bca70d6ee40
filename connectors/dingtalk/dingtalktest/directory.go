package dingtalktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// PathUser tells about a person, on oapi.dingtalk.com, the older API: the token is in
// the query, and a failure is an errcode in a 200 (documented).
const PathUser = "/topapi/v2/user/get"

// ScopeContacts is the permission that PathUser needs (client sources).
const ScopeContacts = "qyapi_get_member"

// SetDepartments makes a person known to PathUser, as one who is in the departments
// with these ids, which are numbers.
func (s *Server) SetDepartments(staffID string, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.departments[staffID] = slices.Clone(ids)
}

// userRequest is the body of PathUser (documented).
type userRequest struct {
	UserID   string `json:"userid"`
	Language string `json:"language"`
}

// userAnswer is its answer, as far as robots ask for it (documented).
type userAnswer struct {
	Errcode   int         `json:"errcode"`
	Errmsg    string      `json:"errmsg"`
	SubCode   string      `json:"sub_code,omitempty"`
	SubMsg    string      `json:"sub_msg,omitempty"`
	Result    *userDetail `json:"result,omitempty"`
	RequestID string      `json:"request_id"`
}

type userDetail struct {
	UserID      string        `json:"userid"`
	Departments []json.Number `json:"dept_id_list"`
}

// user answers PathUser. Calls about contacts are not counted against the month's
// (documented).
func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	var req userRequest
	if err := decodeExact(r.Body, &req); err != nil {
		writeJSON(w, http.StatusOK, oldProblem(400002, "无效的参数"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	writeJSON(w, http.StatusOK, s.userOf(r.URL.Query().Get("access_token"), req.UserID))
}

// userOf is the answer about a person. The codes are documented, but for the form of a
// missing permission (field). The caller holds s.mu.
func (s *Server) userOf(token, person string) userAnswer {
	now := time.Now()
	a := s.tokens[token]
	ids, known := s.departments[person]
	switch {
	case a == nil || !now.Before(a.tokenUntil):
		return oldProblem(40014, "不合法的access_token")
	case a.revoked[ScopeContacts]:
		answer := oldProblem(88, "ding talk error[subcode=60011,submsg=没有调用该接口的权限]")
		answer.SubCode, answer.SubMsg = "60011", "没有调用该接口的权限"
		return answer
	case !a.admit(fmt.Sprint(http.MethodPost, " ", PathUser), now, s.opts.CallsPerSecond):
		s.throttled()
		return oldProblem(90018, "您的服务器调用钉钉开放平台的频率过高")
	case person == "":
		return oldProblem(40035, "缺少参数 userid")
	case !known:
		return oldProblem(60121, "找不到该用户")
	}
	answer := oldProblem(0, "ok")
	answer.Result = &userDetail{UserID: person, Departments: []json.Number{}}
	for _, id := range ids {
		answer.Result.Departments = append(answer.Result.Departments, json.Number(id))
	}
	return answer
}

// oldProblem is an answer of the older API without a result.
func oldProblem(errcode int, errmsg string) userAnswer {
	return userAnswer{Errcode: errcode, Errmsg: errmsg, RequestID: newRequestID()}
}
