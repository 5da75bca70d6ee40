package dingtalktest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// BenchmarkPush is the cost of one message on the server's side and on that of a
// client which does nothing but ack.
func BenchmarkPush(b *testing.B) {
	s, err := Start(Options{Forget: true, Apps: []App{{ClientID: clientID, ClientSecret: secret}}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	// The ticket is made without HTTP, which is not what is measured.
	s.mu.Lock()
	s.tickets["bench"] = ticket{app: s.apps[clientID], topics: map[subscription]struct{}{toMessages: {}}, until: time.Now().Add(time.Hour)}
	s.mu.Unlock()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+s.URL()[len("http"):]+PathConnect+"?ticket=bench", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	if err := s.WaitConnections(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			_, raw, err := ws.ReadMessage()
			if err != nil {
				return
			}
			var f frame
			if json.Unmarshal(raw, &f) != nil {
				return
			}
			_ = ws.WriteMessage(websocket.TextMessage, encode(ackFrame{Code: 200, Headers: map[string]string{"messageId": f.messageID()}}))
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		s.Say(Message{Text: "hello"})
	}
	if err := s.WaitStats(b.Context(), func(st Stats) bool { return st.Unsettled == 0 }); err != nil {
		b.Fatal(err)
	}
}
