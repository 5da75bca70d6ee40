package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"longwire/connectors"
)

// cardAction is the event type of a callback: somebody has pressed a button. The
// platform waits 3 s for the answer and does not ask again; the person sees an
// error meanwhile.
const cardAction = "card.action.trigger"

const (
	pressTime = 2500 * time.Millisecond // from a press to its answer
	pressKeep = 7 * 24 * time.Hour      // how long buttons work
)

// pressValue is what a button of ours bears, and the platform brings back.
type pressValue struct {
	Reply connectors.LooseString `json:"reply"` // the reply's key
	Press connectors.LooseString `json:"press"`
}

// pressed is the payload of a callback, as far as it is used.
type pressed struct {
	Header struct {
		EventType connectors.LooseString `json:"event_type"`
		EventID   connectors.LooseString `json:"event_id"`
	} `json:"header"`
	Event struct {
		Operator person `json:"operator"`
		Action   struct {
			Value json.RawMessage `json:"value"` // an object, or a string with one in it
		} `json:"action"`
	} `json:"event"`
}

// parsePress reads the payload of a callback. A button that is not one of ours has
// the zero value.
func parsePress(payload []byte) (p pressed, value pressValue, err error) {
	if err := json.Unmarshal(payload, &p); err != nil {
		return pressed{}, pressValue{}, fmt.Errorf("parse press: %w", err)
	}
	if p.Header.EventType != cardAction {
		return pressed{}, pressValue{}, errors.New("parse press: another event type")
	}
	if len(p.Header.EventID) > maxID || len(p.Event.Operator.OpenID) > maxID {
		return pressed{}, pressValue{}, fmt.Errorf("parse press: an id has more than %d bytes", maxID)
	}
	raw := p.Event.Action.Value
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
	}
	if json.Unmarshal(raw, &value) != nil || len(value.Reply) > maxID {
		value = pressValue{}
	}
	return p, value, nil
}

// press does what a button says and returns what the platform is answered, within
// 3 s. An error means that the callback cannot be read.
func (c *Connector) press(ctx context.Context, payload []byte) (answer []byte, err error) {
	p, value, err := parsePress(payload)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pressTime)
	defer cancel()
	ev, found, err := c.questionOf(ctx, string(value.Reply))
	switch {
	case err != nil:
		c.log.Warn("press not answered, its question cannot be found", "err", err)
		return toast("error", wordsTrouble), nil
	case !found:
		return toast("info", wordsTooOld), nil
	}
	words, err := c.config.Act(ctx, connectors.Action{
		Press: connectors.Press(value.Press),
		Event: ev,
		By:    connectors.Person{ID: string(p.Event.Operator.OpenID)},
		ID:    string(p.Header.EventID),
		Reply: string(value.Reply),
	})
	if err != nil {
		c.log.Warn("press not carried out", "event", ev.Trace(), "press", clip(string(value.Press), 20), "err", err)
		return toast("error", wordsTrouble), nil
	}
	return toast("info", bilingual{zh: words, en: words}), nil
}

// keepQuestion keeps ev for the buttons below its answer.
func (c *Connector) keepQuestion(ctx context.Context, key string, ev connectors.Event) error {
	raw, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("keep question: %w", err)
	}
	if err := c.config.Shelf.Put(ctx, "card/"+key, raw, pressKeep); err != nil {
		return fmt.Errorf("keep question: %w", err)
	}
	return nil
}

// questionOf is the event to which the reply with this key belongs. It is not found
// when it is too old, or was never there.
func (c *Connector) questionOf(ctx context.Context, key string) (ev connectors.Event, found bool, err error) {
	if !c.buttons() || key == "" {
		return connectors.Event{}, false, nil
	}
	raw, err := c.config.Shelf.Get(ctx, "card/"+key)
	if err != nil || raw == nil {
		return connectors.Event{}, false, err
	}
	if err := json.Unmarshal(raw, &ev); err != nil {
		return connectors.Event{}, false, fmt.Errorf("parse question: %w", err)
	}
	return ev, true, nil
}

// buttons reports whether cards have buttons.
func (c *Connector) buttons() bool { return c.config.Act != nil && c.config.Shelf != nil }

// bilingual is a sentence of the connector's own. The client shows the one in its
// language.
type bilingual struct{ zh, en string }

var (
	wordsTrouble = bilingual{zh: "出了点问题，请稍后再试。", en: "Something went wrong, please try again later."}
	wordsTooOld  = bilingual{zh: "这张卡片太旧了，按钮已失效。请直接发消息给我。", en: "This card is too old for its buttons. Please write to me instead."}
)

// toast answers a callback with a short notice, and without words with nothing: the
// card stays as it is.
func toast(kind string, words bilingual) []byte {
	if words.zh == "" {
		return []byte("{}")
	}
	raw, err := json.Marshal(map[string]any{"toast": map[string]any{
		"type": kind, "content": words.zh,
		"i18n": map[string]string{"zh_cn": words.zh, "en_us": words.en},
	}})
	if err != nil {
		return []byte("{}") // strings and maps: it does not happen
	}
	return raw
}
