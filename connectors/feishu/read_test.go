package feishu

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const readRoute = "GET /open-apis/im/v1/messages/*"

var (
	tom = feishutest.Person{OpenID: "ou_tom", Name: "Tom"}
	ann = feishutest.Person{OpenID: "ou_ann", Name: "Ann"}
)

// logged is talk, with what is logged.
func logged(t testing.TB, s *feishutest.Server) (*Connector, inbox, *journal) {
	t.Helper()
	in := newInbox()
	c, j := run(t, configFor(s), in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	return c, in, j
}

// quoting has Tom say m, and then quote it.
func quoting(t testing.TB, s *feishutest.Server, in inbox, m feishutest.Message) connectors.Event {
	t.Helper()
	m.From = tom
	id := s.Say(m)
	for in.next(t).ID != id {
	}
	s.Say(feishutest.Message{From: tom, ParentID: id, Text: "what about this?"})
	ev := in.next(t)
	if ev.Quote == nil || *ev.Quote != (connectors.Quote{Kind: connectors.KindOther, Ref: id}) {
		t.Fatalf("quote %+v of %s", ev.Quote, id)
	}
	return ev
}

// What a quote says, whatever kind of message it is of.
func TestReadsQuotes(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	mentioning := feishutest.Message{Text: "ask @_user_1", OtherMentions: []feishutest.Person{ann}}
	for name, r := range map[string]struct {
		m    feishutest.Message
		kind connectors.Kind
		text string
		ref  string // of the file, without the message's id
	}{
		"text":      {mentioning, connectors.KindText, "ask @Ann", ""},
		"image":     {feishutest.Image("img_1"), connectors.KindPicture, "[picture 1]", "image img_1"},
		"post":      {feishutest.Post("T", row{feishutest.PostText("see "), feishutest.PostImage("img_1")}), connectors.KindText, "T\nsee [picture 1]", "image img_1"},
		"audio":     {feishutest.Audio("f", time.Second), connectors.KindAudio, "[audio]", "file f"},
		"video":     {feishutest.Video("f", "img_1", "a b.mp4", time.Second), connectors.KindVideo, "[video a b.mp4]", "file f"},
		"nameless":  {feishutest.Video("f", "", "", 0), connectors.KindVideo, "[video 1]", "file f"},
		"file":      {feishutest.File("f", "a.pdf"), connectors.KindFile, "[file a.pdf]", "file f"},
		"folder":    {feishutest.Folder("f", "docs"), connectors.KindFile, "[folder docs]", ""},
		"sticker":   {feishutest.Sticker("f"), connectors.KindSticker, "[sticker]", ""},
		"location":  {feishutest.Location("Shenzhen", "", ""), connectors.KindText, "[location] Shenzhen", ""},
		"chat":      {feishutest.ShareChat("oc_1"), connectors.KindOther, "[group card]", ""},
		"user":      {feishutest.ShareUser("ou_1"), connectors.KindOther, "[contact card]", ""},
		"packet":    {feishutest.RedPacket(), connectors.KindOther, "[red packet]", ""},
		"calendar":  {feishutest.Appointment("general_calendar", "lunch", at, at), connectors.KindOther, "[calendar] lunch 2026-05-01 12:00 UTC", ""},
		"call":      {feishutest.VideoCall("standup", at), connectors.KindOther, "[video call] standup 2026-05-01 12:00 UTC", ""},
		"task":      {feishutest.Task("1", "tidy up", at), connectors.KindOther, "[task] tidy up 2026-05-01 12:00 UTC", ""},
		"vote":      {feishutest.Vote("lunch?", "yes", "no"), connectors.KindOther, "[vote] lunch? yes / no", ""},
		"card":      {feishutest.CardSeen("Card", row{feishutest.PostText("words")}), connectors.KindText, "Card\nwords", ""},
		"forward":   {feishutest.Forward(feishutest.Message{From: ann, Text: "hello"}), connectors.KindForward, "[forwarded messages]\nperson 1: hello", ""},
		"unknown":   {feishutest.Message{MsgType: "system", Content: "{}"}, connectors.KindOther, "[system message]", ""},
		"long text": {feishutest.Message{Text: strings.Repeat("长", connectors.MaxQuote)}, connectors.KindText, strings.Repeat("长", connectors.MaxQuote/3), ""},
	} {
		ev := quoting(t, s, in, r.m)
		read := c.Read(soon(t), ev)
		want := connectors.Quote{Kind: r.kind, Text: r.text, Ref: ev.Quote.Ref}
		if *read.Quote != want {
			t.Errorf("%s: %.300v, want %.300v", name, *read.Quote, want)
		}
		var refs []string
		for _, f := range read.Files {
			refs = append(refs, strings.Replace(f.Ref, "/"+ev.Quote.Ref+"/", " ", 1))
		}
		if strings.Join(refs, ",") != r.ref {
			t.Errorf("%s: files %v, want %s", name, refs, r.ref)
		}
		if ev.Quote.Text != "" || len(ev.Files) > 0 || read.Text != "what about this?" {
			t.Errorf("%s: the event itself became %+v, read %+v", name, ev, read)
		}
	}
}

// The marks of a quote's pictures go on after those of the message.
func TestReadCountsPicturesOn(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	first := s.Say(feishutest.Image("img_1"))
	in.next(t)
	both := feishutest.Post("", row{feishutest.PostText("and "), feishutest.PostImage("img_2")})
	both.ParentID = first
	s.Say(both)
	read := c.Read(soon(t), in.next(t))
	if read.Text != "and [picture 1]" || read.Quote.Text != "[picture 2]" || len(read.Files) != 2 || !strings.Contains(read.Files[1].Ref, "img_1") {
		t.Errorf("%+v with %+v", read, read.Quote)
	}
	// A reply to a reply quotes the reply, and not what that was about.
	third := s.Say(feishutest.Message{ParentID: read.ID, Text: "hm"})
	if ev := in.next(t); ev.ID != third || ev.Quote.Ref != read.ID {
		t.Errorf("%+v with %+v", ev, ev.Quote)
	}
}

// What the bot itself has said is quoted most: also in a card, which old readers
// see as a request to upgrade.
func TestReadsOurOwn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*feishutest.Options){
		"simplified": nil,
		"upgrade":    func(o *feishutest.Options) { o.Doubts.UpgradeText = true },
	} {
		s := cloud(t, change)
		c, in := talk(t, s)
		asked := ask(t, s, in)
		for what, content := range map[string][2]string{
			"card": {"interactive", `{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"the answer"}]}}`},
			"text": {"text", `{"text":"the answer"}`},
		} {
			id := sayAsBot(t, s, c, asked, content[0], content[1])
			s.Say(feishutest.Message{ParentID: id, Text: "sure?"})
			read := c.Read(soon(t), in.next(t))
			if !read.Quote.Ours || read.Quote.Kind != connectors.KindText || read.Quote.Text != "the answer" {
				t.Errorf("%s, %s: %+v", name, what, read.Quote)
			}
		}
	}
}

