package dingtalk

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"longwire/connectors"
)

// maxPart bounds one message in bytes. The robot API takes 15 000 bytes of
// msgParam, in which a quote or a newline counts twice; what a webhook takes is
// not documented.
const maxPart = 7000

// tries is how often one message is sent before the turn is given back.
const tries = 4

// plain shows parts of an answer as markdown messages: through the message's own
// webhook while that is valid (90 minutes), else through the robot API. The first one
// mentions the person with the given staff id.
//
// Neither way takes an idempotency key. A part that was on its way when the
// program died is sent again, because a person without an answer is worse off
// than one who reads a part twice; it is counted (connectors.Counts).
func (c *Connector) plain(ctx context.Context, ev connectors.Event, to address, ledger connectors.Ledger, title string, parts []string, mention string, lingers func() bool) error {
	return connectors.SendParts(ctx, ledger, parts, func(i int, part string, again bool) error {
		once := &once{ledger: ledger, noted: time.Now(), unsure: again, repeat: func() {
			c.repeats.Add(1)
			c.log.Warn("a part of the answer may be seen twice", "event", ev.Trace(), "part", i)
		}}
		if i > 0 {
			mention = ""
		}
		return c.send(ctx, once, to, mention, title, part)
	}, lingers)
}

// send sends one message. What the webhook refuses goes to the robot API, except
// content that DingTalk does not allow: that is refused everywhere. A webhook that
// may work again is not given up because the robot API is not open to the app.
func (c *Connector) send(ctx context.Context, once *once, to address, mention, title, text string) error {
	byRobot := once.more(ctx, func() error {
		if err := c.turn(ctx, "robot"); err != nil {
			return err
		}
		return c.api.byRobot(ctx, to, title, text)
	})
	if !c.webhookUsable(to) {
		return connectors.Retry(ctx, tries, byRobot)
	}
	byWebhook := once.more(ctx, func() error { return c.api.byWebhook(ctx, to.Webhook, mention, title, text) })
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
