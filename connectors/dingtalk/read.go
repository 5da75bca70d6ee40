package dingtalk

import (
	"context"
	"time"

	"longwire/connectors"
)

// readTime bounds Read: a turn waits for it.
const readTime = time.Second

// carrierKey is under which name of the Shelf the text of a finished card is kept, by
// the carrierId of the card.
func carrierKey(carrierID string) string { return "carrier/" + carrierID }

// Read completes what the platform does not say in the event: what stood on a card of
// ours that is quoted, which only we know. What cannot be told is left as it is. There
// is no API that tells the content of any other message.
func (c *Connector) Read(ctx context.Context, ev connectors.Event) connectors.Event {
	if ev.Quote == nil || ev.Quote.Text != "" {
		return ev
	}
	log := c.log.With("event", ev.Trace())
	if !ev.Quote.Ours || ev.Quote.Ref == "" || c.config.Shelf == nil {
		log.Debug("DingTalk does not tell what is quoted", "kind", ev.Quote.Kind)
		return ev
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	text, err := c.config.Shelf.Get(ctx, carrierKey(ev.Quote.Ref))
	switch {
	case err != nil:
		log.Warn("the quoted card cannot be looked up", "err", err)
	case len(text) == 0:
		log.Info("the quoted card is not known any more")
	default:
		quote := *ev.Quote // the event's own stays as it was delivered
		quote.Text = clip(string(text), connectors.MaxQuote)
		ev.Quote = &quote
	}
	return ev
}
