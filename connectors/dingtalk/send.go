package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"longwire/connectors"
)

// byWebhook sends markdown to a message's webhook, and mentions the person with the
// given staff id if there is one: the id has to be in the text as well to be seen
// (documented). The answer is HTTP 200 also for a failure; errcode tells, as a number
// or as a string.
func (a *api) byWebhook(ctx context.Context, webhook, mention, title, text string) error {
	const op = "send by webhook"
	var answer struct {
		Errcode connectors.LooseString `json:"errcode"`
		Errmsg  connectors.LooseString `json:"errmsg"`
	}
	body := map[string]any{"msgtype": "markdown"}
	if mention != "" {
		body["at"] = map[string]any{"atUserIds": []string{mention}}
		text = "@" + mention + "\n\n" + text
	}
	body["markdown"] = map[string]string{"title": title, "text": text}
	if err := a.send(ctx, http.MethodPost, op, webhook, "", body, &answer); err != nil {
		return err
	}
	switch answer.Errcode {
	case "0":
		return nil
	case "":
		return &connectors.Error{Op: op, Message: "the answer holds no errcode"}
	case "-1": // the system is busy
		return &connectors.Error{Op: op, Code: "-1", Message: string(answer.Errmsg)}
	case "410100": // too fast
		return &connectors.Error{Op: op, Code: "410100", Message: string(answer.Errmsg), RetryAfter: 3 * time.Second}
	}
	return &connectors.Error{Op: op, Code: string(answer.Errcode), Message: string(answer.Errmsg), Fatal: true}
}

// refusedContent reports whether DingTalk did not like what was to be said: an
// unsafe link, a text, a picture or other content.
func refusedContent(err error) bool {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "430101", "430102", "430103", "430104", // by webhook
		"param.contentUnsafe": // in a card
		return true
	}
	return strings.HasPrefix(e.Code, "contain.") // by the robot API
}

// byRobot sends markdown as the robot, to the group or to the person.
func (a *api) byRobot(ctx context.Context, to address, title, text string) error {
	param, err := encode(map[string]string{"title": title, "text": text})
	if err != nil {
		return fmt.Errorf("send by robot: %w", err)
	}
	robot := to.RobotCode
	if robot == "" {
		robot = a.config.RobotCode
	}
	body := map[string]any{"robotCode": robot, "msgKey": "sampleMarkdown", "msgParam": string(param)}
	if to.Group {
		return a.toGroup(ctx, to, body)
	}
	return a.toPerson(ctx, to, body)
}

// noReceipt is a 200 without processQueryKey: whoever answered, nothing was sent.
func noReceipt(op string) error {
	return &connectors.Error{Op: op, Message: "the answer holds no processQueryKey"}
}

func (a *api) toGroup(ctx context.Context, to address, body map[string]any) error {
	const op = "send to group"
	body["openConversationId"] = to.Chat
	if to.CoolApp != "" {
		body["coolAppCode"] = to.CoolApp // documented: needed where a cool app brought the robot in
	}
	var answer struct {
		Receipt connectors.LooseString `json:"processQueryKey"`
	}
	if err := a.call(ctx, op, "/v1.0/robot/groupMessages/send", body, &answer); err != nil {
		return err
	}
	if answer.Receipt == "" {
		return noReceipt(op)
	}
	return nil
}

// toPerson sends to one person. The answer is HTTP 200 also when nobody got the
// message.
func (a *api) toPerson(ctx context.Context, to address, body map[string]any) error {
	const op = "send to person"
	if to.StaffID == "" {
		return &connectors.Error{Op: op, Fatal: true, Message: "the person is not of this organisation, only the webhook could reach them and it has expired"}
	}
	body["userIds"] = []string{to.StaffID}
	var answer struct {
		Receipt   connectors.LooseString `json:"processQueryKey"`
		Invalid   []string               `json:"invalidStaffIdList"`
		Throttled []string               `json:"flowControlledStaffIdList"`
	}
	if err := a.call(ctx, op, "/v1.0/robot/oToMessages/batchSend", body, &answer); err != nil {
		return err
	}
	switch {
	case len(answer.Invalid) > 0:
		return &connectors.Error{Op: op, Fatal: true, Code: "invalidStaffIdList", Message: "DingTalk does not know the person"}
	case len(answer.Throttled) > 0:
		return &connectors.Error{Op: op, Code: "flowControlledStaffIdList", Message: "too many messages to the person", RetryAfter: 3 * time.Second}
	case answer.Receipt == "":
		return noReceipt(op)
	}
	return nil
}
