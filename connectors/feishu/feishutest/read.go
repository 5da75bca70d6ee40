package feishutest

import "slices"

// readMessage answers with a message, and with everything in it when it is a
// forward.
func (s *Server) readMessage(c call) (any, *refusal) {
	query := c.r.URL.Query()
	as := reading{idType: query.Get("user_id_type")}
	if !slices.Contains([]string{"", "open_id", "union_id", "user_id"}, as.idType) {
		return nil, invalidField("user_id_type", "must be one of open_id, union_id, user_id")
	}
	switch query.Get("card_msg_content_type") {
	case "":
	case "user_card_content":
		as.wholeFor = c.app
	default:
		return nil, invalidField("card_msg_content_type", "must be user_card_content")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findIn(c.app, c.r.PathValue("message_id"))
	if no != nil && no.code == codeRecalled {
		m = s.messages.get(c.r.PathValue("message_id")) // shown without content
		no = m.chat.refuses(c.app)
	}
	if no == nil && !s.reads(c.app, m) {
		no = refuse(codeNoPermission, "Lack of necessary permissions, ext=need scope: im:message.group_msg")
	}
	if no != nil {
		return nil, no
	}
	items := []any{s.object(m, as)}
	if m.gone == 0 {
		items = append(items, s.insides(m, as)...)
	}
	return success(map[string]any{"items": items}), nil
}

// reads says whether a may read m, over and above the scope of the API. mu is
// held.
func (s *Server) reads(a *app, m *message) bool {
	return m.chat.direct != "" || s.hearsAll(a) || m.mentionsBot && s.opts.Doubts.ReadMentioned
}

// insides are the messages in the forward m, those of forwards in it after them.
// mu is held.
func (s *Server) insides(m *message, as reading) []any {
	var items []any
	for _, child := range m.inside {
		items = append(items, s.object(child, as))
		if !s.opts.Doubts.ShallowForwards {
			items = append(items, s.insides(child, as)...)
		}
	}
	return items
}
