package main

import (
	"context"
	"strings"
	"sync"

	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// finished are the cards that were seen to be finished: of each, what it said then is
// the reply. A card that never comes to its end is no reply, and its message counts as
// one that nobody answered.
type finished struct {
	seen     map[string]bool // belongs to the watcher
	watching sync.WaitGroup
}

// once reports whether a card is seen to be finished for the first time.
func (f *finished) once(id string) bool {
	known := f.seen[id]
	f.seen[id] = true
	return !known
}

// watch writes down what cards say, until the cloud is closed.
func (d *dingtalk) watch(b *book) {
	_, _ = d.cloud.WaitCard(context.Background(), func(card dingtalktest.Card) bool {
		if card.Done() && d.finished.once(card.OutTrackID) {
			b.replied(card.Changed, "", card.Chat(), card.Content())
		}
		return false
	})
}

// watch writes down what cards say, until the cloud is closed.
func (p *feishu) watch(b *book) {
	_, _ = p.cloud.WaitCard(context.Background(), func(card feishutest.Card) bool {
		if card.MessageID != "" && !card.Streaming && p.finished.once(card.ID) {
			at := card.Created
			if n := len(card.Updates); n > 0 {
				at = card.Updates[n-1].At
			}
			b.replied(at, card.ParentID, card.ChatID, markdownOf(card))
		}
		return false
	})
}

// markdownOf is what a card says, without its buttons.
func markdownOf(card feishutest.Card) string {
	var text strings.Builder
	for _, element := range card.Elements {
		if element.Tag == "markdown" {
			text.WriteString(element.Content)
		}
	}
	return text.String()
}
