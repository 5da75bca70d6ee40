package dingtalktest

import (
	"bytes"
	"io"
	"net/http"
)

// The robot API for messages that nobody asked for by webhook (documented).
const (
	PathOTO   = "/v1.0/robot/oToMessages/batchSend" // with a capital T
	PathGroup = "/v1.0/robot/groupMessages/send"
)

// otoRequest is the body of PathOTO (documented).
type otoRequest struct {
	RobotCode string   `json:"robotCode"`
	UserIDs   []string `json:"userIds"`
	MsgKey    string   `json:"msgKey"`
	MsgParam  string   `json:"msgParam"`
}

// otoAnswer is its answer: some people may not get the message although the status
// is 200 (documented).
type otoAnswer struct {
	ProcessQueryKey           string   `json:"processQueryKey"`
	InvalidStaffIDList        []string `json:"invalidStaffIdList"`
	FlowControlledStaffIDList []string `json:"flowControlledStaffIdList"`
}

// SetInvalidStaff names the people that batchSend reports in invalidStaffIdList
// from now on instead of sending to them.
func (s *Server) SetInvalidStaff(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invalidStaff = setOf(ids)
}

// SetFlowControlled names the people that batchSend reports in
// flowControlledStaffIdList from now on instead of sending to them.
func (s *Server) SetFlowControlled(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limitedStaff = setOf(ids)
}

// Join puts an app's robot into a group, without which groupMessages/send does not
// know it. A message from the group does the same.
func (s *Server) Join(clientID, chat string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appNamed(clientID).groups[chat] = struct{}{}
}

// batchSend answers PathOTO.
func (s *Server) batchSend(w http.ResponseWriter, r *http.Request, a *app) {
	var req otoRequest
	raw, ok := readRaw(w, r, &req)
	if !ok {
		return
	}
	if refusal := s.checkOTO(a, &req); refusal != nil {
		s.reject(w, refusal)
		return
	}
	sent, refusal := s.parseMsg(req.MsgKey, req.MsgParam)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	answer := otoAnswer{ProcessQueryKey: hexOf(randomBytes()), InvalidStaffIDList: []string{}, FlowControlledStaffIDList: []string{}}
	s.mu.Lock()
	for _, id := range req.UserIDs {
		switch {
		case s.invalidStaff[id]:
			answer.InvalidStaffIDList = append(answer.InvalidStaffIDList, id)
		case s.limitedStaff[id]:
			answer.FlowControlledStaffIDList = append(answer.FlowControlledStaffIDList, id)
		default:
			sent.StaffIDs = append(sent.StaffIDs, id)
		}
	}
	s.mu.Unlock()
	if len(sent.StaffIDs) > 0 {
		sent.Via, sent.ClientID, sent.QueryKey, sent.Raw = ViaOTO, a.ClientID, answer.ProcessQueryKey, raw
		s.record(sent)
	}
	writeJSON(w, http.StatusOK, answer)
}

// checkOTO says what is wrong with a request to PathOTO, but for its message
// (documented codes).
func (s *Server) checkOTO(a *app, req *otoRequest) *problem {
	if refusal := a.checkRobot(req.RobotCode); refusal != nil {
		return refusal
	}
	switch {
	case len(req.UserIDs) == 0:
		return newProblem("invalidParameter.userIds.empty", "userIds is empty")
	case len(req.UserIDs) > s.opts.OTOUsers:
		return newProblem("invalidParameter.userIds.overMax", "userIds is over max")
	}
	for _, id := range req.UserIDs {
		if id == "" {
			return newProblem("invalidParameter.userId.empty", "userId is empty")
		}
	}
	return nil
}

// groupRequest is the body of PathGroup (documented). coolAppCode is needed only
// by robots that came with a group cool app, and there are none.
type groupRequest struct {
	RobotCode          string `json:"robotCode"`
	OpenConversationID string `json:"openConversationId"`
	MsgKey             string `json:"msgKey"`
	MsgParam           string `json:"msgParam"`
	CoolAppCode        string `json:"coolAppCode"`
}

// groupSend answers PathGroup.
func (s *Server) groupSend(w http.ResponseWriter, r *http.Request, a *app) {
	var req groupRequest
	raw, ok := readRaw(w, r, &req)
	if !ok {
		return
	}
	if refusal := s.checkGroup(a, &req); refusal != nil {
		s.reject(w, refusal)
		return
	}
	sent, refusal := s.parseMsg(req.MsgKey, req.MsgParam)
	if refusal != nil {
		s.reject(w, refusal)
		return
	}
	key := hexOf(randomBytes())
	sent.Via, sent.ClientID, sent.ChatID, sent.QueryKey, sent.Raw = ViaGroup, a.ClientID, req.OpenConversationID, key, raw
	s.record(sent)
	writeJSON(w, http.StatusOK, struct {
		ProcessQueryKey string `json:"processQueryKey"`
	}{key})
}

// checkGroup says what is wrong with a request to PathGroup, but for its message
// (documented codes; that a group without the robot is invalid.openConversationId
// is UNVERIFIED).
func (s *Server) checkGroup(a *app, req *groupRequest) *problem {
	if refusal := a.checkRobot(req.RobotCode); refusal != nil {
		return refusal
	}
	if req.OpenConversationID == "" {
		return newProblem("miss.openConversationId", "openConversationId is missing")
	}
	s.mu.Lock()
	_, joined := a.groups[req.OpenConversationID]
	disbanded := s.disbanded[req.OpenConversationID]
	s.mu.Unlock()
	if disbanded {
		return newProblem("group.disbanded", "群已被解散")
	}
	if !joined {
		return newProblem("invalid.openConversationId", "openConversationId is invalid")
	}
	if len(req.MsgParam) > s.opts.GroupParamBytes {
		return newProblem("invalidParameter.msgParam.tooLong", "msgParam is too long")
	}
	return nil
}

// parseMsg reads a message of the robot API, which must not hold what the platform
// censors (documented code).
func (s *Server) parseMsg(key, param string) (Sent, *problem) {
	sent, refusal := parseMsgParam(key, param)
	if refusal == nil && s.unsafe(param) {
		refusal = newProblem("contain.notAllowed.content", "含有不合适的内容")
	}
	return sent, refusal
}

// checkRobot checks the robotCode of a request against the app of its token.
func (a *app) checkRobot(code string) *problem {
	switch code {
	case "":
		return newProblem("invalidParameter.robotCode.empty", "robotCode is empty")
	case a.RobotCode:
		return nil
	default:
		return newProblem("invalidParameter.robotCode.auth", "此应用appkey和机器人robotCode不匹配")
	}
}

// reject answers a message that is not sent.
func (s *Server) reject(w http.ResponseWriter, refusal *problem) {
	s.count(func(st *Stats) { st.Rejected++ })
	refuse(w, http.StatusBadRequest, refusal)
}

// readRaw reads the body as it is and into v, or answers 400 and returns false.
func readRaw(w http.ResponseWriter, r *http.Request, v any) ([]byte, bool) {
	return readRawOr(w, r, v, "invalidParameter.param.invalid")
}

// readRawOr is readRaw for APIs that have another code for a body that is wrong.
func readRawOr(w http.ResponseWriter, r *http.Request, v any, code string) ([]byte, bool) {
	var raw bytes.Buffer
	r.Body = io.NopCloser(io.TeeReader(r.Body, &raw))
	ok := readJSONOr(w, r, v, code)
	return raw.Bytes(), ok
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}
