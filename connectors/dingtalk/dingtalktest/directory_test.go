package dingtalktest

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// askOld asks a path of the older API about a person.
func askOld(t *testing.T, s *Server, path, tok string, body any) answer {
	t.Helper()
	a := mustPost(t, s, path+"?access_token="+tok, body)
	if a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
	return a
}

func TestUser(t *testing.T) {
	t.Parallel()
	s := start(t, Options{MonthlyCalls: 1})
	tok := token(t, s)
	s.SetDepartments("u1", "1", "42")
	s.SetDepartments("u2")
	for person, want := range map[string][]any{"u1": {1.0, 42.0}, "u2": {}} {
		a := askOld(t, s, PathUser, tok, map[string]string{"userid": person, "language": "zh_CN"})
		result, _ := a.field(t, "result").(map[string]any)
		if a.field(t, "errcode") != 0.0 || !reflect.DeepEqual(result["dept_id_list"], want) || result["userid"] != person {
			t.Errorf("%s: %s", person, a.body)
		}
	}
	if q := s.Quota(); q.Calls != 0 {
		t.Errorf("%d calls counted", q.Calls)
	}
}

// Each department of a person is told with the way up to the root.
func TestParents(t *testing.T) {
	t.Parallel()
	s := start(t, Options{MonthlyCalls: 1})
	tok := token(t, s)
	s.SetDepartment("456", "123")
	s.SetDepartments("u1", "456", "42")
	s.SetDepartments("u2", "1")
	s.SetDepartments("u3")
	for person, want := range map[string]string{
		"u1": `{"parent_list":[{"parent_dept_id_list":[456,123,1]},{"parent_dept_id_list":[42,1]}]}`,
		"u2": `{"parent_list":[{"parent_dept_id_list":[1]}]}`,
		"u3": `{"parent_list":[]}`,
	} {
		if a := askOld(t, s, PathParents, tok, map[string]string{"userid": person}); a.field(t, "errcode") != 0.0 || !strings.Contains(a.body, `"result":`+want) {
			t.Errorf("%s: %s", person, a.body)
		}
	}
	if q := s.Quota(); q.Calls != 0 {
		t.Errorf("%d calls counted", q.Calls)
	}
	s.SetDepartment("123", "456") // a ring
	if a := askOld(t, s, PathParents, tok, map[string]string{"userid": "u1"}); strings.Count(a.body, "456") != 50 {
		t.Errorf("%s", a.body)
	}
}

func TestOldAPIRefuses(t *testing.T) {
	t.Parallel()
	for path, r := range map[string]struct {
		scope  string
		nobody float64
	}{PathUser: {ScopeContacts, 60121}, PathParents: {ScopeDepartments, 33012}} {
		s := start(t, Options{CallsPerSecond: 3})
		tok := token(t, s)
		s.SetDepartments("u1", "1")
		expect := func(tok string, body any, errcode float64) {
			t.Helper()
			if a := askOld(t, s, path, tok, body); a.field(t, "errcode") != errcode {
				t.Errorf("%s: %s, want %v", path, a.body, errcode)
			}
		}
		who := map[string]string{"userid": "u1"}
		expect("", who, 40014)
		expect("x", who, 40014)
		expect(tok, `{"userId":"u1"}`, 400002)
		s.Revoke(clientID, r.scope)
		if a := askOld(t, s, path, tok, who); a.field(t, "errcode") != 88.0 || a.field(t, "sub_code") != "60011" || !strings.Contains(a.body, "subcode=60011") {
			t.Errorf("%s: %s", path, a.body)
		}
		s.Grant(clientID, r.scope)
		expect(tok, map[string]string{}, 40035)
		expect(tok, map[string]string{"userid": "nobody"}, r.nobody)
		expect(tok, who, 0)
		expect(tok, who, 90018)
		if n := s.Stats().Throttled; n != 1 {
			t.Errorf("%d throttled", n)
		}
	}
}

// What a card says, and its buttons, are where its template has them.
func TestButtonsOfACard(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	a := call(t, s, http.MethodPost, PathCards, map[string]any{
		"cardTemplateId": TemplateButtons, "outTrackId": "ask", "callbackType": "STREAM",
		"cardData": map[string]any{"cardParamMap": map[string]string{
			"markdown": "Shall I?", "sys_full_json_obj": `{"msgButtons":[{"text":"Yes","color":"gray","id":"yes","request":true}]}`,
		}},
	}, tok)
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c := s.Cards()[0]
	if c.Content() != "Shall I?" || !reflect.DeepEqual(c.Buttons(), []Button{{ID: "yes", Text: "Yes"}}) {
		t.Errorf("%q, %+v", c.Content(), c.Buttons())
	}
	for _, layout := range []string{"", "{", `{"msgButtons":7}`} {
		c.Params["sys_full_json_obj"] = layout
		if n := len(c.Buttons()); n != 0 {
			t.Errorf("%q has %d buttons", layout, n)
		}
	}
}
