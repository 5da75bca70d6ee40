package turn

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// pngOf is a picture.
func pngOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seeing is a world whose model sees, on a platform with some pictures.
func seeing(t *testing.T, rounds ...round) *world {
	t.Helper()
	picture := pngOf(t)
	files := map[string][]byte{"broken": []byte("no picture")}
	for n := range 6 {
		files[fmt.Sprint(n)] = picture
	}
	return newWorld(t, Config{}, func(with *With) {
		with.Reader = platform{files: files}
		with.Choices[0].Vision = true
	}, rounds...)
}

// showing is a text with pictures in it, as connectors make one.
func (w *world) showing(text string, refs ...string) connectors.Event {
	ev := w.from("ann", text)
	for i, ref := range refs {
		ev.Text += fmt.Sprintf(" [picture %d]", i+1)
		ev.Files = append(ev.Files, connectors.File{Kind: connectors.KindPicture, Ref: ref})
	}
	ev.Text, ev.Kind = strings.TrimSpace(ev.Text), connectors.KindText
	return ev
}

// onlyPicture is a picture and nothing else.
func (w *world) onlyPicture(ref string) connectors.Event {
	ev := w.from("ann", "")
	ev.Kind, ev.Files = connectors.KindPicture, []connectors.File{{Kind: connectors.KindPicture, Ref: ref}}
	return ev
}

// seen is how many pictures come with the last message of the last request.
func (w *world) seen() int {
	w.Helper()
	messages := w.brain.last(w.T).Messages
	for _, m := range messages[:len(messages)-1] {
		if len(m.Pictures) > 0 {
			w.Errorf("%q comes with pictures", m.Content)
		}
	}
	return len(messages[len(messages)-1].Pictures)
}

// A picture comes with its question, and with the two that follow.
func TestPictureIsSeenForAWhile(t *testing.T) {
	for name, first := range map[string]func(w *world) connectors.Event{
		"by itself":   func(w *world) connectors.Event { return w.onlyPicture("1") },
		"in a text":   func(w *world) connectors.Event { return w.showing("look", "1") },
		"after words": func(w *world) connectors.Event { w.ask(w.from("ann", "hi")); return w.showing("", "1") },
	} {
		w := seeing(t, says("I see."))
		if text, out := w.ask(first(w)); text != "I see." || w.seen() != 1 || !mentionsPicture(out.Turn.Question) {
			t.Errorf("%s: read %q, saw %d, remembered %+v", name, text, w.seen(), out.Turn)
		}
		for i, want := range []int{1, 1, 0, 0} {
			if w.ask(w.from("ann", "and now?")); w.seen() != want {
				t.Errorf("%s: question %d comes with %d pictures", name, i, w.seen())
			}
		}
	}
}

func TestFourPicturesAtMost(t *testing.T) {
	w := seeing(t, says("I see."))
	if text, _ := w.ask(w.showing("look", "0", "1", "broken", "2", "3", "4")); text != "I see." || w.seen() != maxPictures {
		t.Errorf("read %q, saw %d", text, w.seen())
	}
}

// After /new nothing is seen any more, and another conversation sees nothing of this one.
func TestPictureIsForgotten(t *testing.T) {
	w := seeing(t, says("I see."))
	w.ask(w.onlyPicture("1"))
	if w.ask(w.from("bob", "what is it?")); w.seen() != 0 {
		t.Error("bob's question comes with ann's picture")
	}
	w.ask(w.from("ann", "/new"))
	if w.ask(w.from("ann", "what is it?")); w.seen() != 0 {
		t.Error("the picture comes back after /new")
	}
}

// /retry sees what the question saw.
func TestRetryWithPictures(t *testing.T) {
	w := seeing(t, says("I see."))
	w.ask(w.onlyPicture("1"))
	if text, out := w.ask(w.from("ann", "/retry")); text != "I see." || w.seen() != 1 || out.Turn.Question != model.PictureWord {
		t.Errorf("the picture: read %q, saw %d, remembered %+v", text, w.seen(), out.Turn)
	}
	w.ask(w.from("ann", "what is it?"))
	if w.ask(w.from("ann", "/retry")); w.seen() != 1 {
		t.Errorf("a question about it: saw %d", w.seen())
	}
	w.brain.then(fails(model.Busy, ""), fails(model.Busy, ""), says("I see."))
	w.ask(w.showing("look", "1", "2"))
	for range 2 {
		if w.ask(w.from("ann", "/retry")); w.seen() != 2 {
			t.Errorf("a failed one: saw %d", w.seen())
		}
	}
}

