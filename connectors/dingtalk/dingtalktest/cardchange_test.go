package dingtalktest

import (
	"maps"
	"strings"
	"testing"
	"time"
)

func TestCardUpdate(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	put := func(changes ...any) {
		t.Helper()
		body := changed(map[string]any{"outTrackId": "track-1", "userIdType": 1}, changes...)
		if a := call(t, s, "PUT", PathCards, body, tok); a.status != 200 || a.body != worked {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	byKey := map[string]bool{"updateCardDataByKey": true, "updatePrivateDataByKey": true}
	put("cardData", params("flowStatus", "3", "msgContent", "text"), "cardUpdateOptions", byKey)
	if c := theCard(t, s); !maps.Equal(c.Params, map[string]string{"flowStatus": "3", "msgContent": "text"}) || !c.Done() || c.Final() || c.Updates != 1 {
		t.Errorf("%+v", c)
	}
	before := theCard(t, s)
	put("cardData", params("more", "x"), "cardUpdateOptions", byKey, "cardAtUserIds", []string{"u1"})
	if c := theCard(t, s); len(c.Params) != 3 || c.AtUsers[0] != "u1" {
		t.Errorf("by key: %+v", c)
	}
	if len(before.Params) != 2 {
		t.Errorf("a card that was looked at has changed: %+v", before)
	}
	// Without the options everything that is not named is gone.
	put("cardData", params("only", "this"))
	if c := theCard(t, s); !maps.Equal(c.Params, map[string]string{"only": "this"}) {
		t.Errorf("as a whole: %+v", c)
	}
	put("privateData", map[string]any{"u1": params("a", "1"), "u2": params("b", "2")})
	before = theCard(t, s)
	put("privateData", map[string]any{"u1": params("c", "3")}, "cardUpdateOptions", byKey)
	if len(before.Private["u1"]) != 1 {
		t.Errorf("a card that was looked at has changed: %+v", before)
	}
	put("privateData", map[string]any{"u2": params("d", "4")})
	c := theCard(t, s)
	if !maps.Equal(c.Private["u1"], map[string]string{"a": "1", "c": "3"}) || !maps.Equal(c.Private["u2"], map[string]string{"d": "4"}) || c.Params["only"] != "this" {
		t.Errorf("private: %+v", c)
	}
	if st := s.Stats(); st.CardUpdates != 6 || len(s.Sent()) != 1 {
		t.Errorf("%+v", st)
	}
}

func TestCardUpdateRefuses(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	s.Censor("坏话")
	good := params("a", "b")
	for _, row := range []struct {
		body any
		code string
	}{
		{"", "param.empty"},
		{map[string]any{"cardData": good}, "param.outTrackIdEmpty"},
		{map[string]any{"outTrackId": "track-1"}, "param.cardDataAndPrivateDataBothEmpty"},
		{map[string]any{"outTrackId": "track-1", "cardData": map[string]any{}}, "param.cardDataAndPrivateDataBothEmpty"},
		{map[string]any{"outTrackId": "track-1", "cardData": map[string]any{"cardParamMap": map[string]bool{"a": true}}}, "param.invalid"},
		{map[string]any{"outTrackId": "track-1", "cardData": map[string]any{"cardParammap": 1}}, "param.invalid"},
		{map[string]any{"outTrackId": "track-1", "cardData": params("a", "坏话")}, "param.contentUnsafe"},
		{map[string]any{"outTrackId": "track-1", "cardData": good, "userIdType": -1}, "param.invalid"},
		{map[string]any{"outTrackId": "other", "cardData": good}, "param.cardNotExist"},
	} {
		if a := call(t, s, "PUT", PathCards, row.body, tok); a.status != 400 || a.field(t, "code") != row.code {
			t.Errorf("%v: %d %s, want %s", row.body, a.status, a.body, row.code)
		}
	}
	if c := theCard(t, s); c.Updates != 0 || len(c.Params) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestCardStreaming(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	stream := func(changes ...any) Card {
		t.Helper()
		if a := call(t, s, "PUT", PathStreaming, frameBody(changes...), tok); a.status != 200 || a.body != worked {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return theCard(t, s)
	}
	if c := stream("content", "one", "guid", "g1"); c.State != CardInputting || c.Content() != "one" || c.Params["flowStatus"] != "1" {
		t.Errorf("%+v", c)
	}
	// The same guid again has no effect, whatever it says.
	if c := stream("content", "other", "guid", "g1"); c.Content() != "one" || c.FrameCount != 1 || c.Changes != 3 {
		t.Errorf("%+v", c)
	}
	c := stream("content", "one two", "isFinalize", true, "guid", "g2")
	if c.State != CardFinished || !c.Final() || !c.Done() || c.FrameCount != 2 {
		t.Errorf("%+v", c)
	}
	if c := stream("guid", "g2"); c.Content() != "one two" {
		t.Errorf("a repeated last frame: %+v", c)
	}
	if f := c.Frames; len(f) != 2 || f[0].GUID != "g1" || f[0].Content != "one" || f[0].Final || !f[1].Final || f[1].At.Before(f[0].At) {
		t.Errorf("frames %+v", c.Frames)
	}
	a := call(t, s, "PUT", PathStreaming, frameBody(), tok)
	if a.status != 500 || a.field(t, "code") != "unknownError" || a.field(t, "message") != "未知错误" {
		t.Errorf("a finished card: %d %s", a.status, a.body)
	}
	body := map[string]any{"outTrackId": "track-1", "cardData": params("flowStatus", "3"), "cardUpdateOptions": map[string]bool{"updateCardDataByKey": true}}
	if a := call(t, s, "PUT", PathCards, body, tok); a.status != 200 || theCard(t, s).Content() != "one two" {
		t.Errorf("flowStatus after the end: %d %s", a.status, a.body)
	}
	if st := s.Stats(); st.CardFrames != 2 || st.CardUpdates != 1 || s.Quota().ByPath[PathStreaming] != 5 {
		t.Errorf("%+v, %+v", st, s.Quota())
	}
}

func TestCardStreamingFails(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	call(t, s, "PUT", PathStreaming, frameBody("isError", true, "isFinalize", true), tok)
	if c := theCard(t, s); c.State != CardFailed || !c.Final() || !c.Frames[0].Error {
		t.Errorf("%+v", c)
	}
	if a := call(t, s, "PUT", PathStreaming, frameBody(), tok); a.status != 500 {
		t.Errorf("a failed card: %d %s", a.status, a.body)
	}
}

func TestCardStreamingRefuses(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{CardBytes: 10})
	s.Censor("坏话")
	mustPost(t, s, PathCards, newCardBody("outTrackId", "hidden"), tokenHeader, tok)
	mustPost(t, s, PathCards, newCardBody("outTrackId", "plain", "cardTemplateId", "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema"), tokenHeader, tok)
	for _, row := range []struct {
		body   any
		status int
		code   string
		words  string
	}{
		{"", 400, "param.empty", ""},
		{frameBody("isfull", true), 400, "param.invalid", ""},
		{frameBody("isFull", "true"), 400, "param.invalid", ""},
		{frameBody("outTrackId", ""), 400, "param.stream.outTrackId", "card is not exist"},
		{frameBody("outTrackId", "unknown"), 400, "param.stream.outTrackId", "card is not exist"},
		{frameBody("key", ""), 400, "param.stream.keyEmpty", ""},
		{frameBody("guid", nil), 400, "param.stream.guidEmpty", ""},
		{frameBody("content", ""), 400, "param.stream.contentEmpty", ""},
		{frameBody("isFull", nil), 400, "param.stream.isFull", "streaming update the parameter isFull is null"},
		{frameBody("isFull", false), 400, "param.stream.isFull", ""},
		{frameBody("content", "01234567890"), 400, "param.stream.content", "content is too large"},
		{frameBody("content", "坏话"), 400, "param.contentUnsafe", ""},
		{frameBody("key", "content"), 500, "unknownError", "未知错误"},
		{frameBody("outTrackId", "hidden"), 500, "unknownError", "未知错误"},
		{frameBody("outTrackId", "plain"), 500, "unknownError", "未知错误"},
	} {
		a := call(t, s, "PUT", PathStreaming, row.body, tok)
		if a.status != row.status || a.field(t, "code") != row.code || !strings.Contains(a.body, row.words) {
			t.Errorf("%v: %d %s, want %d %s", row.body, a.status, a.body, row.status, row.code)
		}
	}
	if st := s.Stats(); st.CardFrames != 0 {
		t.Errorf("%+v", st)
	}
}

func TestCardStreamingKnobs(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{
		WrongStreamKey: Problem{400, "invalid.content", "card streaming key invalid"},
		WrongCardState: Problem{409, "wrong.state", "finished"},
	})
	if a := call(t, s, "PUT", PathStreaming, frameBody("key", "x"), tok); a.status != 400 || a.field(t, "code") != "invalid.content" {
		t.Errorf("%d %s", a.status, a.body)
	}
	call(t, s, "PUT", PathStreaming, frameBody("isFinalize", true), tok)
	if a := call(t, s, "PUT", PathStreaming, frameBody(), tok); a.status != 409 || a.field(t, "code") != "wrong.state" {
		t.Errorf("%d %s", a.status, a.body)
	}
	s, tok = withCard(t, Options{FrameGap: time.Hour, CardFetch: time.Hour, CardBytes: -1})
	if a := call(t, s, "PUT", PathStreaming, frameBody("content", strings.Repeat("x", 100_000)), tok); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	a := call(t, s, "PUT", PathStreaming, frameBody(), tok)
	if a.status != 403 || a.field(t, "code") != "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi" || s.Quota().ByPath[PathStreaming] != 1 || s.Stats().Throttled != 1 {
		t.Errorf("%d %s, %+v", a.status, a.body, s.Quota())
	}
}

// A card that ends before clients have fetched it shows an error until it changes.
func TestCardThatEndsTooEarly(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{CardFetch: time.Hour})
	call(t, s, "PUT", PathStreaming, frameBody(), tok)
	if theCard(t, s).Broken {
		t.Error("broken while it is written")
	}
	call(t, s, "PUT", PathStreaming, frameBody("isFinalize", true), tok)
	if !theCard(t, s).Broken {
		t.Error("shown at once")
	}
	call(t, s, "PUT", PathCards, map[string]any{"outTrackId": "track-1", "cardData": params("msgContent", "x")}, tok)
	if theCard(t, s).Broken {
		t.Error("not healed by the next change")
	}
}
