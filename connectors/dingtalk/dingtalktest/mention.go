package dingtalktest

import (
	"regexp"
	"slices"
	"strings"
)

// mention records whom a webhook message mentions. Links and feed cards cannot
// mention (documented; that action cards cannot either is UNVERIFIED).
func (sent *Sent) mention(at *replyMention) {
	if at == nil {
		return
	}
	sent.Mentions = append(append(sent.Mentions, at.UserIDs...), at.DingtalkIDs...)
	sent.Mobiles, sent.AtAll = at.Mobiles, at.All
	if sent.MsgType == "text" || sent.MsgType == "markdown" {
		sent.Highlighted = highlighted(sent.Text, slices.Concat(sent.Mentions, at.Mobiles)...)
	}
}

// highlighted are those of the ids that people see as mentioned: text and markdown
// must have @id too (documented). An id that goes on with a letter or digit is
// another one.
func highlighted(text string, ids ...string) []string {
	var seen []string
	for _, id := range ids {
		for rest := text; id != ""; {
			_, after, found := strings.Cut(rest, "@"+id)
			if !found {
				break
			}
			if after == "" || !wordByte(after[0]) {
				seen = append(seen, id)
				break
			}
			rest = after
		}
	}
	return seen
}

func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b == '-'
}

// cardMention is a mention inside a card's markdown (documented), which needs the
// userId in cardAtUserIds as well.
var cardMention = regexp.MustCompile(`<a atId="?([^">\s]+)"?>[^<]*</a>`)

// Highlighted are the userIds that people see as mentioned in the content.
func (c Card) Highlighted() []string {
	var seen []string
	for _, m := range cardMention.FindAllStringSubmatch(c.Content(), -1) {
		for _, id := range c.AtUsers {
			if id == m[1] {
				seen = append(seen, id)
			}
		}
	}
	return seen
}
