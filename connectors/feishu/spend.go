package feishu

import (
	"context"
	"sync/atomic"

	"longwire/connectors"
)

// How many calls an answer would like to make, and with how few it can do. A card
// that grows is made, sent, replaced and closed; the rest are for the sign of life
// and for growing. A card that is made when the answer is whole is made and sent.
const (
	callsToGrow  = 20
	callsForGrow = 6
	callsForCard = 3
	callsToClose = 2 // that growing leaves for the end
	callsToSay   = 8 // that an update without new words leaves for those with some
	callsToType  = 8 // that have to be left when the sign of life is put there
)

// spending is what one reply may spend of the month's calls. Calls that have to be
// made are made also when it is used up.
type spending struct {
	budget   *connectors.Budget
	reserved atomic.Int64
	spent    atomic.Int64
}

// reserve takes want calls from the budget, or at least least; or none, and then it
// reports false.
func (s *spending) reserve(ctx context.Context, want, least int64) bool {
	granted := s.budget.Reserve(ctx, want, least)
	s.reserved.Add(granted)
	return granted > 0
}

func (s *spending) spend(calls int64) { s.spent.Add(calls) }

// spare reports whether there is room for a call that may be left out, when keep
// others are to be left.
func (s *spending) spare(keep int64) bool {
	return !s.budget.Limited() || s.reserved.Load()-s.spent.Load() > keep
}

// settle gives back what was not needed, and takes what was needed besides.
func (s *spending) settle(ctx context.Context) {
	left := s.reserved.Load() - s.spent.Load()
	s.budget.Spend(ctx, -left)
	s.budget.Return(ctx, left)
}
