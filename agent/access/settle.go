package access

import "context"

// posting is what is to be added to a count.
type posting struct {
	count count
	n     int64
}

// Settle puts right what was reserved to what was used, which may be more. It is to
// be called once for each grant, also when the model has failed; further calls, and
// those on a nil grant, do nothing. What the store does not take now it takes later,
// when the gate is used again.
//
// A crash within Settle leaves up to what was reserved counted besides. When two
// attempts have gone on with one reservation, because the first was taken for dead,
// one of them settles it, and what the other one used is added. Should a third one
// begin between the two, up to what it reserved is counted besides.
func (gr *Grant) Settle(ctx context.Context, used int64) {
	if gr == nil || gr.settled.Swap(true) {
		return
	}
	used = min(max(used, 0), maxTokens)
	if gr.free {
		gr.gate.note(gr, used)
		return
	}
	gr.gate.credit.settle(gr, used)
	if used > 0 && !gr.further {
		gr.due = append(gr.due, posting{gr.turns, 1})
	}
	gr.owe(used - gr.reserved)
	gr.back = max(gr.reserved-used, 0)
	if err := gr.book(ctx); err != nil {
		gr.gate.cannotAsk(gr.event, err)
		gr.gate.addDebt(gr)
		return
	}
	gr.gate.credit.paid(gr)
}

// note notes what was used where nothing is limited.
func (g *Gate) note(gr *Grant, used int64) {
	if used == 0 {
		return
	}
	postings := []posting{{gr.day, used}, {gr.month, used}}
	if !gr.further {
		postings = append(postings, posting{gr.turns, 1})
	}
	g.later.add(postings)
}

// owe has tokens added to what the person and the connection have used.
func (gr *Grant) owe(tokens int64) {
	if tokens > 0 {
		gr.due = append(gr.due, posting{gr.day, tokens}, posting{gr.month, tokens})
	}
}

// book writes a settled grant to the counts. After an error it is called again and
// goes on where it was: what raises a count is added once more, since it may not
// have arrived; what lowers one is not, since it may.
func (gr *Grant) book(ctx context.Context) error {
	if err := gr.raise(ctx); err != nil || gr.reserved == 0 {
		return err
	}
	left, err := gr.gate.add(ctx, gr.hold, -gr.reserved)
	if err != nil {
		return err
	}
	reserved := gr.reserved
	gr.reserved = 0
	if left >= 0 { // the reservation was still there, and so it is ours to give back
		gr.gate.giveBack(ctx, gr.day, gr.back)
		gr.gate.giveBack(ctx, gr.month, gr.back)
		return nil
	}
	if _, err := gr.gate.add(ctx, gr.hold, reserved); err != nil {
		gr.gate.log.Warn("what a later attempt reserves may be counted twice", "event", gr.event.Trace(), "err", err)
	}
	gr.owe(reserved - gr.back)
	return gr.raise(ctx)
}

// raise adds what is due.
func (gr *Grant) raise(ctx context.Context) error {
	for len(gr.due) > 0 {
		next := gr.due[0]
		total, err := gr.gate.add(ctx, next.count, next.n)
		if err != nil {
			return err
		}
		gr.gate.totals.put(next.count.name, total, next.count.keep)
		gr.due = gr.due[1:]
	}
	return nil
}
