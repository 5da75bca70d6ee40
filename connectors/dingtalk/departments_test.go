package dingtalk

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// directory is a robot beside a cloud with people in departments.
func directory(t *testing.T, opts dingtalktest.Options) (*dingtalktest.Server, *robot) {
	t.Helper()
	cloud := newCloud(t, opts)
	r := newRobot(withCards(cloud, func(c *Config) { c.Budget = 1 }), nil)
	t.Cleanup(r.api.http.CloseIdleConnections)
	cloud.SetDepartment("456", "123")
	cloud.SetDepartment("789", "123")
	cloud.SetDepartments("u1", "456")
	cloud.SetDepartments("u2", "456", "9007199254740993", "789")
	cloud.SetDepartments("boss", "1")
	cloud.SetDepartments("guest")
	return cloud, r
}

// in checks in which departments a person is.
func (r *robot) in(t *testing.T, person string, want ...string) {
	t.Helper()
	if got, err := r.Departments(t.Context(), person); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q is in %q, %v; want %q", person, got, err, want)
	}
}

// A department is told with all that is above it, each once.
func TestDepartments(t *testing.T) {
	cloud, r := directory(t, dingtalktest.Options{MonthlyCalls: 1})
	r.in(t, "u1", "456", "123", "1")
	r.in(t, "u2", "456", "123", "1", "9007199254740993", "789")
	r.in(t, "boss", "1")
	for _, person := range []string{"guest", "$:LWCP_v1:$x", ""} {
		r.in(t, person)
	}
	if n, direct := cloud.Calls(dingtalktest.PathParents), cloud.Calls(dingtalktest.PathUser); n != 4 || direct != 0 {
		t.Errorf("%d and %d calls", n, direct)
	}
	if used, err := r.budget.Used(t.Context()); used != 0 || err != nil { // they are not counted
		t.Errorf("%d calls counted, %v", used, err)
	}
}

