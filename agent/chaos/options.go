package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	program  string
	seed     uint64
	messages int // in all
	faults   int // in all
	combos   []combo
	only     []kind // empty: every kind
	cut      bool
	mode     mode
	length   time.Duration // of the outage or the soak
	rate     float64       // messages a second, where the load is steady
	parallel int           // so many combinations at a time
	timeout  time.Duration
	cards    bool // answers come in cards
	verbose  bool
}

// The sizes of a full run and of the cut that CI runs.
const (
	fullMessages, fullFaults = 21_000, 210
	cutMessages, cutFaults   = 1_800, 60

	fullTimeout, cutTimeout = 30 * time.Minute, 3 * time.Minute
)

// The rates of a steady load, in messages a second, and the most that is allowed.
const (
	measureRate, soakRate = 20, 30
	maxRate               = 1000
)

// together is how many combinations strike at a time. They wait more than they
// compute.
const together = 3

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
	roll := flags.Bool("rolling", false, "instead: start all replicas again, one after the other, twice, under a steady load")
	away := flags.Duration("outage", 0, "instead: take Redis away for so long, such as 60s, under a steady load")
	long := flags.Duration("soak", 0, "instead: a steady load for so long, such as 30m, to see whether anything grows")
	flags.Float64Var(&o.rate, "rate", 0, fmt.Sprintf("messages a second of the steady load; default %d, with -soak %d", measureRate, soakRate))
	flags.IntVar(&o.parallel, "parallel", 0, fmt.Sprintf("how many combinations at a time; default %d, but 1 where a latency is measured, and with -soak all", together))
	flags.DurationVar(&o.timeout, "timeout", 0, fmt.Sprintf("give up after so long; default %s, with -cut %s, and by its length for what is measured", fullTimeout, cutTimeout))
	flags.BoolVar(&o.cards, "cards", false, "have every answer in a card; default: in a message")
	flags.BoolVar(&o.verbose, "v", false, "show the schedule, and each fault as it strikes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("no argument %q is known", flags.Arg(0))
	}
	modes := 0
	for m, asked := range map[mode]bool{rolling: *roll, outage: *away != 0, soak: *long != 0} {
		if asked {
			o.mode, modes = m, modes+1
		}
	}
	if modes > 1 || modes == 1 && (o.cut || o.messages > 0 || o.faults > 0 || *only != "") {
		return o, errors.New("-rolling, -outage and -soak are runs of their own: write one of them, and no faults beside it")
	}
	o.length = *away + *long
	return o.complete(*combos, *only)
}

// complete fills in the defaults and checks what was said.
func (o options) complete(combos, only string) (_ options, err error) {
	o.combos = combosOf(o.mode, o.cut)
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
	return o.withDefaults(), o.withDefaults().check()
}

// withDefaults fills in what was left out, once the combinations are known.
func (o options) withDefaults() options {
	messages, faults, parallel := fullMessages, fullFaults, together
	timeout, rate := fullTimeout, float64(measureRate)
	if o.cut {
		messages, faults, timeout = cutMessages, cutFaults, cutTimeout
	}
	switch o.mode {
	case rolling, outage:
		parallel, timeout = 1, time.Duration(len(o.combos))*(o.length+10*time.Minute)
	case soak:
		parallel, timeout, rate = len(o.combos), o.length+10*time.Minute, soakRate
	}
	if o.mode != strikes {
		messages, faults = 0, 0
	}
	if o.messages == 0 {
		o.messages = messages
	}
	if o.faults < 0 {
		o.faults = faults
	}
	o.timeout = cmp.Or(o.timeout, timeout)
	o.rate = cmp.Or(o.rate, rate)
	o.parallel = cmp.Or(o.parallel, parallel)
	return o
}

// check says what is wrong.
func (o options) check() error {
	notRedis := func(c combo) bool { return c.store != redisName }
	switch {
	case o.mode == strikes && (o.messages < len(o.combos) || o.messages > 10_000_000):
		return errors.New("-messages: write at least one for each combination, and at most 10000000")
	case o.faults > o.messages:
		return errors.New("-faults: write no more than there are messages")
	case o.timeout < 0:
		return errors.New("-timeout: write how long, such as 30m")
	case o.mode == outage && o.length < time.Second:
		return errors.New("-outage: write how long, such as 60s")
	case o.mode == outage && slices.ContainsFunc(o.combos, notRedis):
		return errors.New("-outage: only the store redis can be away")
	case o.mode == soak && o.length < shortestSoak:
		return fmt.Errorf("-soak: write how long, at least %s", shortestSoak)
	case !(o.rate > 0 && o.rate <= maxRate):
		return fmt.Errorf("-rate: write messages a second, at most %d", maxRate)
	case o.parallel < 1:
		return errors.New("-parallel: write how many, at least 1")
	}
	return nil
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
	command := fmt.Sprintf("make build && go run ./agent/chaos -seed %d -combos %s", o.seed, strings.Join(names, ","))
	switch o.mode {
	case strikes:
		command += fmt.Sprintf(" -messages %d -faults %d", messages, faults)
	case rolling:
		command += fmt.Sprintf(" -rate %g -rolling", o.rate)
	case outage, soak:
		command += fmt.Sprintf(" -rate %g -%s %s", o.rate, o.mode, o.length)
	}
	if o.cards {
		command += " -cards"
	}
	if len(o.only) > 0 {
		kinds := make([]string, len(o.only))
		for i, k := range o.only {
			kinds[i] = string(k)
		}
		command += " -only " + strings.Join(kinds, ",")
	}
	return command
}
