package dingtalktest

import "time"

// The events below are pushed as Event does it, with the data that the catalogue
// documents, and return the event's id. There is no event for a robot that is put
// into a group by the group's settings, nor for a 1:1 chat that is opened.

// CoolAppInstalled says that a group got the robot with a group cool app: the
// earliest a robot hears of a group. The robot is in the group from then on.
func (s *Server) CoolAppInstalled(clientID, chat, operator string) string {
	s.Join(clientID, chat)
	return s.coolApp("im_cool_app_install", clientID, chat, operator)
}

// CoolAppUninstalled says that the group gave it up; the robot is in it no more.
func (s *Server) CoolAppUninstalled(clientID, chat, operator string) string {
	s.mu.Lock()
	delete(s.appNamed(clientID).groups, chat)
	s.mu.Unlock()
	return s.coolApp("im_cool_app_uninstall", clientID, chat, operator)
}

func (s *Server) coolApp(eventType, clientID, chat, operator string) string {
	now := time.Now()
	return s.Event(Event{ClientID: clientID, Type: eventType, Born: now, Data: map[string]any{
		"coolAppCode":            "COOLAPP-1-10182EEDD1AC0BA600D9000J",
		"operateTime":            millis(now),
		"openConversationCorpId": corpID,
		"robotCode":              s.robotCode(clientID),
		"openConversationId":     chat,
		"operator":               operator,
	}})
}

// MembersAdded says that people were added to a group. Whether robots appear in this
// event is UNVERIFIED: pass what is to be seen.
func (s *Server) MembersAdded(clientID, chat, operator string, userIDs ...string) string {
	data := chatEvent(chat, operator)
	data["eventType"] = "chat_add_member"
	return s.members("chat_add_member", clientID, data, userIDs)
}

// MembersRemoved says that people were removed from a group.
func (s *Server) MembersRemoved(clientID, chat, operator string, userIDs ...string) string {
	return s.members("chat_remove_member", clientID, chatEvent(chat, operator), userIDs)
}

func (s *Server) members(eventType, clientID string, data map[string]any, userIDs []string) string {
	unionIDs := make([]string, 0, len(userIDs))
	for _, id := range userIDs {
		unionIDs = append(unionIDs, unionID(id))
	}
	data["userId"], data["unionId"] = userIDs, unionIDs
	return s.Event(Event{ClientID: clientID, Type: eventType, Data: data})
}

// TitleChanged says that a group has another name.
func (s *Server) TitleChanged(clientID, chat, operator, title string) string {
	data := chatEvent(chat, operator)
	data["title"] = title
	return s.Event(Event{ClientID: clientID, Type: "chat_update_title", Data: data})
}

// Disbanded says that a group is no more. Nobody can send to it from then on.
func (s *Server) Disbanded(clientID, chat, operator string) string {
	s.mu.Lock()
	s.disbanded[chat] = true
	s.mu.Unlock()
	return s.Event(Event{ClientID: clientID, Type: "chat_disband", Data: chatEvent(chat, operator)})
}

// Recalled says that a message of the robot was withdrawn. It takes nothing out of
// Sent.
func (s *Server) Recalled(clientID string, sent Sent, userID string) string {
	return s.Event(Event{ClientID: clientID, Type: "robot_msg_recall", Data: map[string]any{
		"unionId":            unionID(userID),
		"operatTime":         time.Now().UnixMilli(), // sic; a string in robot_msg_read
		"robotCode":          s.robotCode(clientID),
		"openConversationId": sent.ChatID,
		"userId":             userID,
		"processQueryKey":    sent.QueryKey,
	}})
}

// chatEvent is what the events about groups have in common.
func chatEvent(chat, operator string) map[string]any {
	return map[string]any{
		"timeStamp":          time.Now().UnixMilli(),
		"chatId":             "chat" + hexOf(digest("chat", chat)),
		"corpId":             corpID,
		"operatorUnionId":    unionID(operator),
		"openConversationId": chat,
		"operator":           operator,
	}
}

// unionID is a person's id for several apps.
func unionID(userID string) string { return hexOf(digest("union", userID))[:24] }

func (s *Server) robotCode(clientID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appNamed(clientID).RobotCode
}
