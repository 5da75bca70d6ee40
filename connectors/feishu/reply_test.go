package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// shown is what one reads of all messages together.
func shown(sent []feishutest.Sent) string {
	var b strings.Builder
	for _, one := range sent {
		b.WriteString(one.Text)
	}
	return b.String()
}

func TestReply(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := ask(t, s, in)
	answer := func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("## Hello\n"), nil) && yield(connectors.Say("**you** & <me>\n"), nil) && yield(connectors.Say("```go\n# x\n```"), nil)
	}
	// As after a crash: the same again.
	noError(t, answerTo(soon(t), c, ev, answer))
	noError(t, answerTo(soon(t), New(configFor(s), in.deliver, new(journal).log()), ev, answer))
	sent := s.Sent()
	if len(sent) != 2 || sent[0].Duplicate || !sent[1].Duplicate || sent[0].UUID != sent[1].UUID {
		t.Fatalf("sent %+v", sent)
	}
	one := sent[0]
	if one.Via != "reply" || one.InReplyTo != ev.ID || one.MsgType != "post" || one.UUID == "" || len(one.UUID) > 50 {
		t.Errorf("sent %+v", one)
	}
	if want := `{"zh_cn":{"content":[[{"tag":"md","text":"**Hello**\n**you** & <me>\n` + "```go\\n# x\\n```" + `"}]]}}`; one.Content != want {
		t.Errorf("content %s, want %s", one.Content, want)
	}
	other := ask(t, s, in)
	noError(t, answerTo(soon(t), c, other, answer))
	if again := s.Sent()[2]; again.Duplicate || again.UUID == one.UUID || again.InReplyTo != other.ID {
		t.Errorf("to another message: %+v", again)
	}
}

// The process dies between the platform's answer to the last part and the end of the
// turn, while the sign of life is taken away, and the next one comes when the platform has
// forgotten the uuids.
func TestAnswerThatWasTakenIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	for name, text := range map[string]string{"one part": "answer", "several": strings.Repeat("a line of an answer\n", 2000)} {
		ev := ask(t, s, in)
		b := bookOf(ev)
		noError(t, b.Note(t.Context(), note{Typing: true}))
		noError(t, c.Reply(soon(t), ev, b, connectors.Words(text)))
		sent := len(s.Sent())
		s.Skip(2 * time.Hour)
		noError(t, c.Reply(soon(t), ev, b, connectors.Words(text)))
		if again := len(s.Sent()) - sent; again != 0 {
			t.Errorf("%s: %d messages sent again", name, again)
		}
	}
}

func TestReplyInThread(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	s.Say(feishutest.Message{Chat: groupID, ThreadID: "omt_d4be107c616a", Mention: true, Text: "in here"})
	noError(t, answerTo(soon(t), c, in.next(t), connectors.Words("yes")))
	if sent := s.Sent(); len(sent) != 1 || sent[0].ThreadID != "omt_d4be107c616a" || sent[0].ChatID != groupID {
		t.Errorf("sent %+v", sent)
	}
}

// Trouble that passes is waited out, and no try shows the answer twice.
func TestReplyTriesAgain(t *testing.T) {
	t.Parallel()
	limited := feishutest.Failure{
		Status: 429, Header: http.Header{"X-Ogw-Ratelimit-Reset": {"1"}}, Body: `{"code":99991400,"msg":"request trigger frequency limit"}`,
	}
	for name, failures := range map[string][]feishutest.Failure{
		"lost response":   {{LoseResponse: true}},
		"lost twice":      {{LoseResponse: true}, {LoseResponse: true}},
		"chat limit":      {feishutest.APIError(230020, "ext=chat rate limit")},
		"API limit":       {limited},
		"internal":        {{Status: 500, Body: `{"code":4711,"msg":"oops"}`}},
		"bad gateway":     {{Status: 502, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}}},
		"empty gateway":   {{Status: 503, Body: "{}"}},
		"gateway timeout": {{Status: 504}},
		"under way":       {{LoseResponse: true}, feishutest.APIError(230049, "The message is being sent.")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			c, in := talk(t, s)
			ev := ask(t, s, in)
			for _, f := range failures {
				s.FailRoute(replies, f)
			}
			began := time.Now()
			noError(t, answerTo(soon(t), c, ev, connectors.Words("answer")))
			if name == "API limit" && time.Since(began) < time.Second {
				t.Errorf("waited %s, was asked for a second", time.Since(began))
			}
			if sent := visible(s); len(sent) != 1 || sent[0].Text != "answer" || sent[0].MsgType != "post" {
				t.Errorf("sent %+v", sent)
			}
			for _, one := range s.Sent() {
				if one.UUID != s.Sent()[0].UUID {
					t.Errorf("another uuid: %+v", s.Sent())
				}
			}
		})
	}
}

func TestReplyFails(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	for _, code := range []int{230002, 230006, 232009, 99991403, 4711} {
		ev := ask(t, s, in)
		s.FailRoute(replies, feishutest.APIError(code, "not here")) // once: another try would work
		err := answerTo(soon(t), c, ev, connectors.Words("answer"))
		if !connectors.Permanent(err) || !strings.Contains(err.Error(), "not here") || !strings.Contains(err.Error(), "log id") {
			t.Errorf("%d: permanent %v: %v", code, connectors.Permanent(err), err)
		}
	}
	ev := ask(t, s, in)
	for _, to := range []string{``, `{`, `null`, `{}`, `{"message_id":7}`} {
		ev.Address = json.RawMessage(to)
		if err := answerTo(soon(t), c, ev, connectors.Words("answer")); !connectors.Permanent(err) {
			t.Errorf("address %q: %v", to, err)
		}
	}
	if sent := s.Sent(); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
}

