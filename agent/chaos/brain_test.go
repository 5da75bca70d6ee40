package main

import (
	"strings"
	"testing"

	"longwire/agent/model/modeltest"
)

func askedBy(number int) modeltest.Request {
	return modeltest.Request{Messages: []modeltest.Message{
		{Role: "user", Content: person{}.question(number - 1)}, // an earlier turn
		{Role: "assistant", Content: "…"},
		{Role: "user", Content: person{}.question(number)},
	}}
}

// The model repeats the number it was asked about last.
func TestBrainAnswers(t *testing.T) {
	answer := strings.Join(new(brain).respond(askedBy(41)).Deltas, "")
	if n, ok := numberIn(answer); !ok || n != 41 {
		t.Errorf("answer %q", answer)
	}
	if r := new(brain).respond(modeltest.Request{}); r.Status != 400 {
		t.Errorf("a question without a number: %+v", r)
	}
}

// A fault hits as many requests as it says, or fewer if it is mended first.
func TestBrainGoesWrong(t *testing.T) {
	b := &brain{}
	wrong := func(r modeltest.Response) bool { return r.Status != 0 || r.Hang || r.Cut }
	for _, k := range []kind{model429, model500, modelHang, modelCut} {
		b.strike(fault{kind: k, count: 2})
		for i := range 3 {
			if got, want := wrong(b.respond(askedBy(7))), i < 2; got != want {
				t.Errorf("%s, request %d: wrong is %t, want %t", k, i+1, got, want)
			}
		}
		b.strike(fault{kind: k, count: 2})
		b.mend()
		if wrong(b.respond(askedBy(7))) {
			t.Errorf("%s goes on after it was mended", k)
		}
	}
}
