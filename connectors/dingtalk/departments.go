package dingtalk

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/utils"

	"longwire/connectors"
)

// userPath tells about a person: POST with the token in the query and {"userid":"…"}
// (developer documentation, "Query user details"; the token of the newer API is good
// for it, as clients show). The answer is HTTP 200 also for a failure:
//
//	{"errcode":0,"errmsg":"ok","result":{"userid":"…","dept_id_list":[1,42],…}}
//	{"errcode":88,"sub_code":"60011","sub_msg":"…","errmsg":"ding talk error[subcode=60011,submsg=…]"}
//
// Calls about contacts are not counted against the month's calls (documented).
const userPath = "/topapi/v2/user/get"

// scopeContacts is the permission that userPath needs.
const scopeContacts = "qyapi_get_member"

// Departments returns the ids of the departments that a person is in, by the staff id.
// People outside the organisation are in none.
func (c *Connector) Departments(ctx context.Context, person string) ([]string, error) {
	const op = "get departments"
	if person == "" || strings.HasPrefix(person, "$:") { // a senderId: see message.sender
		return nil, nil
	}
	var answer userAnswer
	err := connectors.Retry(ctx, tries, func() error {
		if err := c.turn(ctx, "contacts"); err != nil {
			return &connectors.Error{Op: op, Err: err}
		}
		return c.api.withToken(ctx, op, func(token string) error {
			answer = userAnswer{}
			to := c.config.Contacts + userPath + "?access_token=" + url.QueryEscape(token)
			return c.api.send(ctx, http.MethodPost, op, to, "", map[string]string{"userid": person}, &answer)
		})
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range answer.Result.Departments {
		ids = append(ids, string(id))
	}
	return ids, nil
}

// userAnswer is the answer of userPath.
type userAnswer struct {
	Errcode connectors.LooseString `json:"errcode"`
	Errmsg  connectors.LooseString `json:"errmsg"`
	SubCode connectors.LooseString `json:"sub_code"`
	SubMsg  connectors.LooseString `json:"sub_msg"`
	Result  struct {
		Departments []connectors.LooseString `json:"dept_id_list"`
	} `json:"result"`
}

// check is refused for the older API.
func (u *userAnswer) check(op string) error {
	e := &connectors.Error{Op: op, Code: string(u.Errcode), Message: string(u.Errmsg)}
	if e.Code == "88" && u.SubCode != "" { // 88 says that the sub code does
		e.Code, e.Message = string(u.SubCode), string(u.SubMsg)
	}
	switch e.Code {
	case "0":
		return nil
	case "":
		e.Message = "the answer holds no errcode"
	case "-1": // the system is busy
	case "90018", "90002": // too fast, the app or everybody
		e.RetryAfter = time.Second
	case "60011":
		e.Fatal = true
		e.Message += lacks(scopeContacts)
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
