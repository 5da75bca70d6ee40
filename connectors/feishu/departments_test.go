package feishu

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const aboveRoute = "GET /open-apis/contact/v3/departments/parent"

// directory is a connector that does not run, beside a cloud with people in departments.
func directory(t testing.TB, change func(*feishutest.Options, *Config)) (*feishutest.Server, *Connector, *journal) {
	t.Helper()
	config := Config{}
	s := cloud(t, func(o *feishutest.Options) { change(o, &config) })
	filled := withCards(s)
	filled.Shelf, filled.Budget, filled.Meter = config.Shelf, config.Budget, config.Meter
	var j journal
	c := New(filled, newInbox().deliver, j.log())
	t.Cleanup(c.api.http.CloseIdleConnections)
	s.SetDepartment("od-3", "od-2")
	s.SetDepartment("od-4", "od-2")
	s.SetDepartment("od-2", "od-1")
	s.SetDepartments("ou_1", "od-3")
	s.SetDepartments("ou_2", "od-3", "od-9", "od-4")
	s.SetDepartments("ou_3")
	s.SetDepartments("ou_4", "")
	return s, c, &j
}

func unchanged(*feishutest.Options, *Config) {}

// in checks in which departments a person is.
func in(t testing.TB, c *Connector, person string, want ...string) {
	t.Helper()
	if ids, err := c.Departments(soon(t), person); err != nil || !slices.Equal(ids, want) {
		t.Errorf("%s is in %q, %v; want %q", person, ids, err, want)
	}
}

// A department is told with all that is above it, each once and asked for once.
func TestDepartments(t *testing.T) {
	t.Parallel()
	shelf := newMemory()
	s, c, _ := directory(t, func(_ *feishutest.Options, config *Config) { config.Shelf, config.Budget = shelf, 1000 })
	s.FailRoute("GET /open-apis/contact", feishutest.BadGateway())
	s.FailRoute(aboveRoute, feishutest.TokenExpired())
	for range 2 {
		in(t, c, "ou_1", "od-3", "od-2", "od-1", "0")
		in(t, c, "ou_2", "od-3", "od-9", "od-4", "od-2", "od-1", "0")
		in(t, c, "ou_3", "0")
		in(t, c, "ou_4")
	}
	if n := s.Calls(aboveRoute); n != 3 {
		t.Errorf("asked %d times what is above three departments", n)
	}
	if shelf.calls() != 0 {
		t.Error("calls are counted that the platform does not count")
	}
}

// Several who ask at the same time are told the same.
func TestDepartmentsAtOnce(t *testing.T) {
	t.Parallel()
	_, c, _ := directory(t, unchanged)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() { in(t, c, "ou_2", "od-3", "od-9", "od-4", "od-2", "od-1", "0") })
	}
	asking.Wait()
}

