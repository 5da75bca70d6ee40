package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"longwire/connectors"
)

// rules are a Config, made ready for looking up. They never change.
type rules struct {
	Config
	allow, deny listed
	admins      map[string]bool
	listedOnly  bool // only who is in allow may ask
}

// listed is a List, made ready for looking up.
type listed struct{ people, groups, departments map[string]bool }

// monthZone is where both platforms' months begin, in Beijing.
var monthZone = time.FixedZone("UTC+8", 8*60*60)

func rulesOf(config Config) *rules {
	if config.Zone == nil {
		config.Zone = monthZone
	}
	r := &rules{
		Config: config,
		allow:  listedOf(config.Allow), deny: listedOf(config.Deny),
		admins: setOf(config.Admins),
	}
	r.listedOnly = config.Closed || !r.allow.empty()
	return r
}

func listedOf(l List) listed {
	return listed{setOf(l.People), setOf(l.Groups), setOf(l.Departments)}
}

// setOf leaves "" out: it would be everybody whom the platform did not name.
func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		if id != "" {
			set[id] = true
		}
	}
	return set
}

func (l listed) empty() bool { return len(l.people)+len(l.groups)+len(l.departments) == 0 }

// names reports whether the list names ev's person or group.
func (l listed) names(ev connectors.Event) bool {
	return l.people[ev.Sender.ID] || ev.Chat.Group && l.groups[ev.Chat.ID]
}

// namesAny reports whether the list names one of the departments.
func (l listed) namesAny(departments []string) bool {
	return slices.ContainsFunc(departments, func(id string) bool { return l.departments[id] })
}

// Allowed reports whether ev's person may ask at all, there where they ask. It
// needs the store only to say so once. Where departments are to be looked up and the
// platform does not answer, nobody passes, but admins and those who need no
// department: a list that is there to keep people out must not open by itself.
func (g *Gate) Allowed(ctx context.Context, ev connectors.Event) Refusal {
	return g.refusal(ctx, g.judge(ctx, ev), ev)
}

// May reports the same and nothing else: it counts nobody as refused, and nobody's one
// notice is used up.
func (g *Gate) May(ctx context.Context, ev connectors.Event) bool { return g.judge(ctx, ev) == None }

// judge applies the lists.
func (g *Gate) judge(ctx context.Context, ev connectors.Event) Kind {
	r := g.rules.Load()
	switch {
	case r.admins[ev.Sender.ID]:
		return None
	case r.deny.names(ev):
		return NotAllowed
	}
	may := !r.listedOnly || r.allow.names(ev)
	if len(r.deny.departments) == 0 && (may || len(r.allow.departments) == 0) {
		return notAllowedUnless(may)
	}
	in, err := g.memberships.of(ctx, ev.Sender.ID)
	if err != nil {
		if g.blind.now() {
			g.log.Warn("departments cannot be told, people are turned away", "event", ev.Trace(), "err", err)
		}
		return Unknown
	}
	return notAllowedUnless(!r.deny.namesAny(in) && (may || r.allow.namesAny(in)))
}

func notAllowedUnless(may bool) Kind {
	if may {
		return None
	}
	return NotAllowed
}

// How long it is remembered in which departments somebody is, and that nobody could
// tell: each question is an API call that the platform counts.
const (
	membershipKeep = 10 * time.Minute
	ignoranceKeep  = time.Minute
)

// memberships knows in which departments people are.
type memberships struct {
	ask    Departments // nil where the platform does not tell
	recent recent[membership]
}

type membership struct {
	departments []string
	err         error
}

// errNotTold says that the platform has no departments, or not for us.
var errNotTold = errors.New("the platform does not tell departments")

// of returns the departments of a person, as the platform told them within the last
// ten minutes. Two who ask at the same time may both ask the platform.
func (m *memberships) of(ctx context.Context, person string) ([]string, error) {
	if m.ask == nil {
		return nil, errNotTold
	}
	if known, ok := m.recent.get(person); ok {
		return known.departments, known.err
	}
	departments, err := m.ask(ctx, person)
	switch {
	case err == nil:
		m.recent.put(person, membership{departments, nil}, membershipKeep)
	case ctx.Err() == nil: // the platform's fault, and not that of a caller who gave up
		m.recent.put(person, membership{nil, err}, ignoranceKeep)
	}
	return departments, err
}
