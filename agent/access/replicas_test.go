package access

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
	"longwire/conversation/redisstore"
	"longwire/conversation/redisstore/redistest"
)

// patience is how long a test waits for what has to come.
const patience = time.Minute

// A store is opened for tests as often as there are replicas of it.
type opener func(t *testing.T) conversation.Shelf

// onEachStore runs a test on both stores: on Redis each replica has a store of its
// own, and with a file, which is one process' alone, two gates share one.
func onEachStore(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("file", func(t *testing.T) {
		store, err := boltstore.Open(filepath.Join(t.TempDir(), "access.db"), conversation.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { insist(t, "close", store.Close(), nil) })
		test(t, func(*testing.T) conversation.Shelf { return store })
	})
	t.Run("redis", func(t *testing.T) {
		server := redistest.Start(t)
		test(t, func(t *testing.T) conversation.Shelf { return openRedis(t, server) })
	})
}

func openRedis(t *testing.T, server *redistest.Server) *redisstore.Store {
	t.Helper()
	store, err := redisstore.Open(t.Context(), server.URL(), conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { insist(t, "close", store.Close(), nil) })
	return store
}

// middayZone is where it is noon now, so that no day ends in the middle of a test.
func middayZone() *time.Location {
	now := time.Now().UTC()
	return time.FixedZone("midday", 12*60*60-(now.Hour()*60*60+now.Minute()*60+now.Second()))
}

// replicas are two gates of one connection.
func replicas(t *testing.T, open opener, config Config) [2]*Gate {
	config.Zone = middayZone()
	var gates [2]*Gate
	for n := range gates {
		gates[n] = New(config, conversation.ShelfOf(open(t), "home"), nil, quiet())
		gates[n].patience = patience // a slow disk is no reason to count too much here
	}
	return gates
}

const workers = 64

// together has 64 workers, half of them on each replica, do the same.
func together(gates [2]*Gate, work func(worker int, g *Gate)) {
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() { work(worker, gates[worker%2]) })
	}
	all.Wait()
}

// ledger is what was reserved and used, as its workers know it: never more than the
// store has counted.
type ledger struct {
	t       *testing.T
	mu      sync.Mutex
	people  map[string]int64 // guarded by mu
	turns   map[string]int64 // guarded by mu
	all     int64            // guarded by mu
	highest int64            // that all ever was; guarded by mu
}

func (l *ledger) add(person string, tokens int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people[person] += tokens
	l.all += tokens
	l.highest = max(l.highest, l.all)
	if l.people[person] > personDay || l.all > connectionMonth {
		l.t.Errorf("%s has %d of %d, all %d of %d", person, l.people[person], personDay, l.all, connectionMonth)
	}
}

func (l *ledger) turn(person string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns[person]++
}

const (
	personDay       = 10_000
	connectionMonth = 30_000
	largest         = 1_000 // estimate
)

// Whatever 64 workers on two replicas reserve, use and give back, at no instant is
// more reserved and used than the limits; in the end exactly what was used is
// counted, and the last token can be had, and no more.
func TestBudgetsAreExact(t *testing.T) {
	onEachStore(t, func(t *testing.T, open opener) {
		gates := replicas(t, open, Config{TokensPerDay: personDay, TokensPerMonth: connectionMonth})
		l := &ledger{t: t, people: map[string]int64{}, turns: map[string]int64{}}
		var kinds [2]atomic.Int32
		together(gates, func(worker int, g *Gate) {
			const events = 12
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for n := range events {
				person := fmt.Sprintf("p%d", random.IntN(5))
				estimate := 1 + random.Int64N(largest)
				gr, refusal := g.Reserve(t.Context(), eventOf(person, worker*events+n), estimate)
				switch refusal.Kind {
				case None:
				case PersonSpent:
					kinds[0].Add(1)
					continue
				case ConnectionSpent:
					kinds[1].Add(1)
					continue
				default:
					t.Errorf("refused: %+v", refusal)
					continue
				}
				l.add(person, estimate)
				use := random.Int64N(estimate + 1)
				l.add(person, use-estimate) // before the store knows, so that nobody is ahead of us
				if use > 0 {
					l.turn(person)
				}
				gr.Settle(t.Context(), use)
			}
		})
		checkBooks(t, gates, l)
		// Which limit they met depends on who was first; that they met one does not.
		if kinds[0].Load()+kinds[1].Load() == 0 {
			t.Errorf("nobody was refused; all came to %d", l.highest)
		}
		spendTheRest(t, gates, l)
	})
}

