package turn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/connectors"
	"longwire/conversation"
)

// remembering is a world whose prompts are small, and whose summaries are made by
// notes.
type remembering struct {
	*world
	memory *Memory
	notes  *brain // asked for summaries only
}

const summaryMark = "[Summary of the earlier talk]\n"

func newRemembering(t *testing.T, notes ...round) *remembering {
	t.Helper()
	r := &remembering{notes: &brain{rounds: notes}}
	r.world = newWorld(t, Config{}, func(with *With) {
		with.Choices[0].Model = r
		with.Choices[0].Prompt.Budget = prompt.Budget{Context: 2000, Answer: 200, Summarise: true}
	}, stream(nil, word("Yes."))) // what nobody reports teaches nothing about tokens
	r.memory = r.newMemory()
	r.turn.with.Memory = r.memory
	return r
}

func (r *remembering) newMemory() *Memory {
	m := NewMemory(r.shelf, slog.New(slog.NewTextHandler(r.log, nil)))
	r.Cleanup(m.Close)
	return m
}

// Stream tells a summary from a question.
func (r *remembering) Stream(ctx context.Context, request model.Request) iter.Seq2[model.Delta, error] {
	if first := request.Messages[0]; first.Role == model.System && strings.Contains(first.Content, "keep the notes") {
		return r.notes.Stream(ctx, request)
	}
	return r.brain.Stream(ctx, request)
}

// talkOn talks until a summary has been asked for once more, and is done with.
func (r *remembering) talkOn() {
	r.Helper()
	before := len(r.notes.asked)
	for n := range 60 {
		r.ask(r.from("ann", fmt.Sprintf("%d %s", n, strings.Repeat("word ", 60))))
		r.memory.making.Wait()
		if len(r.notes.asked) > before {
			return
		}
	}
	r.Fatal("nobody asks for a summary")
}

// pending is what waits for the next turn.
func (r *remembering) pending() string {
	if p := r.memory.pending(r.Context(), r.from("ann", "")); p != nil {
		return p.Summary
	}
	return ""
}

// A summary is made beside the turns, and the next one takes it over: into its prompt,
// and with what is remembered, so that those after it have it, too.
func TestSummaryIsTakenOver(t *testing.T) {
	r := newRemembering(t, stream(nil, word("wrong"), model.Delta{Again: true, Text: " Ann likes tea. "}), stream(nil, word("Ann likes tea, and words.")))
	r.talkOn()
	if r.pending() != "Ann likes tea." {
		t.Fatalf("waiting: %q", r.pending())
	}
	if request := r.notes.asked[0]; request.MaxTokens < 64 || request.Tools != nil || !strings.Contains(request.Messages[1].Content, `"person":"0 word word`) {
		t.Errorf("asked for with %+v", request)
	}
	_, out := r.ask(r.from("ann", "and now?"))
	if got := contents(r.brain.last(t)); !strings.HasPrefix(got, summaryMark+"Ann likes tea.|Noted.|") || strings.Contains(got, "|0 word") {
		t.Errorf("asked %.80q", got)
	}
	if out.Turn.Before == nil || out.Turn.Before.Summary != "Ann likes tea." {
		t.Errorf("remembered %+v", out.Turn.Before)
	}
	if r.ask(r.from("ann", "and then?")); !strings.HasPrefix(contents(r.brain.last(t)), summaryMark+"Ann likes tea.|") {
		t.Errorf("the turn after it has forgotten the summary")
	}
	r.talkOn() // the next one tells of the first, and of what came since
	if request := r.notes.asked[1]; !strings.Contains(request.Messages[1].Content, `"notes":"Ann likes tea."`) {
		t.Errorf("asked for with %.200s", request.Messages[1].Content)
	}
}

// What /new has made the bot forget does not come back in a summary.
func TestSummaryIsLostWithNew(t *testing.T) {
	r := newRemembering(t, stream(nil, word("Ann likes tea.")))
	r.talkOn()
	r.ask(r.from("ann", "/new"))
	if left := r.pending(); left != "" {
		t.Errorf("still kept: %q", left)
	}
	for range 30 {
		if r.ask(r.from("ann", strings.Repeat("other ", 60))); strings.Contains(contents(r.brain.last(t)), "tea") {
			t.Fatal("the summary comes back")
		}
		r.memory.making.Wait()
		if len(r.notes.asked) > 1 {
			break
		}
	}
	if strings.Contains(r.notes.last(t).Messages[1].Content, "tea") {
		t.Error("the next summary is told of what was forgotten")
	}
}

