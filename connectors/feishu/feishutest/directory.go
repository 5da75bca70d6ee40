package feishutest

import (
	"slices"
	"strings"
)

// The codes of contact/v3.
const (
	codeBadUserID = 41012
	codeNoRights  = 41050

	codeBadDepartmentType = 40006 // UNVERIFIED
)

// userScopes let an app ask who somebody is, and broadScopes show it everything, where
// else each field has a scope of its own.
var (
	broadScopes = []string{"contact:contact:readonly", "contact:contact:readonly_as_app", "contact:contact:access_as_app"}
	userScopes  = append([]string{"contact:contact.base:readonly"}, broadScopes...)
)

// SetDepartments puts a person, by their open_id, into departments and into the app's
// range.
func (s *Server) SetDepartments(person string, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people.get(person)
	if p.OpenID == "" {
		p = Person{OpenID: person}
		p.fill()
		s.people.put(person, p)
	}
	s.departments[person] = slices.Clone(ids)
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
	if kind := c.r.URL.Query().Get("department_id_type"); kind != "" && kind != "open_department_id" {
		return nil, refuse(codeBadDepartmentType, "department_id_type: only open_department_id is served here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people.get(id)
	if p.OpenID == "" {
		return nil, refuse(codeNoRights, "no user authority error")
	}
	user := map[string]any{"open_id": p.OpenID, "union_id": p.UnionID}
	if c.app.may(append([]string{"contact:user.department:readonly"}, broadScopes...)...) {
		user["department_ids"] = []string{"0"} // the root
		if ids := s.departments[id]; ids != nil {
			user["department_ids"] = ids
		}
	}
	if p.UserID != "" && c.app.may("contact:user.employee_id:readonly") {
		user["user_id"] = p.UserID
	}
	if c.app.may(append([]string{"contact:user.base:readonly"}, broadScopes...)...) { // without it the call works and the name is missing
		user["name"] = p.Name
		user["avatar"] = map[string]string{"avatar_72": s.url + "/avatar.png"}
	}
	return success(map[string]any{"user": user}), nil
}
