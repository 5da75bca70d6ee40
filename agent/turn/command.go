package turn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// The commands, by their English names.
const (
	newCommand   = "/new"
	helpCommand  = "/help"
	stopCommand  = "/stop"
	retryCommand = "/retry"
	modelCommand = "/model"
	usageCommand = "/usage"
	idCommand    = "/id"
	yesCommand   = "/yes"
	noCommand    = "/no"
)

// commands are all names of the commands, and which each stands for.
var commands = map[string]string{
	newCommand: newCommand, "/新对话": newCommand, "/新会话": newCommand,
	helpCommand: helpCommand, "/帮助": helpCommand,
	stopCommand: stopCommand, "/停止": stopCommand,
	retryCommand: retryCommand, "/重试": retryCommand, "/重新回答": retryCommand,
	modelCommand: modelCommand, "/模型": modelCommand,
	usageCommand: usageCommand, "/用量": usageCommand,
	idCommand: idCommand, "/编号": idCommand,
	yesCommand: yesCommand, "/是": yesCommand, "/允许": yesCommand,
	noCommand: noCommand, "/否": noCommand, "/拒绝": noCommand,
}

// command is a text as a command: its English name, in whichever case and with
// whichever slash it was written, and what stands behind it. name is "" for what is no
// command; for one that nobody knows it is nearest to what was meant, and known false.
func command(text string) (name, rest string, known bool) {
	text = strings.TrimSpace(text)
	if full, ok := strings.CutPrefix(text, "／"); ok {
		text = "/" + full
	}
	first := text
	if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 { // a space may be a full-width one, too
		first, rest = text[:end], strings.TrimSpace(text[end:])
	}
	if first = strings.ToLower(first); rest == "" {
		first = strings.TrimRight(first, "!?.~！？。～")
	}
	if !looksLikeCommand(first) {
		return "", "", false
	}
	name, known = commands[first]
	switch {
	case known && (rest == "" || name == modelCommand || name == stopCommand): // nobody waits for "/stop please"
		return name, rest, true
	case rest != "": // "/new Go modules, how do they work?" is a question
		return "", "", false
	case known:
		return name, "", true
	}
	return nearest(first), "", false
}

// commandOf is command for an event: only a text is one, whatever it quotes.
func commandOf(ev connectors.Event) (name, rest string, known bool) {
	if ev.Kind != connectors.KindText {
		return "", "", false
	}
	return command(ev.Text)
}

// maxCommand bounds the length of a word that might be meant as a command, in
// characters.
const maxCommand = 16