// While the program stops a summary is given up, and waited for; after that there is
// none.
func TestCloseGivesSummariesUp(t *testing.T) {
	begun := make(chan struct{})
	r := newRemembering(t, func(ctx context.Context, m model.Request, yield func(model.Delta, error) bool) {
		close(begun)
		hangs("half of it")(ctx, m, yield)
	})
	request := prompt.Request{Messages: []model.Message{{Role: model.System, Content: "You keep the notes"}}}
	r.memory.summarise(r.from("ann", ""), r.turn.with.Choices[0], nil, request)
	<-begun
	r.memory.Close()
	r.memory.summarise(r.from("ann", ""), r.turn.with.Choices[0], nil, request)
	r.memory.Close()
	if r.pending() != "" || len(r.notes.asked) != 1 || r.busy() != 0 || strings.Contains(r.log.String(), "no summary") {
		t.Errorf("waiting %q, asked %d times, %d at it, the log says %s", r.pending(), len(r.notes.asked), r.busy(), r.log)
	}
}

// busy is how many are said to be at ann's summary.
func (r *remembering) busy() int64 {
	r.Helper()
	n, err := r.shelf.Add(r.Context(), "summarising/"+string(conversation.KeyOf(r.from("ann", ""))), 0, 0)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// Whichever replica has more turns to summarise, one makes the summary at a time; and
// when it is done, whoever comes next may.
func TestOneSummaryAtATime(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	r := newRemembering(t, func(_ context.Context, _ model.Request, yield func(model.Delta, error) bool) {
		close(begun)
		<-finish
		yield(word("first"), nil)
	}, says("second"))
	there := r.newMemory()
	request := prompt.Request{Messages: []model.Message{{Role: model.System, Content: "You keep the notes"}}}
	choice := r.turn.with.Choices[0]
	r.memory.summarise(r.from("ann", ""), choice, nil, request)
	<-begun
	there.summarise(r.from("ann", ""), choice, nil, request)
	there.making.Wait()
	if len(r.notes.asked) != 1 {
		t.Errorf("asked %d times", len(r.notes.asked))
	}
	close(finish)
	r.memory.making.Wait()
	if r.pending() != "first" || r.busy() != 0 {
		t.Errorf("waiting %q, %d at it", r.pending(), r.busy())
	}
	there.summarise(r.from("ann", ""), choice, nil, request)
	there.making.Wait()
	if r.pending() != "second" {
		t.Errorf("waiting %q", r.pending())
	}
}

// Of one process there are only so many at a time, whoever they are for.
func TestFewSummariesAtATime(t *testing.T) {
	finish := make(chan struct{})
	r := newRemembering(t, func(_ context.Context, _ model.Request, yield func(model.Delta, error) bool) {
		<-finish
		yield(word("notes"), nil)
	})
	request := prompt.Request{Messages: []model.Message{{Role: model.System, Content: "You keep the notes"}}}
	for n := range memorySlots + 3 {
		r.memory.summarise(r.from(fmt.Sprint(n), ""), r.turn.with.Choices[0], nil, request)
	}
	if len(r.memory.slots) != memorySlots {
		t.Errorf("%d at a time", len(r.memory.slots))
	}
	close(finish)
	r.memory.making.Wait()
	if len(r.notes.asked) != memorySlots || len(r.memory.slots) != 0 {
		t.Errorf("%d were made, %d places stay taken", len(r.notes.asked), len(r.memory.slots))
	}
}

// A summary that fails, or is empty, or breaks the program's code, is asked for again
// after the next turn; one that is cut short is better than none.
func TestSummaryThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		round round
		kept  string
	}{
		"failed": {fails(model.Unavailable, "half"), ""},
		"empty":  {stream(nil, word(" \n")), ""},
		"broken": {func(context.Context, model.Request, func(model.Delta, error) bool) { panic("out of order") }, ""},
		"cut":    {fails(model.Length, "half"), "half"},
	} {
		r := newRemembering(t, c.round, stream(nil, word("Ann likes tea.")))
		r.talkOn()
		if r.pending() != c.kept || r.busy() != 0 {
			t.Errorf("%s: waiting %q, %d at it", name, r.pending(), r.busy())
		}
		if c.kept != "" {
			continue
		}
		if !strings.Contains(r.log.String(), "no summary") && !strings.Contains(r.log.String(), "panic contained") {
			t.Errorf("%s: the log says %s", name, r.log)
		}
		r.ask(r.from("ann", "and now?"))
		if r.memory.making.Wait(); r.pending() != "Ann likes tea." {
			t.Errorf("%s: after the next turn waiting %q", name, r.pending())
		}
	}
}

