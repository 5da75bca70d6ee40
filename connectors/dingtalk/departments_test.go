package dingtalk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

func TestDepartments(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{MonthlyCalls: 1})
	r := newRobot(withCards(cloud, func(c *Config) { c.Budget = 1 }), nil)
	t.Cleanup(r.api.http.CloseIdleConnections)
	cloud.SetDepartments("u1", "1", "9007199254740993")
	cloud.SetDepartments("u2")
	for person, want := range map[string][]string{"u1": {"1", "9007199254740993"}, "u2": nil, "$:LWCP_v1:$x": nil, "": nil} {
		got, err := r.Departments(t.Context(), person)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", person, got, err)
		}
	}
	if n := cloud.Calls(dingtalktest.PathUser); n != 2 {
		t.Errorf("%d calls", n)
	}
	if used, err := r.budget.Used(t.Context()); used != 0 || err != nil { // they are not counted
		t.Errorf("%d calls counted, %v", used, err)
	}
	cloud.ExpireTokens()
	if got, err := r.Departments(t.Context(), "u1"); err != nil || len(got) != 2 || cloud.Calls(dingtalktest.PathToken) != 2 {
		t.Errorf("%q, %v after %d tokens", got, err, cloud.Calls(dingtalktest.PathToken))
	}
	cloud.FailRoute(dingtalktest.PathUser, dingtalktest.Failure{Status: 502, Times: 1})
	cloud.FailRoute(dingtalktest.PathUser, dingtalktest.Failure{Cut: true, Times: 1})
	if got, err := r.Departments(t.Context(), "u1"); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

// A refusal says what to do about it.
func TestDepartmentsRefused(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	r := newRobot(quick(cloud), nil)
	t.Cleanup(r.api.http.CloseIdleConnections)
	cloud.SetDepartments("u1", "1")
	cloud.Revoke(clientID, dingtalktest.ScopeContacts)
	_, err := r.Departments(t.Context(), "u1")
	if !connectors.Permanent(err) || !strings.Contains(err.Error(), "get departments: code 60011") || !strings.Contains(err.Error(), "lacks the permission "+scopeContacts) {
		t.Errorf("%v", err)
	}
	cloud.Grant(clientID, dingtalktest.ScopeContacts)
	if _, err := r.Departments(t.Context(), "nobody"); !connectors.Permanent(err) || !strings.Contains(err.Error(), "60121") {
		t.Errorf("%v", err)
	}
	if n := cloud.Calls(dingtalktest.PathUser); n != 2 {
		t.Errorf("%d calls", n)
	}
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
