package turn

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	uni "golang.org/x/text/encoding/unicode"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// maxFile bounds what is read of one file, in bytes, and maxFiles of all the files
// of a message; maxSound bounds a voice message.
const (
	maxFile  = 64 << 10
	maxFiles = 96 << 10
	maxSound = 20 << 20
)

// read makes one question of asked: with what each of them quotes, who says it where
// several people talk, and the text in their files. That is what the model is asked, and
// what is remembered. An event whose files are all that it says becomes a text, if there
// is text in them. It returns the language that the people have written in, and why
// something of it could not be read that usually can.
func (t *Turn) read(ctx context.Context, lease *conversation.Lease, asked []connectors.Event, choice Choice) (lang Language, trouble error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	ev := &lease.Event
	if name, _, _ := commandOf(*ev); name != "" || ev.Kind == connectors.KindHello {
		return t.config.Language.languageFor(*ev, lease.History), nil
	}
	var said, texts []string // as people wrote it; as the model reads it
	ev.Files = nil
	for _, one := range asked {
		one, err := t.complete(ctx, one, choice)
		trouble = cmp.Or(trouble, err)
		text := named(one, one.Text)
		if !known(lease, one.Quote) {
			text = quoted(one.Quote) + text
		}
		said, texts = append(said, one.Text), append(texts, text)
		ev.Kind, ev.Quote = one.Kind, one.Quote
		ev.Files = append(ev.Files, one.Files...)
	}
	if len(asked) > 1 {
		ev.Kind = connectors.KindOf(strings.Join(said, "\n"))
	}
	ev.Text = strings.Join(said, "\n")
	lang = t.config.Language.languageFor(*ev, lease.History)
	files := ""
	if ev.Kind == connectors.KindText || ev.Kind == connectors.KindFile {
		var err error
		if files, err = t.files(ctx, *ev); files != "" {
			ev.Kind = connectors.KindText
		}
		trouble = cmp.Or(trouble, err)
	}
	if ev.Kind == connectors.KindText {
		ev.Text = strings.TrimSpace(strings.Join(texts, "\n") + "\n\n" + files)
	}
	return lang, trouble
}

// complete adds to ev what only the platform can tell, and makes a text of what can be
// seen or heard.
func (t *Turn) complete(ctx context.Context, ev connectors.Event, choice Choice) (connectors.Event, error) {
	if t.with.Reader == nil {
		return ev, nil
	}
	ev = t.with.Reader.Read(ctx, ev)
	if ev.Kind == connectors.KindPicture && choice.Vision && countPictures(ev) > 0 {
		ev.Kind, ev.Text = connectors.KindText, model.PictureWord
	}
	if ev.Kind == connectors.KindAudio && t.with.Hearer != nil {
		return t.hear(ctx, ev)
	}
	return ev, nil
}

// known reports whether a quote says nothing new. In a thread every message quotes the
// first one.
func known(lease *conversation.Lease, quote *connectors.Quote) bool {
	if quote == nil || quote.Text == "" || lease.Event.Chat.Thread == "" {
		return false
	}
	return slices.ContainsFunc(lease.History, func(turn conversation.Turn) bool {
		return strings.Contains(turn.Question, quote.Text) || strings.Contains(turn.Answer, quote.Text)
	})
}

// What could not be read, though it is of a kind that can.
var (
	errUnheard = errors.New("voice not understood")
	errTooLong = fmt.Errorf("file has more than %d KiB", maxFile>>10)
)

// hear makes a text of a voice message, if it can.
func (t *Turn) hear(ctx context.Context, ev connectors.Event) (connectors.Event, error) {
	for _, file := range ev.Files {
		if file.Kind != connectors.KindAudio {
			continue
		}
		sound, err := t.with.Reader.Fetch(ctx, ev, file, maxSound)
		text := ""
		if err == nil {
			text, err = t.with.Hearer.Transcribe(ctx, sound)
		}
		if err != nil {
			t.log.Warn("voice not understood", "event", ev.Trace(), "err", err)
			return ev, errUnheard
		}
		ev.Text = text
		if ev.Kind = connectors.KindOf(text); ev.Kind != connectors.KindText {
			ev.Text = ""
		}
		return ev, nil
	}
	return ev, nil
}

// quoted is a quote as it stands before a question. That it is one has to be plain to
// the model: the words are not those of whoever asks.
func quoted(quote *connectors.Quote) string {
	if quote == nil {
		return ""
	}
	from := quote.From
	if quote.Ours {
		from = "assistant"
	}
	text := quote.Text
	if text == "" {
		text = "(" + string(quote.Kind) + ")"
	}
	var b strings.Builder
	b.WriteString("[quoted message" + prefixed(" from ", from) + "]\n")
	for line := range strings.Lines(text) {
		b.WriteString("> " + strings.TrimRight(line, "\r\n") + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// files is what the text files of a message say, each under its name. Of one that
// cannot be read the name is there. trouble says that one is too long.
func (t *Turn) files(ctx context.Context, ev connectors.Event) (text string, trouble error) {
	var b strings.Builder
	readable := false
	for _, file := range ev.Files {
		if file.Kind != connectors.KindFile {
			continue // the text says where it was
		}
		name := filepath.Base(file.Name)
		text, err := t.fileText(ctx, ev, file, min(maxFile, maxFiles-b.Len()))
		if err != nil {
			t.log.Warn("file not read", "event", ev.Trace(), "err", err)
			if errors.Is(err, errTooLong) {
				trouble = errTooLong
			}
			fmt.Fprintf(&b, "[file %s: not read]\n\n", name) // why is the operator's business
			continue
		}
		readable = true
		fence := fenceFor(text)
		fmt.Fprintf(&b, "[file %s]\n%s\n%s\n%s\n\n", name, fence, strings.TrimRight(text, "\n"), fence)
	}
	if !readable && ev.Kind == connectors.KindFile {
		return "", trouble
	}
	return strings.TrimSpace(b.String()), nil
}

// fileText is the text of one file.
func (t *Turn) fileText(ctx context.Context, ev connectors.Event, file connectors.File, limit int) (string, error) {
	if limit < 1<<10 || file.Size > int64(limit) {
		return "", fmt.Errorf("%w: %d bytes, with room for %d", errTooLong, file.Size, limit)
	}
	raw, err := t.with.Reader.Fetch(ctx, ev, file, int64(limit))
	switch {
	case errors.Is(err, connectors.ErrTooLarge):
		return "", fmt.Errorf("%w: %w", errTooLong, err)
	case err != nil:
		return "", err
	}
	text, ok := decodeText(raw)
	if !ok {
		return "", errors.New("file is no text")
	}
	return text, nil
}

// decodeText reads text in the encodings that people's machines write: UTF-8, UTF-16
// with its mark, and GB 18030, which Chinese Windows writes.
func decodeText(raw []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		decoded, err := uni.UTF16(uni.LittleEndian, uni.UseBOM).NewDecoder().Bytes(raw)
		return string(decoded), err == nil && isText(decoded)
	case utf8.Valid(raw):
		raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
		return string(raw), isText(raw)
	}
	decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
	return string(decoded), err == nil && isText(decoded)
}

// isText tells text from what only happens to be decodable.
func isText(raw []byte) bool {
	odd := 0
	for _, r := range string(raw) {
		switch {
		case r == 0:
			return false
		case r == '\n', r == '\r', r == '\t', r == '\f':
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Co, r):
			odd++
		}
	}
	return odd*50 <= utf8.RuneCount(raw)
}

// fenceFor is a fence that is longer than any in text.
func fenceFor(text string) string {
	longest, run := 2, 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return strings.Repeat("`", longest+1)
}
