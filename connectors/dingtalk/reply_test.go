package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// ask is an event that came from the cloud, by a robot that is connected to it.
func ask(t *testing.T, opts dingtalktest.Options, m dingtalktest.Message) (*dingtalktest.Server, *robot, connectors.Event) {
	t.Helper()
	cloud, r := up(t, opts, nil)
	if m.Text == "" {
		m.Text = "question"
	}
	return cloud, r, r.said(t, cloud, m)
}

// only is the one message that the robot has sent.
func only(t *testing.T, cloud *dingtalktest.Server) dingtalktest.Sent {
	t.Helper()
	all := cloud.Sent()
	if len(all) != 1 {
		t.Fatalf("%d messages sent: %+v", len(all), all)
	}
	return all[0]
}

var inGroup = dingtalktest.Message{Chat: "cidGroup==", Mention: true}

func TestReplyByWebhook(t *testing.T) {
	for name, m := range map[string]dingtalktest.Message{"one-to-one": {}, "group": inGroup, "stranger": {From: dingtalktest.Person{SenderID: "$x"}}} {
		cloud, r, ev := ask(t, dingtalktest.Options{}, m)
		must(t, answerTo(t.Context(), r, ev, words("# Title\none\ntwo <b> & \"three\"")))
		sent := only(t, cloud)
		if sent.Via != dingtalktest.ViaWebhook || !strings.HasSuffix(ev.ID, "/"+sent.InReplyTo) || sent.MsgType != "markdown" {
			t.Errorf("%s: %+v", name, sent)
		}
		if sent.Title != "Title" || sent.Text != "# Title  \none  \ntwo <b> & \"three\"" {
			t.Errorf("%s: %q, %q", name, sent.Title, sent.Text)
		}
		if cloud.Calls(dingtalktest.PathToken) != 0 {
			t.Errorf("%s: a token was fetched for nothing", name)
		}
	}
}

// DingTalk takes no idempotency key: a message whose HTTP answer was lost is sent
// again, and that is counted. One that was refused is not.
func TestRepeatsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		failure dingtalktest.Failure
		sent    int
		repeats int64
	}{
		"the answer is lost":  {dingtalktest.Failure{Commit: true, Cut: true, Times: 1}, 2, 1},
		"the system is busy":  {dingtalktest.Failure{Status: 200, Body: `{"errcode":-1,"errmsg":"busy"}`, Times: 1}, 1, 0},
		"nothing goes wrong":  {dingtalktest.Failure{Times: 1}, 1, 0},
		"a gateway times out": {dingtalktest.Failure{Commit: true, Status: 504, Times: 1}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
			cloud.FailRoute(dingtalktest.PathWebhook, c.failure)
			must(t, answerTo(t.Context(), r, ev, words("answer")))
			if n, repeats := len(cloud.Sent()), r.Counts().Repeats; n != c.sent || repeats != c.repeats {
				t.Errorf("%d sent, %d repeats counted", n, repeats)
			}
		})
	}
}

// A program that dies between DingTalk's answer to the last part and the end of the turn,
// while it takes its sign of life back, is followed by one that sends nothing.
func TestAnswerThatWasTakenIsNotSentAgain(t *testing.T) {
	for name, text := range map[string]string{"one part": "answer", "several": strings.Repeat("a line of an answer\n", 1000)} {
		cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
		notes := newBook(ev)
		var to address
		must(t, json.Unmarshal(ev.Address, &to))
		must(t, r.asMessages(t.Context(), ev, to, notes, connectors.Words(text), connectors.Always))
		sent := len(cloud.Sent())
		if must(t, r.Reply(t.Context(), ev, notes, connectors.Words(text))); len(cloud.Sent()) != sent || r.Counts().Repeats != 0 {
			t.Errorf("%s: %d messages sent, and then %d more, %d repeats", name, sent, len(cloud.Sent())-sent, r.Counts().Repeats)
		}
	}
}