// sayAsBot has the bot reply in a way of its own, and returns the id of the message.
func sayAsBot(t testing.TB, s *feishutest.Server, c *Connector, to connectors.Event, msgType, content string) string {
	t.Helper()
	noError(t, c.api.reply(soon(t), to.ID, false, outgoing{msgType: msgType, content: content, uuid: "own-" + msgType}))
	sent, err := s.WaitSent(soon(t), func(one feishutest.Sent) bool { return one.UUID == "own-"+msgType })
	noError(t, err)
	return sent.MessageID
}

// Who wrote a quote is told by a name where the platform tells one.
func TestQuoteFrom(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.GroupMsgScope = true })
	c, in := talk(t, s)
	quoted := s.Say(feishutest.Message{Chat: groupID, From: ann, Text: "note to myself: @_user_1", OtherMentions: []feishutest.Person{ann}})
	asked := s.Say(feishutest.Message{Chat: groupID, From: tom, Mention: true, ParentID: quoted, Text: "hm?"})
	ev := in.next(t)
	read := c.Read(soon(t), ev)
	if ev.ID != asked || read.Quote.From != "Ann" || read.Quote.Ours || read.Quote.Text != "note to myself: @Ann" {
		t.Errorf("%+v", read.Quote)
	}
}

func TestQuoteThatIsGone(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in, j := logged(t, s)
	for name, remove := range map[string]func(string) bool{"recalled": s.Recall, "deleted": s.Delete} {
		ev := quoting(t, s, in, feishutest.Image("img_oops"))
		remove(ev.Quote.Ref)
		read := c.Read(soon(t), ev)
		if *read.Quote != *ev.Quote || read.Text != ev.Text || len(read.Files) > 0 {
			t.Errorf("%s: %+v", name, read.Quote)
		}
		if name == "recalled" {
			in.next(t) // that it was
		}
	}
	if strings.Contains(j.String(), "oops") {
		t.Error("the log says what was said")
	}
}

// A bot may be without the scope to read groups: that is said once, with its name.
func TestQuoteInGroupWithoutScope(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in, j := logged(t, s)
	quoted := s.Say(feishutest.Message{Chat: groupID, Text: "lunch?"})
	for range 3 {
		s.Say(feishutest.Message{Chat: groupID, Mention: true, ParentID: quoted, Text: "what do you think?"})
		ev := in.next(t)
		if read := c.Read(soon(t), ev); read.Quote.Text != "" || read.Quote.Ref != quoted {
			t.Errorf("%+v", read.Quote)
		}
	}
	if n := strings.Count(j.String(), "scope="+groupScope); n != 1 {
		t.Errorf("the scope is named %d times:\n%s", n, j.String())
	}
	if !c.Status().Healthy() {
		t.Errorf("%+v", c.Status())
	}
}

