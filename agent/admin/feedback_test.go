package admin

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestFeedbackAsJSONLines(t *testing.T) {
	var asked int
	away := false
	s := start(t, Config{
		Store: pinger(fine), Desk: newStore(t), Connections: []Connection{{Name: "c1", Link: &link{}}, {Name: "c2", Link: &link{}}},
		Feedback: func(_ context.Context, connection string, limit int) ([][]byte, error) {
			if asked = limit; away {
				return nil, errors.New("away")
			}
			return [][]byte{[]byte(`{"connection":"` + connection + `","good":true}`), []byte(`{"good":false}`)}, nil
		},
	})
	client := NewClient(s.Addr(), "")
	for connection, want := range map[string]string{
		"":   `{"connection":"c1","good":true} {"good":false} {"connection":"c2","good":true} {"good":false} `,
		"c2": `{"connection":"c2","good":true} {"good":false} `,
		"c3": "",
	} {
		var out strings.Builder
		if err := client.Feedback(t.Context(), connection, 7, &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(out.String(), "\n", " "); got != want || connection != "c3" && asked != 7 {
			t.Errorf("%q: got %q, asked for %d", connection, got, asked)
		}
	}
	away = true
	if err := client.Feedback(t.Context(), "", 7, &strings.Builder{}); err == nil {
		t.Error("a store that is away has feedback")
	}
}
