package turn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	uni "golang.org/x/text/encoding/unicode"

	"longwire/connectors"
	"longwire/conversation"
)

// platform is a Reader that knows some files and one quote.
type platform struct {
	files map[string][]byte // by Ref
	quote string
}

func (p platform) Read(_ context.Context, ev connectors.Event) connectors.Event {
	if ev.Quote != nil && ev.Quote.Text == "" {
		quote := *ev.Quote
		quote.Text = p.quote
		ev.Quote = &quote
	}
	return ev
}

func (p platform) Fetch(_ context.Context, _ connectors.Event, f connectors.File, limit int64) ([]byte, error) {
	content, ok := p.files[f.Ref]
	switch {
	case !ok:
		return nil, errors.New("not there")
	case int64(len(content)) > limit:
		return nil, connectors.ErrTooLarge
	}
	return content, nil
}

// ask runs a turn for ev and returns what the model was asked, "" when it was not.
func ask(t *testing.T, p platform, ev connectors.Event) (asked, shown string) {
	t.Helper()
	s := &script{deltas: []string{"x"}}
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s, Reader: p}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, Holder: s}); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) > 0 {
		messages := s.asked[0]
		asked = messages[len(messages)-1].Content
		if s.done[0].Turn.Question != asked {
			t.Errorf("remembered %q, asked %q", s.done[0].Turn.Question, asked)
		}
	}
	return asked, strings.Join(s.replies, "|")
}

func TestQuoteIsMarkedAsOne(t *testing.T) {
	ev := written("what does that mean?")
	for name, c := range map[string]struct {
		quote *connectors.Quote
		want  string
	}{
		"told":     {&connectors.Quote{Kind: connectors.KindText, From: "Ann", Text: "one\ntwo"}, "[quoted message from Ann]\n> one\n> two\n\nwhat does that mean?"},
		"ours":     {&connectors.Quote{Kind: connectors.KindCard, Ours: true, Text: "42"}, "[quoted message from assistant]\n> 42\n\nwhat does that mean?"},
		"asked":    {&connectors.Quote{Kind: connectors.KindText, Ref: "q"}, "[quoted message]\n> from the platform\n\nwhat does that mean?"},
		"no quote": {nil, "what does that mean?"},
	} {
		ev.Quote = c.quote
		if got, _ := ask(t, platform{quote: "from the platform"}, ev); got != c.want {
			t.Errorf("%s: asked %q, want %q", name, got, c.want)
		}
	}
	ev.Quote = &connectors.Quote{Kind: connectors.KindPicture}
	if got, _ := ask(t, platform{}, ev); !strings.HasPrefix(got, "[quoted message]\n> (picture)\n") {
		t.Errorf("a quote that nobody can read: %q", got)
	}
}

// In a thread every message quotes the first one; once is enough.
func TestQuoteOfAThreadIsSaidOnce(t *testing.T) {
	history := []conversation.Turn{{Question: "what is up?", Answer: "nothing"}}
	for thread, want := range map[string]string{"t1": "and now?", "": "[quoted message]\n> what is up?\n\nand now?"} {
		s := &script{deltas: []string{"x"}}
		turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s, Reader: platform{}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		ev := written("and now?")
		ev.Chat.Thread, ev.Quote = thread, &connectors.Quote{Kind: connectors.KindText, Text: "what is up?"}
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, History: history, Holder: s}); err != nil {
			t.Fatal(err)
		}
		if got := s.asked[0][2].Content; got != want {
			t.Errorf("thread %q: asked %q, want %q", thread, got, want)
		}
	}
}

func TestTextFilesAreRead(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte("姓名,部门\n张三,运维\n"))
	if err != nil {
		t.Fatal(err)
	}
	wide, err := uni.UTF16(uni.LittleEndian, uni.UseBOM).NewEncoder().Bytes([]byte("wide 文本"))
	if err != nil {
		t.Fatal(err)
	}
	p := platform{files: map[string][]byte{
		"gb": gb, "wide": wide, "plain": []byte("\uFEFFa ```` b\n"), "zip": append([]byte("PK\x03\x04"), 0, 1, 2, 3), "long": bytes.Repeat([]byte("x"), maxFile+1),
	}}
	file := func(ref string) connectors.File {
		return connectors.File{Kind: connectors.KindFile, Name: "dir/../" + ref + ".txt", Ref: ref}
	}
	only := written("")
	only.Kind, only.Files = connectors.KindFile, []connectors.File{file("gb"), file("wide")}
	if got, _ := ask(t, p, only); got != "[file gb.txt]\n```\n姓名,部门\n张三,运维\n```\n\n[file wide.txt]\n```\nwide 文本\n```" {
		t.Errorf("asked %q", got)
	}
	with := written("see this")
	with.Files = []connectors.File{{Kind: connectors.KindPicture, Ref: "p"}, file("plain"), file("zip"), file("long"), file("gone")}
	got, _ := ask(t, p, with)
	for _, part := range []string{"see this\n\n[file plain.txt]\n`````\na ```` b\n`````", "[file zip.txt: not read]", "[file long.txt: not read]", "[file gone.txt: not read]"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %q", part, got)
		}
	}
	only.Files = []connectors.File{file("zip")}
	if got, shown := ask(t, p, only); got != "" || !strings.Contains(shown, "文件") {
		t.Errorf("a file that is no text: asked %q, shown %q", got, shown)
	}
	many := written("all of them")
	for range connectors.MaxFiles {
		p.files["half"] = bytes.Repeat([]byte("y"), maxFile/2)
		many.Files = append(many.Files, file("half"))
	}
	if got, _ := ask(t, p, many); len(got) > maxFiles+connectors.MaxFiles*100 {
		t.Errorf("asked %d bytes", len(got))
	}
}

