package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The words of a combination.
const (
	dingtalkName = "dingtalk"
	feishuName   = "feishu"
	fileName     = "file"
	redisName    = "redis"
	sentinelName = "sentinel" // Redis with a replica, which Sentinel makes the master
)

// combo is one combination of platform, store and number of replicas.
type combo struct {
	platform string
	store    string
	replicas int
}

func (c combo) String() string { return fmt.Sprintf("%s/%s/%d", c.platform, c.store, c.replicas) }

// mode is what a run is about.
type mode string

// The modes.
const (
	strikes mode = ""        // one fault after the other, and then every promise is judged
	rolling mode = "rolling" // the replicas are started again, one after the other
	outage  mode = "outage"  // Redis is away for a while
	soak    mode = "soak"    // nothing much happens, for long
)

// combosOf is every combination that a mode is about; the cut leaves Sentinel out.
// A file belongs to one process, so there is nothing to replicate.
func combosOf(m mode, cut bool) (all []combo) {
	for _, platform := range []string{dingtalkName, feishuName} {
		one, three := combo{platform, redisName, 1}, combo{platform, redisName, 3}
		switch m {
		case rolling:
			all = append(all, three)
		case outage:
			all = append(all, one, three)
		case strikes:
			all = append(all, combo{platform, fileName, 1}, one, three)
			if !cut {
				all = append(all, combo{platform, sentinelName, 3})
			}
		}
	}
	if m == soak {
		all = []combo{{dingtalkName, fileName, 1}, {feishuName, redisName, 1}}
	}
	return all
}

const maxReplicas = 9

// parseCombos reads a list such as "dingtalk/file/1,feishu/redis/3".
func parseCombos(list string) ([]combo, error) {
	var combos []combo
	for _, word := range strings.Split(list, ",") {
		parts := strings.Split(strings.TrimSpace(word), "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("-combos: %q is not PLATFORM/STORE/REPLICAS", word)
		}
		replicas, err := strconv.Atoi(parts[2])
		c := combo{parts[0], parts[1], replicas}
		switch {
		case c.platform != dingtalkName && c.platform != feishuName:
			return nil, fmt.Errorf("-combos: the platform of %q is not dingtalk or feishu", word)
		case c.store != fileName && c.store != redisName && c.store != sentinelName:
			return nil, fmt.Errorf("-combos: the store of %q is not file, redis or sentinel", word)
		case err != nil || replicas < 1 || replicas > maxReplicas:
			return nil, fmt.Errorf("-combos: the replicas of %q are not 1 to %d", word, maxReplicas)
		case c.store == fileName && replicas > 1:
			return nil, fmt.Errorf("-combos: %q: a file belongs to one process", word)
		case slices.Contains(combos, c):
			return nil, fmt.Errorf("-combos: %q is named twice", word)
		}
		combos = append(combos, c)
	}
	return combos, nil
}
