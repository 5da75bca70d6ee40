package feishutest

import (
	"encoding/json"
	"testing"
)

// FuzzCheckContent holds that what is accepted has a received form that is a JSON
// object, and that no other msg_type than the known ones is accepted.
func FuzzCheckContent(f *testing.F) {
	for _, content := range []string{
		`{"text":"<at user_id=\"ou_1\">Tom</at> <b>x</b>"}`,
		`{"zh_cn":{"title":"T","content":[[{"tag":"md","text":"x"}],[{"tag":"emotion","emoji_type":"OK"}]]}}`,
		`{"schema":"2.0","body":{"elements":[{}]}}`,
		`{"type":"card","data":null}`,
		`{"zh_cn":null}`,
		`{"image_key":"k"}`,
		`[]`,
	} {
		for _, msgType := range []string{"text", "post", "interactive", "image"} {
			f.Add(msgType, content)
		}
	}
	f.Fuzz(func(t *testing.T, msgType, content string) {
		got, no := checkContent(msgType, content, 3)
		if no != nil {
			if no.code != codeInvalidRequest && no.code != codeCardFailed {
				t.Fatalf("code %d", no.code)
			}
			return
		}
		var o map[string]json.RawMessage
		if err := json.Unmarshal([]byte(got.received), &o); err != nil || o == nil {
			t.Fatalf("received %q: %v", got.received, err)
		}
		if msgType != "text" && msgType != "post" && msgType != "interactive" && keysOf[msgType] == nil {
			t.Fatalf("accepted msg_type %q", msgType)
		}
	})
}

func TestStoreForgetsTheOldest(t *testing.T) {
	s := store[int]{limit: 2}
	for i, key := range []string{"a", "b", "a", "c"} {
		s.put(key, i+1)
	}
	if s.get("a") != 0 || s.get("b") != 2 || s.get("c") != 4 || len(s.order) != 2 {
		t.Errorf("entries %v", s.entries)
	}
	var all store[int]
	all.put("a", 1)
	if all.get("a") != 1 || len(all.order) != 0 {
		t.Errorf("entries %v, order %v", all.entries, all.order)
	}
}
