package feishu

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"longwire/connectors"
)

const (
	// maxPiece bounds one message's markdown in bytes: more is not read in one go.
	maxPiece = 10_000
	// maxPost bounds a post as it is sent: in JSON that is quoted in JSON, where
	// one byte may take seven. The platform takes 30 KB, the rest of the request
	// included.
	maxPost = 29 << 10
)

// piece is one message of a reply: its markdown, and the content of its post.
type piece struct{ markdown, post string }

// posts cuts markdown into pieces that the platform takes. The same text is
// always cut in the same way.
func posts(markdown string) ([]piece, error) {
	for limit := maxPiece; ; limit /= 2 {
		var pieces []piece
		longest := 0
		for _, text := range connectors.Split(markdown, limit) {
			content, err := post(text)
			if err != nil {
				return nil, err
			}
			sent, err := json.Marshal(content) // as the SDK will
			if err != nil {
				return nil, fmt.Errorf("encode content: %w", err)
			}
			pieces = append(pieces, piece{markdown: text, post: content})
			longest = max(longest, len(sent))
		}
		if longest <= maxPost {
			return pieces, nil
		}
	}
}

// send sends one piece of a reply, as a post or, where the platform does not take
// that, as text. The key makes the platform take it at most once within the hour,
// in each way; it takes up to 50 characters.
func (r *reply) send(ctx context.Context, key string, p piece) error {
	err := r.say(ctx, outgoing{"post", p.post, key + "p"})
	if !refusedContent(err) {
		return err
	}
	r.log.Info("post refused, sending as text", "err", err)
	content, err := encode(map[string]string{"text": p.markdown})
	if err != nil {
		return err
	}
	return r.say(ctx, outgoing{"text", content, key + "t"})
}

// say sends one message to where the question was asked: as a reply, within its
// thread, or where nobody has written, into the chat.
func (r *reply) say(ctx context.Context, m outgoing) error {
	inThread := r.ev.Chat.Thread != "" || r.to.Topics
	return connectors.Retry(ctx, tries, func() error {
		if err := r.c.api.rate.waitChat(ctx, cmp.Or(r.ev.Chat.ID, r.to.OpenID)); err != nil {
			return err
		}
		r.calls.spend(1)
		switch {
		case r.to.MessageID == "" && r.to.Chat != "":
			return r.c.api.send(ctx, "chat_id", r.to.Chat, m)
		case r.to.MessageID == "":
			return r.c.api.send(ctx, "open_id", r.to.OpenID, m)
		}
		err := r.c.api.reply(ctx, r.to.MessageID, inThread, m)
		if inThread && coded(err, codeNoThreads, codeNoThread) {
			inThread = false
			err = r.c.api.reply(ctx, r.to.MessageID, inThread, m)
		}
		return err
	})
}

// What a reply into a thread is refused with where there can be none.
const (
	codeNoThreads = "230071" // the group has no threads
	codeNoThread  = "230072" // the message cannot begin one
)

// refusedContent reports whether err says that the content is not as a post has
// to be; text has no rules.
func refusedContent(err error) bool { return coded(err, "230001", "230099", "230025") }

// post is the content of a post with one markdown element.
func post(markdown string) (string, error) {
	type element struct {
		Tag  string `json:"tag"`
		Text string `json:"text"`
	}
	return encode(map[string]any{
		"zh_cn": map[string]any{"content": [][]element{{{Tag: "md", Text: markdown}}}},
	})
}

func encode(content any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // six bytes for each < would count against the limit
	if err := enc.Encode(content); err != nil {
		return "", fmt.Errorf("encode content: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
