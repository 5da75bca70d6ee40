package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	all, cut := combosOf(strikes, false), combosOf(strikes, true)
	rows := []struct {
		args string
		want options
	}{
		{"", options{seed: 1, messages: fullMessages, faults: fullFaults, combos: all, timeout: fullTimeout}},
		{"-cut", options{seed: 1, messages: cutMessages, faults: cutFaults, combos: cut, timeout: cutTimeout, cut: true}},
		{"-cut -messages 60 -faults 0 -timeout 1s -seed 9 -v", options{seed: 9, messages: 60, combos: cut, timeout: time.Second, cut: true, verbose: true}},
		{"-rolling", options{seed: 1, combos: combosOf(rolling, false), timeout: 20 * time.Minute, mode: rolling, rate: measureRate, parallel: 1}},
		{"-outage 60s -parallel 4", options{seed: 1, combos: combosOf(outage, false), timeout: 44 * time.Minute, mode: outage, length: time.Minute, rate: measureRate, parallel: 4}},
		{"-soak 30m -rate 50", options{seed: 1, combos: combosOf(soak, false), timeout: 40 * time.Minute, mode: soak, length: 30 * time.Minute, rate: 50, parallel: 2}},
		{"-combos feishu/redis/3 -only kill,drop", options{seed: 1, messages: fullMessages, faults: fullFaults,
			combos: []combo{{feishuName, redisName, 3}}, only: []kind{kill, drop}, timeout: fullTimeout}},
	}
	for _, row := range rows {
		got, err := parseOptions(strings.Fields(row.args), io.Discard)
		if err != nil {
			t.Errorf("%q: %v", row.args, err)
			continue
		}
		if !slices.Equal(got.combos, row.want.combos) || !slices.Equal(got.only, row.want.only) {
			t.Errorf("%q: %v %v", row.args, got.combos, got.only)
		}
		if row.want.mode == strikes {
			row.want.rate, row.want.parallel = measureRate, together
		}
		if got.rate != row.want.rate || got.parallel != row.want.parallel {
			t.Errorf("%q: rate %g, %d at a time", row.args, got.rate, got.parallel)
		}
		if got.seed != row.want.seed || got.messages != row.want.messages || got.faults != row.want.faults ||
			got.mode != row.want.mode || got.length != row.want.length || got.timeout != row.want.timeout || got.cut != row.want.cut || got.verbose != row.want.verbose {
			t.Errorf("%q: %+v, want %+v", row.args, got, row.want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"more":                                      "no argument",
		"-messages 3":                               "-messages",
		"-rolling -soak 5m":                         "of their own",
		"-outage 5s -cut":                           "of their own",
		"-soak 5m -messages 10":                     "of their own",
		"-outage 1ms":                               "-outage",
		"-outage 5s -combos feishu/file/1":          "-outage",
		"-soak 5s":                                  "-soak",
		"-rate -1":                                  "-rate",
		"-rate NaN":                                 "-rate",
		"-rate 5000":                                "-rate",
		"-parallel -2":                              "-parallel",
		"-messages 10 -faults 11":                   "-faults",
		"-timeout -1s":                              "-timeout",
		"-only kill,nonsense":                       "nonsense",
		"-combos dingtalk":                          "PLATFORM/STORE/REPLICAS",
		"-combos slack/file/1":                      "platform",
		"-combos dingtalk/paper/1":                  "store",
		"-combos dingtalk/redis/0":                  "replicas",
		"-combos dingtalk/redis/many":               "replicas",
		"-combos dingtalk/file/2":                   "one process",
		"-combos dingtalk/file/1,dingtalk/file/1":   "twice",
		"-combos dingtalk/file/1,dingtalk/redis/1x": "replicas",
	} {
		if _, err := parseOptions(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want a word about %q", args, err, want)
		}
	}
}

// The parts make up the whole, and the command is understood again.
func TestSharesAndCommand(t *testing.T) {
	o, err := parseOptions([]string{"-messages", "1003", "-faults", "20", "-seed", "5", "-only", "kill"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	messages, faults := 0, 0
	for i := range o.combos {
		messages += o.share(o.messages, i)
		faults += o.share(o.faults, i)
	}
	if messages != 1003 || faults != 20 {
		t.Errorf("shares make up %d messages and %d faults", messages, faults)
	}
	_, flags, _ := strings.Cut(o.command(17, 2, o.combos[1]), "./agent/chaos ")
	again := understand(t, flags)
	if again.seed != 5 || again.messages != 17 || again.faults != 2 || !slices.Equal(again.combos, o.combos[1:2]) || !slices.Equal(again.only, o.only) {
		t.Errorf("%q is understood as %+v", flags, again)
	}
}

// understand reads flags.
func understand(t *testing.T, flags string) options {
	t.Helper()
	o, err := parseOptions(strings.Fields(flags), io.Discard)
	if err != nil {
		t.Fatalf("%q: %v", flags, err)
	}
	return o
}

func TestCommandOfWhatIsMeasured(t *testing.T) {
	for _, args := range []string{"-rolling -rate 7", "-outage 90s", "-soak 2m -seed 3"} {
		o := understand(t, args)
		_, flags, _ := strings.Cut(o.command(0, 0, o.combos...), "./agent/chaos ")
		again := understand(t, flags)
		if again.mode != o.mode || again.length != o.length || again.rate != o.rate || again.seed != o.seed || !slices.Equal(again.combos, o.combos) {
			t.Errorf("%q is understood as %+v, not as %+v", flags, again, o)
		}
	}
}

// A list that is understood is understood again as it is printed.
func FuzzParseCombos(f *testing.F) {
	f.Add("dingtalk/file/1,feishu/redis/3")
	f.Add("feishu/sentinel/9")
	f.Fuzz(func(t *testing.T, list string) {
		combos, err := parseCombos(list)
		if err != nil {
			return
		}
		names := make([]string, len(combos))
		for i, c := range combos {
			names[i] = c.String()
		}
		again, err := parseCombos(strings.Join(names, ","))
		if err != nil || !slices.Equal(again, combos) {
			t.Errorf("%q is %v, and then %v, %v", list, combos, again, err)
		}
	})
}