// Trouble that passes is waited for.
func TestDepartmentsInTrouble(t *testing.T) {
	cloud, r := directory(t, dingtalktest.Options{})
	r.in(t, "boss", "1")
	cloud.ExpireTokens()
	r.in(t, "boss", "1")
	if n := cloud.Calls(dingtalktest.PathToken); n != 2 {
		t.Errorf("%d tokens", n)
	}
	cloud.FailRoute(dingtalktest.PathParents, dingtalktest.Failure{Status: 502, Times: 1})
	cloud.FailRoute(dingtalktest.PathParents, dingtalktest.Failure{Cut: true, Times: 1})
	r.in(t, "boss", "1")
	if n := cloud.Calls(dingtalktest.PathUser); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A platform that does not answer is no reason to believe that nothing is above.
func TestDepartmentsSlow(t *testing.T) {
	cloud, r := directory(t, dingtalktest.Options{})
	cloud.FailRoute(dingtalktest.PathParents, dingtalktest.Failure{Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if ids, err := r.Departments(ctx, "u1"); ids != nil || err == nil || connectors.Permanent(err) {
		t.Errorf("%q, %v", ids, err)
	}
	if n := cloud.Calls(dingtalktest.PathUser); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// Where the platform will not tell what is above, the person's own departments are all,
// and the log says once what is missing.
func TestDepartmentsAboveRefused(t *testing.T) {
	for name, test := range map[string]struct {
		fail *dingtalktest.Failure
		want string
	}{
		"permission": {nil, "lacks the permission qyapi_get_department_list"},
		"documented": {failErrcode(43007, "需要授权"), "lacks the permission qyapi_get_department_list"},
		"no person":  {failErrcode(33012, "无效的USERID"), "33012"},
		"no route":   {failCode(404, "InvalidAction.NotFound"), "InvalidAction.NotFound"},
		"no list":    {failErrcode(0, "ok"), "no parent_list"},
		"no ids":     {&dingtalktest.Failure{Status: 200, Body: `{"errcode":0,"result":{"parent_list":[{}]}}`}, "without ids"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r := directory(t, dingtalktest.Options{})
			if test.fail == nil {
				cloud.Revoke(clientID, dingtalktest.ScopeDepartments)
			} else {
				cloud.FailRoute(dingtalktest.PathParents, *test.fail)
			}
			r.in(t, "u2", "456", "9007199254740993", "789")
			r.in(t, "u1", "456")
			if n := cloud.Calls(dingtalktest.PathParents); n != 2 {
				t.Errorf("%d calls, want 2: a refusal is not asked again", n)
			}
			warned := 0
			for line := range strings.Lines(r.log.String()) {
				if strings.Contains(line, "level=WARN") && strings.Contains(line, "only people's own departments") && strings.Contains(line, test.want) {
					warned++
				}
			}
			if warned != 1 {
				t.Errorf("the log says %d times that %q:\n%s", warned, test.want, r.log)
			}
			cloud.Heal(dingtalktest.PathParents)
			cloud.Grant(clientID, dingtalktest.ScopeDepartments)
			r.in(t, "u1", "456", "123", "1")
		})
	}
}

func failErrcode(code int, message string) *dingtalktest.Failure {
	f := dingtalktest.FailErrcode(code, message)
	return &f
}

func failCode(status int, code string) *dingtalktest.Failure {
	f := dingtalktest.FailCode(status, code, code)
	return &f
}

// A refusal of both says what to do about each.
func TestDepartmentsRefused(t *testing.T) {
	cloud, r := directory(t, dingtalktest.Options{})
	cloud.Revoke(clientID, dingtalktest.ScopeContacts, dingtalktest.ScopeDepartments)
	_, err := r.Departments(t.Context(), "u1")
	if !connectors.Permanent(err) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		"get direct departments: code 60011", "lacks the permission " + scopeContacts,
		"get departments: code 60011", "lacks the permission " + scopeDepartments,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	cloud.Grant(clientID, dingtalktest.ScopeContacts, dingtalktest.ScopeDepartments)
	if _, err := r.Departments(t.Context(), "nobody"); !connectors.Permanent(err) || !strings.Contains(err.Error(), "60121") {
		t.Errorf("%v", err)
	}
	cloud.FailRoute(dingtalktest.PathUser, dingtalktest.FailGateway())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // one try
	defer cancel()
	if _, err := r.Departments(ctx, "nobody"); err == nil || connectors.Permanent(err) {
		t.Errorf("%v is taken for the last word", err)
	}
}

// However the tree is made, what is told of it has an end.
func TestDepartmentsBounded(t *testing.T) {
	cloud, r := directory(t, dingtalktest.Options{})
	cloud.SetDepartment("123", "456") // a ring
	r.in(t, "u1", "456", "123")

	many := make([]string, maxDepartments+1)
	for i := range many {
		many[i] = strconv.Itoa(i + 1000)
	}
	cloud.SetDepartments("many", many...)
	ids, err := r.Departments(t.Context(), "many")
	if err != nil || len(ids) != maxDepartments || !slices.Equal(ids[:3], []string{"1000", "1", "1001"}) {
		t.Errorf("%d departments, %v", len(ids), err)
	}
	long := strings.Repeat("9", maxID+1)
	cloud.FailRoute(dingtalktest.PathParents, dingtalktest.Failure{Status: 200, Body: `{"errcode":0,"result":{"parent_list":[{"parent_dept_id_list":["` + long + `",null,7]}]}}`})
	r.in(t, "u1", "7")
}

func TestUserAnswer(t *testing.T) {
	for body, want := range map[string]struct {
		text  string
		fatal bool
		wait  time.Duration
	}{
		`{"errcode":0,"result":{"dept_id_list":[1]}}`: {},
		`{"errcode":"0"}`:                {},
		`{}`:                             {text: "the answer holds no errcode"},
		`{"errcode":-1,"errmsg":"系统繁忙"}`: {text: "code -1: 系统繁忙"},
		`{"errcode":88,"errmsg":"x","sub_code":"40014"}`:                {text: "code 40014"},
		`{"errcode":88,"errmsg":"x"}`:                                   {text: "code 88: x", fatal: true},
		`{"errcode":90018,"errmsg":"slow"}`:                             {text: "code 90018: slow", wait: time.Second},
		`{"errcode":50002,"errmsg":"不在授权范围内"}`:                          {text: "widen its contact scope", fatal: true},
		`{"errcode":60011,"errmsg":"x"}`:                                {text: "lacks the permission qyapi_get_member", fatal: true},
		`{"errcode":60121,"errmsg":"找不到该用户"}`:                           {text: "code 60121: 找不到该用户", fatal: true},
		`{"errcode":40014,"errmsg":"t","result":{"dept_id_list":null}}`: {text: "code 40014: t"},
	} {
		var answer userAnswer
		err := understand("op", 200, []byte(body), &answer)
		if want.text == "" {
			must(t, err)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want.text) || connectors.Permanent(err) != want.fatal || connectors.RetryAfter(err) != want.wait {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzUserAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"errcode":0,"result":{"dept_id_list":[1,"2",3e4,null]}}`, `{"errcode":88,"sub_code":60011,"sub_msg":"x"}`, `{"errcode":"0","result":[]}`,
		`{"errcode":40014}`, `{"status":1111}`, `<html>`, `null`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var answer userAnswer
		err := understand("op", 200, []byte(raw), &answer)
		if err == nil && answer.Errcode != "0" {
			t.Errorf("%q is taken for a success", raw)
		}
		if connectors.Permanent(err) && tokenRefused(err) {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// The older API is on another host of DingTalk's, and on the same of any other.
func TestContactsOf(t *testing.T) {
	for _, row := range []struct{ config, want string }{
		{"", "http://127.0.0.1:1"}, {"http://127.0.0.1:2", "http://127.0.0.1:2"},
	} {
		if c := newRobot(Config{Endpoint: "http://127.0.0.1:1", Contacts: row.config}, nil); c.config.Contacts != row.want {
			t.Errorf("%q: %s", row.config, c.config.Contacts)
		}
	}
	if got := contactsOf("https://api.dingtalk.com"); got != "https://oapi.dingtalk.com" {
		t.Error(got)
	}
}

func FuzzParentsAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"errcode":0,"result":{"parent_list":[{"parent_dept_id_list":[456,123,1]},{"parent_dept_id_list":["1"]}]}}`,
		`{"errcode":"0","result":{"parent_list":[]}}`, `{"errcode":0,"result":{"parent_list":[{"parent_dept_id_list":[null,3e4,3e4]}]}}`,
		`{"errcode":0,"result":{"parent_list":[{}]}}`, `{"errcode":0}`, `{"errcode":88,"sub_code":60011}`, `{"errcode":0,"result":[]}`, `null`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var answer parentsAnswer
		if err := understand("op", 200, []byte(raw), &answer); err != nil {
			return
		}
		var told struct {
			Errcode connectors.LooseString `json:"errcode"`
		}
		if json.Unmarshal([]byte(raw), &told) != nil || told.Errcode != "0" || answer.Result.Ways == nil {
			t.Errorf("%q is taken for a success", raw)
		}
		ids := answer.ids()
		if len(ids) > maxDepartments || slices.Contains(ids, "") {
			t.Errorf("%q", ids)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != len(ids) {
			t.Errorf("%q has an id twice", ids)
		}
	})
}
