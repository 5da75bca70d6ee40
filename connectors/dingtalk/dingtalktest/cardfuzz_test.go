package dingtalktest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseSpaces(t *testing.T) {
	t.Parallel()
	got, ok := parseSpaces("dtv1.card//IM_GROUP.cid.with.dots==;im_robot.u1")
	if !ok || len(got) != 2 || got[0] != (space{"IM_GROUP", "cid.with.dots=="}) || got[1] != (space{"IM_ROBOT", "u1"}) {
		t.Errorf("%v, %t", got, ok)
	}
	for _, bad := range []string{"", "dtv1.card//", "dtv1.card//;", "dtv1.card//IM_GROUP.", "dtv1.card//IM_GROUP.x;", "dtv1.card/IM_GROUP.x", "IM_GROUP.x"} {
		if got, ok := parseSpaces(bad); ok {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func FuzzParseSpaces(f *testing.F) {
	f.Add("dtv1.card//IM_GROUP.cidG==;IM_ROBOT.u1")
	f.Add("dtv1.card//im_group.cidG==")
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := parseSpaces(text)
		if ok != (len(list) > 0) {
			t.Fatalf("%q: %v, %t", text, list, ok)
		}
		for _, sp := range list {
			if sp.id == "" || sp.kind != strings.ToUpper(sp.kind) {
				t.Errorf("%q: %+v", text, sp)
			}
		}
	})
}

func FuzzParsePress(f *testing.F) {
	f.Add(`{"response":{"cardUpdateOptions":{"updateCardDataByKey":true},"cardData":{"cardParamMap":{"a":"b"}},"userPrivateData":null}}`)
	f.Add(`{"response":null}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		reply, err := parsePress(text)
		if (reply == nil) == (err == nil) {
			t.Fatalf("%q: %+v, %v", text, reply, err)
		}
		if err == nil && text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%q was taken", text)
		}
	})
}

// FuzzCardCalls has the card API decide about any body; whatever it takes must be
// whole.
func FuzzCardCalls(f *testing.F) {
	f.Add(encode(bothBody()), encode(frameBody()))
	f.Add([]byte(`{"outTrackId":"x","cardData":{"cardParamMap":{"a":null}}}`), []byte(`{"isFull":1}`))
	a := &app{App: App{ClientID: clientID, RobotCode: clientID}}
	f.Fuzz(func(t *testing.T, create, frame []byte) {
		var req createDeliverRequest
		if decodeExact(bytes.NewReader(create), &req) == nil && req.cardBody.check() == nil {
			c := newCard(a, &req.cardBody, Template{})
			if c.OutTrackID == "" || c.TemplateID == "" || c.Params == nil {
				t.Errorf("%s: %+v", create, c.Card)
			}
			_, _ = req.cardTarget.check(a)
		}
		var stream streamRequest
		if decodeExact(bytes.NewReader(frame), &stream) == nil && stream.check() == nil &&
			(stream.OutTrackID == "" || stream.GUID == "" || stream.Key == "" || stream.Content == "" || !*stream.IsFull) {
			t.Errorf("%s: %+v", frame, stream)
		}
	})
}

func FuzzWithhold(f *testing.F) {
	f.Add([]byte(`{"text":{"content":"x"},"msgtype":"text"}`), 2)
	f.Add([]byte(`null`), 1)
	f.Fuzz(func(t *testing.T, body []byte, form int) {
		out := withhold(body, Withheld(form))
		if bytes.Equal(out, body) {
			return
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(out, &fields) != nil || fields["text"] != nil || fields["content"] != nil {
			t.Errorf("%s: %s", body, out)
		}
	})
}

func FuzzHighlighted(f *testing.F) {
	f.Add("hello @u1是", "u1")
	f.Fuzz(func(t *testing.T, text, id string) {
		seen := highlighted(text, id)
		if len(seen) > 1 || len(seen) == 1 && !strings.Contains(text, "@"+id) {
			t.Errorf("%q %q: %v", text, id, seen)
		}
	})
}

func TestCardOptionsDefaults(t *testing.T) {
	t.Parallel()
	got := Options{}.withDefaults()
	if got.PressTimeout != 2*time.Second || got.PressSpaceType != "IM" || got.CardBytes != 60_000 || got.WithheldAs != WithheldNumber ||
		got.OutOfCallsStatus != 403 || got.WrongStreamKey != unknownError() || got.WrongCardState != unknownError() ||
		got.Templates[TemplateMarkdown].Key != "msgContent" || got.Templates[TemplateClaw].Key != "msgContent" ||
		got.CodeTTL != 2*time.Hour || got.FileTTL != 15*time.Minute || got.MonthlyCalls != 0 || got.MonthlyPushes != 0 || got.FrameGap != 0 {
		t.Errorf("%+v", got)
	}
	got = Options{WithheldAs: WithheldString, WrongStreamKey: Problem{Status: 400}, Templates: map[string]Template{}, CardBytes: -1}.withDefaults()
	if got.WithheldAs != WithheldString || got.WrongStreamKey.Status != 400 || len(got.Templates) != 0 || got.CardBytes != -1 {
		t.Errorf("what was set is changed: %+v", got)
	}
}