func TestReplyWithoutScope(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Apps[0].Scopes = []string{"im:message.p2p_msg:readonly"} })
	c, in := talk(t, s)
	err := answerTo(soon(t), c, ask(t, s, in), connectors.Words("answer"))
	if !connectors.Permanent(err) || !strings.Contains(err.Error(), "lacks the scope im:message:send_as_bot or im:message") {
		t.Errorf("permanent %v: %v", connectors.Permanent(err), err)
	}
}

func TestReplyToAMessageThatIsGone(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	for _, remove := range []func(string) bool{s.Recall, s.Delete} {
		ev := ask(t, s, in)
		if !remove(ev.ID) {
			t.Fatal("nothing was removed")
		}
		noError(t, answerTo(soon(t), c, ev, connectors.Words("answer")))
	}
	unknown := ask(t, s, in)
	unknown.Address = json.RawMessage(`{"message_id":"om_unknown"}`)
	noError(t, answerTo(soon(t), c, unknown, connectors.Words("answer")))
	if sent := s.Sent(); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
}

// What a post cannot hold, a text can.
func TestReplyAsText(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	for _, code := range []int{230099, 230001, 230025} {
		ev := ask(t, s, in)
		before := len(s.Sent())
		s.FailRoute(replies, feishutest.APIError(code, "ext=ErrCode: 200570"))
		s.FailRoute(replies, feishutest.Failure{LoseResponse: true})
		noError(t, answerTo(soon(t), c, ev, connectors.Words("![](https://x) *hi*")))
		sent := s.Sent()[before:]
		if len(sent) != 2 || sent[0].MsgType != "text" || sent[0].Text != "![](https://x) *hi*" || !sent[1].Duplicate {
			t.Errorf("%d: sent %+v", code, sent)
		}
	}
}

func TestReplyShowsFailures(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	noError(t, answerTo(soon(t), c, ask(t, s, in), func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("so far"), nil) && yield(connectors.Delta{}, &connectors.Failure{Text: "Sorry (abcd2345)", Err: errors.New("no model")})
	}))
	if sent := s.Sent(); len(sent) != 1 || sent[0].Text != "so far\n\nSorry (abcd2345)" {
		t.Fatalf("sent %+v", sent)
	}
	gaveUp := errors.New("given up for now")
	err := answerTo(soon(t), c, ask(t, s, in), func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("so far"), nil) && yield(connectors.Delta{}, gaveUp)
	})
	if !errors.Is(err, gaveUp) {
		t.Errorf("%v, want %v", err, gaveUp)
	}
	if sent := s.Sent(); len(sent) != 1 {
		t.Errorf("sent %+v", sent[1:])
	}
}

func TestReplyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := ask(t, s, in)
	for name, f := range map[string]feishutest.Failure{
		"between tries": {Status: 429, Header: http.Header{"X-Ogw-Ratelimit-Reset": {"50"}}, Body: `{"code":99991400}`, Times: -1},
		"in a call":     {Delay: patience, Times: -1},
	} {
		s.FailRoute(replies, f)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- answerTo(ctx, c, ev, connectors.Words("answer")) }()
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("%s: nil", name)
			}
		case <-soon(t).Done():
			t.Fatalf("%s: Reply goes on", name)
		}
		s.ClearFailures()
	}
}

func TestLongReplies(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"words":     "some words of an answer ",
		"chinese":   "这是一个很长的回答。",
		"quotes":    `"`,
		"backslash": `\`,
		"control":   "\x01",
		"html":      "<&>",
		"separator": "x\u2028",
		"invalid":   "\xff",
		"lines":     "line \"one\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
			c, in := talk(t, s)
			answer := strings.Repeat(unit, 70_000/len(unit))
			noError(t, answerTo(soon(t), c, ask(t, s, in), connectors.Words(answer)))
			sent := s.Sent()
			for _, one := range sent {
				if one.MsgType != "post" || one.Duplicate {
					t.Fatalf("sent %.200v", one)
				}
			}
			bare := func(text string) string { return strings.Join(strings.Fields(text), "") }
			if got, want := bare(shown(sent)), bare(strings.ToValidUTF8(answer, "")); name != "invalid" && got != want {
				t.Errorf("%d characters of %d arrived, in %d messages", len(got), len(want), len(sent))
			}
			if name == "invalid" && strings.Count(shown(sent), "\ufffd") != 70_000 {
				t.Errorf("%d of 70000 arrived", strings.Count(shown(sent), "\ufffd"))
			}
			if most := 70_000/2500 + 2; len(sent) > most || len(sent) < 7 {
				t.Errorf("sent %d messages", len(sent))
			}
		})
	}
}

// A long answer meets the limit of a chat, which others use, too.
func TestLongReplyWithinTheChatsLimit(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	noError(t, answerTo(soon(t), c, ask(t, s, in), connectors.Words(strings.Repeat("some words ", 7000))))
	if sent := visible(s); len(sent) < 8 || len(shown(sent)) < 76_000 {
		t.Errorf("%d bytes arrived in %d messages", len(shown(sent)), len(sent))
	}
}
