package model

import (
	"bytes"
	"context"
	"errors"
	"strings"

	openai "github.com/sashabaranov/go-openai"
)

// Transcribe returns what is said in a sound, with the model that Config.Transcription
// names. The whole of it has to come within Config.FirstToken. Its error is an *Error,
// or the context's when ctx has ended.
func (c *Client) Transcribe(ctx context.Context, sound []byte) (text string, err error) {
	for attempt := 1; ; attempt++ {
		text, err = c.transcribe(ctx, sound)
		var e *Error
		switch {
		case err == nil:
			return text, nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case !errors.As(err, &e), attempt >= c.config.Attempts, !e.Kind.transient(), e.RetryAfter > longestWait:
			return "", err
		case !c.pause(ctx, attempt, e.RetryAfter):
			return "", ctx.Err()
		}
	}
}

func (c *Client) transcribe(ctx context.Context, sound []byte) (string, error) {
	ctx, watch := watched(ctx, c.config.FirstToken)
	defer watch.stop()
	exchange := &exchange{http: c.http}
	response, err := c.client(exchange).CreateTranscription(ctx, openai.AudioRequest{
		Model: c.config.Transcription, FilePath: "voice" + extension(sound), Reader: bytes.NewReader(sound),
	})
	if err != nil {
		return "", c.failure(err, exchange, watch)
	}
	if text := strings.TrimSpace(response.Text); text != "" {
		return text, nil
	}
	return "", &Error{Kind: Empty, Message: "nothing is said in the sound"}
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
