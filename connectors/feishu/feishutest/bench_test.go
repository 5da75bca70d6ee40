package feishutest_test

import (
	"testing"

	"github.com/gorilla/websocket"

	"longwire/connectors/feishu/feishutest"
)

// BenchmarkRoundTrip is the cost of one message, said, pushed and acked.
func BenchmarkRoundTrip(b *testing.B) {
	s, err := feishutest.Start(feishutest.Options{
		Apps:      []feishutest.App{{AppID: appID, AppSecret: appSecret}},
		Unlimited: true, NoHistory: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	c := dial(b, s)
	b.ReportAllocs()
	for b.Loop() {
		s.Say(feishutest.Message{Text: "hi"})
		f := c.read()
		f.Payload = []byte(`{"code":200}`)
		if err := c.ws.WriteMessage(websocket.BinaryMessage, f.Marshal()); err != nil {
			b.Fatal(err)
		}
	}
}