// Trouble of the platform passes, or leaves the event as it is.
func TestReadInTrouble(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := quoting(t, s, in, feishutest.Message{Text: "the quote"})
	for name, f := range map[string]feishutest.Failure{
		"token": feishutest.TokenExpired(), "gateway": feishutest.BadGateway(), "internal": feishutest.Internal(),
		"cut": feishutest.Lost(), "rate": feishutest.RateLimited(time.Second), "not JSON": {Body: "OK"}, "data": {Body: `{"code":0,"data":[]}`},
	} {
		s.FailRoute(readRoute, f)
		if read := c.Read(soon(t), ev); read.Quote.Text != "the quote" {
			t.Errorf("%s: %+v", name, read.Quote)
		}
	}
	for _, body := range []string{`{"code":0,"data":{"items":[]}}`, `{"code":0,"data":{"items":[7,null,"x",[]]}}`, `{"code":0,"data":{"items":[{"message_id":"om_other"}]}}`} {
		s.FailRoute(readRoute, feishutest.Failure{Body: body})
		if read := c.Read(soon(t), ev); *read.Quote != *ev.Quote {
			t.Errorf("%s: %+v", body, read.Quote)
		}
		s.ClearFailures()
	}
	f := feishutest.Internal()
	f.Times = -1
	s.FailRoute(readRoute, f)
	if read := c.Read(soon(t), ev); *read.Quote != *ev.Quote {
		t.Errorf("%+v", read.Quote)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if read := c.Read(ctx, ev); *read.Quote != *ev.Quote {
		t.Errorf("%+v", read.Quote)
	}
}

// What is read counts against the month's budget.
func TestReadingIsCounted(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	shelf, in := newMemory(), newInbox()
	config := configFor(s)
	config.Shelf, config.Budget = shelf, 1_000_000
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	ev := quoting(t, s, in, feishutest.Image(s.PutImage([]byte("picture"))))
	for range 2 {
		if read := c.Read(soon(t), ev); read.Quote.Text != "[picture 1]" {
			t.Errorf("%+v", read.Quote)
		}
	}
	if n := shelf.calls(); n != 2 {
		t.Errorf("%d calls of 2 are counted", n)
	}
}

func TestReadsForwards(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*feishutest.Options){
		"all at once":   nil,
		"one at a time": func(o *feishutest.Options) { o.Doubts.ShallowForwards = true },
	} {
		s := cloud(t, change)
		c, in := talk(t, s)
		inner := feishutest.Forward(
			feishutest.Message{From: ann, Text: "first\nsecond"},
			feishutest.Forward(feishutest.Message{From: tom, Text: "deep"}, feishutest.Forward(feishutest.Message{Text: "too deep"})),
		)
		file := feishutest.File("f", "a.pdf")
		image := feishutest.Image("img_1")
		image.From, file.From = tom, ann
		outer := feishutest.Forward(
			feishutest.Message{From: tom, Text: "ask @_user_1", OtherMentions: []feishutest.Person{ann}},
			image, file, inner,
			feishutest.Message{From: feishutest.Person{OpenID: "ou_x"}, Text: "bye"},
		)
		s.Say(outer)
		ev := in.next(t)
		read := c.Read(soon(t), ev)
		want := `[forwarded messages]
person 1: ask @Ann
person 1: [picture]
Ann: [file a.pdf]
person 2: [forwarded messages]
  Ann: first
    second
  person 2: [forwarded messages]
    person 1: deep
    person 2: [forwarded messages]
[and more]`
		if read.Kind != connectors.KindText || read.Text != want || len(read.Files) > 0 || ev.Kind != connectors.KindForward {
			t.Errorf("%s: %s:\n%s\nwant\n%s", name, read.Kind, read.Text, want)
		}
	}
}

func TestForwardBounds(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	var many, long []feishutest.Message
	for i := range 80 {
		many = append(many, feishutest.Message{Text: fmt.Sprintf("message %d.", i)})
		long = append(long, feishutest.Message{Text: strings.Repeat("长", 1000)})
	}
	s.Say(feishutest.Forward(many...))
	read := c.Read(soon(t), in.next(t))
	if !strings.Contains(read.Text, "message 49.") || strings.Contains(read.Text, "message 50.") || !strings.HasSuffix(read.Text, "\n[and more]") {
		t.Errorf("80 messages became\n%s", read.Text)
	}
	s.Say(feishutest.Forward(long...))
	read = c.Read(soon(t), in.next(t))
	if len(read.Text) > maxForwardText+20 || len(read.Text) < maxForwardText-20 || !utf8.ValidString(read.Text) || !strings.HasSuffix(read.Text, "\n[and more]") {
		t.Errorf("240 KB became %d bytes", len(read.Text))
	}
}

