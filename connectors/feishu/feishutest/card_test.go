package feishutest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcardkit "github.com/larksuite/oapi-sdk-go/v3/service/cardkit/v1"

	"longwire/connectors/feishu/feishutest"
)

func TestCardFromBeginningToEnd(t *testing.T) {
	k := newCardkit(t, nil)
	sent, code := k.send()
	if code != 0 || sent.CardID != k.id || sent.MsgType != "interactive" {
		t.Fatalf("sent %+v, code %d", sent, code)
	}
	_, code = k.send()
	want(t, "sent twice", code, 230099)
	want(t, "append", k.content("md", "ab", k.next(), "u1"), 0)
	want(t, "replace", k.content("md", "xb", k.next(), ""), 0)
	if c := k.card(); !c.Streaming || c.Summary != "[生成中...]" || c.Content("md") != "xb" || c.MessageID != sent.MessageID ||
		c.ChatID != group || c.ParentID != sent.InReplyTo || c.Text != "T\nxb\nStop" {
		t.Errorf("card %+v", c)
	}
	want(t, "finish", k.settings(`{"config":{"streaming_mode":false,"summary":{"content":"end"}}}`), 0)
	c, err := k.s.WaitCard(soon(t), func(c feishutest.Card) bool { return !c.Streaming })
	if err != nil || c.Summary != "end" || len(c.Updates) != 3 || !c.Updates[0].Append || c.Updates[1].Append ||
		c.Updates[0].UUID != "u1" || c.Updates[2].Op != "settings" || c.Updates[2].Sequence != 3 {
		t.Errorf("card %+v, %v", c, err)
	}
	want(t, "after the end", k.content("md", "more", k.next(), ""), 300309)
	if look, ok := k.s.Look(sent.MessageID); !ok || look.CardID != k.id || look.Text != "T\nxb\nStop" {
		t.Errorf("look %+v", look)
	}
}

func TestWaitCardSeesLaterChanges(t *testing.T) {
	k := newCardkit(t, nil)
	seen := make(chan error, 1)
	go func() {
		_, err := k.s.WaitCard(soon(t), func(c feishutest.Card) bool { return c.Content("md") == "abc" })
		seen <- err
	}()
	want(t, "one", k.content("md", "ab", 1, ""), 0)
	want(t, "two", k.content("md", "abc", 2, ""), 0)
	if err := <-seen; err != nil {
		t.Error(err)
	}
}

func TestCardsThatAreRefused(t *testing.T) {
	k := newCardkit(t, nil)
	body := func(elements string) string { return `{"schema":"2.0","body":{"elements":[` + elements + `]}}` }
	panel := func(title, elements string) string {
		return `{"tag":"collapsible_panel","header":{"title":` + title + `},"elements":[` + elements + `]}`
	}
	table := `| a | b |\n|---|---|\n| 1 | 2 |\n\n`
	for _, test := range []struct {
		name, data string
		code       int
	}{
		{"empty elements", body(``), 0},
		{"no JSON", `x`, 200220},
		{"two values", `{"schema":"2.0"} {}`, 200220},
		{"nothing", `{}`, 300307},
		{"no body", `{"schema":"2.0"}`, 300307},
		{"old", `{"elements":[{"tag":"hr"}]}`, 300303},
		{"not shared", `{"schema":"2.0","config":{"update_multi":false},"body":{"elements":[]}}`, 300302},
		{"same id", body(`{"tag":"hr","element_id":"x"},{"tag":"hr","element_id":"x"}`), 300301},
		{"nested same id", body(`{"tag":"div","element_id":"x","text":{"tag":"plain_text","content":"","element_id":"x"}}`), 300301},
		{"bad id", body(`{"tag":"hr","element_id":"1"}`), 200220},
		{"long id", body(`{"tag":"hr","element_id":"` + strings.Repeat("x", 21) + `"}`), 200220},
		{"given-up tag", body(`{"tag":"action","actions":[]}`), 200220},
		{"unknown tag", body(`{"tag":"md"}`), 200220},
		{"markdown without content", body(`{"tag":"markdown"}`), 200220},
		{"image by URL", body(`{"tag":"markdown","content":"![x](http://h/x.png)"}`), 200220},
		{"panel", body(panel(`{"tag":"plain_text","content":"t"}`, `{"tag":"hr"}`)), 0},
		{"panel without title", body(panel(`{}`, `{"tag":"hr"}`)), 200220},
		{"panel with nothing in it", body(panel(`{"tag":"plain_text","content":"t"}`, ``)), 200220},
		{"panel with a form", body(panel(`{"tag":"plain_text","content":"t"}`, `{"tag":"form","elements":[]}`)), 200220},
		{"image by key", body(`{"tag":"markdown","content":"![x](img_1)"}`), 0},
		{"200 elements", body(strings.Repeat(`{"tag":"hr"},`, 199) + `{"tag":"hr"}`), 0},
		{"201 elements", body(strings.Repeat(`{"tag":"hr"},`, 200) + `{"tag":"hr"}`), 300305},
		{"3 tables", body(`{"tag":"markdown","content":"` + strings.Repeat(table, 3) + `"}`), 0},
		{"4 tables", body(`{"tag":"markdown","content":"` + strings.Repeat(table, 4) + `"}`), 200220},
		{"tables in code", body("{\"tag\":\"markdown\",\"content\":\"```\\n" + strings.Repeat(table, 4) + "```\"}"), 0},
		{"6 table elements", body(strings.Repeat(`{"tag":"table"},`, 5) + `{"tag":"table"}`), 200220},
		{"too large", body(`{"tag":"markdown","content":"` + strings.Repeat("x", 30<<10) + `"}`), 200860},
	} {
		_, code := k.create(test.data)
		want(t, test.name, code, test.code)
	}
	a := do(t, k.s, "POST", "/open-apis/cardkit/v1/cards", fetchToken(t, k.s), map[string]any{"type": "raw", "data": "{}"})
	checkRefusal(t, "type", a, 10002)
	a = do(t, k.s, "POST", "/open-apis/cardkit/v1/cards", fetchToken(t, k.s), map[string]any{"type": "card_json", "data": map[string]any{}})
	checkRefusal(t, "data as an object", a, 10002)
}