// ears is a Transcriber.
type ears struct{ err error }

func (e ears) Transcribe(_ context.Context, sound []byte) (string, error) {
	return "heard " + string(sound), e.err
}

func TestVoice(t *testing.T) {
	voice := written("")
	voice.Kind, voice.Files = connectors.KindAudio, []connectors.File{{Kind: connectors.KindAudio, Ref: "v"}}
	p := platform{files: map[string][]byte{"v": []byte("hello")}}
	for name, c := range map[string]struct {
		p     platform
		with  Transcriber
		asked string
		read  string
	}{
		"heard":          {p, ears{}, "heard hello", ""},
		"not understood": {p, ears{errDied}, "", "没能听懂"},
		"not there":      {platform{}, ears{}, "", "没能听懂"},
		"no ears":        {p, nil, "", "看不了语音"},
	} {
		s := &script{deltas: []string{"x"}}
		turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s, Reader: c.p, Hearer: c.with}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: voice, Attempt: 1, Holder: s}); err != nil {
			t.Fatal(err)
		}
		switch {
		case c.asked != "" && (len(s.asked) != 1 || s.asked[0][0].Content != c.asked):
			t.Errorf("%s: asked %+v", name, s.asked)
		case c.asked == "" && (len(s.asked) != 0 || !strings.Contains(s.replies[0], c.read)):
			t.Errorf("%s: asked %+v, shown %q", name, s.asked, s.replies)
		}
		if failed := s.done[0].How == conversation.Failed; failed != strings.Contains(c.read, "没能") || failed != strings.Contains(s.replies[0], "编号") {
			t.Errorf("%s: done %+v, shown %q", name, s.done[0], s.replies)
		}
	}
}

// A file of text that is too long is not called something that nobody can read.
func TestFileThatIsTooLong(t *testing.T) {
	w := newWorld(t, Config{}, func(with *With) {
		with.Reader = platform{files: map[string][]byte{"f": []byte(strings.Repeat("a line of log\n", 6000))}}
	})
	for _, size := range []int64{0, 84_000} { // the platform may not tell
		ev := w.from("ann", "")
		ev.Kind, ev.Files = connectors.KindFile, []connectors.File{{Kind: connectors.KindFile, Name: "a.log", Ref: "f", Size: size}}
		if text, out := w.ask(ev); !strings.Contains(text, "64 KB") || out.How != conversation.Failed {
			t.Errorf("of size %d: read %q, done %+v", size, text, out)
		}
	}
}

// patientEars hear nothing until nobody waits any more.
type patientEars struct{ begun chan struct{} }

func (e patientEars) Transcribe(ctx context.Context, _ []byte) (string, error) {
	close(e.begun)
	<-ctx.Done()
	return "", ctx.Err()
}

// /stop does not wait for a voice message to be understood, and nor does a turn.
func TestHearingEnds(t *testing.T) {
	voice := written("")
	voice.Kind, voice.Files = connectors.KindAudio, []connectors.File{{Kind: connectors.KindAudio, Ref: "v"}}
	for name, c := range map[string]struct {
		stop bool
		read string
	}{
		"by /stop":          {true, "（已停止）"},
		"by the turn's end": {false, "没能听懂"},
	} {
		s, e := &script{}, patientEars{make(chan struct{})}
		config := Config{Timeout: time.Minute}
		if !c.stop {
			config.Timeout = time.Millisecond
		}
		turn := New(config, With{Choices: s.choices(), Replier: s, Store: s, Reader: platform{files: map[string][]byte{"v": nil}}, Hearer: e}, slog.New(slog.DiscardHandler))
		asking, interrupt := context.WithCancelCause(t.Context())
		defer interrupt(nil)
		if c.stop {
			go func() { <-e.begun; interrupt(conversation.ErrInterrupted) }()
		}
		if err := turn.Run(t.Context(), asking, &conversation.Lease{Event: voice, Attempt: 1, Holder: s}); err != nil {
			t.Fatal(err)
		}
		if len(s.replies) != 1 || !strings.Contains(s.replies[0], c.read) {
			t.Errorf("%s: read %q", name, s.replies)
		}
		if s.done[0].Turn != nil {
			t.Errorf("%s: remembered %+v", name, s.done[0].Turn)
		}
	}
}

func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("text"))
	f.Add([]byte{0xff, 0xfe, 'a', 0, 0x00, 0xd8})
	f.Add([]byte{0xd5, 0xc5, 0xc8, 0xfd})
	f.Add([]byte("PK\x03\x04\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, ok := decodeText(raw)
		if ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			t.Errorf("%q is text: %q", raw, text)
		}
	})
}
