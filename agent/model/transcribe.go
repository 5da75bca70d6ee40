package model

import (
	"bytes"
	"context"
	"strings"
	"time"

	openai "github.com/sashabaranov/go-openai"
)

// Transcribe returns what is said in a sound, with the models that Config.Transcription
// names, in order. The whole of it has to come within Config.FirstToken. Its error is
// an *Error, or the context's when ctx has ended.
func (c *Client) Transcribe(ctx context.Context, sound []byte) (text string, err error) {
	if len(c.hearing) == 0 {
		return "", &Error{Kind: Refused, Message: "no endpoint transcribes"}
	}
	err = c.walk(c.hearing).run(ctx, func(ctx context.Context, e *endpoint) *Error {
		began := time.Now()
		return e.each(func(k *key) (f *Error) {
			text, f = e.transcribe(ctx, k, sound, began, c.observer)
			return f
		})
	})
	return text, err
}

func (e *endpoint) transcribe(ctx context.Context, k *key, sound []byte, began time.Time, o Observer) (text string, f *Error) {
	bounded, w := watched(ctx, max(e.config.FirstToken-time.Since(began), time.Millisecond), e.config.FirstToken)
	defer w.stop()
	x := &exchange{http: e.http}
	end := e.begin(o)
	response, err := e.sdk(x, k).CreateTranscription(bounded, openai.AudioRequest{
		Model: e.config.Name, FilePath: "voice" + extension(sound), Reader: bytes.NewReader(sound),
	})
	switch {
	case err != nil:
		f = e.failure(err, x, w)
	case strings.TrimSpace(response.Text) == "":
		f = &Error{Kind: Empty, Endpoint: e.host, Message: "nothing is said in the sound"}
	}
	switch {
	case ctx.Err() != nil:
		end(Stopped, 0, nil)
	case f != nil:
		end(f.Kind, 0, nil)
	default:
		end("", 0, nil)
	}
	return strings.TrimSpace(response.Text), f
}

// extension is what a file with this content is called: endpoints go by the name.
func extension(sound []byte) string {
	for _, kind := range []struct{ magic, extension string }{
		{"#!AMR", ".amr"}, {"OggS", ".ogg"}, {"RIFF", ".wav"}, {"fLaC", ".flac"}, {"\x1aE\xdf\xa3", ".webm"}, {"ID3", ".mp3"}, {"\xff\xfb", ".mp3"},
	} {
		if bytes.HasPrefix(sound, []byte(kind.magic)) {
			return kind.extension
		}
	}
	if len(sound) > 8 && string(sound[4:8]) == "ftyp" {
		return ".m4a"
	}
	return ".ogg"
}
