package dingtalk

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"longwire/connectors"
)

// cadence is how long a card waits from one frame to the next: as long as it has to,
// and longer with every frame when there are only so many of them, so that they last
// for a long answer.
type cadence struct {
	gap    time.Duration
	factor float64 // from one gap to the next
	frames int64   // how many there may be
}

// growTime is how long the frames that the budget has granted are to last.
const growTime = 2 * time.Minute

func newCadence(gap time.Duration, frames int64) cadence {
	c := cadence{gap: gap, factor: 1, frames: max(frames, 0)}
	if frames <= 0 || frames >= int64(growTime/gap) {
		return c
	}
	lasts := func(factor float64) float64 { // the sum of a geometric series, in gaps
		return (math.Pow(factor, float64(frames)) - 1) / (factor - 1)
	}
	least, most := 1.0, float64(growTime/gap)
	for range 50 { // halvings, which is more than exact
		c.factor = (least + most) / 2
		if lasts(c.factor) > float64(growTime/gap) {
			most = c.factor
		} else {
			least = c.factor
		}
	}
	return c
}

// pause is how long the frame after the first n has to wait.
func (c cadence) pause(n int) time.Duration {
	return time.Duration(min(float64(c.gap)*math.Pow(c.factor, float64(max(n-1, 0))), float64(growTime)))
}

// show shows the answer so far as the card's next frame, when there may be one. It is a
// connectors.Show.
func (k *card) show(ctx context.Context, v connectors.View) (time.Duration, error) {
	select {
	case <-k.begun:
	case <-ctx.Done():
		return 0, errStill
	}
	content, text := k.view(v)
	switch {
	case k.made.IsZero() || int64(k.frames) >= k.cadence.frames || k.purse.holds() <= k.c.closingCalls():
		return 0, errStill
	case content == k.shown: // what came since is not for the card
		return k.c.config.Card.Gap, nil
	}
	for wait := k.early(ctx); wait > 0; wait = k.early(ctx) {
		if !k.rest(ctx, wait) {
			return 0, errStill
		}
	}
	return k.frame(ctx, content, text)
}

// view is what the card shows of an answer that goes on: its text, or the end of the
// thought before it, and what goes on now below. Of these only the text is the
// answer's; what stands below it is left out where it has no room. Nothing is cut off
// for good, so an answer that begins anew takes the place of all that was.
func (k *card) view(v connectors.View) (content, text string) {
	text, rest := k.cut(v.Text)
	content = text
	if k.spare {
		return content, text
	}
	if strings.TrimSpace(v.Text) == "" {
		content = quoted(v.Thought)
	}
	if below := under(content, v.Doing); len(rest) == 0 && len(below) <= k.space() {
		content = below
	}
	if content == "" && k.shown != "" { // something was shown that is no more
		content = k.labels.Thinking
	}
	return content, text
}

// early is how much too early it is for a frame, or for a look whether it is.
func (k *card) early(ctx context.Context) time.Duration {
	gap := k.c.config.Card.Gap
	switch since := time.Since(k.lastChange()); {
	case since < gap:
		return gap - since
	case k.frames == 0 && !k.input(ctx), !k.c.mayCall(ctx, streamPace):
		return gap/2 + rand.N(gap) // not all cards at the same moments, so that each has its chance
	}
	return 0
}

// rest waits, and returns false when the answer has ended meanwhile: its last frame is
// not to wait for one in between.
func (k *card) rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.ended:
	case <-ctx.Done():
	}
	return false
}

// frame shows a frame, and says how long the next one has to wait.
func (k *card) frame(ctx context.Context, content, text string) (time.Duration, error) {
	k.frames++
	err := k.stream(ctx, cardFrame{name: strconv.Itoa(k.frames), content: content})
	k.last = time.Now()
	k.c.calm.after(err)
	switch {
	case err == nil:
		k.shown, k.text = content, text
	case tooOften(err):
		k.frames-- // it cost nothing
	case tooLarge(err) && k.lessRoom():
		err = k.write(ctx, k.note)
	case refusedContent(err) && content != text:
		k.spare, err = true, &connectors.Error{Op: "show", Err: errors.New("only the answer itself may be shown")}
	default:
		k.c.log.Debug("frame not shown", "event", k.ev.Trace(), "frame", k.frames, "err", err)
	}
	return k.cadence.pause(k.frames), err
}

// lastChange is when the card changed last, as far as we know.
func (k *card) lastChange() time.Time {
	if k.last.After(k.made) {
		return k.last
	}
	return k.made
}

// input tells a template that needs to know that the first frame comes, and which
// buttons there are meanwhile. It is one call, tried once; without it the frames come
// all the same.
func (k *card) input(ctx context.Context) bool {
	if !k.c.config.Card.FlowStatus || k.inputting {
		return true
	}
	if !k.c.mayCall(ctx, updatePace) {
		return false
	}
	k.inputting = true
	err := k.update(ctx, k.variables(flowInputting, button{connectors.PressStop, k.labels.Stop}))
	k.c.calm.after(err)
	if err != nil {
		k.c.log.Debug("card not told that it is written to", "event", k.ev.Trace(), "err", err)
	}
	return true
}