// lostLedger is the ledger of a reply that has passed into other hands.
type lostLedger struct{ connectors.Ledger }

func (lostLedger) Held(context.Context) error { return errors.New("lost") }

// A try that comes late, because the process was stopped or the platform was slow,
// is not made when somebody else has the reply by then.
func TestLateTryAsksWhoHasTheReply(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
	cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: 503, Times: 1})
	err := r.Reply(t.Context(), ev, lostLedger{connectors.Unkept(ev, "")}, words("answer"))
	if !connectors.Permanent(err) || len(cloud.Sent()) != 0 {
		t.Errorf("got %v, sent %+v", err, cloud.Sent())
	}
}

func TestReplyByRobotWhenTheWebhookHasEnded(t *testing.T) {
	for name, m := range map[string]dingtalktest.Message{"one-to-one": {}, "group": inGroup} {
		for _, told := range []bool{true, false} { // by the message, or only by the refusal
			m.WebhookExpired = told
			cloud, r, ev := ask(t, dingtalktest.Options{}, m)
			cloud.ExpireWebhooks()
			must(t, answerTo(t.Context(), r, ev, words("answer")))
			sent := only(t, cloud)
			if sent.MsgKey != "sampleMarkdown" || sent.Text != "answer" || sent.Title != "answer" {
				t.Errorf("%s: %+v", name, sent)
			}
			if name == "group" && (sent.Via != dingtalktest.ViaGroup || sent.ChatID != "cidGroup==") {
				t.Errorf("%s: %+v", name, sent)
			}
			if name == "one-to-one" && (sent.Via != dingtalktest.ViaOTO || fmt.Sprint(sent.StaffIDs) != "["+ev.Sender.ID+"]") {
				t.Errorf("%s: %+v", name, sent)
			}
			if hooks := cloud.Calls(dingtalktest.PathWebhook); (hooks == 0) != told {
				t.Errorf("%s: %d calls of the webhook", name, hooks)
			}
		}
	}
}

func TestReplyOutlivesItsToken(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{WebhookExpired: true})
	for range 3 {
		must(t, answerTo(t.Context(), r, ev, words("answer")))
		cloud.ExpireTokens()
	}
	if n, sent := cloud.Calls(dingtalktest.PathToken), len(cloud.Sent()); n != 3 || sent != 3 {
		t.Errorf("%d tokens for %d messages", n, sent)
	}
}

func TestReplyIsTriedAgain(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
	cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Cut: true, Times: 1})
	cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: 502, Body: "<html>", Times: 1})
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	if sent := only(t, cloud); sent.Via != dingtalktest.ViaWebhook || cloud.Calls(dingtalktest.PathWebhook) != 3 {
		t.Errorf("%+v", sent)
	}
}

// The webhook came in a frame; the program must not be made to call whatever host
// a frame names.
func TestForeignWebhookIsNotCalled(t *testing.T) {
	var calls atomic.Int32
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer foreign.Close()
	cloud, r := up(t, dingtalktest.Options{}, nil)
	cloud.PushData(clientID, change(t, cloud, dingtalktest.Message{Text: "x"}, map[string]any{"sessionWebhook": foreign.URL + "/robot/sendBySession?session=1"}))
	must(t, answerTo(t.Context(), r, r.event(t), words("answer")))
	if sent := only(t, cloud); sent.Via != dingtalktest.ViaOTO || calls.Load() != 0 {
		t.Errorf("%+v after %d calls of a foreign host", sent, calls.Load())
	}
}

// Nor may it be led there: what is posted, and the token, go to DingTalk alone.
func TestRedirectIsNotFollowed(t *testing.T) {
	var calls atomic.Int32
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer foreign.Close()
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{WebhookExpired: true})
	cloud.FailRoute(dingtalktest.PathOTO, dingtalktest.Failure{Status: 307, Header: http.Header{"Location": {foreign.URL}}, Times: 1})
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	if only(t, cloud); calls.Load() != 0 {
		t.Errorf("%d calls of a foreign host", calls.Load())
	}
}

