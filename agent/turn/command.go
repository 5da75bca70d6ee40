package turn

import (
	"strings"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// plain answers what needs no model: commands, messages that cannot be read, and
// messages that were tried too often. ok is false for everything else.
func (t *Turn) plain(lease *conversation.Lease, lang Language) (text string, out conversation.Outcome, ok bool) {
	ev := lease.Event
	if lease.Attempt > t.config.Attempts {
		t.log.Error("given up: the program did not survive the earlier attempts", "event", ev.Trace(), "attempts", lease.Attempt-1)
		return lang.failed(model.Unavailable, ev.Trace()), conversation.Outcome{}, true
	}
	if ev.Kind != connectors.KindText {
		return lang.cannotRead(ev.Kind), conversation.Outcome{}, true
	}
	switch command(ev.Text) {
	case "/new", "/新对话":
		return lang.forgotten(), conversation.Outcome{Forget: true}, true
	case "/help", "/帮助":
		return lang.help(), conversation.Outcome{}, true
	}
	return "", conversation.Outcome{}, false
}

// command is the text as a command: in lower case, with the slash of Chinese
// keyboards (／) as a slash.
func command(text string) string {
	text = strings.TrimSpace(text)
	if rest, full := strings.CutPrefix(text, "／"); full {
		text = "/" + rest
	}
	return strings.ToLower(text)
}
