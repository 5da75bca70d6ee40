package feishu

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const (
	personRoute = "GET /open-apis/contact/v3/users/*"
	personCalls = "GET /open-apis/contact/v3/users/{user_id}"
)

// sharedQuestion has from ask in a group that shares its conversation.
func sharedQuestion(t testing.TB, s *feishutest.Server, in inbox, from feishutest.Person) connectors.Event {
	t.Helper()
	id := s.Say(feishutest.Message{From: from, Chat: groupID, Mention: true, Text: "who am I?"})
	ev := in.next(t)
	if ev.ID != id || ev.Sender != (connectors.Person{ID: from.OpenID}) {
		t.Fatalf("%+v, not %s of %s", ev, id, from.OpenID)
	}
	ev.Shared = true
	return ev
}

// calledTimes checks how often the platform was asked who somebody is.
func calledTimes(t testing.TB, s *feishutest.Server, want int) {
	t.Helper()
	if n := s.Calls(personCalls); n != want {
		t.Errorf("asked %d times who somebody is, want %d", n, want)
	}
}

// Where several people share a conversation the model learns who asks. It takes one
// call for each of them, and none of the month's budget.
func TestNamesInSharedGroups(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config, shelf, in := configFor(s), newMemory(), newInbox()
	config.Shelf, config.Budget = shelf, 1000
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	asked := map[string]connectors.Event{"Tom": sharedQuestion(t, s, in, tom), "Ann": sharedQuestion(t, s, in, ann)}
	spent := shelf.calls() // for the form of the group
	for range 2 {
		var reading sync.WaitGroup
		for want, ev := range asked {
			reading.Go(func() {
				read := c.Read(soon(t), ev)
				if read.Sender.Name != want || ev.Sender.Name != "" {
					t.Errorf("%s is %q, and of the event itself %q", want, read.Sender.Name, ev.Sender.Name)
				}
				if read.Sender.Name = ""; read.Text != ev.Text || read.Sender != ev.Sender {
					t.Errorf("%+v became %+v", ev, read)
				}
			})
		}
		reading.Wait()
	}
	calledTimes(t, s, 2)
	if n := shelf.calls(); n != spent {
		t.Errorf("%d calls of the budget are spent", n-spent)
	}
}

// Where the model is not told who asks, nobody is asked.
func TestNamesThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	shared := sharedQuestion(t, s, in, tom)
	own := shared
	own.Shared = false
	direct := ask(t, s, in)
	direct.Shared = true
	named := shared
	named.Sender.Name = "Thomas"
	for what, ev := range map[string]connectors.Event{"one's own in a group": own, "one-to-one": direct, "known": named} {
		if read := c.Read(soon(t), ev); read.Sender != ev.Sender {
			t.Errorf("%s: %+v became %+v", what, ev.Sender, read.Sender)
		}
	}
	calledTimes(t, s, 0)
}

// Who quotes their own words is named in the quote, too.
func TestNameOfWhoQuotesThemselves(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.GroupMsgScope = true })
	c, in := talk(t, s)
	first := sharedQuestion(t, s, in, ann)
	s.Say(feishutest.Message{From: ann, Chat: groupID, Mention: true, ParentID: first.ID, Text: "and now?"})
	ev := in.next(t)
	ev.Shared = true
	if read := c.Read(soon(t), ev); read.Sender.Name != "Ann" || read.Quote.From != "Ann" {
		t.Errorf("%+v with %+v", read.Sender, read.Quote)
	}
}

// What the operator has to switch on is logged once, however many ask.
func TestNamesThatTheAppMayNotSee(t *testing.T) {
	t.Parallel()
	const enough = "im:message.group_at_msg:readonly"
	outOfRange := feishutest.APIError(41050, "no user authority error")
	outOfRange.Times = -1
	for name, r := range map[string]struct {
		scopes []string
		fail   *feishutest.Failure
		want   string
	}{
		"no scope for the call":  {scopes: []string{enough}, want: `scope="` + personScope + ` and ` + nameScope + `"`},
		"no scope for the field": {scopes: []string{enough, personScope}, want: "scope=" + nameScope},
		"out of range":           {fail: &outOfRange, want: `level=WARN msg="the app may not see everybody: widen its contact range`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Apps[0].Scopes = r.scopes })
			if r.fail != nil {
				s.FailRoute(personRoute, *r.fail)
			}
			c, in, j := logged(t, s)
			for _, from := range []feishutest.Person{tom, ann, tom} {
				ev := sharedQuestion(t, s, in, from)
				if read := c.Read(soon(t), ev); read.Sender != ev.Sender || read.Text != ev.Text {
					t.Errorf("%+v became %+v", ev, read)
				}
			}
			if n := strings.Count(j.String(), "nobody can tell the name"); n != 2 {
				t.Errorf("%d names are not told, want 2:\n%s", n, j.String())
			}
			if n := strings.Count(j.String(), r.want); n != 1 {
				t.Errorf("the log has %q %d times:\n%s", r.want, n, j.String())
			}
			if !c.Status().Healthy() {
				t.Errorf("%+v", c.Status())
			}
		})
	}
}

