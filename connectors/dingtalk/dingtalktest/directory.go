package dingtalktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// The calls of the older API, on oapi.dingtalk.com, about a person: the token is in the
// query, and a failure is an errcode in a 200 (documented).
const (
	PathUser    = "/topapi/v2/user/get"                    // the departments that they are in
	PathParents = "/topapi/v2/department/listparentbyuser" // these and those above
)

// The permissions that they need: of PathUser (client sources), of PathParents
// (documented).
const (
	ScopeContacts    = "qyapi_get_member"
	ScopeDepartments = "qyapi_get_department_list"
)

// rootDepartment is above all others (documented).
const rootDepartment = "1"

// SetDepartments makes a person known, as one who is in the departments with these ids,
// which are numbers.
func (s *Server) SetDepartments(staffID string, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.departments[staffID] = slices.Clone(ids)
}

// SetDepartment puts a department below another. All others are below the root.
func (s *Server) SetDepartment(id, parent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents[id] = parent
}

// userRequest is the body of PathUser (documented).
type userRequest struct {
	UserID   string `json:"userid"`
	Language string `json:"language"`
}

// oldAnswer is an answer of the older API (documented).
type oldAnswer struct {
	Errcode   int    `json:"errcode"`
	Errmsg    string `json:"errmsg"`
	SubCode   string `json:"sub_code,omitempty"`
	SubMsg    string `json:"sub_msg,omitempty"`
	Result    any    `json:"result,omitempty"`
	RequestID string `json:"request_id"`
}

// userDetail is the result of PathUser, as far as robots ask for it (documented).
type userDetail struct {
	UserID      string        `json:"userid"`
	Departments []json.Number `json:"dept_id_list"`
}

// parentLists is the result of PathParents (documented).
type parentLists struct {
	List []parentList `json:"parent_list"`
}

// parentList begins with a department of the person's and ends with the root
// (documented).
type parentList struct {
	IDs []json.Number `json:"parent_dept_id_list"`
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
	answer := s.admitOld(r, ScopeContacts, req.UserID)
	ids, known := s.departments[req.UserID]
	switch {
	case answer.Errcode != 0:
	case !known:
		answer = oldProblem(60121, "找不到该用户")
	default:
		answer.Result = &userDetail{UserID: req.UserID, Departments: numbers(ids)}
	}
	writeJSON(w, http.StatusOK, answer)
}

// parentDepartments answers PathParents.
func (s *Server) parentDepartments(w http.ResponseWriter, r *http.Request) {
	var req struct {
		UserID string `json:"userid"`
	}
	if err := decodeExact(r.Body, &req); err != nil {
		writeJSON(w, http.StatusOK, oldProblem(400002, "无效的参数"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.admitOld(r, ScopeDepartments, req.UserID)
	ids, known := s.departments[req.UserID]
	switch {
	case answer.Errcode != 0:
	case !known:
		answer = oldProblem(33012, "无效的USERID")
	default:
		lists := parentLists{List: []parentList{}} // of who is in none: UNVERIFIED
		for _, id := range ids {
			lists.List = append(lists.List, parentList{numbers(s.upFrom(id))})
		}
		answer.Result = &lists
	}
	writeJSON(w, http.StatusOK, answer)
}

// upFrom is a department and all above it. The caller holds s.mu.
func (s *Server) upFrom(id string) []string {
	const most = 100 // for a tree that a test has made a ring of
	way := []string{id}
	for id != rootDepartment && len(way) < most {
		parent, below := s.parents[id]
		if !below {
			parent = rootDepartment
		}
		way = append(way, parent)
		id = parent
	}
	return way
}

// numbers are ids as they are on the wire.
func numbers(ids []string) []json.Number {
	list := make([]json.Number, 0, len(ids))
	for _, id := range ids {
		list = append(list, json.Number(id))
	}
	return list
}

// admitOld is what the older API says before it looks anybody up: ok, or why not. The
// codes are documented, but for the form of a missing permission (field). The caller
// holds s.mu.
func (s *Server) admitOld(r *http.Request, scope, person string) oldAnswer {
	now := time.Now()
	a := s.tokens[r.URL.Query().Get("access_token")]
	switch {
	case a == nil || !now.Before(a.tokenUntil):
		return oldProblem(40014, "不合法的access_token")
	case a.revoked[scope]:
		answer := oldProblem(88, "ding talk error[subcode=60011,submsg=没有调用该接口的权限]")
		answer.SubCode, answer.SubMsg = "60011", "没有调用该接口的权限"
		return answer
	case !a.admit(fmt.Sprint(r.Method, " ", r.URL.Path), now, s.opts.CallsPerSecond):
		s.throttled()
		return oldProblem(90018, "您的服务器调用钉钉开放平台的频率过高")
	case person == "":
		return oldProblem(40035, "缺少参数 userid")
	}
	return oldProblem(0, "ok")
}

// oldProblem is an answer of the older API without a result.
func oldProblem(errcode int, errmsg string) oldAnswer {
	return oldAnswer{Errcode: errcode, Errmsg: errmsg, RequestID: newRequestID()}
}
