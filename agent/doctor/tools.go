package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"longwire/agent/config"
	"longwire/agent/tools"
)

// tools adds the checks of the servers whose tools may be used on the connections.
func (p *planner) tools() {
	seen := map[string]bool{}
	for _, c := range p.cfg.Connections {
		for _, t := range p.cfg.ToolsFor(c) {
			if seen[t.Name] {
				continue
			}
			seen[t.Name] = true
			var own []string
			var reached *step // of a process there is none
			if !t.URL.IsZero() {
				reached = p.reached(t.URL.Reveal(), config.Proxy{})
			}
			up := p.add(Check{Tools, "server", t.Name}, func(ctx context.Context) (v verdict) {
				own, v = listTools(ctx, t)
				return v
			}, reached)
			if len(t.Allow)+len(t.Deny)+len(t.Confirm) > 0 {
				p.add(Check{Tools, "patterns", t.Name}, func(context.Context) verdict { return patterns(t, own) }, up)
			}
		}
	}
}

// again is how long a server that failed once may still come up: some are first asked
// in words that they do not know.
const again = 4 * time.Second

// listTools connects to a server, as the program does, and returns the names of all
// its tools.
func listTools(ctx context.Context, t config.Tool) (names []string, v verdict) {
	c := tools.Config{Name: t.Name, Command: t.Command, Dir: t.Dir, Env: reveal(t.Env), URL: t.URL.Reveal(), Headers: reveal(t.Headers)}
	servers := tools.New([]tools.Config{c}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { servers.Run(ctx) })

	initial := servers.State()[0].LastError
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	var enough <-chan time.Time
	for {
		state := servers.State()[0]
		switch {
		case state.Up:
			for _, tool := range servers.Tools(nil) {
				names = append(names, strings.TrimPrefix(tool.Name, t.Name+"__"))
			}
			if len(names) == 0 {
				return nil, warn(toolsNone)
			}
			return names, good(toolsGood, len(names))
		case state.LastError != initial && enough == nil:
			enough = time.After(again)
		}
		select {
		case <-look.C:
		case <-enough:
			return nil, fail(toolsAway).seen(servers.State()[0].LastError)
		case <-ctx.Done():
			return nil, fail(toolsMute).seen(servers.State()[0].LastError)
		}
	}
}

func reveal(secrets map[string]config.Secret) map[string]string {
	plain := make(map[string]string, len(secrets))
	for name, secret := range secrets {
		plain[name] = secret.Reveal()
	}
	return plain
}

// patterns looks for patterns that mean no tool: a slip, or a tool that has another
// name since an update.
func patterns(t config.Tool, own []string) verdict {
	var idle []string
	for _, list := range []struct {
		key      string
		patterns []string
	}{{"allow", t.Allow}, {"deny", t.Deny}, {"confirm", t.Confirm}} {
		for _, pattern := range list.patterns {
			if !matchesAny(pattern, own) {
				idle = append(idle, fmt.Sprintf("%s: %s", list.key, pattern))
			}
		}
	}
	if len(idle) > 0 {
		return warn(toolsIdle, oneLine(strings.Join(idle, ", "))).seen(strings.Join(own, ", "))
	}
	return good(toolsPatterns)
}

func matchesAny(pattern string, names []string) bool {
	for _, name := range names {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}

// matches reports whether name is the pattern, in which a * stands for any text.
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, before)
	for ; ok; rest = rest[1:] {
		if matches(after, rest) {
			return true
		}
		if rest == "" {
			return false
		}
	}
	return false
}
