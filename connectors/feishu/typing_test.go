package feishu

import (
	"errors"
	"testing"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const reactionsRoute = "POST /open-apis/im/v1/messages/*/reactions"

// The sign of life is there while a message is prepared, and gone afterwards,
// however the answer ends.
func TestTyping(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{
		"well": nil, "with a failure": &connectors.Failure{Text: "Sorry", Err: errors.New("no model")}, "given up": errors.New("given up for now"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			config.Reply = ReplyText
			c, ev := meet(t, s, config)
			ctx := soon(t)
			err := c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				_, err := s.WaitReaction(ctx, func(r feishutest.Reaction) bool { return r.MessageID == ev.ID && r.Emoji == typingEmoji })
				noError(t, err)
				if yield(connectors.Say("words"), nil) && end != nil {
					yield(connectors.Delta{}, end)
				}
			})
			if (err != nil) != (name == "given up") {
				t.Error(err)
			}
			noTyping(t, s)
		})
	}
}

// Whatever becomes of the sign of life, the answer arrives.
func TestTypingNeverMatters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		route   string
		failure feishutest.Failure
		stays   bool
	}{
		"not put":          {reactionsRoute, feishutest.APIError(231002, "no permission"), false},
		"no such emoji":    {reactionsRoute, feishutest.APIError(231001, "reaction type is invalid."), false},
		"no scope":         {reactionsRoute, feishutest.MissingScope("im:message.reactions:write_only"), false},
		"put, nobody knew": {reactionsRoute, feishutest.Lost(), false},
		"not taken":        {"DELETE /open-apis/im/v1/messages/*/reactions/*", feishutest.APIError(231002, "no permission"), true},
		"taken, twice":     {"DELETE /open-apis/im/v1/messages/*/reactions/*", feishutest.Lost(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			c, ev := meet(t, s, withCards(s))
			s.FailRoute(test.route, test.failure)
			noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two")))
			finishedIn(t, s, "one two")
			if !test.stays {
				noTyping(t, s)
			}
		})
	}
}

// A person's own reactions stay.
func TestTypingOfOthers(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	if s.React(ev.ID, feishutest.Person{}, typingEmoji) == "" {
		t.Fatal("nobody reacts")
	}
	s.FailRoute(reactionsRoute, feishutest.Lost())
	noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two")))
	for _, r := range s.Reactions() {
		if (r.AppID == "") != r.Removed.IsZero() {
			t.Errorf("%+v", r)
		}
	}
}