// looksLikeCommand reports whether a word may be meant as a command: a slash, a letter,
// and letters, digits, hyphens and underscores. A path has more slashes, a fraction begins
// with a digit.
func looksLikeCommand(word string) bool {
	letters, ok := strings.CutPrefix(word, "/")
	first, _ := utf8.DecodeRuneInString(letters)
	return ok && unicode.IsLetter(first) && utf8.RuneCountInString(letters) <= maxCommand &&
		!strings.ContainsFunc(letters, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' })
}

// nearest is the command whose name is most like word, help if none is.
func nearest(word string) string {
	best, least := helpCommand, utf8.RuneCountInString(word)/2+1
	for _, name := range sortedKeys(commands) {
		if d := distance([]rune(word), []rune(name)); d < least {
			best, least = commands[name], d
		}
	}
	return best
}

// distance is how many characters have to be put in, taken out or replaced to make b
// of a.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Mark says of ev how it is to be kept and taken: in whose conversation; beside it,
// without waiting for the turn that runs there, or in it; and whether with others that
// wait or alone.
func (t *Turn) Mark(ev connectors.Event) connectors.Event {
	ev.Shared = t.config.Shared
	if ev.Kind != connectors.KindText {
		ev.Aside, ev.Alone = ev.Kind == connectors.KindRecall, true
		return ev
	}
	name, _, known := commandOf(ev)
	ev.Alone = name != ""
	ev.Aside = name != "" && (!known || name != retryCommand)
	return ev
}

// Accepting does what ev asks for at the moment in which it comes, and not when it is
// taken: what its person writes next comes behind it. It may be called again for the same
// event, and does it once.
func (t *Turn) Accepting(ctx context.Context, ev connectors.Event) error {
	if severals(ev) && !t.mayAct(ctx, ev) { // it is not theirs alone
		return nil
	}
	switch name, _, known := commandOf(ev); {
	case !known:
	case name == newCommand:
		return errors.Join(
			t.with.Store.Forget(ctx, ev.Connection, conversation.KeyOf(ev), ev.Trace()),
			t.forgetBeside(ctx, ev))
	case name == retryCommand && t.with.Shelf != nil:
		// A redelivery must not stop the answer.
		return t.once(ctx, retryName(ev), failedKeep, func() error {
			_, err := t.with.Store.Interrupt(ctx, ev.Connection, conversation.KeyOf(ev), "")
			return err
		})
	}
	return nil
}

// once does something for one name, whichever replica it is, and again only if it failed.
func (t *Turn) once(ctx context.Context, name string, keep time.Duration, do func() error) error {
	n, err := t.with.Shelf.Add(ctx, name, 1, keep)
	if err != nil || n > 1 {
		return err
	}
	if err = do(); err != nil {
		err = errors.Join(err, t.uncount(ctx, name, 1, keep))
	}
	return err
}

// uncount takes back what was counted of something that has not happened.
func (t *Turn) uncount(ctx context.Context, name string, n int64, keep time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, err := t.with.Shelf.Add(ctx, name, -n, keep)
	return err
}

// mayAct reports whether ev's person may do something to a conversation of several. It
// answers at once: the platform waits for the ack.
func (t *Turn) mayAct(ctx context.Context, ev connectors.Event) bool {
	name, _, known := commandOf(ev)
	if t.with.Gate == nil || !known || name != newCommand && name != retryCommand {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return t.with.Gate.May(ctx, ev)
}

// plain answers what needs no model: commands, messages that cannot be read, and
// messages that were tried too often. ok is false for everything else.
func (t *Turn) plain(ctx context.Context, lease *conversation.Lease, r *reply) (words string, out conversation.Outcome, ok bool) {
	ev, lang := lease.Event, r.lang
	if returned, _ := r.ledger.returned(); lease.Attempt-returned > t.config.Attempts {
		t.log.Error("given up: the program did not survive the earlier attempts", "event", ev.Trace(), "attempts", lease.Attempt-returned-1)
		out = conversation.Outcome{How: conversation.Dead, Reason: "the program did not survive the earlier attempts"}
		return lang.failed(model.Unavailable, ev.Trace()), out, true
	}
	if ev.Kind == connectors.KindHello {
		return t.welcome(lang), out, true
	}
	if ev.Kind != connectors.KindText && r.trouble != nil {
		out = conversation.Outcome{How: conversation.Failed, Reason: r.trouble.Error()}
		return lang.notRead(r.trouble, ev.Trace()), out, true
	}
	if ev.Kind != connectors.KindText {
		return lang.cannotRead(ev.Kind), out, true
	}
	name, rest, known := commandOf(ev)
	if name == "" || known && name == retryCommand {
		return "", out, false
	}
	words, err := t.commanded(ctx, ev, name, rest, known)
	if err != nil {
		t.log.Error("command not carried out", "event", ev.Trace(), "command", name, "err", err)
		out = conversation.Outcome{How: conversation.Failed, Reason: err.Error()}
		words = t.config.Language.both(func(l Language) string { return l.failed(model.Unavailable, ev.Trace()) })
	}
	return words, out, true
}

// commanded carries a command out and returns what its person reads.
func (t *Turn) commanded(ctx context.Context, ev connectors.Event, name, rest string, known bool) (words string, err error) {
	both := t.config.Language.both
	if !known {
		return both(func(l Language) string { return l.nearest(strings.TrimSpace(ev.Text), name) }), nil
	}
	switch name {
	case newCommand:
		return both(Language.forgotten), t.Accepting(ctx, ev)
	case stopCommand:
		return t.stop(ctx, ev)
	case modelCommand:
		return t.chooseModel(ctx, ev, rest)
	case usageCommand:
		return t.usage(ctx, ev)
	case idCommand:
		return both(func(l Language) string { return l.ids(ev) }), nil
	case yesCommand, noCommand:
		return t.word(ctx, ev, name)
	}
	return both(func(l Language) string { return l.help(len(t.with.Choices) > 1) }), nil
}

// stop stops the turn that runs in ev's conversation, whoever runs it.
func (t *Turn) stop(ctx context.Context, ev connectors.Event) (string, error) {
	stopped, err := t.with.Store.Interrupt(ctx, ev.Connection, conversation.KeyOf(ev), "")
	if stopped {
		return t.config.Language.both(Language.stopping), err
	}
	return t.config.Language.both(Language.nothingToStop), err
}

// word takes a person's yes or no to what the bot has asked last.
func (t *Turn) word(ctx context.Context, ev connectors.Event, name string) (string, error) {
	word := saidYes
	if name == noCommand {
		word = saidNo
	}
	counts, err := t.answerOpen(ctx, ev, word)
	return t.config.Language.both(func(l Language) string { return l.answered(counts) }), err
}

// usage tells a person what they have used.
func (t *Turn) usage(ctx context.Context, ev connectors.Event) (string, error) {
	if t.with.Gate == nil {
		return t.config.Language.both(Language.unlimited), nil
	}
	used, err := t.with.Gate.Used(ctx, ev.Sender.ID)
	return t.config.Language.both(func(l Language) string { return l.usage(used) }), err
}

// choiceKeep is how long it is remembered which model somebody has chosen.
const choiceKeep = 30 * 24 * time.Hour

func choiceName(ev connectors.Event) string { return "model/" + string(conversation.KeyOf(ev)) }

// chooseModel notes which model a conversation is to have, or tells which there are.
func (t *Turn) chooseModel(ctx context.Context, ev connectors.Event, label string) (string, error) {
	both := t.config.Language.both
	now := t.choose(ctx, ev).Label
	if label == "" || t.with.Shelf == nil {
		return both(func(l Language) string { return l.models(now, t.labels()) }), nil
	}
	for _, c := range t.with.Choices {
		if strings.EqualFold(c.Label, label) {
			return both(func(l Language) string { return l.modelChosen(c.Label) }), t.with.Shelf.Put(ctx, choiceName(ev), []byte(c.Label), choiceKeep)
		}
	}
	return both(func(l Language) string { return l.noSuchModel(label, t.labels()) }), nil
}

func (t *Turn) labels() (labels []string) {
	for _, c := range t.with.Choices {
		labels = append(labels, c.Label)
	}
	return labels
}

// choose is the model that answers ev: the one that its conversation has chosen, if
// that is still there, else the first.
func (t *Turn) choose(ctx context.Context, ev connectors.Event) Choice {
	if len(t.with.Choices) > 1 && t.with.Shelf != nil {
		label, err := t.with.Shelf.Get(ctx, choiceName(ev))
		if err != nil {
			t.log.Warn("the model that was chosen cannot be looked up", "event", ev.Trace(), "err", err)
		}
		if i := slices.IndexFunc(t.with.Choices, func(c Choice) bool { return err == nil && c.Label == string(label) }); i >= 0 {
			return t.with.Choices[i]
		}
	}
	return t.with.Choices[0]
}
