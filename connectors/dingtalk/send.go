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
	body := map[string]any{"msgtype": "markdown"}
	if mention != "" {
		body["at"] = map[string]any{"atUserIds": []string{mention}}
		text = "@" + mention + "\n\n" + text
	}
	body["markdown"] = map[string]string{"title": title, "text": text}
	return a.send(ctx, http.MethodPost, "send by webhook", webhook, "", body, &hookAnswer{})
}

type hookAnswer struct {
	Errcode connectors.LooseString `json:"errcode"`
	Errmsg  connectors.LooseString `json:"errmsg"`
}

func (h *hookAnswer) check(op string) error {
	switch h.Errcode {
	case "0":
		return nil
	case "":
		return &connectors.Error{Op: op, Message: "the answer holds no errcode"}
	case "-1": // the system is busy
		return &connectors.Error{Op: op, Code: "-1", Message: string(h.Errmsg)}
	case "410100": // too fast
		return &connectors.Error{Op: op, Code: "410100", Message: string(h.Errmsg), RetryAfter: 3 * time.Second}
	}
	return &connectors.Error{Op: op, Code: string(h.Errcode), Message: string(h.Errmsg), Fatal: true}
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

// receipt is the answer to a message that was sent.
type receipt struct {
	Key connectors.LooseString `json:"processQueryKey"`
}

// check makes an error of a 200 without a key: whoever answered, nothing was sent.
func (r *receipt) check(op string) error {
	if r.Key == "" {
		return &connectors.Error{Op: op, Message: "the answer holds no processQueryKey"}
	}
	return nil
}

func (a *api) toGroup(ctx context.Context, to address, body map[string]any) error {
	body["openConversationId"] = to.Chat
	if to.CoolApp != "" {
		body["coolAppCode"] = to.CoolApp // documented: needed where a cool app brought the robot in
	}
	return a.call(ctx, "send to group", "/v1.0/robot/groupMessages/send", body, &receipt{})
}

// toPerson sends to one person.
func (a *api) toPerson(ctx context.Context, to address, body map[string]any) error {
	const op = "send to person"
	if to.StaffID == "" {
		return &connectors.Error{Op: op, Fatal: true, Message: "the person is not of this organisation, only the webhook could reach them and it has expired"}
	}
	body["userIds"] = []string{to.StaffID}
	return a.call(ctx, op, "/v1.0/robot/oToMessages/batchSend", body, &personReceipt{})
}

// personReceipt is the answer to a message to one person. It is HTTP 200 also when
// nobody got the message.
type personReceipt struct {
	receipt
	Invalid   []string `json:"invalidStaffIdList"`
	Throttled []string `json:"flowControlledStaffIdList"`
}

func (p *personReceipt) check(op string) error {
	switch {
	case len(p.Invalid) > 0:
		return &connectors.Error{Op: op, Fatal: true, Code: "invalidStaffIdList", Message: "DingTalk does not know the person"}
	case len(p.Throttled) > 0:
		return &connectors.Error{Op: op, Code: "flowControlledStaffIdList", Message: "too many messages to the person", RetryAfter: 3 * time.Second}
	}
	return p.receipt.check(op)
}
