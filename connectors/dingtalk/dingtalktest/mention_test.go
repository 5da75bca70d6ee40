package dingtalktest

import (
	"slices"
	"testing"
)

func TestHighlighted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		want []string
	}{
		{"hello u1", nil},
		{"hello @u1", []string{"u1"}},
		{"@u12 and @u1-x", nil},
		{"@u12 and @u1 and @u1", []string{"u1"}},
		{"@u1是 @138", []string{"u1", "138"}},
	} {
		if got := highlighted(row.text, "u1", "138", ""); !slices.Equal(got, row.want) {
			t.Errorf("%q: %v, want %v", row.text, got, row.want)
		}
	}
}

func TestWebhookMentions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Chat: "cidG==", Mention: true, Text: "hello"})
	at := `"at":{"atUserIds":["u1","u2"],"atMobiles":["138"],"isAtAll":true}`
	for _, body := range []string{
		`{"msgtype":"text","text":{"content":"@u1 @138 hi"},` + at + `}`,
		`{"msgtype":"markdown","markdown":{"title":"T","text":"@u2 hi"},` + at + `}`,
		`{"msgtype":"link","link":{"text":"@u1","title":"T","picUrl":"","messageUrl":"https://x"},` + at + `}`,
	} {
		if a := mustPost(t, s, c.SessionWebhook, body); a.field(t, "errcode") != 0.0 {
			t.Fatalf("%s", a.body)
		}
	}
	sent := s.Sent()
	for i, want := range [][]string{{"u1", "138"}, {"u2"}, nil} {
		got := sent[i]
		if !slices.Equal(got.Highlighted, want) || !slices.Equal(got.Mentions, []string{"u1", "u2"}) || !slices.Equal(got.Mobiles, []string{"138"}) || !got.AtAll {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

func TestCardMentions(t *testing.T) {
	t.Parallel()
	c := Card{Key: "k", AtUsers: []string{"u1", "u2"}, Params: map[string]string{
		"k": "<a atId=u1>张三</a> and <a atId=u3>王五</a>, not <a href=u2>x</a>",
	}}
	if got := c.Highlighted(); !slices.Equal(got, []string{"u1"}) {
		t.Errorf("%v", got)
	}
}
