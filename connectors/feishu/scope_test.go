package feishu

import (
	"strings"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// Without the scope to send, nobody is answered: that is a problem until it works.
func TestScopeToSend(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in, j := logged(t, s)
	ev := ask(t, s, in)
	refused := feishutest.MissingScope("im:message:send_as_bot", "im:message")
	refused.Times = -1
	s.FailRoute(replies, refused)
	for range 2 {
		if err := answerTo(soon(t), c, ev, connectors.Words("answer")); !connectors.Permanent(err) {
			t.Error(err)
		}
	}
	if status := c.Status(); status.Healthy() || !strings.Contains(status.Problem, sendScope) {
		t.Errorf("%+v", status)
	}
	if n := strings.Count(j.String(), `scope="im:message:send_as_bot or im:message"`); n != 1 {
		t.Errorf("named %d times:\n%s", n, j.String())
	}
	s.ClearFailures()
	noError(t, answerTo(soon(t), c, ev, connectors.Words("answer")))
	if status := c.Status(); !status.Healthy() {
		t.Errorf("%+v", status)
	}
}

func TestScopesIn(t *testing.T) {
	var j journal
	s := newScopes(j.log())
	for range 3 {
		s.refused("op", larkcore.CodeError{Code: 99991672, Msg: "Access denied. [" + strings.Repeat("scope, ", 1000) + "]"})
	}
	s.refused("another", larkcore.CodeError{Code: 99991679, Msg: "no"})
	s.refused("another", larkcore.CodeError{Code: 230001, Msg: "invalid"})
	if lines := strings.Count(j.String(), "\n"); lines != 2 || j.text.Len() > 2000 || s.problem() != "" {
		t.Errorf("%d lines, problem %q:\n%s", lines, s.problem(), j.String())
	}
}

// Several apps, of Feishu and of Lark, are as many bots: each hears what is said to
// it, under its own id.
func TestSeveralApps(t *testing.T) {
	t.Parallel()
	const other, otherID = "cli_00000000000000aa", "ou_0b07000000000000000000000000aaaa"
	s := cloud(t, func(o *feishutest.Options) {
		o.Apps = append(o.Apps, feishutest.App{AppID: other, AppSecret: appSecret, BotOpenID: otherID, BotName: "Longwire"})
	})
	lark := cloud(t, nil)
	second := configFor(s)
	second.Name, second.AppID = "second", other
	third := configFor(lark)
	third.Name = "lark"
	boxes := make(map[string]inbox)
	for name, config := range map[string]Config{"first": configFor(s), "second": second, "lark": third} {
		boxes[name] = newInbox()
		c, _ := run(t, config, boxes[name].deliver)
		until(t, "healthy", func() bool { return c.Status().Healthy() })
	}
	for name, at := range map[string]struct {
		s   *feishutest.Server
		app string
	}{"first": {s, appID}, "second": {s, other}, "lark": {lark, appID}} {
		id := at.s.Say(feishutest.Message{AppID: at.app, Chat: groupID, Mention: true, Text: "to " + name})
		if ev := boxes[name].next(t); ev.ID != id || ev.Text != "to "+name {
			t.Errorf("%s: %+v", name, ev)
		}
	}
	for name, in := range boxes {
		if len(in) > 0 {
			t.Errorf("%s heard besides: %+v", name, in.next(t))
		}
	}
}