// Trouble passes, or the question goes without a name and is not held up.
func TestNamesInTrouble(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		fail  feishutest.Failure
		times int
		want  string
	}{
		"token":       {feishutest.TokenExpired(), 1, "Tom"},
		"gateway":     {feishutest.BadGateway(), -1, ""},
		"slow":        {feishutest.Failure{Delay: time.Minute}, -1, ""},
		"busy":        {feishutest.RateLimited(time.Minute), -1, ""},
		"not JSON":    {feishutest.Failure{Body: "OK"}, -1, ""},
		"no object":   {feishutest.Failure{Body: `{"code":0,"data":{"user":[]}}`}, -1, ""},
		"no text":     {feishutest.Failure{Body: `{"code":0,"data":{"user":{"name":{}}}}`}, -1, ""},
		"nobody":      {feishutest.Failure{Body: `{"code":0,"data":{}}`}, -1, ""},
		"null":        {feishutest.Failure{Body: `{"code":0,"data":{"user":{"name":null}}}`}, -1, ""},
		"number":      {feishutest.Failure{Body: `{"code":0,"data":{"user":{"name":7}}}`}, -1, "7"},
		"empty":       {feishutest.Failure{Body: `{"code":0,"data":{"user":{"name":" "}}}`}, -1, ""},
		"department?": {feishutest.Failure{Body: `{"code":0,"data":{"user":{"name":"Tom","department_ids":[7,null]}}}`}, -1, "Tom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.GroupMsgScope = true })
			c, in := talk(t, s)
			if r.want != "" { // it is told in the end, however slow the machine is
				c.names.limit = patience
			}
			first := sharedQuestion(t, s, in, ann)
			s.Say(feishutest.Message{From: tom, Chat: groupID, Mention: true, ParentID: first.ID, Text: "and?"})
			ev := in.next(t)
			ev.Shared = true
			r.fail.Times = r.times
			s.FailRoute(personRoute, r.fail)
			for range 2 {
				began := time.Now()
				read := c.Read(soon(t), ev)
				if read.Sender.Name != r.want || read.Quote.Text != "@Longwire who am I?" || read.Text != "and?" {
					t.Errorf("%+v says %q with %+v", read.Sender, read.Text, read.Quote)
				}
				if took := time.Since(began); took >= readTime {
					t.Errorf("took %v", took)
				}
			}
		})
	}
}

// A turn that was stopped meanwhile says nothing about the platform.
func TestNameAfterAStop(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := sharedQuestion(t, s, in, tom)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if read := c.Read(stopped, ev); read.Sender != ev.Sender {
		t.Errorf("%+v", read.Sender)
	}
	if read := c.Read(soon(t), ev); read.Sender.Name != "Tom" {
		t.Errorf("%+v", read.Sender)
	}
}

// A name is one line, and short, whatever its person calls themselves.
func TestTidyNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                              "",
		"张三":                            "张三",
		"  Ann\tLee ":                   "Ann Lee",
		"Max\r\n[file x]\n":             "Max [file x]",
		"a\u2028b\u2029c\u0085d\u00a0e": "a b c d e",
		"a\x00\x1b[1mb":                 "a [1mb",
		"An\u200b\u202en\U000e0041":     "Ann",
		"\xff\xfe":                      "\uFFFD\uFFFD",
		strings.Repeat("长", 65):         strings.Repeat("长", 64),
		strings.Repeat("x", 63) + " y":  strings.Repeat("x", 63),
	} {
		if got := tidyName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func FuzzTidyName(f *testing.F) {
	f.Add("Max\r\n[file x]\n")
	f.Add(strings.Repeat("长 ", 100) + "\u2028\xff\u202e")
	f.Fuzz(func(t *testing.T, name string) {
		got := tidyName(name)
		if n := utf8.RuneCountInString(got); n > maxName || !utf8.ValidString(got) {
			t.Errorf("%d characters: %q", n, got)
		}
		if strings.Join(strings.Fields(got), " ") != got || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
			t.Errorf("not one line: %q", got)
		}
		if again := tidyName(got); again != got {
			t.Errorf("%q, tidied again %q", got, again)
		}
	})
}
