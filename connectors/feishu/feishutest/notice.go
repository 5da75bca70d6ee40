package feishutest

// The methods here do what people do besides writing. Each returns the name under
// which WaitAck, Acks and Deliveries know its event, "" when nothing is pushed:
// the app is unknown, has not subscribed or lacks the scope. An empty appID is
// the first of Options.Apps.

var memberScopes = []string{"im:chat", "im:chat.members:bot_access", "im:chat:readonly"}

// Enter opens the dialogue with the bot, as a person does.
func (s *Server) Enter(appID string, p Person) string {
	p.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.bot(appID)
	if a == nil {
		return ""
	}
	c := s.openChat(a, Message{From: p})
	s.people.put(p.OpenID, p)
	event := map[string]any{"chat_id": c.ID, "operator_id": p.idFor(a)}
	if c.last != nil {
		event["last_message_id"], event["last_message_create_time"] = c.last.id, millis(c.last.created)
	}
	return s.emit(a, eventEntered, "", event)
}

// AddBot adds the bot to a group.
func (s *Server) AddBot(appID, chatID string, by Person) string {
	return s.moveBot(appID, chatID, by, eventBotAdded)
}

// RemoveBot removes the bot from a group: what it sends there fails with 230002
// from now on.
func (s *Server) RemoveBot(appID, chatID string, by Person) string {
	return s.moveBot(appID, chatID, by, eventBotDeleted)
}

func (s *Server) moveBot(appID, chatID string, by Person, eventType string) string {
	by.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.bot(appID)
	if a == nil {
		return ""
	}
	c := s.chat(chatID, "")
	c.people[by.OpenID] = true
	if eventType == eventBotAdded {
		c.apps[a] = true
	} else {
		delete(c.apps, a)
	}
	s.people.put(by.OpenID, by)
	if !a.may(memberScopes...) {
		return ""
	}
	return s.emit(a, eventType, "", map[string]any{
		"chat_id": chatID, "operator_id": by.idFor(a), "external": c.External, "operator_tenant_key": tenant,
		"name": c.Name, "i18n_names": map[string]string{"zh_cn": c.Name},
	})
}

// Menu clicks an entry of the bot's menu. The event names no chat.
func (s *Server) Menu(appID string, p Person, key string) string {
	p.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.bot(appID)
	if a == nil {
		return ""
	}
	s.openChat(a, Message{From: p}) // so that the bot can answer by open_id
	s.people.put(p.OpenID, p)
	operator := map[string]any{"operator_id": p.idFor(a)}
	if a.may("application:application.bot.operator_name:readonly") {
		operator["operator_name"] = p.Name
	}
	return s.emit(a, eventMenu, "", map[string]any{
		"operator": operator, "event_key": key, "timestamp": s.now().Unix(), // seconds, and a number
	})
}

// Read marks messages of the bot as read.
func (s *Server) Read(appID string, p Person, messageIDs ...string) string {
	p.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.bot(appID)
	if a == nil || !a.may(readScopes...) {
		return ""
	}
	return s.emit(a, eventRead, "", map[string]any{
		"message_id_list": messageIDs,
		"reader":          map[string]any{"reader_id": p.idFor(a), "read_time": millis(s.now()), "tenant_key": tenant},
	})
}