func TestCardSequence(t *testing.T) {
	k := newCardkit(t, nil)
	want(t, "zero", k.content("md", "a", 0, ""), 10002)
	want(t, "too large", k.content("md", "a", 1<<31, ""), 10002)
	want(t, "first", k.content("md", "ab", 5, "u1"), 0)
	want(t, "the same", k.content("md", "abc", 5, ""), 300317)
	want(t, "smaller", k.content("md", "abc", 4, ""), 300317)
	want(t, "repeated", k.content("md", "ab", 5, "u1"), 0)
	want(t, "uuid for something else", k.content("md", "abc", 6, "u1"), 200770)
	want(t, "a gap", k.content("md", "abc", 9, "u2"), 0)
	want(t, "refused", k.content("none", "abc", 10, ""), 300313)
	want(t, "which has used nothing up", k.content("md", "abcd", 10, ""), 0)
	c := k.card()
	if c.Content("md") != "abcd" || k.s.SequenceFaults() != 2 || !c.Updates[3].Duplicate {
		t.Errorf("%d faults, card %+v", k.s.SequenceFaults(), c)
	}
}

func TestSequenceDoubts(t *testing.T) {
	k := newCardkit(t, func(o *feishutest.Options) {
		o.Doubts.SequenceBeforeUUID, o.Doubts.RefusedBurnsSequence = true, true
	})
	want(t, "first", k.content("md", "ab", 1, "u1"), 0)
	want(t, "repeated", k.content("md", "ab", 1, "u1"), 300317)
	want(t, "refused", k.content("none", "abc", 2, ""), 300313)
	want(t, "burnt", k.content("md", "abc", 2, ""), 300317)
}

func TestContentRefusals(t *testing.T) {
	k := newCardkit(t, nil)
	want(t, "empty", k.content("md", "", k.next(), ""), 10002)
	want(t, "not a text", k.content("stop", "x", k.next(), ""), 300310)
	want(t, "no element", k.content("none", "x", k.next(), ""), 300313)
	want(t, "too large", k.content("md", strings.Repeat("字", 11<<10), k.next(), ""), 200860)
	want(t, "too long", k.content("md", strings.Repeat("x", 100001), k.next(), ""), 10002)
	id := k.id
	k.id = "7355439197428236291"
	want(t, "no card", k.content("md", "x", k.next(), ""), 200740)
	k.id = id
	want(t, "long uuid", k.content("md", "x", k.next(), strings.Repeat("u", 65)), 10002)
	if c := k.card(); c.Content("md") != "a" {
		t.Errorf("content %q", c.Content("md"))
	}
}

