package dingtalktest

import (
	"strings"
	"testing"
)

// TestContents writes every kind of message and compares it with the samples of the
// documentation, as the platform would push it.
func TestContents(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	for _, row := range []struct {
		m    Message
		want string
	}{
		{Message{Content: Picture{PictureDownloadCode: "p", DownloadCode: "d"}},
			`"msgtype":"picture","content":{"pictureDownloadCode":"p","downloadCode":"d"}}`},
		{Message{Content: Audio{Duration: 4000, DownloadCode: "d", Recognition: "钉钉，让进步发生"}},
			`"msgtype":"audio","content":{"duration":4000,"downloadCode":"d","recognition":"钉钉，让进步发生"}}`},
		{Message{Content: Audio{Duration: "5", DownloadCode: "d"}},
			`"msgtype":"audio","content":{"duration":"5","downloadCode":"d"}}`},
		{Message{Content: Audio{DownloadCode: "d"}}, `"msgtype":"audio","content":{"downloadCode":"d"}}`},
		{Message{Content: Video{Duration: 4000, VideoType: "mp4", DownloadCode: "d"}},
			`"msgtype":"video","content":{"duration":4000,"videoType":"mp4","downloadCode":"d"}}`},
		{Message{Content: File{SpaceID: "223", FileName: "foobar.zip", DownloadCode: "d", FileID: "117"}},
			`"msgtype":"file","content":{"spaceId":"223","fileName":"foobar.zip","downloadCode":"d","fileId":"117"}}`},
		{Message{Content: RichText{RichWords("before"), {Type: "text", Text: "typed"}, RichPicture("d"), RichAt("李四", "u4")}},
			`"msgtype":"richText","content":{"richText":[{"text":"before"},{"type":"text","text":"typed"},` +
				`{"type":"picture","pictureDownloadCode":"d-preview","downloadCode":"d"},{"type":"at","atName":"李四","atUserId":"u4"}]}}`},
		{Message{Content: RichText(nil)}, `"msgtype":"richText","content":{"richText":[]}}`},
		{Message{Chat: "cidG==", Mention: true, Content: HarmonyRichText("小助手", RichWords("看图"))},
			`"msgtype":"richText","content":{"richText":[{"text":"@小助手 "},{"text":"看图"}]}}`},
		{Message{Content: Unknown{}},
			`"msgtype":"unknownMsgType","content":{"unknownMsgType":"用户发送了一条消息，机器人暂不支持接收。"},"ai_robot_sessionid":""}`},
		{Message{Content: Markdown{Text: "# M"}}, `"msgtype":"markdown","content":{"text":"# M"}}`},
		{Message{Content: ActionCard{Title: "T", Text: "B", Items: []ActionItem{{URL: "https://x"}}}},
			`"msgtype":"actionCard","content":{"title":"T","text":"B","actionUrlItemList":[{"actionUrl":"https://x"}]}}`},
		{Message{Content: InteractiveCard{Card: &CardElement{Type: "root", Children: []CardElement{{Type: "text", Value: "v"}}}}},
			`"msgtype":"interactiveCard","content":{"cardContent":{"elementType":"root","children":[{"elementType":"text","value":"v"}]}}}`},
		{Message{Content: InteractiveCard{ActionURL: "https://doc"}},
			`"msgtype":"interactiveCard","content":{"biz_custom_action_url":"https://doc"}}`},
		{Message{Content: ChatRecord{Summary: "张三:[图片]", Title: "聊天记录", Record: "[]"}},
			`"msgtype":"chatRecord","content":{"summary":"张三:[图片]","title":"聊天记录","chatRecord":"[]"}}`},
		{Message{MsgType: "image", Content: map[string]string{"downloadCode": "d"}},
			`"msgtype":"image","content":{"downloadCode":"d"}}`},
	} {
		s.Say(row.m)
		f := p.read()
		if !strings.HasSuffix(f.Data, row.want) || strings.Contains(f.Data, `"text":{`) {
			t.Errorf("%#v:\n got %s\nwant …%s", row.m.Content, f.Data, row.want)
		}
	}
}

// Typed contents keep the rule that a robot in a group hears no voice.
func TestTypedContentsThatCannotMention(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	dial(t, s)
	for _, content := range []any{Audio{}, Video{}, File{}} {
		if id := s.Say(Message{Chat: "cidG==", Mention: true, Content: content}); s.Deliveries(id) != 0 {
			t.Errorf("%T was pushed in a group", content)
		}
	}
}
