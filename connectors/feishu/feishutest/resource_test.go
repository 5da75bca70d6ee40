package feishutest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

func (m *messages) download(id, key, kind string) *larkim.GetMessageResourceResp {
	m.t.Helper()
	resp, err := m.api.MessageResource.Get(m.t.Context(),
		larkim.NewGetMessageResourceReqBuilder().MessageId(id).FileKey(key).Type(kind).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp
}

func TestDownload(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) {
		o.Apps = append(o.Apps, feishutest.App{AppID: "cli_00000000000000ff", AppSecret: "x"})
	})
	png := []byte("\x89PNG\r\n\x1a\nrest")
	image, file := m.s.PutImage(png), m.s.PutFile("报告.txt", []byte("text"))
	inImage := m.s.Say(feishutest.Image(image))
	inFile := m.s.Say(feishutest.File(file, "报告.txt"))
	inPost := m.s.Say(feishutest.Post("", []feishutest.Element{feishutest.PostImage(image)}))
	for _, test := range []struct {
		name, id, key, kind string
		code                int
	}{
		{"image", inImage, image, "image", 0},
		{"file", inFile, file, "file", 0},
		{"image in a post", inPost, image, "image", 0},
		{"video", m.s.Say(feishutest.Video(file, image, "", 0)), file, "file", 0},
		{"audio", m.s.Say(feishutest.Audio(file, 0)), file, "file", 0},
		{"wrong type", inImage, image, "file", 234003},
		{"no type", inImage, image, "", 234001},
		{"strange type", inImage, image, "audio", 234001},
		{"another message's", inFile, image, "image", 234003},
		{"nobody's", m.s.Say(feishutest.Image("img_0")), "img_0", "image", 234003},
		{"unknown message", "om_0", image, "image", 234001},
		{"sticker", m.s.Say(feishutest.Sticker(file)), file, "file", 234043},
		{"forward", m.s.Say(feishutest.Forward(feishutest.Image(image))), image, "image", 234043},
		{"card", m.s.Say(feishutest.CardSeen("", []feishutest.Element{feishutest.PostImage(image)})), image, "image", 234043},
		{"another app's chat", m.s.Say(feishutest.Message{AppID: "cli_00000000000000ff", MsgType: "image", Content: `{"image_key":"` + image + `"}`}),
			image, "image", 234004},
	} {
		resp := m.download(test.id, test.key, test.kind)
		want(t, test.name, resp.Code, test.code)
	}
	resp := m.download(inFile, file, "file")
	if b, _ := io.ReadAll(resp.File); string(b) != "text" || resp.FileName != "报告.txt" {
		t.Errorf("file %q called %q", b, resp.FileName)
	}
	resp = m.download(inImage, image, "image")
	if b, _ := io.ReadAll(resp.File); !bytes.Equal(b, png) || resp.Header.Get("Content-Type") != "image/png" || resp.FileName != "" {
		t.Errorf("image %q, %v", b, resp.Header)
	}
	if d := m.s.Downloads(); len(d) != 7 || d[0].Key != image || d[0].Bytes != int64(len(png)) || d[0].MessageID != inImage {
		t.Errorf("downloads %+v", d)
	}
	m.s.PutResource("big", feishutest.Resource{Size: 100<<20 + 1})
	want(t, "too large", m.download(m.s.Say(feishutest.File("big", "")), "big", "file").Code, 234037)
	m.s.Delete(inFile)
	want(t, "deleted", m.download(inFile, file, "file").Code, 230110)
}

// raw downloads without the official client, which reads everything first.
func raw(t *testing.T, ctx context.Context, s *feishutest.Server, r feishutest.Resource) (*http.Response, error) {
	t.Helper()
	s.PutResource("k", r)
	id := s.Say(feishutest.File("k", "a"))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/open-apis/im/v1/messages/"+id+"/resources/k?type=file", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+fetchToken(t, s))
	req.Close = true
	return http.DefaultClient.Do(req)
}

func TestHostileDownloads(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Doubts.NoFileName = true })
	text := []byte("0123456789")
	for name, test := range map[string]struct {
		r      feishutest.Resource
		length int64
		read   int
		end    error
	}{
		"good":      {feishutest.Resource{Bytes: text, Name: "a", ContentType: "audio/opus"}, 10, 10, nil},
		"slow":      {feishutest.Resource{Bytes: text, Delay: time.Millisecond, Piece: 3}, 10, 10, nil},
		"cut":       {feishutest.Resource{Bytes: text, CutAt: 4}, 10, 4, io.ErrUnexpectedEOF},
		"too short": {feishutest.Resource{Bytes: text, Length: 20}, 20, 10, io.ErrUnexpectedEOF},
		"too long":  {feishutest.Resource{Bytes: text, Length: 5}, 5, 5, nil},
		"unsaid":    {feishutest.Resource{Bytes: text, Length: -1}, -1, 10, nil},
		"empty":     {feishutest.Resource{Length: -1}, 0, 0, nil},
	} {
		resp, err := raw(t, soon(t), s, test.r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.ContentLength != test.length && name != "too long" || len(b) != test.read && name != "too long" || !errors.Is(err, test.end) {
			t.Errorf("%s: length %d, read %d, %v", name, resp.ContentLength, len(b), err)
		}
		if resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
}

func TestEndlessDownload(t *testing.T) {
	s := start(t, nil)
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	resp, err := raw(t, ctx, s, feishutest.Resource{Bytes: []byte("0123456789"), Endless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if n, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil || resp.ContentLength != -1 {
		t.Errorf("read %d of %d, %v", n, resp.ContentLength, err)
	}
	s.Close() // ends it
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("an end without an error")
	}
	if d := s.Downloads(); len(d) != 1 || d[0].Bytes < 1<<20 {
		t.Errorf("downloads %+v", d)
	}
}
