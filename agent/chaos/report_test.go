package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestReportOfSuccess(t *testing.T) {
	var out bytes.Buffer
	o := options{seed: 4, messages: 2, faults: 1, combos: combosOf(strikes, false)[:1]}
	v := judge(history{platform: dingtalkName, messages: []message{asked(0, 1, 1*s, 2*s, 3*s)}})
	table := sheet{"what was measured", [][]any{{"figure", "value"}, {"gap", 2 * s}}}
	if !report(&out, o, []result{{combo: o.combos[0], verdict: v, firings: []firing{at(kill, s, s, s)}, sheets: []sheet{table}, took: time.Minute}}) {
		t.Error("nothing broke, and it is not good")
	}
	for _, want := range []string{"| P1 ", "| P8 ", "| dingtalk/file/1 | 1 ", "dingtalk/file/1, what was measured:\n\n| figure | value |\n| ---    | ---   |\n| gap    | 2s    |", "| kill  | 1 ", "Every promise was kept.", "-seed 4 -combos dingtalk/file/1 -messages 2 -faults 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "within its bounds") {
		t.Error("nothing was measured, and there is a line about it")
	}
	if strings.Contains(out.String(), "| freeze") {
		t.Error("a fault that did not happen is in the table")
	}
}

// What broke is told, with what had gone wrong just before; of many only some.
func TestReportOfFailure(t *testing.T) {
	var messages []message
	for i := range 2 * shown {
		messages = append(messages, asked(i, i, 5*s, 6*s))
	}
	firings := []firing{at(kill, 1*s, 1*s, 2*s), at(drop, 4*s, 4*s, 4*s), at(freeze, 9*s, 9*s, 9*s)}
	r := result{combo: redis3, verdict: judge(history{messages: messages, firings: firings}), firings: firings, kept: "/kept/here", again: "this again"}
	var out bytes.Buffer
	if report(&out, options{combos: []combo{redis3}}, []result{r}) {
		t.Error("messages were lost, and it is good")
	}
	for _, want := range []string{"lost: message 0 of person 0", "[last fault: drop 4.000s–4.000s]", "P1  and 5 more", "logs: /kept/here", "again: this again", "A promise was broken."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if report(&out, options{combos: []combo{redis3}}, []result{{combo: redis3, err: errors.New("no end")}}) {
		t.Error("a run without an end is good")
	}
}
