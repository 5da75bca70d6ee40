package turn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"longwire/agent/model"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// How often the store is asked whether the person has answered, and how long an answer
// is kept: it may have been given to an attempt that has died since.
const (
	confirmPoll = 500 * time.Millisecond
	confirmKeep = 24 * time.Hour
)

// The words that a Proposal is answered with, as the shelf has them.
const (
	saidYes = "yes"
	saidNo  = "no"

	saidNothing = "withdrawn" // nobody waits for it any more
)

func confirmName(key string) string { return "confirm/" + key }

// openName is where the key of the proposal is that a conversation has to answer.
func openName(ev connectors.Event) string {
	return "proposal/" + ev.Chat.ID + "/" + ev.Chat.Thread + "/" + ev.Sender.ID
}

// fingerprint tells a call from others by what it does, however its arguments are
// written.
func fingerprint(call model.Call) string {
	arguments := []byte(call.Arguments)
	var value any
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.UseNumber()
	if decoder.Decode(&value) == nil && !decoder.More() {
		if plain, err := json.Marshal(value); err == nil {
			arguments = plain
		}
	}
	sum := sha256.Sum256([]byte(call.Name + "\x00" + string(arguments)))
	return hex.EncodeToString(sum[:8])
}

// confirm asks the person whether a tool may run. It returns what the model reads where
// it may not. A yes is for one run: who calls the same once more asks once more. A no is
// for the whole attempt, and so is silence.
func (k *talk) confirm(ctx context.Context, tool tools.Tool, call model.Call) (instead string, err error) {
	if k.t.with.Proposer == nil || k.t.with.Shelf == nil {
		return resultUnasked, nil
	}
	print := fingerprint(call)
	if words := k.words[print]; len(words) > 0 && words[len(words)-1] != saidYes {
		return insteadOf(words[len(words)-1]), nil
	}
	key := connectors.ReplyKey(k.lease.Event, fmt.Sprintf("confirm/%s/%d", print, len(k.words[print])))
	word, err := k.propose(ctx, tool, call, key)
	switch {
	case errors.Is(err, errUnasked):
		return resultUnasked, nil
	case err != nil:
		return "", err
	}
	if k.words == nil {
		k.words = make(map[string][]string)
	}
	k.words[print] = append(k.words[print], word)
	return insteadOf(word), nil
}

// insteadOf is what the model reads instead of a result after a person's word.
func insteadOf(word string) string {
	switch word {
	case saidYes:
		return ""
	case saidNo:
		return resultRefused
	}
	return resultNoWord
}

// errUnasked says that the person could not be asked.
var errUnasked = errors.New("the person could not be asked")

// propose asks the person, and waits for the answer, which any replica may get; "" is
// none in time.
func (k *talk) propose(ctx context.Context, tool tools.Tool, call model.Call, key string) (word string, err error) {
	ev, t := k.r.delivered, k.t
	p := connectors.Proposal{Event: ev, Key: key}
	shown, ok := arguments(call.Arguments)
	if !ok {
		k.t.log.Warn("tool not run, what it is to do is too long to be read by anybody", "event", ev.Trace(), "tool", call.Name)
		return "", errUnasked
	}
	p.Text = k.lang.propose(literal(tool.Title)+" ("+literal(call.Name)+")", shown)
	p.Plain = p.Text + "\n\n" + k.lang.proposePlainly()
	log := t.log.With("event", ev.Trace(), "tool", call.Name)
	if err := errors.Join(t.with.Shelf.Put(ctx, openName(ev), []byte(p.Key), t.config.Confirm), t.with.Proposer.Propose(ctx, p)); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		log.Warn("tool not run, its person could not be asked", "err", err)
		return "", errUnasked
	}
	if !k.yield(connectors.Delta{Doing: k.lang.waitingForWord(tool.Title)}, nil) {
		return "", errUnwanted
	}
	if word, err = k.word(ctx, p.Key); err != nil {
		if errors.Is(context.Cause(ctx), conversation.ErrInterrupted) || errors.Is(context.Cause(ctx), ErrRecalled) {
			k.withdraw(ctx, p) // whoever has, or takes, the turn otherwise goes on waiting for the same word
		}
		return "", err
	}
	log.Info("tool proposed", "answer", word)
	concluded := k.lang.answered(word)
	if word == "" {
		concluded = k.lang.noWord()
	}
	if err := t.with.Proposer.Conclude(ctx, p, concluded); err != nil {
		log.Warn("a proposal keeps its buttons, which do nothing any more", "err", err)
	}
	return word, nil
}

