package feishu

import (
	"context"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
)

// What has to be switched on for Departments: the call, and in its answer the field.
const (
	personScope     = "contact:contact.base:readonly"
	departmentScope = "contact:user.department:readonly"
)

// maxDepartments bounds the departments of a person that are looked at.
const maxDepartments = 1000

// codeOutOfRange says that the app may not see a person, whatever scopes it has.
const codeOutOfRange = "41050"

// Departments are the open_department_ids of the departments that a person, by their
// open_id, is in directly; "0" is the root. The month's quota does not count the call.
func (c *Connector) Departments(ctx context.Context, person string) ([]string, error) {
	const op = "read departments"
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if len(person) > maxID || !safe.MatchString(person) {
		return nil, &connectors.Error{Op: op, Message: "the person's id is not one", Fatal: true}
	}
	query := larkcore.QueryParams{"user_id_type": {"open_id"}, "department_id_type": {"open_department_id"}}
	var data struct {
		User struct {
			Departments []connectors.LooseString `json:"department_ids"` // missing without departmentScope
		} `json:"user"`
	}
	err := c.api.get(ctx, op, "/open-apis/contact/v3/users/"+person, query, &data)
	switch {
	case coded(err, codeOutOfRange):
		return nil, clearer(err, "the person is not in the app's contact range: widen it in the developer console, under its permissions")
	case err != nil:
		return nil, err
	case data.User.Departments == nil:
		c.api.scopes.lacks(op, departmentScope)
		return nil, &connectors.Error{Op: op, Fatal: true, Message: "the answer holds no departments: the app lacks the scope " +
			departmentScope + " (besides " + personScope + ")"}
	}
	var ids []string
	for _, id := range data.User.Departments[:min(len(data.User.Departments), maxDepartments)] {
		if id != "" && len(id) <= maxID {
			ids = append(ids, string(id))
		}
	}
	return ids, nil
}