func TestWebhookUsable(t *testing.T) {
	c := newRobot(Config{Endpoint: "http://127.0.0.1:8080"}, nil)
	soon := time.Now().Add(webhookMargin - time.Second)
	rows := []struct {
		hook    string
		expires time.Time
		want    bool
	}{
		{"https://oapi.dingtalk.com/robot/sendBySession?session=1", time.Time{}, true},
		{"https://oapi.dingtalk.com/robot/sendBySession?session=1", time.Now().Add(time.Hour), true},
		{"https://oapi.dingtalk.com/robot/sendBySession?session=1", soon, false},
		{"https://dingtalk.com/x", time.Time{}, true},
		{"http://127.0.0.1:8080/robot/sendBySession?session=1", time.Time{}, true},
		{"", time.Time{}, false},
		{"http://oapi.dingtalk.com/x", time.Time{}, false},
		{"https://oapi.dingtalk.com.evil.example/x", time.Time{}, false},
		{"https://evildingtalk.com/x", time.Time{}, false},
		{"https://oapi.dingtalk.com@evil.example/x", time.Time{}, false},
		{"https://evil.example/x?.dingtalk.com", time.Time{}, false},
		{"https://evil.example#.dingtalk.com", time.Time{}, false},
		{"https://evil.example\\.dingtalk.com/x", time.Time{}, false},
		{"http://127.0.0.1:8081/x", time.Time{}, false},
		{"https://127.0.0.1:8080/x", time.Time{}, false},
		{"http://127.0.0.1:8080@evil.example/x", time.Time{}, false},
		{"http://169.254.169.254/latest/meta-data", time.Time{}, false},
		{"file:///etc/passwd", time.Time{}, false},
		{"/robot/sendBySession", time.Time{}, false},
		{"https://%zz", time.Time{}, false},
	}
	for _, row := range rows {
		if got := c.webhookUsable(address{Webhook: row.hook, Expires: row.expires}); got != row.want {
			t.Errorf("%q until %v: %t", row.hook, row.expires, got)
		}
	}
}

func TestReplyShowsAFailure(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
	must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("half"), nil) && yield(connectors.Delta{}, &connectors.Failure{Text: "抱歉 abc", Err: errors.New("model is away")})
	}))
	if sent := only(t, cloud); sent.Text != "half  \n\n抱歉 abc" {
		t.Errorf("%q", sent.Text)
	}
}

func TestReplyGivenUpSendsNothing(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
	given := errors.New("given back")
	err := answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("half"), nil) && yield(connectors.Delta{}, given)
	})
	if !errors.Is(err, given) || connectors.Permanent(err) {
		t.Errorf("%v", err)
	}
	if cloud.Calls(dingtalktest.PathWebhook) != 0 || len(cloud.Sent()) != 0 {
		t.Errorf("%+v", cloud.Sent())
	}
}