// Forwards that come without their messages are asked for, but not without end.
func TestForwardOfManyForwards(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Doubts.ShallowForwards = true })
	c, in := talk(t, s)
	var forwards []feishutest.Message
	for range 10 {
		forwards = append(forwards, feishutest.Forward(feishutest.Message{Text: "inside"}))
	}
	s.Say(feishutest.Forward(forwards...))
	read := c.Read(soon(t), in.next(t))
	if strings.Count(read.Text, "person 1: inside") != maxForwardCalls || strings.Count(read.Text, forwardMark) != 11 {
		t.Errorf("became\n%s", read.Text)
	}
	if n := s.Calls("GET /open-apis/im/v1/messages/{message_id}"); n != maxForwardCalls+1 {
		t.Errorf("asked %d times", n)
	}
}

func TestForwardThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	id := s.Say(feishutest.Forward(feishutest.Message{Text: "x"}))
	ev := in.next(t)
	s.FailRoute(readRoute, feishutest.APIError(230002, "Bot/User can NOT be out of the chat."))
	if read := c.Read(soon(t), ev); read.Kind != connectors.KindForward || read.Text != "" {
		t.Errorf("%+v", read)
	}
	s.Recall(id)
	if read := c.Read(soon(t), ev); read.Kind != connectors.KindForward || read.Text != "" {
		t.Errorf("recalled: %+v", read)
	}
}

// Forwards that hold each other, and messages in nothing, end like all others.
func TestForwardsInCircles(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	s.Say(feishutest.Forward(feishutest.Message{Text: "x"}))
	ev := in.next(t)
	items := func(all ...string) string { return `{"code":0,"data":{"items":[` + strings.Join(all, ",") + `]}}` }
	child := func(id, upper string) string {
		return `{"message_id":"` + id + `","upper_message_id":"` + upper + `","msg_type":"merge_forward","sender":{"id":"ou_1"},"body":{"content":"{}"}}`
	}
	body := items(child(ev.ID, "om_b"), child("om_b", ev.ID), child("om_b", "om_b"), child("om_c", "om_b"), child("om_d", ""))
	s.FailRoute(readRoute, feishutest.Failure{Body: body, Times: -1})
	read := c.Read(soon(t), ev)
	if strings.Count(read.Text, "\n") != 3 || !strings.Contains(read.Text, "person 1: [forwarded messages]") {
		t.Errorf("became\n%s", read.Text)
	}
	if n := s.Calls("GET /open-apis/im/v1/messages/{message_id}"); n > maxForwardCalls+1 {
		t.Errorf("asked %d times", n)
	}
}

// Nothing that an event refers to becomes a path of the API.
func TestReadsOnlyMessages(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, _ := talk(t, s)
	for _, ref := range []string{"", "..", "../chats/oc_1", "om_1/resources/x", "om_1?x=y", "om_1%2f", strings.Repeat("x", 2000), ".", "om 1", "om_1\n"} {
		if items, err := c.api.readMessage(soon(t), ref, false); err == nil || !connectors.Permanent(err) {
			t.Errorf("%q: %v, %v", ref, items, err)
		}
	}
	if n := s.Calls("GET /open-apis/im/v1/messages/{message_id}"); n > 0 {
		t.Errorf("%d calls", n)
	}
}

func FuzzItems(f *testing.F) {
	f.Add(`[{"message_id":"om_1","msg_type":"text","body":{"content":"{\"text\":\"@_user_1\"}"},"mentions":[{"key":"@_user_1","id":"ou_1","name":"Ann"}]}]`)
	f.Add(`[{"message_id":1,"upper_message_id":1,"msg_type":"merge_forward","sender":{"id":2},"deleted":true}]`)
	c := New(Config{AppID: appID}, nil, new(journal).log())
	c.api = nil // nothing is asked
	f.Fuzz(func(t *testing.T, raw string) {
		items := list[item]([]byte(raw), maxItems)
		for i := range items {
			items[i].Type = unfolded(items[i].Type) // what would have to be asked for is not
		}
		if text := c.unfold(t.Context(), "om_1", items, called(items)); len(text) > maxForwardText+20 {
			t.Errorf("%d bytes", len(text))
		}
		if _, err := json.Marshal(items); err != nil {
			t.Error(err)
		}
	})
}

func unfolded(msgType connectors.LooseString) connectors.LooseString {
	if msgType == "merge_forward" {
		return "post"
	}
	return msgType
}
