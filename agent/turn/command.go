package turn

import (
	"context"
	"strings"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// plain answers what needs no model: commands, messages that cannot be read, and
// messages that were tried too often. ok is false for everything else.
func (t *Turn) plain(ctx context.Context, lease *conversation.Lease, lang Language) (words string, out conversation.Outcome, ok bool) {
	ev := lease.Event
	if lease.Attempt > t.config.Attempts {
		t.log.Error("given up: the program did not survive the earlier attempts", "event", ev.Trace(), "attempts", lease.Attempt-1)
		out = conversation.Outcome{How: conversation.Dead, Reason: "the program did not survive the earlier attempts"}
		return lang.failed(model.Unavailable, ev.Trace()), out, true
	}
	if ev.Kind == connectors.KindHello {
		return t.welcome(lang), out, true
	}
	if ev.Kind != connectors.KindText {
		return lang.cannotRead(ev.Kind), out, true
	}
	switch command(ev.Text) {
	case newCommand:
		return lang.forgotten(), conversation.Outcome{Forget: true}, true
	case helpCommand:
		return t.config.Language.both(Language.help), out, true
	case stopCommand:
		return t.stop(ctx, ev), out, true
	}
	return "", out, false
}

// stop stops the turn that runs in ev's conversation, whoever runs it.
func (t *Turn) stop(ctx context.Context, ev connectors.Event) string {
	stopped, err := t.stopper.Interrupt(ctx, ev.Connection, conversation.KeyOf(ev), "")
	switch {
	case err != nil:
		t.log.Error("turn not stopped", "event", ev.Trace(), "err", err)
		return t.config.Language.both(func(l Language) string { return l.failed(model.Unavailable, ev.Trace()) })
	case stopped:
		return t.config.Language.both(Language.stopping)
	}
	return t.config.Language.both(Language.nothingToStop)
}

// The commands.
const (
	newCommand  = "/new"
	helpCommand = "/help"
	stopCommand = "/stop"
)

// inChinese are the commands' other names.
var inChinese = map[string]string{"/新对话": newCommand, "/帮助": helpCommand, "/停止": stopCommand}

// command is the text as a command: in lower case, with the slash of Chinese
// keyboards (／) as a slash, by its English name.
func command(text string) string {
	text = strings.TrimSpace(text)
	if rest, full := strings.CutPrefix(text, "／"); full {
		text = "/" + rest
	}
	text = strings.ToLower(text)
	if name, ok := inChinese[text]; ok {
		return name
	}
	return text
}

// Alone reports whether ev is not to be answered together with what waits beside it:
// a command, and what cannot be read.
func (t *Turn) Alone(ev connectors.Event) bool {
	if ev.Kind != connectors.KindText {
		return true
	}
	switch command(ev.Text) {
	case newCommand, helpCommand, stopCommand:
		return true
	}
	return false
}

// Aside reports whether ev is to be answered beside its conversation, without
// waiting for the turn that runs there.
func (t *Turn) Aside(ev connectors.Event) bool {
	if ev.Kind != connectors.KindText {
		return ev.Kind == connectors.KindRecall
	}
	switch command(ev.Text) {
	case helpCommand, stopCommand:
		return true
	}
	return false
}
