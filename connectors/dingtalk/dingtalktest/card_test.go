package dingtalktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// call sends body as JSON with a token.
func call(t *testing.T, s *Server, method, path string, body any, tok string) answer {
	t.Helper()
	text, isText := body.(string)
	if !isText {
		text = string(encode(body))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, bytes.NewReader([]byte(text)))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(tokenHeader, tok)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp.StatusCode, resp.Header, string(raw)}
}

// changed is a body changed by pairs of a name and a value; a nil value removes it.
func changed(body map[string]any, changes ...any) map[string]any {
	for i := 0; i < len(changes); i += 2 {
		body[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(body, changes[i].(string))
		}
	}
	return body
}

func params(pairs ...string) map[string]any {
	values := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return map[string]any{"cardParamMap": values}
}

func newCardBody(changes ...any) map[string]any {
	return changed(map[string]any{
		"cardTemplateId": TemplateMarkdown, "outTrackId": "track-1", "callbackType": "STREAM", "userIdType": 1,
		"cardData":              params("flowStatus", "1", "msgContent", ""),
		"imGroupOpenSpaceModel": map[string]any{"supportForward": true},
		"imRobotOpenSpaceModel": map[string]any{"supportForward": true},
	}, changes...)
}

func deliverBody(changes ...any) map[string]any {
	return changed(map[string]any{
		"outTrackId": "track-1", "userIdType": 1, "openSpaceId": "dtv1.card//IM_GROUP.cidG==",
		"imGroupOpenDeliverModel": map[string]any{
			"robotCode": clientID, "atUserIds": map[string]string{"u1": "小明"}, "recipients": []string{"u1"}, "extension": map[string]string{},
		},
	}, changes...)
}

func bothBody(changes ...any) map[string]any {
	body := newCardBody()
	maps.Copy(body, deliverBody())
	return changed(body, changes...)
}

func frameBody(changes ...any) map[string]any {
	return changed(map[string]any{
		"outTrackId": "track-1", "guid": newUUID(), "key": "msgContent", "content": "**全文**",
		"isFull": true, "isFinalize": false, "isError": false,
	}, changes...)
}

// withCard is a server with one card, delivered to the group cidG==.
func withCard(t *testing.T, opts Options) (*Server, string) {
	t.Helper()
	if opts.CallsPerSecond == 0 {
		opts.CallsPerSecond = -1
	}
	s := start(t, opts)
	tok := token(t, s)
	s.Join("", "cidG==")
	if a := mustPost(t, s, PathCreateAndDeliver, bothBody(), tokenHeader, tok); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return s, tok
}

// theCard is the only card there is.
func theCard(t *testing.T, s *Server) Card {
	t.Helper()
	list := s.Cards()
	if len(list) != 1 {
		t.Fatalf("%d cards", len(list))
	}
	return list[0]
}

const worked = `{"success":true,"result":true}`

func TestCardCreateAndDeliver(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	s.Join("", "cidG==")
	a := mustPost(t, s, PathCreateAndDeliver, bothBody("cardData", params("msgContent", "…", "flowStatus", "1")), tokenHeader, tok)
	c := theCard(t, s)
	want := fmt.Sprintf(`{"success":true,"result":{"outTrackId":"track-1","deliverResults":[{"spaceType":"IM_GROUP","spaceId":"cidG==","success":true,"carrierId":%q,"errorMsg":""}]}}`, c.CarrierID())
	if a.status != 200 || a.body != want || c.CarrierID() == "" {
		t.Errorf("%d %s, want %s", a.status, a.body, want)
	}
	if c.ClientID != clientID || c.OutTrackID != "track-1" || c.TemplateID != TemplateMarkdown || c.Callback != "STREAM" || c.Chat() != "cidG==" ||
		c.State != CardProcessing || c.Content() != "…" || c.Final() || c.Done() || c.Created.IsZero() || c.Broken {
		t.Errorf("%+v", c)
	}
	p := c.Places[0]
	if p.Type != "IM_GROUP" || p.AtUsers["u1"] != "小明" || !slices.Equal(p.Recipients, []string{"u1"}) || p.At.IsZero() || p.StaffID != "" {
		t.Errorf("%+v", p)
	}
	sent := s.Sent()
	if len(sent) != 1 || sent[0].Via != ViaCard || sent[0].Card != "track-1" || sent[0].ChatID != "cidG==" || sent[0].QueryKey != c.CarrierID() ||
		sent[0].Text != "…" || !slices.Equal(sent[0].Mentions, []string{"u1"}) || len(sent[0].Raw) == 0 {
		t.Errorf("%+v", sent)
	}
	if st := s.Stats(); st.Cards != 1 || st.Sent != 1 {
		t.Errorf("%+v", st)
	}
}

