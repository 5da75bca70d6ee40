package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is what goes wrong.
type kind string

// The kinds of faults.
const (
	// The program's own process.
	kill   kind = "kill"   // kill -9, started again after the hold
	term   kind = "term"   // SIGTERM, started again after the hold
	freeze kind = "freeze" // SIGSTOP for longer than the lease, then SIGCONT

	// The sockets.
	drop       kind = "drop"       // reset (RST)
	blackHole  kind = "black-hole" // nothing arrives on either side, and no FIN
	halfFrame  kind = "half-frame" // reset in the middle of a frame
	disconnect kind = "disconnect" // DingTalk's disconnect frame
	bootstrap  kind = "bootstrap"  // reset, and then no endpoint is given out
	handshake  kind = "handshake"  // reset, and then no upgrade

	// What the platform sends.
	redeliver kind = "redeliver" // messages that may be settled long ago come again
	duplicate kind = "duplicate" // messages come twice in the same moment
	overload  kind = "overload"  // one person writes far more at once than may wait

	// What the platform answers.
	api429     kind = "api-429"     // replies are refused: too many
	api500     kind = "api-5xx"     // replies are refused: trouble inside
	lostAnswer kind = "lost-answer" // a reply is shown, and whoever sent it does not learn so
	tokens     kind = "tokens"      // all access tokens end at once
	webhooks   kind = "webhooks"    // and all of DingTalk's session webhooks

	// The store, where it is Redis.
	redisStop    kind = "redis-stop"    // kill -9, started again after the hold
	redisRestart kind = "redis-restart" // the same, at once
	redisPause   kind = "redis-pause"   // SIGSTOP, then SIGCONT: open connections, no answers

	// The store, where Sentinel watches it.
	redisFailover kind = "redis-failover" // kill -9 of the master; the replica becomes the master

	// The model.
	model429  kind = "model-429"
	model500  kind = "model-500"
	modelHang kind = "model-hang" // says a little or nothing, and then nothing more
	modelCut  kind = "model-cut"  // breaks off in the middle
)

// limits are the range of a number, both ends allowed.
type limits[T ~int | ~int64] struct{ low, high T }

func (l limits[T]) draw(random *rand.Rand) T {
	return l.low + T(random.Int64N(int64(l.high-l.low)+1))
}

// trait is what is true of all faults of a kind.
type trait struct {
	kind     kind
	platform string // the only one it happens on; "" for both
	store    string // the only one it happens to; "" for what does not happen to the store
	process  bool   // it happens to one replica
	shares   int    // how often it is in the deck

	hold  limits[time.Duration]
	count limits[int]
}

const ms = time.Millisecond

// traits are all kinds, in the order of the report. How long a freeze takes has to
// do with leaseTime, and a black hole with keepaliveTime.
var traits = []trait{
	{kind: kill, process: true, shares: 2, hold: limits[time.Duration]{100 * ms, 1500 * ms}},
	{kind: term, process: true, shares: 1, hold: limits[time.Duration]{0, 500 * ms}},
	{kind: freeze, process: true, shares: 1, hold: limits[time.Duration]{leaseTime + 1000*ms, leaseTime + 2500*ms}},
	{kind: drop, shares: 1},
	{kind: blackHole, shares: 1, hold: limits[time.Duration]{3 * keepaliveTime, 4 * keepaliveTime}},
	{kind: halfFrame, shares: 1},
	{kind: disconnect, platform: dingtalkName, shares: 1},
	{kind: bootstrap, shares: 1, count: limits[int]{1, 2}},
	{kind: handshake, shares: 1, count: limits[int]{1, 2}},
	{kind: redeliver, shares: 1, count: limits[int]{5, 40}},
	{kind: duplicate, shares: 1, count: limits[int]{5, 40}},
	{kind: overload, shares: 1, count: limits[int]{3 * mayWait, 6 * mayWait}},
	{kind: api429, shares: 1, hold: limits[time.Duration]{500 * ms, 2000 * ms}, count: limits[int]{5, 40}},
	{kind: api500, shares: 1, hold: limits[time.Duration]{500 * ms, 2000 * ms}, count: limits[int]{5, 40}},
	{kind: lostAnswer, shares: 1, hold: limits[time.Duration]{500 * ms, 1000 * ms}, count: limits[int]{1, 1}},
	{kind: tokens, shares: 1},
	{kind: webhooks, platform: dingtalkName, shares: 1},
	{kind: redisStop, store: redisName, shares: 1, hold: limits[time.Duration]{500 * ms, 4000 * ms}},
	{kind: redisRestart, store: redisName, shares: 1},
	{kind: redisPause, store: redisName, shares: 1, hold: limits[time.Duration]{500 * ms, leaseTime + 1500*ms}},
	{kind: redisFailover, store: sentinelName, shares: 4},
	{kind: model429, shares: 1, hold: limits[time.Duration]{500 * ms, 1500 * ms}, count: limits[int]{5, 60}},
	{kind: model500, shares: 1, hold: limits[time.Duration]{500 * ms, 1500 * ms}, count: limits[int]{5, 60}},
	{kind: modelHang, shares: 1, hold: limits[time.Duration]{500 * ms, 1500 * ms}, count: limits[int]{3, 20}},
	{kind: modelCut, shares: 1, hold: limits[time.Duration]{500 * ms, 1500 * ms}, count: limits[int]{3, 40}},
}

