package feishutest_test

import (
	"fmt"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcardkit "github.com/larksuite/oapi-sdk-go/v3/service/cardkit/v1"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

const streamingCard = `{"schema":"2.0","config":{"streaming_mode":true,"update_multi":true},` +
	`"header":{"title":{"tag":"plain_text","content":"T"}},` +
	`"body":{"elements":[{"tag":"markdown","element_id":"md","content":"a"},` +
	`{"tag":"button","element_id":"stop","text":{"tag":"plain_text","content":"Stop"},` +
	`"behaviors":[{"type":"callback","value":{"do":"stop"}}]}]}}`

// cardkit speaks to one card through the official client.
type cardkit struct {
	t     *testing.T
	s     *feishutest.Server
	api   *larkcardkit.V1
	token larkcore.RequestOptionFunc
	id    string
	n     int // the last sequence
}

// newCardkit creates a card in a cloud.
func newCardkit(t *testing.T, change func(*feishutest.Options)) *cardkit {
	t.Helper()
	s := start(t, func(o *feishutest.Options) {
		o.Unlimited = true
		if change != nil {
			change(o)
		}
	})
	config, token := official(t, s)
	k := &cardkit{t: t, s: s, api: larkcardkit.New(config), token: token}
	var code int
	if k.id, code = k.create(streamingCard); code != 0 || k.id == "" {
		t.Fatalf("create: %q, code %d", k.id, code)
	}
	return k
}

func (k *cardkit) create(data string) (id string, code int) {
	k.t.Helper()
	resp, err := k.api.Card.Create(k.t.Context(), larkcardkit.NewCreateCardReqBuilder().
		Body(larkcardkit.NewCreateCardReqBodyBuilder().Type("card_json").Data(data).Build()).Build(), k.token)
	if err != nil {
		k.t.Fatal(err)
	}
	if resp.Success() {
		return *resp.Data.CardId, 0
	}
	return "", resp.Code
}

// code checks the error of a call and returns its code.
func (k *cardkit) code(err error, code int) int {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	return code
}

func (k *cardkit) content(element, text string, sequence int, uuid string) int {
	k.t.Helper()
	body := larkcardkit.NewContentCardElementReqBodyBuilder().Content(text).Sequence(sequence)
	if uuid != "" {
		body.Uuid(uuid)
	}
	resp, err := k.api.CardElement.Content(k.t.Context(), larkcardkit.NewContentCardElementReqBuilder().
		CardId(k.id).ElementId(element).Body(body.Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

// next is the next sequence.
func (k *cardkit) next() int {
	k.n++
	return k.n
}

func (k *cardkit) settings(settings string) int {
	k.t.Helper()
	resp, err := k.api.Card.Settings(k.t.Context(), larkcardkit.NewSettingsCardReqBuilder().CardId(k.id).
		Body(larkcardkit.NewSettingsCardReqBodyBuilder().Settings(settings).Sequence(k.next()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) update(data string) int {
	k.t.Helper()
	resp, err := k.api.Card.Update(k.t.Context(), larkcardkit.NewUpdateCardReqBuilder().CardId(k.id).
		Body(larkcardkit.NewUpdateCardReqBodyBuilder().Sequence(k.next()).
			Card(larkcardkit.NewCardBuilder().Type("card_json").Data(data).Build()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) add(where, target, elements string) int {
	k.t.Helper()
	body := larkcardkit.NewCreateCardElementReqBodyBuilder().Type(where).Elements(elements).Sequence(k.next())
	if target != "" {
		body.TargetElementId(target)
	}
	resp, err := k.api.CardElement.Create(k.t.Context(), larkcardkit.NewCreateCardElementReqBuilder().
		CardId(k.id).Body(body.Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) replace(id, element string) int {
	k.t.Helper()
	resp, err := k.api.CardElement.Update(k.t.Context(), larkcardkit.NewUpdateCardElementReqBuilder().CardId(k.id).ElementId(id).
		Body(larkcardkit.NewUpdateCardElementReqBodyBuilder().Element(element).Sequence(k.next()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) patch(id, properties string) int {
	k.t.Helper()
	resp, err := k.api.CardElement.Patch(k.t.Context(), larkcardkit.NewPatchCardElementReqBuilder().CardId(k.id).ElementId(id).
		Body(larkcardkit.NewPatchCardElementReqBodyBuilder().PartialElement(properties).Sequence(k.next()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) remove(id string) int {
	k.t.Helper()
	resp, err := k.api.CardElement.Delete(k.t.Context(), larkcardkit.NewDeleteCardElementReqBuilder().CardId(k.id).ElementId(id).
		Body(larkcardkit.NewDeleteCardElementReqBodyBuilder().Sequence(k.next()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

func (k *cardkit) batch(actions string) int {
	k.t.Helper()
	resp, err := k.api.Card.BatchUpdate(k.t.Context(), larkcardkit.NewBatchUpdateCardReqBuilder().CardId(k.id).
		Body(larkcardkit.NewBatchUpdateCardReqBodyBuilder().Actions(actions).Sequence(k.next()).Build()).Build(), k.token)
	return k.code(err, resp.Code)
}

// card is the first card of the cloud.
func (k *cardkit) card() feishutest.Card { return k.s.Cards()[0] }

// send sends the card in reply to a person and returns the message.
func (k *cardkit) send() (feishutest.Sent, int) {
	k.t.Helper()
	config, token := official(k.t, k.s)
	to := k.s.Say(feishutest.Message{Chat: group, Text: "hi", Mention: true})
	content := fmt.Sprintf(`{"type":"card","data":{"card_id":%q}}`, k.id)
	resp, err := larkim.New(config).Message.Reply(k.t.Context(), larkim.NewReplyMessageReqBuilder().MessageId(to).
		Body(larkim.NewReplyMessageReqBodyBuilder().MsgType("interactive").Content(content).Build()).Build(), token)
	if k.code(err, resp.Code) != 0 {
		return feishutest.Sent{}, resp.Code
	}
	sent := k.s.Sent()
	return sent[len(sent)-1], 0
}

// want checks the code of a call.
func want(t *testing.T, name string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: code %d, want %d", name, got, want)
	}
}