// eventOf is an event of a person, with an id of its own.
func eventOf(person string, n int) connectors.Event {
	ev := asks(person, n)
	ev.Received = time.Now()
	return ev
}

// checkBooks insists on the store having counted what l has.
func checkBooks(t *testing.T, gates [2]*Gate, l *ledger) {
	t.Helper()
	for person, tokens := range l.people {
		for _, g := range gates {
			used(t, g, person, tokens, l.all, l.turns[person])
		}
	}
	for _, g := range gates {
		insist(t, "owed", g.Counts().Owed, 0)
	}
}

// spendTheRest takes what is left of the month, to the last token.
func spendTheRest(t *testing.T, gates [2]*Gate, l *ledger) {
	t.Helper()
	for n := 0; l.all < connectionMonth; n++ {
		person := fmt.Sprintf("q%d", n)
		rest := min(connectionMonth-l.all, personDay)
		turnedAway(t, gates[n%2], eventOf(person, 0), personDay+1, PersonSpent)
		if rest < personDay {
			turnedAway(t, gates[n%2], eventOf(person, 0), rest+1, ConnectionSpent)
		}
		granted(t, gates[n%2], eventOf(person, 1), rest).Settle(t.Context(), rest)
		l.add(person, rest)
	}
	for _, g := range gates {
		turnedAway(t, g, eventOf("zoe", 0), 1, ConnectionSpent)
	}
}

// When everybody wants more than there is at the same time, and nobody gives
// anything back, as many are let in as fit, and as few.
func TestAsManyAsFit(t *testing.T) {
	onEachStore(t, func(t *testing.T, open opener) {
		const each, fit = 100, 20
		gates := replicas(t, open, Config{TokensPerMonth: each*fit + each/2})
		var in atomic.Int32
		together(gates, func(worker int, g *Gate) {
			if gr, refusal := g.Reserve(t.Context(), eventOf("ann", worker), each); gr != nil {
				in.Add(1)
			} else if refusal.Kind != ConnectionSpent {
				t.Errorf("refused: %+v", refusal)
			}
		})
		for n := workers; ; n++ { // who was refused beside another who was refused finds room now
			if gr, _ := gates[n%2].Reserve(t.Context(), eventOf("ann", n), each); gr == nil {
				break
			}
			in.Add(1)
		}
		insist(t, "let in", in.Load(), fit)
		used(t, gates[0], "ann", each*fit, each*fit, 0)
	})
}

// One event that all workers attempt at once is counted no more often than it was
// attempted, and not at all any more once all have settled what they used.
func TestOneEventManyAttempts(t *testing.T) {
	onEachStore(t, func(t *testing.T, open opener) {
		gates := replicas(t, open, Config{TokensPerDay: 1_000_000})
		ev := eventOf("ann", 1)
		gr := granted(t, gates[0], ev, 100)
		var all [workers]*Grant
		together(gates, func(worker int, g *Gate) { all[worker], _ = g.Reserve(t.Context(), ev, 100) })
		used(t, gates[1], "ann", 100, 100, 0)
		together(gates, func(worker int, _ *Gate) { all[worker].Settle(t.Context(), 3) })
		gr.Settle(t.Context(), 3)
		used(t, gates[0], "ann", 3*(workers+1), 3*(workers+1), workers+1)
	})
}

