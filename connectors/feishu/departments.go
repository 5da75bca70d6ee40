package feishu

import (
	"context"

	"longwire/connectors"
)

// maxDepartments bounds the departments of a person that are looked at.
const maxDepartments = 1000

// Departments are the open_department_ids of the departments that a person, by their
// open_id, is in directly; "0" is the root. The month's quota does not count the call.
func (c *Connector) Departments(ctx context.Context, person string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	p, err := c.api.readPerson(ctx, person)
	switch {
	case err != nil:
		return nil, err
	case p.Departments == nil:
		c.api.scopes.lacks(readPersonOp, departmentScope)
		return nil, &connectors.Error{Op: readPersonOp, Fatal: true, Message: "the answer holds no departments: the app lacks the scope " +
			departmentScope + " (besides " + personScope + ")"}
	}
	var ids []string
	for _, id := range p.Departments[:min(len(p.Departments), maxDepartments)] {
		if id != "" && len(id) <= maxID {
			ids = append(ids, string(id))
		}
	}
	return ids, nil
}