func TestStreamingEndsByItself(t *testing.T) {
	k := newCardkit(t, nil)
	want(t, "on", k.content("md", "ab", k.next(), ""), 0)
	k.s.Skip(5 * time.Minute)
	want(t, "enabled again", k.settings(`{"config":{"streaming_mode":true}}`), 0)
	k.s.Skip(9 * time.Minute)
	want(t, "still on", k.content("md", "abc", k.next(), ""), 0)
	k.s.Skip(time.Minute)
	if k.card().Streaming {
		t.Error("streams after its time")
	}
	want(t, "first to notice", k.content("md", "abcd", k.next(), ""), 200850)
	want(t, "later", k.content("md", "abcd", k.next(), ""), 300309)
	want(t, "an element", k.add("append", "", `[{"tag":"hr"}]`), 0)
	want(t, "on again", k.settings(`{"config":{"streaming_mode":true}}`), 0)
	want(t, "content", k.content("md", "abcd", k.next(), ""), 0)

	k.s.Skip(14 * 24 * time.Hour)
	config, _ := official(t, k.s)
	k.api, k.token = larkcardkit.New(config), larkcore.WithTenantAccessToken(fetchToken(t, k.s))
	want(t, "expired", k.settings(`{"config":{}}`), 200750)
}

func TestStreamingLifeAndElementTimeout(t *testing.T) {
	k := newCardkit(t, func(o *feishutest.Options) {
		o.StreamingLife, o.Doubts.ElementTimeout = time.Nanosecond, true
	})
	want(t, "first", k.add("append", "", `[{"tag":"hr"}]`), 200510)
	want(t, "later", k.add("append", "", `[{"tag":"hr"}]`), 0)
}

func TestElements(t *testing.T) {
	k := newCardkit(t, nil)
	hr := func(id string) string { return `[{"tag":"hr","element_id":"` + id + `"}]` }
	want(t, "append", k.add("append", "", hr("e")), 0)
	want(t, "before", k.add("insert_before", "md", hr("b")), 0)
	want(t, "after", k.add("insert_after", "md", hr("c")), 0)
	want(t, "same id", k.add("append", "", hr("c")), 300301)
	want(t, "no target", k.add("insert_after", "none", hr("x")), 300315)
	want(t, "target is no container", k.add("append", "md", hr("x")), 300315)
	want(t, "no tag", k.add("append", "", `[{}]`), 300315)
	want(t, "no list", k.add("append", "", `{}`), 10002)
	want(t, "no type", k.add("prepend", "", hr("x")), 10002)
	want(t, "patch", k.patch("md", `{"content":"p"}`), 0)
	want(t, "patch of the tag", k.patch("md", `{"tag":"hr"}`), 300312)
	want(t, "patch of nothing", k.patch("none", `{"content":"p"}`), 300313)
	want(t, "replace", k.replace("c", `{"tag":"markdown","element_id":"c2","content":"r"}`), 0)
	want(t, "replace of nothing", k.replace("c", `{"tag":"hr"}`), 300121)
	want(t, "delete", k.remove("stop"), 0)
	want(t, "delete of nothing", k.remove("stop"), 300314)
	var ids []string
	for _, e := range k.card().Elements {
		ids = append(ids, e.ID)
	}
	if got := strings.Join(ids, " "); got != "b md c2 e" {
		t.Errorf("elements %s", got)
	}
}

func TestUpdateAndBatch(t *testing.T) {
	k := newCardkit(t, nil)
	want(t, "batch", k.batch(`[{"action":"partial_update_setting","params":{"settings":{"config":{"streaming_mode":false}}}},
		{"action":"add_elements","params":{"type":"insert_before","target_element_id":"md","elements":[{"tag":"hr","element_id":"h"}]}},
		{"action":"partial_update_element","params":{"element_id":"md","partial_element":{"content":"p"}}},
		{"action":"update_element","params":{"element_id":"h","element":{"tag":"markdown","element_id":"h2","content":"q"}}},
		{"action":"delete_elements","params":{"element_ids":["stop"]}}]`), 0)
	if c := k.card(); c.Streaming || c.Content("md") != "p" || c.Content("h2") != "q" || len(c.Elements) != 2 {
		t.Errorf("card %+v", c)
	}
	want(t, "all or nothing", k.batch(`[{"action":"delete_elements","params":{"element_ids":["md","none"]}}]`), 300314)
	want(t, "unknown action", k.batch(`[{"action":"x","params":{}}]`), 10002)
	want(t, "no params", k.batch(`[{"action":"delete_elements"}]`), 10002)
	want(t, "no list", k.batch(`{}`), 10002)
	want(t, "nothing to delete", k.batch(`[{"action":"delete_elements","params":{}}]`), 300314)
	if k.card().Content("md") != "p" {
		t.Error("a refused batch has changed the card")
	}
	want(t, "update", k.update(streamingCard), 0)
	if c := k.card(); !c.Streaming || c.Content("md") != "a" {
		t.Errorf("card %+v", c)
	}
	want(t, "update to an old schema", k.update(`{"elements":[]}`), 300303)
	want(t, "settings without config", k.settings(`{"streaming_mode":false}`), 300122)
	want(t, "settings that are no object", k.settings(`[]`), 300122)
	want(t, "settings that unshare", k.settings(`{"config":{"update_multi":false}}`), 300302)
	want(t, "link", k.settings(`{"card_link":{"url":"http://h"}}`), 0)
}