// fault is one thing that goes wrong.
type fault struct {
	kind    kind
	after   int           // it begins when so many messages were said
	wait    time.Duration // and strikes so much later, in whatever moment of a turn
	hold    time.Duration // and is mended so much later
	replica int           // whom it strikes, of the kinds that strike one
	count   int           // how many requests or messages it hits, of the kinds that count
}

func (f fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "after %d messages and %s: %s", f.after, f.wait, f.kind)
	if traitOf(f.kind).process {
		fmt.Fprintf(&b, " replica %d", f.replica+1)
	}
	if f.count > 0 {
		fmt.Fprintf(&b, " ×%d", f.count)
	}
	if f.hold > 0 {
		fmt.Fprintf(&b, " for %s", f.hold)
	}
	return b.String()
}

func traitOf(k kind) trait {
	i := slices.IndexFunc(traits, func(t trait) bool { return t.kind == k })
	return traits[i]
}

// schedule is what goes wrong in one combination: a pure function of its
// arguments. The kinds are dealt from a shuffled deck, so that each comes before
// one comes again; only, if it is not empty, names those that may come at all.
// The faults are spread evenly over the messages.
func schedule(seed uint64, c combo, messages, faults int, only []kind) []fault {
	random := c.random(seed, "faults")
	deck := c.deck(only)
	if len(deck) == 0 {
		return nil
	}
	list := make([]fault, faults)
	for i := range list {
		if i%len(deck) == 0 {
			random.Shuffle(len(deck), func(a, b int) { deck[a], deck[b] = deck[b], deck[a] })
		}
		t := deck[i%len(deck)]
		list[i] = fault{
			kind:    t.kind,
			after:   (i + 1) * messages / (faults + 1),
			wait:    limits[time.Duration]{0, 300 * ms}.draw(random).Round(ms),
			hold:    t.hold.draw(random).Round(ms),
			count:   t.count.draw(random),
			replica: random.IntN(c.replicas),
		}
	}
	return list
}

// deck is every kind that can happen in a combination, as often as it has shares.
func (c combo) deck(only []kind) (deck []trait) {
	for _, t := range traits {
		switch {
		case t.platform != "" && t.platform != c.platform, t.store != "" && t.store != c.store:
			continue
		case len(only) > 0 && !slices.Contains(only, t.kind):
			continue
		}
		for range t.shares {
			deck = append(deck, t)
		}
	}
	return deck
}

// random is a source of numbers for one purpose. It depends on the seed and the
// combination, so that a combination goes the same way whether or not others run
// before it.
func (c combo) random(seed uint64, purpose string) *rand.Rand {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s %s", c, purpose)
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}
