package dingtalk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"longwire/connectors"
)

// A press of a card's button is a CALLBACK of topic /v1.0/card/instances/callback
// (documented), whose data is
//
//	{"outTrackId":"…","userId":"…","content":"{\"cardPrivateData\":{\"actionIds\":[\"stop\"],\"params\":{\"action\":\"stop\"}}}",…}
//
// Templates may also have actionId at the top, or actionData.cardPrivateData (client
// source). What a template made for us has to send: "stop", "again", "good" or "bad",
// as the parameter "action" or as the button's id; proposals have a template of
// DingTalk's (propose.go). The answer, due within two seconds, sets the variable
// Card.Words for who has pressed.
type pressData struct {
	OutTrackID connectors.LooseString `json:"outTrackId"`
	UserID     connectors.LooseString `json:"userId"`
	ActionID   connectors.LooseString `json:"actionId"`
	Content    json.RawMessage        `json:"content"` // an object, or a string that holds one
	ActionData json.RawMessage        `json:"actionData"`
}

// privateData is where most templates say which button it was.
type privateData struct {
	ActionID  json.RawMessage `json:"actionId"`
	ActionIDs json.RawMessage `json:"actionIds"`
	Params    struct {
		Action json.RawMessage `json:"action"`
	} `json:"params"`
}

// noPress answers a press that changes nothing.
const noPress = `{"response":{}}`

// actWait is how long an answer to a press waits for what the press does.
const actWait = 1500 * time.Millisecond

// press does what a button press says, and returns the data of the ack. It returns
// within two seconds, may be called from many goroutines at once, and what takes longer
// goes on; Run waits for it.
func (c *Connector) press(ctx context.Context, f frame) (data string) {
	id, by, press := parsePress([]byte(f.Data))
	if c.config.Act == nil || id == "" || press == "" {
		c.log.Debug("press of no concern", "frame", f.GetMessageId(), "press", press)
		return noPress
	}
	within, cancel := context.WithTimeout(ctx, actWait)
	defer cancel()
	raw, err := c.config.Shelf.Get(within, "card/"+id)
	var ev connectors.Event
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &ev) != nil {
		c.log.Info("press of a card that is not known, or no longer", "frame", f.GetMessageId(), "err", err)
		return noPress
	}
	said := make(chan string, 1)
	c.acting.Go(func() {
		said <- c.act(context.WithoutCancel(ctx), connectors.Action{
			Press: press, Event: ev, By: connectors.Person{ID: by}, ID: "press/" + f.GetMessageId(), Reply: id,
		})
	})
	select {
	case words := <-said:
		return pressed(c.wordsOf(press), words)
	case <-within.Done():
		c.log.Info("press not answered in time, it goes on", "event", ev.Trace(), "press", press)
		return noPress
	}
}

// actTime bounds what a press does.
const actTime = 30 * time.Second

// act calls Config.Act, and returns what it says, or "".
func (c *Connector) act(ctx context.Context, a connectors.Action) string {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	defer c.intake.Contain("button pressed", "event", a.Event.Trace(), "press", a.Press)
	words, err := c.config.Act(ctx, a)
	if err != nil {
		c.log.Warn("press has failed", "event", a.Event.Trace(), "press", a.Press, "err", err)
	}
	return words
}

// wordsOf is the variable in which who has pressed reads what came of it.
func (c *Connector) wordsOf(press connectors.Press) string {
	if press == connectors.PressYes || press == connectors.PressNo {
		return proposalWords
	}
	return c.config.Card.Words
}

// pressed is the answer that shows words to who has pressed.
func pressed(variable, words string) string {
	if words == "" {
		return noPress
	}
	raw, err := encode(map[string]any{"response": map[string]any{
		"cardUpdateOptions": map[string]bool{"updateCardDataByKey": true, "updatePrivateDataByKey": true},
		"userPrivateData":   cardValues{map[string]string{variable: words}},
	}})
	if err != nil { // it never is
		return noPress
	}
	return string(raw)
}

// parsePress reads which button of which card was pressed, and by whom; press is ""
// when it is none of ours.
func parsePress(raw []byte) (outTrackID, userID string, press connectors.Press) {
	var d pressData
	if json.Unmarshal(raw, &d) != nil || len(d.OutTrackID) > maxID || len(d.UserID) > maxID {
		return "", "", ""
	}
	var names []string
	for _, raw := range []json.RawMessage{d.Content, d.ActionData} {
		var in struct {
			Private json.RawMessage `json:"cardPrivateData"`
		}
		var p privateData
		if json.Unmarshal(unquoted(raw), &in) == nil && json.Unmarshal(unquoted(in.Private), &p) == nil {
			names = append(names, texts(p.Params.Action)...)
			names = append(names, texts(p.ActionIDs)...)
			names = append(names, texts(p.ActionID)...)
		}
	}
	names = append(names, string(d.ActionID))
	for _, name := range names {
		press := connectors.Press(strings.ToLower(strings.TrimSpace(name)))
		if slices.Contains(presses, press) {
			return string(d.OutTrackID), string(d.UserID), press
		}
	}
	return string(d.OutTrackID), string(d.UserID), ""
}

// presses are the buttons that we know.
var presses = []connectors.Press{
	connectors.PressStop, connectors.PressAgain, connectors.PressGood, connectors.PressBad,
	connectors.PressYes, connectors.PressNo,
}

// unquoted is the JSON in a JSON string, or raw if it is none.
func unquoted(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return json.RawMessage(text)
	}
	return raw
}

// texts reads a text, or a list of them.
func texts(raw json.RawMessage) []string {
	var list []connectors.LooseString
	if json.Unmarshal(raw, &list) != nil {
		var one connectors.LooseString
		if json.Unmarshal(raw, &one) != nil {
			return nil
		}
		list = []connectors.LooseString{one}
	}
	var out []string
	for _, text := range list {
		out = append(out, string(text))
	}
	return out
}