func TestCardOneToOne(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	chat := hear(t, s, Message{From: Person{StaffID: "u7"}, Text: "hello"}).ConversationID
	body := bothBody("openSpaceId", "dtv1.card//im_robot.u7", "imGroupOpenDeliverModel", nil,
		"imRobotOpenDeliverModel", map[string]any{"spaceType": "IM_ROBOT", "robotCode": clientID, "extension": map[string]string{"dynamicSummary": "true"}})
	if a := mustPost(t, s, PathCreateAndDeliver, body, tokenHeader, tok); a.status != 200 || !strings.Contains(a.body, `"spaceType":"IM_ROBOT","spaceId":"u7","success":true`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c := theCard(t, s)
	if c.Chat() != chat || c.Places[0].StaffID != "u7" {
		t.Errorf("%+v, want chat %s", c.Places, chat)
	}
	if sent := s.Sent(); !slices.Equal(sent[0].StaffIDs, []string{"u7"}) || sent[0].ChatID != chat {
		t.Errorf("%+v", sent)
	}
}

// TestCardInTwoCalls does what the Python SDK does.
func TestCardInTwoCalls(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	if a := mustPost(t, s, PathCards, newCardBody(), tokenHeader, tok); a.status != 200 || a.body != `{"success":true,"result":"track-1"}` {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	if c := theCard(t, s); c.Chat()+c.CarrierID() != "" || len(s.Sent()) != 0 {
		t.Errorf("seen before it is delivered: %+v", c)
	}
	s.Join("", "cidG==")
	body := deliverBody("openSpaceId", "dtv1.card//IM_GROUP.cidG==;IM_ROBOT.u1", "imRobotOpenDeliverModel", map[string]any{"spaceType": "IM_ROBOT"})
	a := mustPost(t, s, PathDeliver, body, tokenHeader, tok)
	c := theCard(t, s)
	want := fmt.Sprintf(`{"success":true,"result":[{"spaceType":"IM_GROUP","spaceId":"cidG==","success":true,"carrierId":%q,"errorMsg":""},`+
		`{"spaceType":"IM_ROBOT","spaceId":"u1","success":true,"carrierId":%q,"errorMsg":""}]}`, c.Places[0].CarrierID, c.Places[1].CarrierID)
	if a.status != 200 || a.body != want || len(s.Sent()) != 2 {
		t.Errorf("deliver: %d %s, want %s", a.status, a.body, want)
	}
	body["outTrackId"] = "other"
	if a := mustPost(t, s, PathDeliver, body, tokenHeader, tok); a.status != 400 || a.field(t, "code") != "param.cardNotExist" {
		t.Errorf("unknown card: %d %s", a.status, a.body)
	}
}

func TestDeliveryFailsInside200(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	fails := func(name, msg string, body map[string]any) {
		t.Helper()
		a := mustPost(t, s, PathDeliver, body, tokenHeader, tok)
		if a.status != 200 || a.field(t, "success") != true || !strings.Contains(a.body, `"success":false,"carrierId":"","errorMsg":"`+msg+`"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	mustPost(t, s, PathCards, newCardBody(), tokenHeader, tok)
	fails("a group without the robot", "spaceId is illegal", deliverBody())
	s.Join("", "cidG==")
	s.FailDelivery("cidG==", "too busy")
	fails("a scripted failure", "too busy", deliverBody())
	s.FailDelivery("cidG==", "")
	s.Disbanded("", "cidG==", "u1")
	fails("a group that is no more", "spaceId is illegal", deliverBody())
	s.SetInvalidStaff("gone")
	robot := map[string]any{"spaceType": "IM_ROBOT"}
	fails("an unknown person", "spaceId is illegal", deliverBody("openSpaceId", "dtv1.card//IM_ROBOT.gone", "imRobotOpenDeliverModel", robot))
	fails("a kind of space there is not", "spaceId is illegal", deliverBody("openSpaceId", "dtv1.card//ONE_BOX.cidG=="))
	if st := s.Stats(); st.CardsUndelivered != 5 || len(s.Sent()) != 0 || len(theCard(t, s).Places) != 0 {
		t.Errorf("%+v, %+v", st, s.Cards())
	}
	a := mustPost(t, s, PathCreateAndDeliver, bothBody("outTrackId", "track-2"), tokenHeader, tok)
	if a.status != 200 || !strings.Contains(a.body, `"deliverResults":[{"spaceType":"IM_GROUP","spaceId":"cidG==","success":false`) || len(s.Cards()) != 2 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestCardRefuses(t *testing.T) {
	t.Parallel()
	templates := publicTemplates()
	templates["draft.schema"] = Template{Unpublished: true}
	s := start(t, Options{CallsPerSecond: -1, Templates: templates, CardBytes: 10})
	s.Join("", "cidG==")
	tok := token(t, s)
	robot := func(pairs ...any) map[string]any {
		return bothBody("openSpaceId", "dtv1.card//IM_ROBOT.u1", "imRobotOpenDeliverModel", changed(map[string]any{}, pairs...))
	}
	for _, row := range []struct {
		path string
		body any
		code string
	}{
		{PathCards, "", "param.empty"},
		{PathCards, "[]", "param.invalid"},
		{PathCards, newCardBody("cardTemplateId", ""), "param.cardTemplateIdEmpty"},
		{PathCards, newCardBody("cardTemplateID", "x"), "param.invalid"},
		{PathCards, newCardBody("cardTemplateId", "unknown.schema"), "param.templateNotExist"},
		{PathCards, newCardBody("cardTemplateId", "draft.schema"), "param.templateUnpublished"},
		{PathCards, newCardBody("outTrackId", nil), "param.outTrackIdEmpty"},
		{PathCards, newCardBody("cardData", nil), "param.cardPublicDataEmpty"},
		{PathCards, newCardBody("cardData", map[string]any{}), "param.cardPublicDataEmpty"},
		{PathCards, newCardBody("cardData", map[string]any{"cardParamMap": map[string]any{"n": 1}}), "param.invalid"},
		{PathCards, newCardBody("cardData", map[string]any{"cardParamMap": map[string]any{"n": nil}}), "param.invalid"},
		{PathCards, newCardBody("cardData", map[string]any{"cardParamMap": map[string]any{"n": []string{}}}), "param.invalid"},
		{PathCards, newCardBody("cardData", params(strings.Repeat("k", 101), "v")), "param.invalid"},
		{PathCards, newCardBody("cardData", params("k", "01234567890")), "param.invalid"},
		{PathCards, newCardBody("privateData", map[string]any{"u1": params("k", "01234567890")}), "param.invalid"},
		{PathCards, newCardBody("callbackType", "Stream"), "param.invalid"},
		{PathCards, newCardBody("callbackType", "HTTP"), "param.invalid"},
		{PathCards, newCardBody("userIdType", 3), "param.invalid"},
		{PathCreateAndDeliver, bothBody("outTrackId", ""), "param.outTrackIdEmpty"},
		{PathCreateAndDeliver, bothBody("openSpaceId", ""), "param.openSpaceIdEmpty"},
		{PathCreateAndDeliver, bothBody("openSpaceId", "cidG=="), "param.openSpaceIdInvalid"},
		{PathCreateAndDeliver, bothBody("openSpaceId", "dtv1.card//IM_GROUP"), "param.openSpaceIdInvalid"},
		{PathCreateAndDeliver, bothBody("openSpaceId", "dtv1.card//GROUP.cidG=="), "param.openSpaceIdInvalid"},
		{PathCreateAndDeliver, bothBody("imGroupOpenDeliverModel", nil), "param.openDeliverModelEmpty"},
		{PathCreateAndDeliver, bothBody("imGroupOpenDeliverModel", map[string]any{}), "param.openDeliverModelError"},
		{PathCreateAndDeliver, bothBody("imGroupOpenDeliverModel", map[string]any{"robotCode": "other"}), "param.openDeliverModelError"},
		{PathCreateAndDeliver, bothBody("imGroupOpenDeliverModel", map[string]any{"robotCode": clientID, "atUserIds": []string{"u1"}}), "param.invalid"},
		{PathCreateAndDeliver, robot(), "param.openDeliverModelError"},
		{PathCreateAndDeliver, robot("spaceType", "IM_ROBOT", "robotCode", "other"), "param.openDeliverModelError"},
		{PathCreateAndDeliver, bothBody("imGroupOpenSpaceModel", nil), "param.openSpaceModelInvalid"},
		{PathDeliver, deliverBody("outTrackId", nil), "param.outTrackIdEmpty"},
		{PathDeliver, deliverBody("openSpaceId", nil), "param.openSpaceIdEmpty"},
		{PathDeliver, deliverBody("userIdType", 7), "param.invalid"},
		{PathDeliver, deliverBody(), "param.cardNotExist"},
	} {
		a := call(t, s, "POST", row.path, row.body, tok)
		if a.status != 400 || a.field(t, "code") != row.code || a.field(t, "requestid") == "" {
			t.Errorf("%s %v: %d %s, want %s", row.path, row.body, a.status, a.body, row.code)
		}
	}
	if len(s.Cards())+len(s.Sent()) != 0 {
		t.Errorf("%+v", s.Cards())
	}
	mustPost(t, s, PathCards, newCardBody("imGroupOpenSpaceModel", nil), tokenHeader, tok)
	if a := mustPost(t, s, PathDeliver, deliverBody(), tokenHeader, tok); a.field(t, "code") != "param.openSpaceModelInvalid" {
		t.Errorf("a card not made for groups: %d %s", a.status, a.body)
	}
}

func TestOutTrackIDIsTheIdentity(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	before := theCard(t, s)
	a := mustPost(t, s, PathCreateAndDeliver, bothBody("cardData", params("msgContent", "other")), tokenHeader, tok)
	if a.status != 200 || !strings.Contains(a.body, before.CarrierID()) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if c := theCard(t, s); c.Content() != "" || len(c.Places) != 1 || len(s.Sent()) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestCardKnobs(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{RefuseCardReuse: true})
	for _, path := range []string{PathCards, PathCreateAndDeliver} {
		if a := mustPost(t, s, path, bothBody(), tokenHeader, tok); a.status != 400 || a.field(t, "code") != "param.cardAlreadyExist" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	s, tok = withCard(t, Options{CardRepeats: true})
	mustPost(t, s, PathDeliver, deliverBody(), tokenHeader, tok)
	if c := theCard(t, s); len(c.Places) != 2 || c.Places[0].CarrierID == c.Places[1].CarrierID || len(s.Sent()) != 2 {
		t.Errorf("%+v", c.Places)
	}
	s, _ = withCard(t, Options{Templates: map[string]Template{TemplateMarkdown: {Key: "msgContent", Foreign: true}}})
	if !theCard(t, s).Broken {
		t.Error("another app's template is shown")
	}
}

func TestAppsHaveTheirOwnCards(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Apps: []App{{ClientID: clientID, ClientSecret: secret}, {ClientID: "other", ClientSecret: secret}}})
	mustPost(t, s, PathCards, newCardBody(), tokenHeader, token(t, s))
	a := mustPost(t, s, PathToken, map[string]string{"appKey": "other", "appSecret": secret})
	tok := a.field(t, "accessToken").(string)
	if a := call(t, s, "PUT", PathCards, map[string]any{"outTrackId": "track-1", "cardData": params("a", "b")}, tok); a.field(t, "code") != "param.cardNotExist" {
		t.Errorf("%d %s", a.status, a.body)
	}
	mustPost(t, s, PathCards, newCardBody(), tokenHeader, tok)
	if list := s.Cards(); len(list) != 2 || list[1].ClientID != "other" {
		t.Errorf("%+v", list)
	}
}

func TestWaitCard(t *testing.T) {
	t.Parallel()
	seen := make(chan Card, 10)
	s := start(t, Options{OnCard: func(c Card) { seen <- c }})
	tok := token(t, s)
	found := make(chan Card, 1)
	go func() {
		c, err := s.WaitCard(patient(t), func(c Card) bool { return len(s.Cards()) > 0 && c.Params["a"] == "b" })
		if err != nil {
			t.Error(err)
		}
		found <- c
	}()
	mustPost(t, s, PathCards, newCardBody(), tokenHeader, tok)
	call(t, s, "PUT", PathCards, map[string]any{"outTrackId": "track-1", "cardData": params("a", "b")}, tok)
	if c := <-found; c.Changes != 2 {
		t.Errorf("%+v", c)
	}
	if first, second := <-seen, <-seen; first.Changes != 1 || second.Changes != 2 || second.Params["a"] != "b" {
		t.Errorf("OnCard saw %+v, %+v", first, second)
	}
	if c, err := s.WaitCard(patient(t), nil); err != nil || c.OutTrackID != "track-1" {
		t.Errorf("%+v, %v", c, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WaitCard(ctx, func(Card) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	must(t, s.Close())
	if _, err := s.WaitCard(patient(t), func(Card) bool { return false }); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestForgottenCards(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Forget: true})
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed("")
	for i := range keptCards + 1 {
		s.addCard(&card{Card: Card{OutTrackID: fmt.Sprint(i), Created: time.Now()}, app: a})
	}
	if len(s.cards) != keptCards || len(s.cardOrder) != keptCards || s.cards[cardKey{a, "0"}] != nil {
		t.Errorf("%d and %d cards kept", len(s.cards), len(s.cardOrder))
	}
}
