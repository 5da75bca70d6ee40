package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"longwire/conversation/redisstore"
)

// redisFacts is what is known of a Redis once it has answered.
type redisFacts struct {
	redisstore.Facts
	away time.Duration // how far our clock is ahead of its
}

// pingCount is how many pings make a distribution.
const pingCount = 20

// redis adds the checks of a store on Redis.
func (p *planner) redis() {
	facts := &redisFacts{}
	check := func(name string) Check { return Check{Store, name, p.cfg.Store.String()} }
	up := p.add(check("redis"), func(ctx context.Context) verdict { return facts.learn(ctx, p.cfg.Store.Reveal(), p.on.now) })
	for _, c := range []struct {
		name  string
		judge func() verdict
	}{
		{"redis latency", facts.latency},
		{"redis version", facts.version},
		{"redis role", facts.role},
		{"redis eviction", facts.eviction},
		{"redis persistence", facts.persistence},
		{"redis memory", facts.memory},
		{"redis clock", facts.clock},
	} {
		p.add(check(c.name), func(context.Context) verdict { return c.judge() }, up)
	}
}

// learn asks for everything.
func (f *redisFacts) learn(ctx context.Context, rawURL string, now func() time.Time) verdict {
	facts, err := redisstore.Look(ctx, rawURL, pingCount)
	if err != nil {
		return redisTrouble(err)
	}
	f.Facts = facts
	if !f.Clock.IsZero() {
		f.away = now().Sub(f.Clock)
	}
	return good(redisGood)
}

// redisTrouble is why a Redis could not be asked.
func redisTrouble(err error) verdict {
	v := fail(redisAway)
	said, refused := redisstore.Refusal(err)
	code, _, _ := strings.Cut(said, " ")
	switch wrong, ok := certificateWrong(err); {
	case errors.Is(err, redisstore.ErrNoMaster):
		v = fail(redisNoMaster)
	case ok:
		v = wrong
	case !refused:
	case code == "LOADING":
		v = fail(redisLoading)
	case code == "NOAUTH", code == "WRONGPASS", code == "NOPERM", strings.Contains(said, "AUTH"), strings.Contains(said, "password"):
		v = fail(redisAuth)
	default:
		v = fail(redisRefused)
	}
	return v.seen(plainError(err))
}

// slowPing is how long Redis may take for nearly all pings: each message waits for it
// several times.
const slowPing = 50 * time.Millisecond

func (f *redisFacts) latency() verdict {
	sorted := slices.Sorted(slices.Values(f.Pings))
	half, most := sorted[len(sorted)/2], sorted[len(sorted)-1]
	texts := []any{fmt.Sprint(half.Round(time.Microsecond)), fmt.Sprint(most.Round(time.Microsecond))}
	if half > slowPing {
		return warn(redisSlow, texts...)
	}
	return good(redisFast, texts...)
}

func (f *redisFacts) version() verdict {
	version := f.Info["redis_version"]
	switch {
	case version == "":
		return skip(redisSilent)
	case redisstore.TooOld(version):
		return fail(redisOld, version)
	}
	return good(redisVersion, version)
}

func (f *redisFacts) role() verdict {
	clustered := f.Info["cluster_enabled"] == "1"
	switch {
	case clustered && !f.Cluster:
		return fail(redisIsCluster)
	case clustered && f.Info["cluster_state"] != "ok":
		return fail(redisClusterDown, f.Info["cluster_state"])
	case clustered: // its clients find the masters themselves
		return good(redisCluster)
	case f.Cluster:
		return fail(redisNoCluster)
	case f.Info["role"] == "slave":
		return fail(redisReplica, f.Info["master_host"]+":"+f.Info["master_port"])
	}
	return good(redisMaster)
}

func (f *redisFacts) eviction() verdict {
	policy := f.Info["maxmemory_policy"]
	switch {
	case policy == "":
		return skip(redisSilent)
	case policy == "noeviction":
		return good(redisKeeps)
	case f.Info["maxmemory"] == "0":
		return warn(redisMayEvict, policy)
	}
	return fail(redisEvicts, policy)
}

func (f *redisFacts) persistence() verdict {
	aof, known := f.Info["aof_enabled"]
	switch {
	case !known:
		return skip(redisSilent)
	case f.Info["aof_last_write_status"] == "err" || f.Info["rdb_last_bgsave_status"] == "err":
		return fail(redisCannotSave)
	case aof != "1" && f.Settings["save"] == "":
		return warn(redisForgets)
	case aof != "1":
		return warn(redisSnapshots)
	}
	return good(redisPersists, or(f.Settings["appendfsync"], "?"))
}

// nearlyFull is the share of its memory above which Redis soon takes nothing more.
const nearlyFull = 0.9

func (f *redisFacts) memory() verdict {
	used, err1 := strconv.ParseUint(f.Info["used_memory"], 10, 64)
	limit, err2 := strconv.ParseUint(f.Info["maxmemory"], 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		return skip(redisSilent)
	case limit == 0:
		return good(redisUnbounded, bytesText(used))
	case used >= limit:
		return fail(redisFull, bytesText(used), bytesText(limit))
	case float64(used) > nearlyFull*float64(limit):
		return warn(redisFull, bytesText(used), bytesText(limit))
	}
	return good(redisRoom, bytesText(used), bytesText(limit))
}

func (f *redisFacts) clock() verdict {
	if f.away.Abs() >= clockAway {
		return warn(redisClock, fmt.Sprint(f.away.Round(time.Second)))
	}
	return good(redisClockGood)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