func TestReplyToNowhere(t *testing.T) {
	for _, raw := range []string{"", "null-", `"x"`, `{"expires":"never"}`} {
		err := answerTo(t.Context(), newRobot(Config{}, nil), connectors.Event{Address: json.RawMessage(raw)}, words("x"))
		if !connectors.Permanent(err) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// maxParam is what the robot API takes (documented), and the simulator checks.
const maxParam = 15000

func TestLongAnswersAreSplit(t *testing.T) {
	var code strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&code, "line_%04d := \"<&>\"\n", n)
	}
	hard := map[string]string{
		"code":       "before\n\n```go\n" + code.String() + "```\n\nafter",
		"prose":      strings.Repeat("很长的一段话。", 3000),
		"tags":       strings.Repeat("<", 20_000),
		"quotes":     strings.Repeat(`"\`, 10_000),
		"lines":      strings.Repeat("a\n", 10_000),
		"control":    strings.Repeat("\x01a\x1b\r", 10_000),
		"no text":    strings.Repeat("\xff", 10_000),
		"separators": strings.Repeat("a\u2028", 5_000),
	}
	for _, expired := range []bool{false, true} {
		cloud, r, ev := ask(t, dingtalktest.Options{CallsPerSecond: -1}, dingtalktest.Message{Chat: "cidGroup==", Mention: true, WebhookExpired: expired})
		seen := 0
		for name, text := range hard {
			if err := answerTo(t.Context(), r, ev, words("%s", text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			parts := cloud.Sent()[seen:]
			seen += len(parts)
			if len(parts) < 2 {
				t.Errorf("%s: %d parts", name, len(parts))
			}
			var whole strings.Builder
			for i, part := range parts {
				var body struct{ MsgParam string }
				must(t, json.Unmarshal(part.Raw, &body))
				if len(part.Text) > maxPart || len(body.MsgParam) > maxParam || (body.MsgParam == "") == expired {
					t.Errorf("%s: part %d has %d bytes, %d as msgParam", name, i, len(part.Text), len(body.MsgParam))
				}
				if strings.Count(part.Text, "```")%2 != 0 {
					t.Errorf("%s: part %d has an open code block", name, i)
				}
				whole.WriteString(part.Text)
			}
			if name == "code" {
				last := -1
				for n := range 2000 {
					at := strings.Index(whole.String(), fmt.Sprintf("line_%04d := \"<&>\"\n", n))
					if at <= last {
						t.Fatalf("line %d is not where it belongs", n)
					}
					last = at
				}
			}
			if name == "prose" && whole.String() != text {
				t.Error("the prose is not the same")
			}
		}
	}
}

// An answer that shows nothing makes no call that DingTalk would refuse.
func TestReplyOfNothing(t *testing.T) {
	cloud, r, ev := ask(t, dingtalktest.Options{}, dingtalktest.Message{})
	for _, text := range []string{"", " \n\n", "\x00"} {
		must(t, answerTo(t.Context(), r, ev, words("%s", text)))
	}
	if cloud.Calls(dingtalktest.PathWebhook) != 0 {
		t.Errorf("%+v", cloud.Sent())
	}
}

func TestTitleOf(t *testing.T) {
	for text, want := range map[string]string{
		"hello\nworld":             "hello",
		"# Heading":                "Heading",
		"> **quoted**":             "quoted",
		"\n\n- item":               "item",
		"```go\nx := 1\n```":       "go",
		"```\nx := 1\n```":         "x := 1",
		"| a | b |":                "a | b",
		"":                         "…",
		"---\n***":                 "…",
		"\r\n \t\n二〇二六":            "二〇二六",
		strings.Repeat("很", 20):    strings.Repeat("很", 20),
		strings.Repeat("长", 21):    strings.Repeat("长", 20) + "…",
		strings.Repeat("x ", 3000): strings.Repeat("x ", 10) + "…",
	} {
		if got := titleOf(text); got != want {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
}

func TestBreaks(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"one":                             "one",
		"one\n":                           "one  \n",
		"one\ntwo":                        "one  \ntwo",
		"one\n\ntwo\n":                    "one  \n\ntwo  \n",
		"\n\n":                            "\n\n",
		"a\n```go\nx\n\ny\n```\nb\nc":     "a  \n```go\nx\n\ny\n```\nb  \nc",
		"a\n  ```\n  x\n  ```\nb\n":       "a  \n  ```\n  x\n  ```\nb  \n",
		"```\nnever closed\nto the end\n": "```\nnever closed\nto the end\n",
		"```pip install x```\nb\nc":       "```pip install x```  \nb  \nc",
		"````md\n```\nx\n```\n````\nb\nc": "````md\n```\nx\n```\n````\nb  \nc",
		"```\n```go\nx\n```\nb\nc":        "```\n```go\nx\n```\nb  \nc",
	} {
		if got := breaks(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	if got := visible("a\tb\r\nc\x00\x1b\u0085d\xffé😀\u2028"); got != "a\tb\ncd\ufffdé😀\u2028" {
		t.Errorf("%q", got)
	}
}
