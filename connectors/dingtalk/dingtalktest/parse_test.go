package dingtalktest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Bytes as official SDKs write them.
var goldenAcks = []string{
	`{"code":200,"headers":{"contentType":"application/json","messageId":"ping-1"},"message":"ok","data":"{\"opaque\":\"o\"}"}` + "\n",
	`{"code":200,"headers":{"contentType":"application/json","messageId":"bot-1"},"message":"","data":""}` + "\n",
	`{"code":404,"headers":{"contentType":"application/json","messageId":"nope-1"},"message":"","data":""}` + "\n",
	`{"code":500,"headers":{"contentType":"application/json","messageId":"m-1"},"message":"my error","data":""}` + "\n",
}

func TestParseAckGolden(t *testing.T) {
	t.Parallel()
	for i, want := range []ackFrame{
		{Code: 200, Message: "ok", Data: `{"opaque":"o"}`},
		{Code: 200},
		{Code: 404},
		{Code: 500, Message: "my error"},
	} {
		got, err := parseAck([]byte(goldenAcks[i]))
		if err != nil || got.Code != want.Code || got.Message != want.Message || got.Data != want.Data || got.Headers["messageId"] == "" {
			t.Errorf("%s: %+v, %v", goldenAcks[i], got, err)
		}
	}
}

func FuzzParseAck(f *testing.F) {
	for _, a := range goldenAcks {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseAck(raw)
		if err != nil {
			return
		}
		if a.Code == 0 || a.Headers["messageId"] == "" {
			t.Errorf("%q: %+v", raw, a)
		}
		_, _ = later(a.Data), opaqueOf(a.Data)
	})
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte(`{"msgtype":"text","text":{"content":"x"}}`))
	f.Add([]byte(`{"msgtype":"markdown","markdown":{"title":"x","text":"y"},"at":{"atUserIds":["u"]}}`))
	f.Add([]byte(`{"msgtype":"feedCard","feedCard":{"links":[{"title":"F","messageURL":"https://x","picURL":"https://y"}]}}`))
	f.Add([]byte(`{"msgtype":"actionCard","actionCard":{"btns":[{}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sent, err := parseReply(raw)
		if err != nil {
			return
		}
		if sent.MsgType == "text" && sent.Text == "" || sent.MsgType == "markdown" && (sent.Title == "" || sent.Text == "") {
			t.Errorf("%q: %+v", raw, sent)
		}
	})
}

func FuzzParseOpen(f *testing.F) {
	f.Add([]byte(`{"clientId":"theid","clientSecret":"THESECRET","subscriptions":[{"type":"CALLBACK","topic":"/v1.0/im/bot/messages/get"},{"type":"EVENT","topic":"*"}],"ua":"dingtalk-sdk-go/v0.9.2","localIp":"192.0.2.2","extras":null}`))
	f.Add([]byte(`{"extras":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, refusal := parseOpen("application/json", bytes.NewReader(raw))
		if (req == nil) == (refusal == nil) {
			t.Fatalf("%q: %+v, %+v", raw, req, refusal)
		}
		if req != nil && (req.ClientID == "" || req.ClientSecret == "" || len(req.Subscriptions) == 0) {
			t.Errorf("%q: %+v", raw, req)
		}
	})
}

func FuzzParseMsgParam(f *testing.F) {
	f.Add("sampleText", `{"content":"x"}`)
	f.Add("sampleMarkdown", `{"title":"x","text":"y"}`)
	f.Fuzz(func(t *testing.T, key, param string) {
		sent, refusal := parseMsgParam(key, param)
		if refusal == nil && (len(msgKeys[sent.MsgKey]) == 0 || !json.Valid([]byte(param))) {
			t.Errorf("%q %q: %+v", key, param, sent)
		}
	})
}

func FuzzPeek(f *testing.F) {
	f.Add([]byte(`{"msgId":"m","conversationId":"c","conversationType":"2"}`))
	f.Fuzz(func(_ *testing.T, body []byte) { peek(body) })
}

func TestDecodeExact(t *testing.T) {
	t.Parallel()
	type inner struct {
		PicURL string `json:"picUrl"`
	}
	type outer struct {
		ID   string  `json:"id"`
		Part *inner  `json:"part"`
		List []inner `json:"list"`
	}
	for body, good := range map[string]bool{
		`{"id":"x","part":{"picUrl":"y"},"list":[{"picUrl":"z"}]}`: true,
		`{"id":"x","other":{"ID":1}}`:                              true,
		`{"id":"x","part":null,"list":null}`:                       true,
		`{"Id":"x"}`:                                               false,
		`{"id":"x","ID":"y"}`:                                      false, // encoding/json would take the last
		`{"part":{"picURL":"y"}}`:                                  false,
		`{"list":[{"picUrl":"y"},{"picURL":"y"}]}`:                 false,
		`null`:  false,
		`{} {}`: false,
	} {
		var v outer
		if err := decodeExact(strings.NewReader(body), &v); (err == nil) != good {
			t.Errorf("%s: %v", body, err)
		}
	}
}
