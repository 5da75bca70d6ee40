package turn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/connectors"
	"longwire/conversation"
)

// Memory makes the summaries of what no longer fits into the prompts of a connection,
// beside its turns. A summary waits on the shelf until the next turn of its
// conversation takes it over; whatever forgets the conversation makes it worthless,
// because it counts only with the turn behind which it ends.
//
// A summary that fails is asked for again after the next turn. One that goes on failing,
// a content filter's way, rests longer and longer in between: somebody pays for it.
type Memory struct {
	shelf connectors.Shelf
	log   *slog.Logger
	ctx   context.Context // ends with Close
	end   context.CancelFunc
	slots chan struct{}

	mu     sync.Mutex     // held where one is begun, so that Close waits for all of them
	making sync.WaitGroup // those that are being made
}

const (
	memorySlots   = 4                  // summaries at the same time
	memoryTimeout = 2 * time.Minute    // for one of them
	memoryBusy    = 2 * memoryTimeout  // until one that a crash has cut off may be made anew
	memoryKeep    = 7 * 24 * time.Hour // until a turn takes it over
	memoryRest    = time.Minute        // after the second failure in a row; doubles
	memoryRests   = time.Hour          // at most
)

// NewMemory makes a Memory. Close ends it.
func NewMemory(shelf connectors.Shelf, log *slog.Logger) *Memory {
	m := &Memory{shelf: shelf, log: log, slots: make(chan struct{}, memorySlots)}
	m.ctx, m.end = context.WithCancel(context.Background())
	return m
}

// Close gives up the summaries that are being made, and waits for that.
func (m *Memory) Close() {
	m.mu.Lock()
	m.end()
	m.mu.Unlock()
	m.making.Wait()
}

func summaryName(ev connectors.Event) string { return "summary/" + string(conversation.KeyOf(ev)) }

// pending is the summary that waits for ev's conversation, nil where there is none.
func (m *Memory) pending(ctx context.Context, ev connectors.Event) *prompt.Pending {
	raw, err := m.shelf.Get(ctx, summaryName(ev))
	if err != nil {
		m.log.Warn("summary cannot be looked up", "event", ev.Trace(), "err", err)
	}
	var p prompt.Pending
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &p) != nil {
		return nil
	}
	return &p
}

// summarise has a summary made, unless there is too much to do, or it is being made.
func (m *Memory) summarise(ev connectors.Event, choice Choice, gate Gate, request prompt.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	select {
	case m.slots <- struct{}{}:
	default:
		return
	}
	m.making.Go(func() {
		defer func() { <-m.slots }()
		ctx, cancel := context.WithTimeout(m.ctx, memoryTimeout)
		defer cancel()
		if err := m.once(ctx, ev, func() error { return m.make(ctx, ev, choice, gate, request) }); err != nil && m.ctx.Err() == nil {
			m.log.Warn("no summary of the conversation, it is tried again after the next turn", "event", ev.Trace(), "err", err)
		}
	})
}

// once does do unless somebody, on whichever replica, is at it for ev's conversation. It
// runs in a goroutine of its own, so a panic ends here, or it would end the program.
func (m *Memory) once(ctx context.Context, ev connectors.Event, do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			m.log.Error("panic contained", "where", "summary", "event", ev.Trace(), "panic", v, "stack", string(debug.Stack()))
		}
	}()
	busy := "summarising/" + string(conversation.KeyOf(ev))
	n, err := m.shelf.Add(ctx, busy, 1, memoryBusy)
	if err != nil {
		return err
	}
	defer func() { _, _ = m.shelf.Add(context.WithoutCancel(ctx), busy, -1, memoryBusy) }() // it ends by itself
	if n > 1 || m.rests(ctx, ev) {
		return nil
	}
	err = do()
	if !errors.Is(err, errNoSpare) && m.ctx.Err() == nil {
		m.judge(context.WithoutCancel(ctx), ev, err == nil)
	}
	return err
}

func failuresName(ev connectors.Event) string {
	return "unsummarised/" + string(conversation.KeyOf(ev))
}

// rests reports whether summaries of ev's conversation are not worth trying now.
func (m *Memory) rests(ctx context.Context, ev connectors.Event) bool {
	resting, err := m.shelf.Get(ctx, failuresName(ev))
	return err == nil && len(resting) > 0
}

// judge notes whether a summary could be made. What cannot be noted is tried again sooner.
func (m *Memory) judge(ctx context.Context, ev connectors.Event, made bool) {
	n, err := m.shelf.Add(ctx, failuresName(ev), 1, memoryKeep)
	switch {
	case err != nil:
	case made:
		_, _ = m.shelf.Add(ctx, failuresName(ev), -n, memoryKeep)
	case n > 1:
		_ = m.shelf.Put(ctx, failuresName(ev), []byte{1}, min(memoryRest<<min(n-2, 10), memoryRests))
	}
}

// make makes a summary and puts it on the shelf.
func (m *Memory) make(ctx context.Context, ev connectors.Event, choice Choice, gate Gate, request prompt.Request) error {
	tokens := choice.Prompt.Tokens.Tokens(request.Count)
	grant, err := reserveSpare(ctx, gate, ev, int64(tokens+request.Answer))
	if err != nil {
		return err
	}
	var text strings.Builder
	used, told := int64(tokens), false
	defer func() { grant.Settle(context.WithoutCancel(ctx), used) }()
	came := false
	for delta, err := range choice.Model.Stream(ctx, model.Request{Messages: request.Messages, MaxTokens: request.Answer}) {
		if delta.Again {
			text.Reset()
		}
		text.WriteString(delta.Text)
		if delta.Usage != nil && delta.Usage.Reported {
			if !told {
				used, told = 0, true
			}
			used += int64(delta.Usage.Prompt + delta.Usage.Answer)
			choice.Prompt.Tokens.Observe(request.Count, delta.Usage.Prompt)
		}
		if err != nil && kindOf(err) != model.Length { // cut short it is still worth having
			if !told && cost(model.Usage{}, err, came) == free {
				used = 0
			}
			return err
		}
		came = true
	}
	summary := strings.TrimSpace(text.String())
	if summary == "" {
		return errBlank
	}
	raw, err := json.Marshal(prompt.Pending{Until: request.Until, Summary: summary})
	if err != nil {
		return err
	}
	return m.shelf.Put(ctx, summaryName(ev), raw, memoryKeep)
}

// reserveSpare takes tokens for what nobody has asked for. It looks first, because the
// gate tells a person once that nothing is left, and that once is for a question of
// theirs.
func reserveSpare(ctx context.Context, gate Gate, ev connectors.Event, tokens int64) (*access.Grant, error) {
	if gate == nil {
		return nil, nil
	}
	u, err := gate.Used(ctx, ev.Sender.ID)
	if err != nil {
		return nil, fmt.Errorf("look for spare tokens: %w", err)
	}
	if u.Allowance > 0 && u.Tokens+tokens > u.Allowance || u.MonthAllowance > 0 && u.Month+tokens > u.MonthAllowance {
		return nil, errNoSpare
	}
	grant, refusal := gate.Reserve(ctx, ev, tokens)
	if refusal.Kind != access.None {
		return nil, &refusedError{refusal}
	}
	grant.Further()
	return grant, nil
}

// errNoSpare says that too few tokens are left for a summary.
var errNoSpare = errors.New("too few tokens are left")
