package feishu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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

// tries is how often one message is sent before the turn is given back.
const tries = 4

// Reply shows answer to the person who wrote ev, as a reply to their message in
// markdown, and mentions nobody, whatever the answer says. It returns nil once the
// whole answer was taken by the platform, or when the person has withdrawn the
// question.
func (c *Connector) Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil || to.MessageID == "" {
		return &connectors.Error{Op: "reply", Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	text, err := connectors.Collect(answer)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	pieces, err := posts(harmless(plainer(text)))
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	err = connectors.SendParts(ctx, ledger, pieces, func(i int, p piece, _ bool) error {
		return c.send(ctx, ev, to, fmt.Sprintf("%s-%d", ledger.Key(), i), p)
	})
	switch {
	case withdrawn(err):
		c.log.Info("question was withdrawn, no answer is shown", "event", ev.Trace(), "reason", err)
	case err != nil:
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}

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
func (c *Connector) send(ctx context.Context, ev connectors.Event, to address, key string, p piece) error {
	err := connectors.Retry(ctx, tries, func() error {
		return c.api.reply(ctx, to.MessageID, "post", p.post, key+"p")
	})
	if !refusedContent(err) {
		return err
	}
	c.log.Info("post refused, sending as text", "event", ev.Trace(), "err", err)
	content, err := encode(map[string]string{"text": p.markdown})
	if err != nil {
		return err
	}
	return connectors.Retry(ctx, tries, func() error {
		return c.api.reply(ctx, to.MessageID, "text", content, key+"t")
	})
}

// refusedContent reports whether err says that the content is not as a post has
// to be; text has no rules.
func refusedContent(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && (e.Code == "230001" || e.Code == "230099" || e.Code == "230025")
}

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

// mentionTag begins what the platform turns into a mention, and whatever it might
// take for that.
var mentionTag = regexp.MustCompile(`(?i)<([\s/\p{Z}\p{C}]*at\b)`)

// harmless makes every mention tag show as the words it is made of: an answer must
// not call people, let alone everybody, and a model can be talked into anything.
func harmless(text string) string { return mentionTag.ReplaceAllString(text, "＜$1") }

// plainer puts markdown that a post cannot show into markdown that it can:
// headings become bold lines, tables become code blocks.
func plainer(text string) string {
	var b strings.Builder
	fence, table := "", false // the code block, or the table, that we are in
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		if row := fence == "" && strings.HasPrefix(bare, "|"); row != table {
			b.WriteString("```\n")
			table = row
		}
		switch mark := fenceOf(bare); {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && bare == mark && strings.HasPrefix(mark, fence):
			fence = ""
		case fence == "" && strings.HasPrefix(bare, "#"):
			if heading, ok := headingOf(bare); ok {
				line = "**" + heading + "**\n"
			}
		}
		b.WriteString(line)
	}
	if table {
		return strings.TrimSuffix(b.String(), "\n") + "\n```"
	}
	return b.String()
}

// fenceOf returns the three or more characters with which line begins or ends a
// code block, "" if it does neither.
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		words := strings.TrimLeft(line, c)
		mark := line[:len(line)-len(words)]
		if len(mark) >= 3 && (c == "~" || !strings.Contains(words, c)) {
			return mark
		}
	}
	return ""
}

// headingOf returns the words of an ATX heading: one to six # and a space.
func headingOf(line string) (string, bool) {
	rest := strings.TrimLeft(line, "#")
	level := len(line) - len(rest)
	words := strings.TrimSpace(strings.ReplaceAll(rest, "**", ""))
	return words, level <= 6 && strings.HasPrefix(rest, " ") && words != ""
}
