package connectors

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Budget spends a month's API calls so that they last the month. It is shared by all
// replicas of a connection. Calls are reserved before an answer begins, and what was
// not needed is given back: however many answer at once, the budget is not passed.
//
// On a given day no more may be spent than the part of the month that has passed,
// and a tenth of what is left for the rest of it, so that a busy day does not take
// the month along.
type Budget struct {
	Calls int64 // a month; 0 is no limit, and nothing is counted
	Shelf Shelf
	Log   *slog.Logger
	Now   func() time.Time // default time.Now

	mu     sync.Mutex
	warned map[string]bool // what was said, by month and level; guarded by mu
}

// ahead is the part of what is left of the month that may be spent before its time.
const ahead = 0.1

// monthZone is where both platforms' months begin, in Beijing.
var monthZone = time.FixedZone("UTC+8", 8*60*60)

// Limited reports whether there is a limit at all.
func (b *Budget) Limited() bool { return b.Calls > 0 }

// Reserve takes as many of want calls as may be spent now, or none if that is less
// than least, which may be 0. An error of the store is no reason to say nothing to anybody, so
// then least is granted.
func (b *Budget) Reserve(ctx context.Context, want, least int64) (granted int64) {
	if !b.Limited() {
		return want
	}
	month, allowed := b.allowed()
	total, err := b.add(ctx, month, want)
	if err != nil {
		b.Log.Warn("budget cannot be asked for, spending little", "err", err)
		return least
	}
	b.warn(month, total)
	over := max(total-allowed, 0)
	if granted = want - over; granted < least {
		granted = 0
	}
	b.Return(ctx, want-granted)
	return granted
}

// Return gives back what was reserved and not needed.
func (b *Budget) Return(ctx context.Context, calls int64) {
	if !b.Limited() || calls <= 0 {
		return
	}
	month, _ := b.allowed()
	if _, err := b.addLate(ctx, month, -calls); err != nil {
		b.Log.Warn("calls that were not made stay counted", "calls", calls, "err", err)
	}
}

// Spend counts calls that are made whatever the budget says.
func (b *Budget) Spend(ctx context.Context, calls int64) {
	if !b.Limited() || calls <= 0 {
		return
	}
	month, _ := b.allowed()
	total, err := b.addLate(ctx, month, calls)
	if err != nil {
		b.Log.Warn("calls that were made are not counted", "calls", calls, "err", err)
		return
	}
	b.warn(month, total)
}

// Used is how many calls are spent of this month's budget; without a limit it is 0.
func (b *Budget) Used(ctx context.Context) (int64, error) {
	if !b.Limited() {
		return 0, nil
	}
	month, _ := b.allowed()
	return b.add(ctx, month, 0)
}

// countTime bounds the counting of what has happened already.
const countTime = time.Second

// addLate is add for what has happened already, so it is done also when ctx has ended;
// but whoever waits does not wait long for a store that stalls.
func (b *Budget) addLate(ctx context.Context, month string, n int64) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTime)
	defer cancel()
	return b.add(ctx, month, n)
}

func (b *Budget) add(ctx context.Context, month string, n int64) (int64, error) {
	const keep = 40 * 24 * time.Hour // longer than a month, so that the last one can be looked up
	return b.Shelf.Add(ctx, "calls/"+month, n, keep)
}

// allowed is this month's name, and how many of its calls may be spent by now.
func (b *Budget) allowed() (month string, calls int64) {
	now := time.Now()
	if b.Now != nil {
		now = b.Now()
	}
	now = now.In(monthZone)
	begin := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, monthZone)
	passed := float64(now.Sub(begin)) / float64(begin.AddDate(0, 1, 0).Sub(begin))
	return now.Format("2006-01"), int64(float64(b.Calls) * (passed + ahead*(1-passed)))
}

// warn tells the operator once a month when four fifths are spent, and when all is.
func (b *Budget) warn(month string, total int64) {
	level := ""
	switch {
	case total >= b.Calls:
		level = "all"
	case total*5 >= b.Calls*4:
		level = "80 %"
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.warned[month+level] {
		return
	}
	if b.warned == nil {
		b.warned = make(map[string]bool)
	}
	b.warned[month+level] = true
	b.Log.Warn("the month's budget of API calls is being used up; answers are sent as plain text when it is", "spent", level, "calls", total, "budget", b.Calls)
}
