package dingtalk

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"longwire/connectors"
)

// Events of the organisation that say that a chat has taken the robot in, by a cool
// app (developer documentation, "Group cool app installed"). There is no event for a
// robot that is put into a group by the group's settings, nor for a chat with the
// robot that somebody opens.
const (
	groupInstall  = "im_cool_app_install"
	singleInstall = "single_conversation_cool_app_install" // a chat of two people, one of whom is the operator
)

// orgEvent is the data of an EVENT, as far as it is used.
type orgEvent struct {
	EventType    word                   `json:"eventType"` // here and there beside the header
	RobotCode    word                   `json:"robotCode"`
	Conversation word                   `json:"openConversationId"`
	CoolApp      word                   `json:"coolAppCode"`
	Operator     word                   `json:"operator"` // the staff id of who installed it
	At           connectors.LooseMillis `json:"operateTime"`
	ErrorCode    word                   `json:"errorCode"`
	ErrCode      word                   `json:"errCode"`
}

// withheld is message.withheld for events.
func (e orgEvent) withheld() bool { return e.ErrorCode == withheldCode || e.ErrCode == withheldCode }

// errWithheld says that an event came without its data: the quota is used up.
var errWithheld = fmt.Errorf("%w: its data is withheld", errNotForUs)

// parseHello makes an event of an EVENT that says that a chat has taken the robot in.
// All others are errNotForUs.
func parseHello(f frame, connection string) (connectors.Event, error) {
	var e orgEvent
	_ = json.Unmarshal([]byte(f.Data), &e) // an event of no concern may have any form
	what := word(f.Headers[eventTypeHeader])
	if what == "" {
		what = e.EventType
	}
	switch {
	case e.withheld():
		return connectors.Event{}, errWithheld
	case what != groupInstall && what != singleInstall:
		return connectors.Event{}, errNotForUs
	}
	to := address{
		RobotCode: string(e.RobotCode), Chat: string(e.Conversation), Group: what == groupInstall,
		StaffID: string(e.Operator), CoolApp: string(e.CoolApp),
	}
	id := f.Headers[eventIDHeader]
	if id == "" {
		id = to.Chat
	}
	if err := to.checkHello(id); err != nil {
		return connectors.Event{}, fmt.Errorf("parse event: %w", err)
	}
	raw, err := json.Marshal(to)
	if err != nil {
		return connectors.Event{}, fmt.Errorf("parse event: %w", err)
	}
	return connectors.Event{
		ID:         "hello/" + id,
		Connection: connection,
		Kind:       connectors.KindHello,
		Chat:       connectors.Chat{ID: to.Chat, Group: to.Group},
		Sender:     connectors.Person{ID: to.StaffID},
		Sent:       e.At.Time,
		Received:   time.Now(),
		Address:    raw,
	}, nil
}

// checkHello says what is missing to greet anybody there.
func (a address) checkHello(id string) error {
	switch {
	case a.Chat == "" && a.Group:
		return errors.New("no openConversationId")
	case a.StaffID == "" && !a.Group:
		return errors.New("no operator")
	case id == "":
		return errors.New("no eventId")
	}
	for _, id := range []string{id, a.Chat, a.StaffID, a.RobotCode, a.CoolApp} {
		if len(id) > maxID {
			return fmt.Errorf("an id has %d bytes, more than %d", len(id), maxID)
		}
	}
	return nil
}