func TestFlatSettings(t *testing.T) {
	k := newCardkit(t, func(o *feishutest.Options) { o.Doubts.FlatSettings = true })
	want(t, "flat", k.settings(`{"streaming_mode":false}`), 0)
	if k.card().Streaming {
		t.Error("still streams")
	}
}

func TestCardOfAnotherApp(t *testing.T) {
	k := newCardkit(t, func(o *feishutest.Options) {
		o.Apps = append(o.Apps, feishutest.App{AppID: "cli_00000000000000ff", AppSecret: "x"})
	})
	a := do(t, k.s, "POST", "/open-apis/auth/v3/tenant_access_token/internal", "",
		map[string]string{"app_id": "cli_00000000000000ff", "app_secret": "x"})
	k.token = larkcore.WithTenantAccessToken(a.Token)
	want(t, "stranger", k.content("md", "x", k.next(), ""), 300311)
}

func TestCardNeedsScope(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = []string{"im:message"} })
	a := do(t, s, "POST", "/open-apis/cardkit/v1/cards", fetchToken(t, s), map[string]any{"type": "card_json", "data": streamingCard})
	checkRefusal(t, "scope", a, 99991672)
}

func TestCardLimit(t *testing.T) {
	for _, free := range []bool{false, true} {
		k := newCardkit(t, func(o *feishutest.Options) {
			o.Unlimited, o.Limits, o.Doubts.StreamingHasNoRate = false, feishutest.Limits{CardPerSecond: 2}, free
		})
		codes := map[int]int{}
		for range 30 {
			codes[k.content("md", "x", k.next(), "")]++
		}
		if free != (codes[99991400] == 0) || codes[0] == 0 {
			t.Errorf("streaming has no rate: %v, codes %v", free, codes)
		}
	}
}

func TestIDConvert(t *testing.T) {
	k := newCardkit(t, nil)
	convert := func(message string) (string, int) {
		resp, err := k.api.Card.IdConvert(t.Context(), larkcardkit.NewIdConvertCardReqBuilder().
			Body(larkcardkit.NewIdConvertCardReqBodyBuilder().MessageId(message).Build()).Build(), k.token)
		if k.code(err, resp.Code) != 0 {
			return "", resp.Code
		}
		return *resp.Data.CardId, 0
	}
	sent, _ := k.send()
	if id, code := convert(sent.MessageID); id != k.id {
		t.Errorf("converted to %q, code %d", id, code)
	}
	plain := objectOf(t, sendReply(t, k.s, fetchToken(t, k.s), sent.MessageID,
		map[string]any{"msg_type": "interactive", "content": streamingCard}))
	id, code := convert(plain.MessageID)
	if code != 0 || id == k.id {
		t.Errorf("converted to %q, code %d", id, code)
	}
	k.id = id
	want(t, "content", k.content("md", "new", 1, ""), 0)
	if look, _ := k.s.Look(plain.MessageID); !strings.Contains(look.Source, "new") {
		t.Errorf("look %+v", look)
	}
	_, code = convert(sent.InReplyTo)
	want(t, "a person's text", code, 10002)
}

// TestCardJSONStaysReadable checks that what is not touched stays as it was sent.
func TestCardJSONStaysReadable(t *testing.T) {
	k := newCardkit(t, nil)
	want(t, "content", k.content("md", "<b> & 1", k.next(), ""), 0)
	var before, after map[string]any
	if json.Unmarshal([]byte(streamingCard), &before) != nil || json.Unmarshal([]byte(k.card().JSON), &after) != nil {
		t.Fatal("no JSON")
	}
	if fmt.Sprint(before["header"]) != fmt.Sprint(after["header"]) || !strings.Contains(k.card().JSON, "<b> & 1") {
		t.Errorf("card %s", k.card().JSON)
	}
}
