package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	all, cut := allCombos(false), allCombos(true)
	rows := []struct {
		args string
		want options
	}{
		{"", options{seed: 1, messages: fullMessages, faults: fullFaults, combos: all, timeout: fullTimeout}},
		{"-cut", options{seed: 1, messages: cutMessages, faults: cutFaults, combos: cut, timeout: cutTimeout, cut: true}},
		{"-cut -messages 60 -faults 0 -timeout 1s -seed 9 -v", options{seed: 9, messages: 60, combos: cut, timeout: time.Second, cut: true, verbose: true}},
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
		if got.seed != row.want.seed || got.messages != row.want.messages || got.faults != row.want.faults ||
			got.timeout != row.want.timeout || got.cut != row.want.cut || got.verbose != row.want.verbose {
			t.Errorf("%q: %+v, want %+v", row.args, got, row.want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"more":                                      "no argument",
		"-messages 3":                               "-messages",
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
	again, err := parseOptions(strings.Fields(flags), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if again.seed != 5 || again.messages != 17 || again.faults != 2 || !slices.Equal(again.combos, o.combos[1:2]) || !slices.Equal(again.only, o.only) {
		t.Errorf("%q is understood as %+v", flags, again)
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
