package feishu

import (
	"errors"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const botInfo = "/open-apis/bot/v3/info"

// A bot that does not know itself answers people, and lets groups wait.
func TestGroupsWaitForTheIdentity(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	s.FailRoute(botInfo, feishutest.Failure{
		Status: 400, Times: -1,
		Body: `{"code":99991672,"msg":"Access denied.","error":{"permission_violations":[{"type":"action_scope_required","subject":"bot:info"}]}}`,
	})
	in := newInbox()
	c, _ := run(t, configFor(s), in.deliver)
	noError(t, s.WaitConnections(soon(t), 1))
	asked := s.Say(feishutest.Message{Chat: groupID, Mention: true, Text: "who are you?"})
	noError(t, s.WaitDeliveries(soon(t), asked, 3))
	direct := s.Say(feishutest.Message{Text: "hello"})
	if ev := in.next(t); ev.ID != direct {
		t.Errorf("delivered %+v", ev)
	}
	until(t, "the problem", func() bool { return strings.Contains(c.Status().Problem, "bot:info") })
	status := c.Status()
	if status.State != connectors.Connected || status.Healthy() || !strings.Contains(status.Problem, "groups are not answered") {
		t.Errorf("%+v", status)
	}
	for _, code := range s.Acks(asked) {
		if code != 500 {
			t.Errorf("answered %v", s.Acks(asked))
		}
	}
	s.ClearFailures()
	if ev := in.next(t); ev.ID != asked || ev.Text != "who are you?" {
		t.Errorf("delivered %+v", ev)
	}
	noError(t, s.WaitAck(soon(t), asked))
	if status := c.Status(); !status.Healthy() {
		t.Errorf("%+v", status)
	}
	if n := c.Counts(); n.Events != 2 || n.Malformed != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestIdentityIsNotForgotten(t *testing.T) {
	var j journal
	i := newIdentity(nil, configFor(cloud(t, nil)).Backoff, j.log())
	if i.openID() != "" || i.problem() == "" {
		t.Errorf("%q, %q before anything is known", i.openID(), i.problem())
	}
	i.note("", errors.New("no route"))
	if i.openID() != "" || !strings.Contains(i.problem(), "no route") {
		t.Errorf("%q, %q", i.openID(), i.problem())
	}
	i.note(botID, nil)
	i.note("", errors.New("no route"))
	i.note("", errors.New("no route"))
	if i.openID() != botID || i.problem() != "" {
		t.Errorf("%q, %q after a failure", i.openID(), i.problem())
	}
	i.note("ou_another", nil)
	i.note("ou_another", nil)
	if i.openID() != "ou_another" || i.problem() != "" {
		t.Errorf("%q, %q after a change", i.openID(), i.problem())
	}
	if lines := strings.Count(j.String(), "\n"); lines != 4 { // changes, not repetitions
		t.Errorf("logged %d lines:\n%s", lines, j.String())
	}
}

func TestIdentityAnswersThatTellNothing(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c := New(configFor(s), newInbox().deliver, new(journal).log())
	defer c.api.http.CloseIdleConnections()
	for _, f := range []feishutest.Failure{
		{Body: `{"code":0,"bot":{}}`},
		{Body: `{"code":0,"bot":{"open_id":"ou_x"}}`, Status: 503},
		{Body: "<html>" + strings.Repeat("x", 10_000), Status: 502},
		{Body: `{"code":2200,"msg":"Internal Error"}`},
	} {
		s.FailRoute(botInfo, f)
		if self, err := c.api.whoAmI(soon(t)); err == nil || self != "" || connectors.Permanent(err) || len(err.Error()) > 500 {
			t.Errorf("%.60s: %q, %v", f.Body, self, err)
		}
	}
	if self, err := c.api.whoAmI(soon(t)); err != nil || self != botID {
		t.Errorf("%q, %v", self, err)
	}
}
