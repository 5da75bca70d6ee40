package dingtalk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/utils"

	"longwire/connectors"
)

// The calls of the older API: POST with the token in the query and {"userid":"…"} (the
// token of the newer API is good for it, as clients show). The answer is HTTP 200 also
// for a failure:
//
//	{"errcode":0,"errmsg":"ok","result":{…}}
//	{"errcode":88,"sub_code":"60011","sub_msg":"…","errmsg":"ding talk error[subcode=60011,submsg=…]"}
//
// Calls about contacts are not counted against the month's calls (documented).
const (
	// parentsPath tells for each department of a person the way from it up to the root,
	// which is 1, both included (developer documentation, "Queries the list of all
	// parent departments of a user"):
	//
	//	{"parent_list":[{"parent_dept_id_list":[456,123,1]}]}
	parentsPath = "/topapi/v2/department/listparentbyuser"
	// userPath tells the departments of a person alone (the same, "Query user details"):
	//
	//	{"userid":"…","dept_id_list":[1,42],…}
	userPath = "/topapi/v2/user/get"
)

// The permissions that they need.
const (
	scopeDepartments = "qyapi_get_department_list"
	scopeContacts    = "qyapi_get_member"
)

const (
	departmentsTime = 10 * time.Second // for all that Departments asks
	maxDepartments  = 1000             // that are told of one person
)

// Departments returns the ids of the departments that a person is in, by the staff id,
// and of those above them. People outside the organisation are in none. Where DingTalk
// refuses to tell what is above, the log says so, and the person's own departments
// are all.
func (c *Connector) Departments(ctx context.Context, person string) ([]string, error) {
	if person == "" || strings.HasPrefix(person, "$:") { // a senderId: see message.sender
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, departmentsTime)
	defer cancel()
	parents, err := askContacts[parentsAnswer](ctx, c, "get departments", parentsPath, person)
	if err == nil {
		return parents.ids(), nil
	}
	if !connectors.Permanent(err) { // it passes, and half an answer would let in whom a list keeps out
		return nil, err
	}
	user, direct := askContacts[userAnswer](ctx, c, "get direct departments", userPath, person)
	if direct != nil {
		return nil, fmt.Errorf("%w, after %w", direct, err)
	}
	if c.directOnly.CompareAndSwap(false, true) {
		c.log.Warn("only people's own departments are told: an access list that names one above them does not meet them", "err", err)
	}
	return departmentIDs(user.Result.Departments), nil
}

// askContacts asks the older API about a person.
func askContacts[A any](ctx context.Context, c *Connector, op, path, person string) (answer A, err error) {
	err = connectors.Retry(ctx, tries, func() error {
		if err := c.turn(ctx, op); err != nil {
			return &connectors.Error{Op: op, Err: err}
		}
		return c.api.withToken(ctx, op, func(token string) error {
			answer = *new(A)
			to := c.config.Contacts + path + "?access_token=" + url.QueryEscape(token)
			return c.api.send(ctx, http.MethodPost, op, to, "", map[string]string{"userid": person}, &answer)
		})
	})
	return answer, err
}

// departmentIDs are ids as they are told, each once.
func departmentIDs(told []connectors.LooseString) []string {
	var ids []string
	seen := make(map[connectors.LooseString]bool)
	for _, id := range told {
		if len(ids) == maxDepartments {
			break
		}
		if id != "" && len(id) <= maxID && !seen[id] {
			seen[id] = true
			ids = append(ids, string(id))
		}
	}
	return ids
}

// parentsAnswer is the answer of parentsPath.
type parentsAnswer struct {
	oldAnswer
	Result struct {
		Ways []struct {
			IDs []connectors.LooseString `json:"parent_dept_id_list"`
		} `json:"parent_list"`
	} `json:"result"`
}

// ids are the departments of all ways.
func (p *parentsAnswer) ids() []string {
	var told []connectors.LooseString
	for _, way := range p.Result.Ways {
		told = append(told, way.IDs...)
	}
	return departmentIDs(told)
}

func (p *parentsAnswer) check(op string) error {
	if err := p.refusal(op, scopeDepartments); err != nil {
		return err
	}
	// A person without departments has an empty list (UNVERIFIED). One that is missing is
	// none: taken for it, somebody whom a list keeps out would come in.
	if p.Result.Ways == nil {
		return &connectors.Error{Op: op, Fatal: true, Message: "the answer holds no parent_list"}
	}
	for _, way := range p.Result.Ways {
		if len(way.IDs) == 0 {
			return &connectors.Error{Op: op, Fatal: true, Message: "the answer holds a parent_list without ids"}
		}
	}
	return nil
}

// userAnswer is the answer of userPath.
type userAnswer struct {
	oldAnswer
	Result struct {
		Departments []connectors.LooseString `json:"dept_id_list"`
	} `json:"result"`
}

func (u *userAnswer) check(op string) error { return u.refusal(op, scopeContacts) }

// oldAnswer is what every answer of the older API begins with.
type oldAnswer struct {
	Errcode connectors.LooseString `json:"errcode"`
	Errmsg  connectors.LooseString `json:"errmsg"`
	SubCode connectors.LooseString `json:"sub_code"`
	SubMsg  connectors.LooseString `json:"sub_msg"`
}

// refusal is refused for the older API, of a call that needs the permission scope.
func (o *oldAnswer) refusal(op, scope string) error {
	e := &connectors.Error{Op: op, Code: string(o.Errcode), Message: string(o.Errmsg)}
	if e.Code == "88" && o.SubCode != "" { // 88 says that the sub code does
		e.Code, e.Message = string(o.SubCode), string(o.SubMsg)
	}
	switch e.Code {
	case "0":
		return nil
	case "":
		e.Message = "the answer holds no errcode"
	case "-1": // the system is busy
	case "90018", "90002": // too fast, the app or everybody
		e.RetryAfter = time.Second
	case "60011", "43007": // as it comes, and as it is documented for parentsPath
		e.Fatal = true
		e.Message += lacks(scope)
	case "50002":
		e.Fatal = true
		e.Message += " (the person is outside of the contacts that the app may see: widen its contact scope)"
	default:
		e.Fatal = !oldTokenInvalid(e.Code)
	}
	return e
}

// oldTokenInvalid is tokenInvalid for the older API: the token is none, or has ended.
func oldTokenInvalid(code string) bool { return code == "40014" || code == "42001" }

// contactsOf is where the older API is, beside an endpoint.
func contactsOf(endpoint string) string {
	if endpoint == utils.DefaultOpenApiHost {
		return "https://oapi.dingtalk.com"
	}
	return endpoint
}
