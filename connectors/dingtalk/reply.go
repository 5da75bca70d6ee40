package dingtalk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"longwire/connectors"
)

// maxPart bounds one message in bytes. The robot API takes 15 000 bytes of
// msgParam, in which a quote or a newline counts twice; what a webhook takes is
// not documented.
const maxPart = 7000

// tries is how often one message is sent before the turn is given back.
const tries = 4

// Reply shows answer to the person who wrote ev, as markdown: through the
// message's own webhook while that is valid (90 minutes), else through the robot
// API. It returns nil once the whole answer was taken by DingTalk.
//
// Neither way takes an idempotency key. A part that was on its way when the
// program died is sent again, because a person without an answer is worse off
// than one who reads a part twice; it is counted (connectors.Counts).
func (c *Connector) Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil {
		return &connectors.Error{Op: "reply", Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	text, err := connectors.Collect(answer)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	title, text := titleOf(text), breaks(visible(text))
	err = connectors.SendParts(ctx, ledger, connectors.Split(text, maxPart), func(i int, part string, again bool) error {
		once := &once{ledger: ledger, noted: time.Now(), unsure: again, repeat: func() {
			c.repeats.Add(1)
			c.log.Warn("a part of the answer may be seen twice", "event", ev.Trace(), "part", i)
		}}
		return c.send(ctx, once, to, title, part)
	})
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}

// send sends one message. What the webhook refuses goes to the robot API, except
// content that DingTalk does not allow: that is refused everywhere. A webhook that
// may work again is not given up because the robot API is not open to the app.
func (c *Connector) send(ctx context.Context, once *once, to address, title, text string) error {
	byRobot := once.more(ctx, func() error { return c.api.byRobot(ctx, to, title, text) })
	if !c.webhookUsable(to) {
		return connectors.Retry(ctx, tries, byRobot)
	}
	byWebhook := once.more(ctx, func() error { return c.api.byWebhook(ctx, to.Webhook, title, text) })
	err := connectors.Retry(ctx, tries, byWebhook)
	if err == nil || refusedContent(err) || ctx.Err() != nil {
		return err
	}
	c.log.Info("webhook refuses, sending by the robot API", "err", err)
	other := connectors.Retry(ctx, tries, byRobot)
	if connectors.Permanent(other) && !connectors.Permanent(err) {
		return fmt.Errorf("%w; %v", err, other)
	}
	return other
}

// once watches over one message that is to be seen once although DingTalk takes no
// idempotency key, over all tries and both ways.
type once struct {
	ledger connectors.Ledger
	noted  time.Time // when the ledger last proved that the reply is in our hands
	unsure bool      // an earlier try may have taken effect
	repeat func()    // called before a try that may be the second to be seen
}

// fresh is how old that proof may be. The process may have been stopped for a while,
// in the middle of anything, and somebody else have the reply by now.
const fresh = 200 * time.Millisecond

// more is call with the watch over it.
func (o *once) more(ctx context.Context, call func() error) func() error {
	return func() error {
		if time.Since(o.noted) > fresh {
			if err := o.ledger.Held(ctx); err != nil {
				return &connectors.Error{Op: "send", Fatal: true, Err: err}
			}
			o.noted = time.Now()
		}
		if o.unsure {
			o.repeat()
		}
		err := call()
		o.unsure = connectors.Unsure(err)
		return err
	}
}

// webhookMargin is how long before its end a webhook is no longer used.
const webhookMargin = 30 * time.Second

// webhookUsable reports whether to.Webhook is still valid and leads where a
// webhook may lead: to DingTalk, or to the configured endpoint's own host. The
// address came in a frame, and the server must not be made to call others.
func (c *Connector) webhookUsable(to address) bool {
	if to.Webhook == "" || (!to.Expires.IsZero() && time.Until(to.Expires) < webhookMargin) {
		return false
	}
	hook, err := url.Parse(to.Webhook)
	if err != nil {
		return false
	}
	if hook.Scheme == "https" && strings.HasSuffix("."+hook.Hostname(), ".dingtalk.com") {
		return true
	}
	endpoint, err := url.Parse(c.config.Endpoint)
	return err == nil && hook.Scheme == endpoint.Scheme && hook.Host == endpoint.Host
}

// titleOf is what the chat list and a notification show: the first words.
func titleOf(text string) string {
	const most = 20
	for line := range strings.Lines(text) {
		title := []rune(strings.Trim(line, "#>*-`| \t\r\n"))
		switch {
		case len(title) > most:
			return string(title[:most]) + "…"
		case len(title) > 0:
			return string(title)
		}
	}
	return "…"
}

// visible takes the control characters out of text, and makes a character of what
// is none: neither can be shown, and in JSON each would take six bytes.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// breaks makes every line end of markdown a visible one, as the developer
// documentation advises: DingTalk shows a single newline as a space. Code blocks
// keep their lines as they are.
func breaks(text string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(text) {
		bare, ended := strings.CutSuffix(line, "\n")
		fence := strings.HasPrefix(strings.TrimSpace(bare), "```")
		if fence {
			code = !code
		}
		b.WriteString(bare)
		if !ended {
			break
		}
		if !code && !fence && bare != "" {
			b.WriteString("  ")
		}
		b.WriteString("\n")
	}
	return b.String()
}