// Of all whom the same is to be told at the same time one is told, whichever replica
// has it; and that one stays the one.
func TestToldOnceByAllReplicas(t *testing.T) {
	onEachStore(t, func(t *testing.T, open opener) {
		config := Config{Closed: true, TurnsPerMinute: 1, TokensPerDay: 1}
		gates := replicas(t, open, config)
		for _, ask := range []func(g *Gate, n int) Refusal{
			func(g *Gate, n int) Refusal { return g.Allowed(t.Context(), eventOf("ann", n)) },
			func(g *Gate, n int) Refusal {
				_, refusal := g.Reserve(t.Context(), eventOf("ann", n), 2)
				return refusal
			},
		} {
			var told atomic.Int32
			var teller atomic.Int64
			together(gates, func(worker int, g *Gate) {
				for n := range 3 {
					if ask(g, worker*3+n).Say {
						told.Add(1)
						teller.Store(int64(worker*3 + n))
					}
				}
			})
			insist(t, "told", told.Load(), 1)
			for _, g := range gates {
				insist(t, "again, the same event", ask(g, int(teller.Load())).Say, true)
				insist(t, "another event", ask(g, workers*3).Say, false)
			}
		}
	})
}

// As many turns are given as the rate has, to all replicas together.
func TestRateOfAllReplicas(t *testing.T) {
	onEachStore(t, func(t *testing.T, open opener) {
		const rate = 3
		gates := replicas(t, open, Config{TurnsPerMinute: rate})
		var given, told atomic.Int32
		began := time.Now()
		together(gates, func(worker int, g *Gate) {
			switch refusal := g.Enter(t.Context(), eventOf("ann", worker)); {
			case refusal.Kind == None:
				given.Add(1)
			case refusal.Kind != TooFast:
				t.Errorf("refused: %+v", refusal)
			case refusal.Say:
				told.Add(1)
			}
		})
		took := time.Since(began)
		more := int32(took / (time.Minute / rate)) // on a very slow machine
		if n := given.Load(); n < rate || n > rate+more {
			t.Errorf("%d turns given within %v, want %d", n, took, rate)
		}
		if took < time.Minute {
			insist(t, "told", told.Load(), 1)
		}
	})
}

// Redis goes away with grants in people's hands and comes back: nobody waits for it
// in vain, and in the end exactly what was used is counted.
func TestRedisAwayAndBack(t *testing.T) {
	server := redistest.Start(t, "--appendfsync", "always")
	var stores []*redisstore.Store
	gates := replicas(t, func(t *testing.T) conversation.Shelf {
		stores = append(stores, openRedis(t, server))
		return stores[len(stores)-1]
	}, Config{TokensPerDay: 1_000_000, TokensPerMonth: 1_000_000})
	const estimate, use = 100, 70
	var before [workers]*Grant
	together(gates, func(worker int, g *Gate) {
		before[worker], _ = g.Reserve(t.Context(), eventOf("ann", worker), estimate)
	})

	server.Stop()
	together(gates, func(worker int, g *Gate) {
		before[worker].Settle(t.Context(), use)
		if gr, refusal := g.Reserve(t.Context(), eventOf("ben", worker), estimate); gr == nil {
			t.Errorf("refused while redis is away: %+v", refusal)
		} else {
			gr.Settle(t.Context(), use)
		}
	})
	insist(t, "owed", gates[0].Counts().Owed+gates[1].Counts().Owed, 2*workers)

	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for n, g := range gates {
		for stores[n].Ping(t.Context()) != nil || g.Counts().Owed > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("still owed: %d", g.Counts().Owed)
			}
			_ = g.payDebts(t.Context()) // connections that broke are errors still
		}
	}
	used(t, gates[0], "ann", workers*use, 2*workers*use, workers)
	used(t, gates[1], "ben", workers*use, 2*workers*use, workers)
}
