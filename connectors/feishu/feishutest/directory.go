package feishutest

import "strings"

// The codes of contact/v3.
const (
	codeBadUserID = 41012
	codeNoRights  = 41050
)

var userScopes = []string{
	"contact:contact.base:readonly", "contact:contact:readonly", "contact:contact:readonly_as_app",
}

// readUser answers who a person is. Who has not been seen in Say is outside of
// the app's range.
func (s *Server) readUser(c call) (any, *refusal) {
	id, idType := c.r.PathValue("user_id"), c.r.URL.Query().Get("user_id_type")
	switch {
	case idType != "" && idType != "open_id":
		return nil, refuse(codeBadUserID, "user id invalid error: only open_id is served here")
	case !strings.HasPrefix(id, "ou_"):
		return nil, refuse(codeBadUserID, "user id invalid error")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people.get(id)
	if p.OpenID == "" {
		return nil, refuse(codeNoRights, "no user authority error")
	}
	user := map[string]any{"open_id": p.OpenID, "union_id": p.UnionID}
	if p.UserID != "" && c.app.may("contact:user.employee_id:readonly") {
		user["user_id"] = p.UserID
	}
	if c.app.may("contact:user.base:readonly") { // without it the call works and the name is missing
		user["name"] = p.Name
		user["avatar"] = map[string]string{"avatar_72": s.url + "/avatar.png"}
	}
	return success(map[string]any{"user": user}), nil
}