// A model that cannot see says so, and answers the words; where there are none it asks
// for some. What it did not see is not mixed up with an older picture later.
func TestModelThatCannotSee(t *testing.T) {
	w := seeing(t, says("Well."))
	w.turn.with.Choices[0].Vision = false
	text, out := w.ask(w.showing("look", "1"))
	if text != "(I cannot see pictures, so this answers the words alone.)\n\nWell." || w.seen() != 0 || out.Turn.Question != "look [picture 1]" || out.Turn.Answer != "Well." {
		t.Errorf("read %q, saw %d, remembered %+v", text, w.seen(), out.Turn)
	}
	if text, out := w.ask(w.onlyPicture("1")); !strings.Contains(text, "I cannot read pictures yet") || out.Turn != nil || len(w.brain.asked) != 1 {
		t.Errorf("read %q, done %+v", text, out)
	}
}

func TestNoOlderPictureIsSeen(t *testing.T) {
	w := seeing(t, says("I see."))
	w.ask(w.showing("look", "0", "1"))
	for range 4 {
		w.ask(w.from("ann", "go on"))
	}
	w.turn.with.Choices[0].Vision = false
	w.ask(w.showing("and this?", "2"))
	w.turn.with.Choices[0].Vision = true
	if w.ask(w.from("ann", "what is it?")); w.seen() != 1 {
		t.Errorf("saw %d pictures of the question before", w.seen())
	}
}

// A picture that cannot be opened is said to be one. If the question is nothing else
// there is no answer, and /retry tries again.
func TestPictureThatCannotBeOpened(t *testing.T) {
	w := seeing(t, says("Well."))
	for name, ref := range map[string]string{"broken": "broken", "gone": "gone"} {
		text, out := w.ask(w.showing("look", ref))
		if text != "(A picture could not be opened, so I have not seen it.)\n\nWell." || out.Turn.Answer != "Well." || w.seen() != 0 {
			t.Errorf("%s: read %q, remembered %+v, saw %d", name, text, out.Turn, w.seen())
		}
		asked := len(w.brain.asked)
		text, out = w.ask(w.onlyPicture(ref))
		if !strings.Contains(text, "I cannot open this picture") || !strings.Contains(text, "(ref ") || out.How != conversation.Failed || len(w.brain.asked) != asked {
			t.Errorf("%s alone: read %q, done %+v", name, text, out)
		}
		if text, _ = w.ask(w.from("ann", "/retry")); !strings.Contains(text, "打不开") && !strings.Contains(text, "I cannot open") {
			t.Errorf("%s once more: read %q", name, text)
		}
	}
}

// An earlier picture that cannot be opened any more is no reason to say so.
func TestEarlierPictureThatIsGone(t *testing.T) {
	w := seeing(t, says("Well."))
	w.ask(w.showing("look", "gone"))
	if text, _ := w.ask(w.from("ann", "what is it?")); text != "Well." || w.seen() != 0 {
		t.Errorf("read %q, saw %d", text, w.seen())
	}
}

// A prompt that has no room for its pictures goes without them, and says so.
func TestNoRoomForPictures(t *testing.T) {
	w := seeing(t, says("Well."))
	w.turn.with.Choices[0].Prompt.Budget.Context, w.turn.with.Choices[0].Prompt.Budget.Answer = 1000, 100
	if text, _ := w.ask(w.showing("look", "1", "2")); !strings.HasPrefix(text, "(I cannot see pictures") || w.seen() != 0 {
		t.Errorf("read %q, saw %d", text, w.seen())
	}
}

// Without the platform's side nothing is seen and nothing is fetched.
func TestNobodyFetchesPictures(t *testing.T) {
	w := seeing(t, says("Well."))
	w.turn.with.Reader = nil
	if text, _ := w.ask(w.showing("look", "1")); text != "Well." || w.seen() != 0 {
		t.Errorf("read %q, saw %d", text, w.seen())
	}
}
