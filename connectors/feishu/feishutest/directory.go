package feishutest

import (
	"slices"
	"strconv"
	"strings"
)

// The codes of contact/v3.
const (
	codeBadUserID = 41012
	codeNoRights  = 41050

	codeBadDepartment     = 40001
	codeBadDepartmentType = 40006 // UNVERIFIED
)

// rootDepartment is above all others (documented).
const rootDepartment = "0"

// userScopes let an app ask who somebody is, treeScopes what is above a department, and
// broadScopes show it everything, where else each field has a scope of its own.
var (
	broadScopes = []string{"contact:contact:readonly", "contact:contact:readonly_as_app", "contact:contact:access_as_app"}
	userScopes  = append([]string{"contact:contact.base:readonly"}, broadScopes...)
	treeScopes  = append([]string{"contact:contact.base:readonly", "contact:department.organize:readonly"}, broadScopes...)
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

// SetDepartment puts a department below another. All others are below the root.
func (s *Server) SetDepartment(id, parent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents[id] = parent
}

// readParents answers what is above a department, one after the other and without the
// root. All departments are in the app's range.
func (s *Server) readParents(c call) (any, *refusal) {
	query := c.r.URL.Query()
	if kind := query.Get("department_id_type"); kind != "" && kind != "open_department_id" {
		return nil, refuse(codeBadDepartmentType, "department_id_type: only open_department_id is served here")
	}
	id := query.Get("department_id")
	s.mu.Lock()
	above := s.above(id)
	s.mu.Unlock()
	size, ok := numberOr(query.Get("page_size"), 20)
	from, known := numberOr(query.Get("page_token"), 0)
	if !ok || !known || id == "" || id == rootDepartment || size < 1 || size > 50 || from < 0 || from > len(above) {
		return nil, refuse(codeBadDepartment, "param error") // of the root: UNVERIFIED
	}
	to := min(from+size, len(above))
	data := map[string]any{"has_more": to < len(above)}
	if to < len(above) {
		data["page_token"] = strconv.Itoa(to)
	}
	if from < to { // an empty list is left out
		items := make([]map[string]string, 0, to-from)
		for _, id := range above[from:to] {
			item := map[string]string{"open_department_id": id}
			if c.app.may(append([]string{"contact:department.base:readonly"}, broadScopes...)...) {
				item["name"] = "department " + id
			}
			items = append(items, item)
		}
		data["items"] = items
	}
	return success(data), nil
}

// numberOr is the number that text is, or unless where there is no text. It returns
// false when the text is something else.
func numberOr(text string, unless int) (int, bool) {
	if text == "" {
		return unless, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// above are the departments above one, the root left out. mu is held.
func (s *Server) above(id string) []string {
	const most = 100 // for a tree that a test has made a ring of
	var all []string
	for len(all) < most {
		id = s.parents[id]
		if id == "" || id == rootDepartment {
			break
		}
		all = append(all, id)
	}
	return all
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
		user["department_ids"] = []string{rootDepartment}
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
