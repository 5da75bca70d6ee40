package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"longwire/agent/config"
)

// planner makes the plan of a configuration. Steps are added in the order of the
// report; what they learn for one another is in variables that their order guards.
type planner struct {
	plan
	cfg     *config.Config
	on      machine
	streams bool // streams may be opened

	hosts  []*host          // network.go
	writes map[string]*step // machine.go: whether a file can be written, by its path
	admin  *step            // admin.go; what it learns is in health
	health *health          // nil: the program does not run, or does not tell; set by admin
}

// newPlan says what is to be checked.
func newPlan(cfg *config.Config, on machine, streams bool) *plan {
	p := &planner{cfg: cfg, on: on, streams: streams, writes: map[string]*step{}}
	p.hide = concealer(cfg)
	p.configuration()
	p.machine()
	p.network()
	p.clock()
	p.program()
	for _, c := range cfg.Connections {
		p.connection(c)
	}
	p.store()
	p.models()
	p.tools()
	return &p.plan
}

// shortest is how long a text has to be to count as a secret. What is shorter would
// tear holes into every line.
const shortest = 4

// concealer takes every secret of the configuration, and of its key files, out of a text.
func concealer(cfg *config.Config) *strings.Replacer {
	secrets := cfg.Secrets()
	for _, e := range endpoints(cfg) {
		keys, _ := readKeys(e.APIKeyFile) // its own check says what is wrong with it
		secrets = append(secrets, keys...)
	}
	// Of two that begin alike, the longer one first: else its end would be left.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= shortest {
			pairs = append(pairs, secret, "[redacted]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// readKeys reads a file with a key on each line.
func readKeys(path string) (keys []string, err error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	return keys, err
}

// fact is a step that is known before it is run.
func (p *planner) fact(c Check, v verdict) *step {
	return p.add(c, func(context.Context) verdict { return v })
}

// configuration says what the configuration itself warns of.
func (p *planner) configuration() {
	if len(p.cfg.Warnings) == 0 {
		p.fact(configCheck(""), good(configGood, len(p.cfg.Connections), p.cfg.Model.Name, p.cfg.Store))
	}
	for _, warning := range p.cfg.Warnings {
		p.fact(configCheck(warning.File), warn(configWarns).seen(warning))
	}
}

// connection adds the checks of one connection.
func (p *planner) connection(c config.Connection) {
	reached := p.reached(c.Endpoint, c.Proxy)
	if c.Platform == config.Feishu {
		p.feishu(c, reached)
		return
	}
	p.dingtalk(c, reached)
}

// stream adds the check of a connection's stream. Where the program holds it, that is
// all there is to know, and nobody's messages are at stake.
func (p *planner) stream(c config.Connection, open func(ctx context.Context) verdict, needs ...*step) {
	s := p.add(Check{Platform, "stream", c.Name}, func(ctx context.Context) verdict {
		switch {
		case p.health.connected(c.Name):
			return good(streamHeld)
		case !p.streams:
			return skip(streamUntested)
		}
		return open(ctx)
	}, needs...)
	s.after = []*step{p.admin}
}

// away is how far the clock may be off before anybody suffers, and before nothing
// works any more: certificates and Redis' leases are judged by it.
const (
	clockAway  = 30 * time.Second
	clockWrong = 5 * time.Minute
)

// clock compares our clock with those of everybody who was asked. One who is right is
// enough: so the least difference counts.
func (p *planner) clock() {
	s := p.add(Check{Group: Machine, Name: "clock"}, func(context.Context) verdict {
		var least time.Duration
		told := false
		for _, h := range p.hosts {
			if offset, ok := h.offset(); ok && (!told || offset.Abs() < least.Abs()) {
				least, told = offset, true
			}
		}
		seen := fmt.Sprint(least.Round(time.Second))
		switch {
		case !told:
			return skip(clockUnknown)
		case least.Abs() >= clockWrong:
			return fail(clockOff, seen)
		case least.Abs() >= clockAway:
			return warn(clockOff, seen)
		}
		return good(clockRight)
	})
	for _, h := range p.hosts {
		s.after = append(s.after, h.last)
	}
	p.moveUp(s)
}

// moveUp puts the newest step at the end of its group, where others came in between.
func (p *planner) moveUp(s *step) {
	at := 0
	for i, other := range p.steps {
		if other.check.Group == s.check.Group && other != s {
			at = i + 1
		}
	}
	p.steps = slices.Insert(p.steps[:len(p.steps)-1], at, s)
}
