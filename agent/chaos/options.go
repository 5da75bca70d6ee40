package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
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

// allCombos is every combination that a full run has; the cut leaves Sentinel out.
// A file belongs to one process, so there is nothing to replicate.
func allCombos(cut bool) (all []combo) {
	for _, platform := range []string{dingtalkName, feishuName} {
		all = append(all, combo{platform, fileName, 1}, combo{platform, redisName, 1}, combo{platform, redisName, 3})
		if !cut {
			all = append(all, combo{platform, sentinelName, 3})
		}
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

// options are the flags.
type options struct {
	program  string
	seed     uint64
	messages int // in all
	faults   int // in all
	combos   []combo
	only     []kind // empty: every kind
	cut      bool
	timeout  time.Duration
	verbose  bool
}

// The sizes of a full run and of the cut that CI runs.
const (
	fullMessages, fullFaults = 21_000, 210
	cutMessages, cutFaults   = 1_200, 36

	fullTimeout, cutTimeout = 30 * time.Minute, 3 * time.Minute
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.program, "program", filepath.Join("bin", "longwire"), "the program, as make build leaves it")
	flags.Uint64Var(&o.seed, "seed", 1, "what goes wrong, and when; the same seed makes the same schedule")
	flags.IntVar(&o.messages, "messages", 0, fmt.Sprintf("how many are said in all; default %d, with -cut %d", fullMessages, cutMessages))
	flags.IntVar(&o.faults, "faults", -1, fmt.Sprintf("how many there are in all; default %d, with -cut %d", fullFaults, cutFaults))
	combos := flags.String("combos", "", "which `PLATFORM/STORE/REPLICAS`, with commas between; default: all of them")
	only := flags.String("only", "", "which `KINDS` of faults, with commas between; default: every kind")
	flags.BoolVar(&o.cut, "cut", false, "a short run, for every change")
	flags.DurationVar(&o.timeout, "timeout", 0, fmt.Sprintf("give up after so long; default %s, with -cut %s", fullTimeout, cutTimeout))
	flags.BoolVar(&o.verbose, "v", false, "show the schedule, and each fault as it strikes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("no argument %q is known", flags.Arg(0))
	}
	return o.complete(*combos, *only)
}

// complete fills in the defaults and checks what was said.
func (o options) complete(combos, only string) (_ options, err error) {
	messages, faults, timeout := fullMessages, fullFaults, fullTimeout
	if o.cut {
		messages, faults, timeout = cutMessages, cutFaults, cutTimeout
	}
	if o.messages == 0 {
		o.messages = messages
	}
	if o.faults < 0 {
		o.faults = faults
	}
	if o.timeout == 0 {
		o.timeout = timeout
	}
	o.combos = allCombos(o.cut)
	if combos != "" {
		if o.combos, err = parseCombos(combos); err != nil {
			return o, err
		}
	}
	if only != "" {
		for _, word := range strings.Split(only, ",") {
			k := kind(strings.TrimSpace(word))
			if !slices.ContainsFunc(traits, func(t trait) bool { return t.kind == k }) {
				return o, fmt.Errorf("-only: no kind %q is known", word)
			}
			o.only = append(o.only, k)
		}
	}
	switch {
	case o.messages < len(o.combos) || o.messages > 10_000_000:
		return o, errors.New("-messages: write at least one for each combination, and at most 10000000")
	case o.faults > o.messages:
		return o, errors.New("-faults: write no more than there are messages")
	case o.timeout < 0:
		return o, errors.New("-timeout: write how long, such as 30m")
	}
	return o, nil
}

// share is one combination's part of a number, so that the parts make it up.
func (o options) share(all, i int) int {
	n := len(o.combos)
	return (i+1)*all/n - i*all/n
}

// command is how to run this again, for the combinations given.
func (o options) command(messages, faults int, combos ...combo) string {
	names := make([]string, len(combos))
	for i, c := range combos {
		names[i] = c.String()
	}
	command := fmt.Sprintf("make build && go run ./agent/chaos -seed %d -messages %d -faults %d -combos %s",
		o.seed, messages, faults, strings.Join(names, ","))
	if len(o.only) > 0 {
		kinds := make([]string, len(o.only))
		for i, k := range o.only {
			kinds[i] = string(k)
		}
		command += " -only " + strings.Join(kinds, ",")
	}
	return command
}
