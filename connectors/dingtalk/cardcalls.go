package dingtalk

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"longwire/connectors"
)

// The card API (developer documentation, "Interactive cards"). Every call has one
// outTrackId, the robot's own name for the card. What fails is answered with HTTP 400
// and a code "param.…", or with 500 "unknownError" for a wrong key, state or
// template (field); a delivery that fails comes inside a 200.
const (
	createPath = "/v1.0/card/instances/createAndDeliver"
	updatePath = "/v1.0/card/instances" // PUT
	streamPath = "/v1.0/card/streaming" // PUT; the content is the whole text each time
)

// The names that their paces have.
const (
	createPace = "create"
	updatePace = "update"
	streamPace = "stream"
)

// What the variable flowStatus holds (official SDK).
const (
	flowProcessing = "1"
	flowInputting  = "2"
	flowFinished   = "3"
	flowFailed     = "5"
)

// cardAnswer is the answer of every card call.
type cardAnswer struct {
	Success connectors.LooseString `json:"success"`
	Result  json.RawMessage        `json:"result"`
}

// check makes an error of a 200 that says that nothing was done.
func (a *cardAnswer) check(op string) error {
	if a.Success == "true" {
		return nil
	}
	return &connectors.Error{Op: op, Message: "the answer does not say success"}
}

// createAnswer is a cardAnswer that tells about the delivery as well.
type createAnswer struct {
	cardAnswer
	again   bool   // the call is a repetition; set before it is made
	carrier string // set by check
}

func (a *createAnswer) check(op string) (err error) {
	if err := a.cardAnswer.check(op); err != nil {
		return err
	}
	a.carrier, err = delivered(op, a.Result, a.again)
	return err
}

// cardValues are a card's variables. All values are strings; objects are JSON in one.
type cardValues struct {
	Params map[string]string `json:"cardParamMap"`
}

// create makes the card and puts it into the chat. The same call again makes no
// second card, whether it is answered with 200 or param.cardAlreadyExist. The carrier
// is what the message that bears the card is known by in the chat.
func (k *card) create(ctx context.Context, again bool) (carrier string, err error) {
	answer := createAnswer{again: again}
	err = k.c.api.request(ctx, k.purse, http.MethodPost, "create card", createPath, k.createBody(), &answer)
	var e *connectors.Error
	if errors.As(err, &e) && e.Code == "param.cardAlreadyExist" {
		return "", nil
	}
	return answer.carrier, err
}

// createBody is what the card is to be and where it is to appear.
func (k *card) createBody() map[string]any {
	robot := k.to.RobotCode
	if robot == "" {
		robot = k.c.config.RobotCode
	}
	body := map[string]any{
		"cardTemplateId": k.template,
		"outTrackId":     k.note.Card,
		"callbackType":   "STREAM",
		"cardData":       cardValues{k.first},
		"userIdType":     1,
	}
	space := map[string]any{"supportForward": true}
	if !k.to.Group {
		body["openSpaceId"] = "dtv1.card//IM_ROBOT." + k.to.StaffID
		body["imRobotOpenSpaceModel"] = space
		body["imRobotOpenDeliverModel"] = map[string]any{
			"spaceType": "IM_ROBOT", "robotCode": robot,
			"extension": map[string]string{"dynamicSummary": "true"}, // the chat list shows what the card says
		}
		return body
	}
	deliver := map[string]any{"robotCode": robot}
	if id := k.c.mentioned(k.to); id != "" {
		name := k.ev.Sender.Name
		if name == "" {
			name = id
		}
		deliver["atUserIds"] = map[string]string{id: name}
	}
	body["openSpaceId"] = "dtv1.card//IM_GROUP." + k.to.Chat
	body["imGroupOpenSpaceModel"] = space
	body["imGroupOpenDeliverModel"] = deliver
	return body
}

// delivered reads what became of the delivery: {"deliverResults":[…]}, or the list
// alone (both seen). A repeated call need not tell.
func delivered(op string, raw json.RawMessage, again bool) (carrier string, err error) {
	type delivery struct {
		Success connectors.LooseString `json:"success"`
		Carrier connectors.LooseString `json:"carrierId"`
		Message connectors.LooseString `json:"errorMsg"`
	}
	var result struct {
		Deliveries []delivery `json:"deliverResults"`
	}
	if json.Unmarshal(raw, &result) != nil {
		_ = json.Unmarshal(raw, &result.Deliveries) // then there is none
	}
	for _, d := range result.Deliveries {
		if d.Success != "true" {
			return "", &connectors.Error{Op: op, Code: "deliverResults", Message: string(d.Message), Fatal: true}
		}
		carrier = string(d.Carrier)
	}
	if len(result.Deliveries) == 0 && !again {
		return "", &connectors.Error{Op: op, Message: "the answer does not say that the card was delivered"}
	}
	return carrier, nil
}

// A frame is one call of streamPath. Its name, from which the guid is made, tells it
// from the card's other frames: the same one again has no effect.
type cardFrame struct {
	name    string
	content string
	final   bool // people see that nothing more comes
	failed  bool // the same, and that something went wrong
}

// stream shows a frame.
func (k *card) stream(ctx context.Context, f cardFrame) error {
	content := f.content
	if content == "" {
		content = nothing
	}
	body := map[string]any{
		"outTrackId": k.note.Card, "guid": guid(k.ledger.Key(), f.name), "key": k.c.config.Card.Key,
		"content": content, "isFull": true, "isFinalize": f.final && !f.failed, "isError": f.failed,
	}
	return k.c.api.request(ctx, k.purse, http.MethodPut, "stream to card", streamPath, body, &cardAnswer{})
}

// nothing stands for an empty content, which is refused.
const nothing = "…"

// update sets variables of the card and leaves the others.
func (k *card) update(ctx context.Context, params map[string]string) error {
	body := map[string]any{
		"outTrackId": k.note.Card, "cardData": cardValues{params}, "userIdType": 1,
		"cardUpdateOptions": map[string]bool{"updateCardDataByKey": true}, // without it the others are gone
	}
	return k.c.api.request(ctx, k.purse, http.MethodPut, "update card", updatePath, body, &cardAnswer{})
}

// guid is the idempotency key of a frame, in the shape of a UUID.
func guid(key, name string) string {
	sum := sha256.Sum256([]byte(key + "\x00" + name))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// tooLarge reports whether a card does not take so long a text.
func tooLarge(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && e.Code == "param.stream.content"
}