// While the platform does not tell, nothing is said: half an answer would let in whom a
// list keeps out.
func TestDepartmentsInTrouble(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]feishutest.Failure{
		"gateway":     feishutest.BadGateway(),
		"slow":        {Delay: time.Minute},
		"busy":        feishutest.RateLimited(time.Minute),
		"not JSON":    {Body: "OK"},
		"no list":     {Body: `{"code":0,"data":{"items":{}}}`},
		"no objects":  {Body: `{"code":0,"data":{"items":["od-2"]}}`},
		"no text":     {Body: `{"code":0,"data":{"items":[{"open_department_id":["od-2"]}]}}`},
		"second page": {Body: `{"code":0,"data":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, _ := directory(t, unchanged)
			if name == "second page" {
				s.FailRoute(aboveRoute, feishutest.Failure{Body: `{"code":0,"data":{"items":[{"open_department_id":"od-2"}],"has_more":true,"page_token":"1"}}`})
			}
			fail.Times = -1
			s.FailRoute(aboveRoute, fail)
			for range 2 { // the second time nobody is asked
				began := time.Now()
				if ids, err := c.Departments(soon(t), "ou_1"); ids != nil || err == nil || connectors.Permanent(err) {
					t.Errorf("%q, %v", ids, err)
				}
				if took := time.Since(began); took >= readTime {
					t.Errorf("took %v", took)
				}
			}
		})
	}
}

// Whoever has gone meanwhile leaves nothing behind.
func TestDepartmentsForNobody(t *testing.T) {
	t.Parallel()
	var g gauge
	s, c, _ := directory(t, func(_ *feishutest.Options, config *Config) { config.Meter = &g })
	s.FailRoute(aboveRoute, feishutest.Failure{Delay: time.Minute})
	going, cancel := context.WithCancel(soon(t))
	var asking sync.WaitGroup
	asking.Go(func() {
		if ids, err := c.Departments(going, "ou_1"); ids != nil || err == nil {
			t.Errorf("%q, %v", ids, err)
		}
	})
	until(t, "the own departments", func() bool { return g.called("read person: ok") == 1 })
	cancel()
	asking.Wait()
	s.ClearFailures()
	in(t, c, "ou_1", "od-3", "od-2", "od-1", "0")
}

// Where the platform will not tell what is above, the person's own departments and the
// root are all, and the log says once what to do about it.
func TestDepartmentsAboveRefused(t *testing.T) {
	t.Parallel()
	const narrow = "only people's own departments are told"
	for name, test := range map[string]struct {
		fail feishutest.Failure
		want string
	}{
		"scope":        {feishutest.MissingScope(aboveScope), "scope=" + aboveScope},
		"out of range": {feishutest.APIError(40004, "no dept authority error"), "widen its contact range"},
		"no route":     {feishutest.Failure{Status: 404, Body: `{"code":404,"msg":"404 page not found"}`}, narrow},
		"unknown":      {feishutest.APIError(40015, "department not exist"), narrow},
		"no id":        {feishutest.Failure{Body: `{"code":0,"data":{"items":[{"name":"x"}]}}`}, aboveScope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, j := directory(t, unchanged)
			test.fail.Times = -1
			s.FailRoute(aboveRoute, test.fail)
			for range 2 {
				in(t, c, "ou_1", "od-3", "0")
				in(t, c, "ou_2", "od-3", "od-9", "od-4", "0")
			}
			if n := s.Calls(personCalls); n != 4 {
				t.Errorf("asked %d times, want 4", n)
			}
			var warned []string
			for line := range strings.Lines(j.String()) {
				if strings.Contains(line, "level=WARN") {
					warned = append(warned, line)
				}
			}
			if len(warned) != 1 || !strings.Contains(warned[0], test.want) {
				t.Errorf("the log warns %q, want %q once", warned, test.want)
			}
		})
	}
}

// However the tree is made and told, there is an end of it.
func TestDepartmentsBounded(t *testing.T) {
	t.Parallel()
	s, c, _ := directory(t, unchanged)
	s.SetDepartment("od-1", "od-3") // a ring
	in(t, c, "ou_1", "od-3", "od-2", "od-1", "0")

	deep := []string{"od-d0"}
	for n := range 60 {
		deep = append(deep, fmt.Sprint("od-d", n+1))
		s.SetDepartment(deep[n], deep[n+1])
	}
	s.SetDepartments("ou_deep", deep[0])
	in(t, c, "ou_deep", append(deep[:1+maxAbove:1+maxAbove], "0")...)
	s.SetDepartments("ou_less", deep[15])
	in(t, c, "ou_less", append(deep[15:len(deep):len(deep)], "0")...) // three pages

	var many []string
	for n := range maxDepartments + 1 {
		many = append(many, fmt.Sprint("od-m", n))
		s.SetDepartment(many[n], fmt.Sprint("od-n", n))
	}
	s.SetDepartments("ou_many", many...)
	ids, err := c.Departments(soon(t), "ou_many")
	if err != nil || len(ids) != maxDepartments+maxWays+1 || ids[maxDepartments] != "od-n0" || ids[maxDepartments+maxWays-1] != fmt.Sprint("od-n", maxWays-1) {
		t.Errorf("%d departments, %v", len(ids), err)
	}

	before := s.Calls(aboveRoute)
	s.FailRoute(aboveRoute, feishutest.Failure{Times: -1, Body: `{"code":0,"data":{"has_more":true,"page_token":"again","items":[{"open_department_id":"od-2"},{"open_department_id":"` + strings.Repeat("x", maxID+1) + `"}]}}`})
	s.SetDepartments("ou_page", "od-page")
	in(t, c, "ou_page", "od-page", "od-2", "0")
	if n := s.Calls(aboveRoute); n != before {
		t.Errorf("%d calls have reached the real route", n-before)
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
			_, c, _ := directory(t, func(o *feishutest.Options, _ *Config) { o.Apps[0].Scopes = test.scopes })
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

// The scopes that are asked for a person's own departments are enough for those above.
func TestDepartmentScopes(t *testing.T) {
	t.Parallel()
	_, c, _ := directory(t, func(o *feishutest.Options, _ *Config) { o.Apps[0].Scopes = []string{personScope, departmentScope} })
	in(t, c, "ou_1", "od-3", "od-2", "od-1", "0")
}

func FuzzAbovePage(f *testing.F) {
	for _, seed := range []string{
		`{"has_more":true,"page_token":"x","items":[{"open_department_id":"od-2","name":"x"},{"open_department_id":7}]}`,
		`{"has_more":"false","items":null}`, `{"items":[{}]}`, `{"items":[null]}`, `{"items":{}}`, `[]`, `null`,
		`{"items":[` + strings.Repeat(`{"open_department_id":"od-2"},`, maxAbove) + `{"open_department_id":"od-1"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var page abovePage
		if json.Unmarshal([]byte(raw), &page) != nil {
			return
		}
		above, err := page.addTo([]string{"od-0"})
		if len(above) > maxAbove || slices.Contains(above, "") || err != nil && above != nil || err == nil && above[0] != "od-0" {
			t.Errorf("%q, %v", above, err)
		}
	})
}
