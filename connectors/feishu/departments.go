package feishu

import (
	"context"
	"strconv"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
)

// The bounds of what is looked at. A person in more departments than maxWays is told
// what is above the first of them only.
const (
	maxDepartments = 1000 // a person is in directly
	maxWays        = 20   // of these, how many are followed up to the root
	maxAbove       = 50   // departments above one
	abovePageSize  = 20   // departments in one answer; the platform allows 50
	maxAbovePages  = 5    // some may be short: what the app may not see is left out of them
)

// aboveRetry is how long it takes until asking again what is above a department when
// nobody told.
const aboveRetry = time.Minute

// rootDepartment is above all others (documented).
const rootDepartment = "0"

// readAboveOp is the name of the call that tells what is above a department.
const readAboveOp = "read departments"

// aboveScope lets the app see the tree. For the call personScope is enough, and ids
// come without either scope of fields (UNVERIFIED: from the field).
const aboveScope = "contact:department.organize:readonly"

// codeDepartmentOutOfRange says that the app may not see a department, whatever scopes
// it has.
const codeDepartmentOutOfRange = "40004"

// Departments are the open_department_ids of the departments that a person, by their
// open_id, is in, and of those above them. The tree may be a day old. Where the
// platform refuses to tell what is above, the log says so, and the person's own
// departments and the root are all. The month's quota counts none of the calls.
func (c *Connector) Departments(ctx context.Context, person string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	ids, err := c.directDepartments(ctx, person)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	for _, id := range ids[:min(len(ids), maxWays)] {
		if id == rootDepartment {
			continue
		}
		above, err := c.above.told(ctx, id)
		if err != nil && !connectors.Permanent(err) { // it passes, and half an answer would let in whom a list keeps out
			return nil, err
		}
		ids = append(ids, above...)
	}
	return once(append(ids, rootDepartment)), nil
}

// once are ids in their order, each once.
func once(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	var all []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			all = append(all, id)
		}
	}
	return all
}

// directDepartments are the departments that a person is in.
func (c *Connector) directDepartments(ctx context.Context, person string) ([]string, error) {
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

// departmentsAbove asks the platform what is above a department, the root left out.
func (c *Connector) departmentsAbove(ctx context.Context, id string) ([]string, error) {
	ids, err := c.api.readAbove(ctx, id)
	if err == nil || !connectors.Permanent(err) {
		return ids, err
	}
	// scopes has logged what it knows, and once; the rest is logged here.
	if !scopeMissing(err) && !coded(err, codeDepartmentOutOfRange) && c.directOnly.CompareAndSwap(false, true) {
		c.log.Warn("only people's own departments are told: an access list that names one above them does not meet them", "err", err)
	}
	return nil, err
}

// readAbove makes the call GET /open-apis/contact/v3/departments/parent: its items are
// the department's parent, that one's, and so on, without the root, and without those
// outside of the app's contact range (documented).
func (a *api) readAbove(ctx context.Context, id string) (above []string, err error) {
	query := larkcore.QueryParams{
		"department_id_type": {"open_department_id"}, "department_id": {id}, "page_size": {strconv.Itoa(abovePageSize)},
	}
	for range maxAbovePages {
		var page abovePage
		err = a.get(ctx, readAboveOp, "/open-apis/contact/v3/departments/parent", query, &page)
		if coded(err, codeDepartmentOutOfRange) {
			a.scopes.outOfRange(readAboveOp)
			err = clearer(err, "the department is not in the app's contact range: widen it in the developer console, under its permissions")
		}
		if err != nil {
			return nil, err
		}
		if above, err = page.addTo(above); err != nil {
			return nil, err
		}
		if page.More != "true" || page.Next == "" || len(above) == maxAbove {
			break
		}
		query.Set("page_token", string(page.Next))
	}
	return above, nil
}

// abovePage is one answer about the departments above another.
type abovePage struct {
	Items []struct {
		ID connectors.LooseString `json:"open_department_id"`
	} `json:"items"` // nil for a department below the root
	More connectors.LooseString `json:"has_more"`
	Next connectors.LooseString `json:"page_token"`
}

// addTo adds the departments of the page to those before it, of which together there
// are at most maxAbove.
func (p abovePage) addTo(above []string) ([]string, error) {
	for _, item := range p.Items {
		switch {
		case len(above) == maxAbove:
			return above, nil
		case item.ID == "":
			return nil, &connectors.Error{Op: readAboveOp, Fatal: true, Message: "the answer holds a department without its id, as if the app lacked the scope " + aboveScope}
		case len(item.ID) <= maxID:
			above = append(above, string(item.ID))
		}
	}
	return above, nil
}
