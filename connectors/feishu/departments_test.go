package feishu

import (
	"slices"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

func TestDepartments(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	s.SetDepartments("ou_1", "od-1", "od-2")
	s.SetDepartments("ou_2")
	config := withCards(s)
	config.Budget = 1000
	shelf := newMemory()
	config.Shelf = shelf
	c := writer(t, config)
	s.FailRoute("GET /open-apis/contact", feishutest.BadGateway())
	for person, want := range map[string][]string{"ou_1": {"od-1", "od-2"}, "ou_2": {"0"}} {
		if ids, err := c.Departments(soon(t), person); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s is in %q, %v; want %q", person, ids, err, want)
		}
	}
	if shelf.calls() != 0 {
		t.Error("calls are counted that the platform does not count")
	}
}

// What the operator has to switch on is in the error.
func TestNoDepartments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scopes []string
		person string
		want   []string
	}{
		"no scope for the call":  {[]string{"im:message"}, "ou_1", []string{personScope}},
		"no scope for the field": {[]string{personScope}, "ou_1", []string{departmentScope, personScope}},
		"out of range":           {nil, "ou_9", []string{"41050", "contact range"}},
		"no id":                  {nil, "../../x", []string{"id"}},
		"no person":              {nil, "", []string{"id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Apps[0].Scopes = test.scopes })
			s.SetDepartments("ou_1", "od-1")
			c := writer(t, configFor(s))
			ids, err := c.Departments(soon(t), test.person)
			if ids != nil || !connectors.Permanent(err) {
				t.Fatalf("%q, %v", ids, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}
