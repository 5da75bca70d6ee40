package feishutest

// botInfo answers who the bot is. Unlike everywhere else the answer is in "bot",
// not in "data".
func (s *Server) botInfo(c call) (any, *refusal) {
	return map[string]any{"code": 0, "msg": "ok", "bot": map[string]any{
		"activate_status": 2, // enabled
		"app_name":        c.app.BotName,
		"avatar_url":      s.url + "/avatar.png",
		"ip_white_list":   []string{},
		"open_id":         c.app.BotOpenID,
	}}, nil
}