// withdraw ends a proposal to which nobody waits for an answer any more: the person has
// ended the turn.
func (k *talk) withdraw(ctx context.Context, p connectors.Proposal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	_, err := k.t.confirmed(ctx, p.Key, saidNothing)
	err = errors.Join(err, k.t.with.Shelf.Put(ctx, openName(p.Event), nil, confirmKeep), k.t.with.Proposer.Conclude(ctx, p, k.lang.noWord()))
	if err != nil {
		k.t.log.Warn("a proposal of a turn that is over may still be there", "event", p.Event.Trace(), "err", err)
	}
}

// withdrawTime bounds that, since the program may be stopping.
const withdrawTime = 3 * time.Second

// word waits for a person's answer to a proposal; "" is none in time.
func (k *talk) word(ctx context.Context, key string) (string, error) {
	shelf := k.t.with.Shelf
	for begun := time.Now(); time.Since(begun) < k.t.config.Confirm; {
		if word, err := shelf.Get(ctx, confirmName(key)); err == nil && len(word) > 0 {
			return string(word), nil
		}
		if !connectors.Sleep(ctx, confirmPoll) {
			return "", ctx.Err()
		}
	}
	counts, err := k.t.confirmed(ctx, key, "") // whatever comes from here on comes second
	if err != nil || counts != "" {
		return counts, err
	}
	if !connectors.Sleep(ctx, confirmPoll) { // somebody may be putting theirs down at this moment
		return "", ctx.Err()
	}
	word, err := shelf.Get(ctx, confirmName(key))
	return string(word), err
}

// confirmed keeps a person's answer to the proposal with this key: the first counts.
// It returns the one that does, "" for none so far.
func (t *Turn) confirmed(ctx context.Context, key, word string) (counts string, err error) {
	if t.with.Shelf == nil {
		return "", nil
	}
	n, err := t.with.Shelf.Add(ctx, confirmName(key), 1, confirmKeep)
	if err != nil {
		return "", err
	}
	if n > 1 {
		kept, err := t.with.Shelf.Get(ctx, confirmName(key))
		return string(kept), err
	}
	if err = t.with.Shelf.Put(ctx, confirmName(key), []byte(word), confirmKeep); err != nil {
		return "", errors.Join(err, t.uncount(ctx, confirmName(key), 1, confirmKeep)) // whoever answers again is heard
	}
	return word, nil
}

// answerOpen answers what the bot has asked ev's person last, in words. It returns the
// answer that counts, "" where there is nothing to answer.
func (t *Turn) answerOpen(ctx context.Context, ev connectors.Event, word string) (counts string, err error) {
	if t.with.Shelf == nil {
		return "", nil
	}
	key, err := t.with.Shelf.Get(ctx, openName(ev))
	if err != nil || len(key) == 0 {
		return "", err
	}
	return t.confirmed(ctx, string(key), word)
}

// maxArguments bounds what a person is asked to allow, in bytes. What is longer nobody
// reads, and what nobody has read is not run.
const maxArguments = 8 << 10

// arguments are a call's arguments as people read them: all of them, a line for each, and
// nothing in a name or a value can pass for another line or for markup. ok is false where
// they are too long to be read.
func arguments(raw json.RawMessage) (text string, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return literal(string(raw)), len(raw) <= maxArguments
	}
	var lines []string
	for _, name := range sortedKeys(fields) {
		value := string(fields[name])
		var text string
		if json.Unmarshal(fields[name], &text) == nil {
			value = text
		}
		lines = append(lines, "- "+literal(name)+": "+literal(value))
	}
	text = strings.Join(lines, "\n")
	return text, len(text) <= maxArguments
}

// literal is a text on one line, between backquotes, so that nothing in it is markup.
func literal(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf):
			return ' '
		}
		return r
	}, text)
	if strings.TrimSpace(text) == "" {
		return "``"
	}
	return "`" + text + "`"
}
