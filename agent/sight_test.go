package main

import (
	"bytes"
	"image"
	"image/color"
	_ "image/jpeg" // what pictures may be made of
	"image/png"
	"strings"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// photo is a picture as large as phones make them. Behind its end it says where it was
// taken, as pictures do that nobody has made anew.
const photoSide, photoSecret = 3000, "taken at 39.9042 N"

func photo(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, photoSide, photoSide/2))
	for x := range photoSide {
		for y := range 8 {
			img.SetGray(x, y, color.Gray{Y: uint8(x)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	b.WriteString(photoSecret)
	return b.Bytes()
}

// sends sends a picture, alone or with words below it, and returns the message's id.
func (w *world) sends(person string, raw []byte, words string) string {
	switch c := w.chat.(type) {
	case dingtalkChat:
		code := c.PutFile("photo.png", raw)
		m := dingtalktest.Message{From: dingtalktest.Person{StaffID: person}, Content: dingtalktest.Picture{DownloadCode: code}}
		if words != "" {
			m.Content = dingtalktest.RichText{dingtalktest.RichPicture(code), dingtalktest.RichWords(words)}
		}
		return c.Say(m)
	case feishuChat:
		key := c.PutImage(raw)
		m := feishutest.Image(key)
		if words != "" {
			m = feishutest.Post("", []feishutest.Element{feishutest.PostImage(key)}, []feishutest.Element{feishutest.PostText(words)})
		}
		m.From = feishutest.Person{OpenID: "ou_" + person, Name: person}
		return c.Say(m)
	}
	w.t.Fatal("this platform has no pictures")
	return ""
}

// reads waits for the reply to a message.
func (w *world) reads(id string) string {
	w.t.Helper()
	got, err := w.chat.waitReply(w.within(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return got.text
}

// A model that sees is shown pictures, made anew and no larger than need be; and it
// still sees one when it is asked about it in the next message.
func TestPicturesAreSeen(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Model.Vision = true
		w.answer(func(r modeltest.Request) modeltest.Response {
			seen := r.Messages[len(r.Messages)-1].Pictures
			if len(seen) != 1 {
				return modeltest.Words("I see nothing")
			}
			img, kind, err := image.Decode(bytes.NewReader(seen[0]))
			switch {
			case err != nil:
				return modeltest.Words("I cannot decode it: ", err.Error())
			case img.Bounds().Dx() >= photoSide || img.Bounds().Dx() < 2*img.Bounds().Dy()-2:
				return modeltest.Words("it is ", kind, " of ", img.Bounds().String())
			case bytes.Contains(seen[0], []byte(photoSecret)):
				return modeltest.Words("I know where it was ", photoSecret)
			}
			return modeltest.Words("I see it")
		})
		w.start()
		raw := photo(t)
		if got := w.reads(w.sends("ann", raw, "")); got != "I see it" {
			t.Errorf("a picture alone: %q", got)
		}
		w.want(line{person: "ann", text: "what is on it?"}, "I see it")
		if got := w.reads(w.sends("bob", raw, "what is this?")); got != "I see it" {
			t.Errorf("a picture with words: %q", got)
		}
		if got := w.lastAsked(); !strings.Contains(got, "what is this?") {
			t.Errorf("asked %q", got)
		}
		if got := w.reads(w.sends("cid", []byte("no picture at all"), "and this?")); !strings.HasSuffix(got, "I see nothing") {
			t.Errorf("what is no picture: %q", got)
		}
	})
}

// A model that does not see: the person reads so, and the words are answered.
func TestPicturesAreNotSeen(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		w.cfg.Conversation.Language = "en"
		w.answer(func(r modeltest.Request) modeltest.Response {
			for _, m := range r.Messages {
				if len(m.Pictures) > 0 {
					return modeltest.Response{Status: 400, Error: "this model does not see"}
				}
			}
			return modeltest.Words("because.")
		})
		w.start()
		raw := photo(t)
		if got := w.reads(w.sends("ann", raw, "")); got != "Sorry, I cannot read pictures yet, only text. Please tell me in words." {
			t.Errorf("a picture alone: %q", got)
		}
		if n := len(w.model.Requests()); n != 0 {
			t.Errorf("the model was asked %d times", n)
		}
		if got := w.reads(w.sends("ann", raw, "why?")); !strings.HasPrefix(got, "(I cannot see pictures") || !strings.HasSuffix(got, "because.") {
			t.Errorf("a picture with words: %q", got)
		}
	})
}

// Where the first model sees and the one that stands in for it does not, the words are
// answered all the same.
func TestFallbackDoesNotSee(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		second, fallback := w.anotherModel(func(r modeltest.Request) modeltest.Response {
			if len(r.Messages[len(r.Messages)-1].Pictures) > 0 {
				return modeltest.Response{Status: 400, Error: "this model does not see"}
			}
			return modeltest.Words("because.")
		})
		fallback.Vision = false
		w.cfg.Model.Vision = true
		w.cfg.Model.Fallbacks = []config.ModelEndpoint{fallback}
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 503, Error: "down"} })
		w.start()
		if got := w.reads(w.sends("ann", photo(t), "why?")); !strings.HasSuffix(got, "because.") {
			t.Errorf("answered with %q", got)
		}
		if n := len(second.Requests()); n != 1 {
			t.Errorf("the second model was asked %d times", n)
		}
	})
}
