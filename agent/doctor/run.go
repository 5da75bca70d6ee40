package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// How long things may take.
const (
	stepTime  = 10 * time.Second
	modelTime = 30 * time.Second // reasoning models think before they say a word
	wholeTime = 60 * time.Second
)

// step is one check on its way to a Finding.
type step struct {
	check  Check
	needs  []*step // what it rests on: unless all of them work, it is skipped
	after  []*step // what it looks at: it waits for them, however they end
	within time.Duration
	run    func(ctx context.Context) verdict

	ended   chan struct{} // closed when finding is set
	finding Finding
}

// plan is what is to be checked, in the order of the report.
type plan struct {
	steps []*step
	hide  *strings.Replacer // takes secrets out of a text
}

// add puts a step at the end of the plan. A nil among its needs is none.
func (p *plan) add(c Check, run func(ctx context.Context) verdict, needs ...*step) *step {
	needs = slices.DeleteFunc(needs, func(s *step) bool { return s == nil })
	s := &step{check: c, needs: needs, within: stepTime, run: run, ended: make(chan struct{})}
	p.steps = append(p.steps, s)
	return s
}

// run runs the plan and hands out each finding, in the plan's order, as soon as it and
// those before it are there.
func (p *plan) run(ctx context.Context, each func(Finding)) {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	var working sync.WaitGroup
	defer working.Wait()
	for _, s := range p.steps {
		working.Go(func() { s.work(ctx, p.hide) })
	}
	for _, s := range p.steps {
		<-s.ended
		each(s.finding)
	}
}

// work waits for what the step rests on, and does it.
func (s *step) work(ctx context.Context, hide *strings.Replacer) {
	defer close(s.ended)
	for _, other := range slices.Concat(s.needs, s.after) {
		<-other.ended
	}
	began := time.Now()
	v := s.do(ctx)
	s.finding = v.finding(s.check, time.Since(began), hide)
}

// do runs the step unless it has to be skipped. A panic is a finding too: the other
// lines are still worth having.
func (s *step) do(ctx context.Context) (v verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			v = fail(panicked).seen(fmt.Sprint(cause))
		}
	}()
	for _, base := range s.needs {
		if base.finding.Level == Failure || base.finding.Level == Skipped {
			return skip(rests, base.check.String())
		}
	}
	if ctx.Err() != nil {
		return skip(noTime)
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	return s.run(ctx)
}

// String is the check as other lines name it.
func (c Check) String() string { return strings.TrimSpace(c.Name + " " + c.Subject) }

// choose leaves in the plan what is called name, a check or a group, and what that
// rests on. It reports whether there is any.
func (p *plan) choose(name string) bool {
	chosen := map[*step]bool{}
	var take func(s *step)
	take = func(s *step) {
		if chosen[s] {
			return
		}
		chosen[s] = true
		for _, other := range slices.Concat(s.needs, s.after) {
			take(other)
		}
	}
	for _, s := range p.steps {
		if s.check.Name == name || string(s.check.Group) == name {
			take(s)
		}
	}
	var kept []*step
	for _, s := range p.steps {
		if chosen[s] {
			kept = append(kept, s)
		}
	}
	p.steps = kept
	return len(kept) > 0
}

// names are the groups and checks of the plan, each once.
func (p *plan) names() (names []string) {
	seen := map[string]bool{}
	for _, s := range p.steps {
		for _, name := range []string{string(s.check.Group), s.check.Name} {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}