// A summary that is finished while the next turn runs is not asked for a second time.
func TestSummaryIsNotMadeTwice(t *testing.T) {
	r := newRemembering(t, stream(nil, word("Ann likes tea.")))
	r.talkOn()
	name := summaryName(r.from("ann", ""))
	made, err := r.shelf.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.shelf.Put(t.Context(), name, []byte{}, memoryKeep); err != nil { // it is on its way
		t.Fatal(err)
	}
	r.screen.onDelta = func(connectors.Delta) {
		if err := r.shelf.Put(t.Context(), name, made, memoryKeep); err != nil {
			t.Error(err)
		}
	}
	_, out := r.ask(r.from("ann", "and now?"))
	r.memory.making.Wait()
	if len(r.notes.asked) != 1 || out.Turn.Before != nil {
		t.Errorf("asked %d times, remembered %+v", len(r.notes.asked), out.Turn.Before)
	}
	r.screen.onDelta = nil
	if _, out = r.ask(r.from("ann", "and then?")); out.Turn.Before == nil || out.Turn.Before.Summary != "Ann likes tea." {
		t.Errorf("remembered %+v", out.Turn.Before)
	}
}

// A summary costs tokens like an answer. Where too few are left there is none, and the
// person still reads so when they ask themselves.
func TestSummaryIsPaidFor(t *testing.T) {
	for name, c := range map[string]struct {
		tokens  int64
		notes   round
		asked   int
		least   int64
		refused bool
	}{
		"paid":      {100_000, stream(nil, word("Ann likes tea."), used(500, 50)), 1, 550, false},
		"estimated": {100_000, stream(nil, word("Ann likes tea.")), 1, 100, false},
		"free":      {100_000, fails(model.Busy, ""), 1, 0, false},
		"too few":   {1100, says("never"), 0, 0, true},
	} {
		r := newRemembering(t, c.notes)
		gate := access.New(access.Config{TokensPerDay: c.tokens}, r.shelf, nil, slog.New(slog.DiscardHandler))
		ev := r.from("ann", "")
		request := prompt.Request{Messages: []model.Message{{Role: model.System, Content: "You keep the notes" + strings.Repeat(" word", 200)}}, Answer: 1000}
		request.Count = prompt.MeasureAll(request.Messages)
		r.memory.summarise(ev, r.turn.with.Choices[0], gate, request)
		r.memory.making.Wait()
		u, err := gate.Used(t.Context(), "ann")
		if err != nil || len(r.notes.asked) != c.asked || u.Tokens < c.least || c.least == 0 && u.Tokens != 0 {
			t.Errorf("%s: asked %d times, used %+v, %v", name, len(r.notes.asked), u, err)
		}
		if _, refusal := gate.Reserve(t.Context(), r.from("ann", "may I?"), 2000); refusal.Say != c.refused {
			t.Errorf("%s: then %+v", name, refusal)
		}
	}
}

// While the shelf is away there are no summaries, and turns go on.
func TestMemoryWithoutTheShelf(t *testing.T) {
	shelf := newShelf()
	shelf.away = errors.New("away")
	m := NewMemory(shelf, slog.New(slog.DiscardHandler))
	defer m.Close()
	b := &brain{rounds: []round{says("never")}}
	m.summarise(written(""), b.choice("one"), nil, prompt.Request{})
	m.making.Wait()
	if len(b.asked) != 0 || m.pending(t.Context(), written("")) != nil {
		t.Errorf("asked %d times", len(b.asked))
	}
}

// A summary that is refused again and again is not paid for after every turn.
func TestSummaryThatKeepsFailing(t *testing.T) {
	r := newRemembering(t, fails(model.Filtered, ""))
	r.talkOn()
	for range 10 {
		r.ask(r.from("ann", strings.Repeat("word ", 60)))
		r.memory.making.Wait()
	}
	if n := len(r.notes.asked); n != 2 {
		t.Errorf("asked %d times", n)
	}
}
