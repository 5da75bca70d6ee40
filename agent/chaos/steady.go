package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// steadyCrowd is how many people there are under a steady load: so many that nobody
// writes more in a minute without answers than may wait of theirs.
const steadyCrowd = 300

// load is a steady load as it was.
type load struct {
	began, ended time.Duration // when its first message was said, and its last
	samples      []samples     // of each replica, where they were taken
}

// speak has people talk at the rate asked for until during returns.
func (r *run) speak(ctx context.Context, during func(ctx context.Context) error) error {
	r.crowd = &crowd{book: r.book, platform: r.platform}
	talking, stop := context.WithCancel(ctx)
	defer stop()
	r.load.began = r.book.now()
	said := make(chan struct{})
	go func() {
		defer close(said)
		r.crowd.steadily(talking, ctx, peopleOf(r.combo.platform, steadyCrowd), r.options.rate, r.combo.random(r.options.seed, "steady"))
	}()
	err := during(ctx)
	stop()
	r.load.ended = r.book.now()
	<-said
	return err
}

// steadily has somebody write at even intervals, whatever becomes of it, until talking
// ends; the acks of what was said just before are waited for while ctx lasts. Every
// fourth time it is whoever wrote last: people do not always wait for an answer to
// add something.
func (c *crowd) steadily(talking, ctx context.Context, people []person, rate float64, random *rand.Rand) {
	var acking sync.WaitGroup
	defer acking.Wait()
	who := people[0]
	for next := time.Now(); sleep(talking, time.Until(next)); next = next.Add(time.Duration(float64(time.Second) / rate)) {
		if random.IntN(4) > 0 {
			who = people[random.IntN(len(people))]
		}
		m := c.book.say(who)
		c.book.at(m.number, c.platform.say(m, false))
		acking.Go(func() { c.awaitAck(ctx, m) })
	}
}

// figure is something that was measured and is held against a bound.
type figure struct {
	name  string
	value any
	bound string // empty: it has none
	over  bool   // it is beyond its bound
}

// measured is what was measured, in the modes that measure. What is beyond its
// bound is a promise broken.
func (r *run) measured(v *verdict, h history) []sheet {
	if h.unfinished {
		return nil
	}
	var figures []figure
	var detail sheet
	switch r.options.mode {
	case rolling:
		figures = rollingFigures(h, r.load, *v)
	case outage:
		figures, detail = outageFigures(h, r.load, *v)
	case soak:
		figures, detail = growthFigures(r.load.samples)
		figures = append(figures, latencyFigures("", latencies(h.messages))...)
	default:
		return nil
	}
	table := sheet{title: "what was measured", rows: [][]any{{"figure", "value", "bound", "kept"}}}
	for _, f := range figures {
		row := []any{f.name, f.value, "–", "–"}
		if f.bound != "" {
			v.tried[pm]++
			row[2], row[3] = f.bound, "yes"
		}
		if f.over {
			v.broke(pm, 0, "%s: %v, the bound is %s", f.name, f.value, f.bound)
			row[3] = "NO"
		}
		table.rows = append(table.rows, row)
	}
	if detail.rows == nil {
		return []sheet{table}
	}
	return []sheet{table, detail}
}

// none is the figure of what must not happen.
func none(name string, n int) figure { return figure{name, n, "0", n > 0} }
