package prompt

import (
	"math"
	"strings"
	"sync"
	"testing"

	"longwire/agent/model"
)

var (
	chineseText = strings.Repeat("请把会议纪要发给我，谢谢。", 20)
	englishText = strings.Repeat("please send me the notes of the meeting ", 20)
	codeText    = strings.Repeat("if x[i] != 0 { y += 12; }\n", 20)
)

// An endpoint that needs much for Chinese and little for code is understood, script
// by script, from prompts in which they are mixed.
func TestEstimatorLearnsEachScript(t *testing.T) {
	truth := rates{0.4, -0.05, -0.2, 0}
	var e Estimator
	for range 40 {
		for _, text := range []string{chineseText + englishText, englishText + codeText, chineseText + codeText, englishText} {
			c := measureMessage(text)
			e.Observe(c, int(truth.tokens(c)))
		}
	}
	for _, text := range []string{chineseText, englishText, codeText} {
		want := truth.tokens(Measure(text))
		if got := float64(e.Estimate(text)); math.Abs(got/want-1) > 0.05 {
			t.Errorf("%.20q…: %.0f tokens, want %.0f", text, got, want)
		}
	}
}

func TestEstimatorIsNotThrownByOneReport(t *testing.T) {
	c := measureMessage(chineseText + englishText + codeText)
	for _, reported := range []int{1, 1_000_000, math.MaxInt} {
		var e Estimator
		before := e.Tokens(c)
		e.Observe(c, reported)
		if after := e.Tokens(c); math.Abs(float64(after)/float64(before)-1) > 0.055 || after == before {
			t.Errorf("%d reported: from %d to %d", reported, before, after)
		}
	}
}

func TestEstimatorStaysWithinBounds(t *testing.T) {
	c := measureMessage(englishText)
	for _, row := range []struct {
		reported    int
		least, most float64
	}{{1, factorLeast, factorLeast}, {1 << 30, factorMost, factorMost}} {
		var e Estimator
		for range 1000 {
			e.Observe(c, row.reported)
		}
		if factor := float64(e.Estimate(englishText)) / float64(new(Estimator).Estimate(englishText)); factor < row.least-0.02 || factor > row.most+0.02 {
			t.Errorf("%d reported for ever: factor %.2f", row.reported, factor)
		}
	}
}

func TestEstimatorLearnsNothingFrom(t *testing.T) {
	pictured := measureMessage(englishText)
	pictured.Pictures = 1
	rows := map[string]struct {
		c        Count
		reported int
	}{
		"no report":    {measureMessage(englishText), 0},
		"a negative":   {measureMessage(englishText), -5},
		"a word":       {measureMessage("hi"), 500},
		"no text":      {Count{}, 500},
		"a picture":    {pictured, 5000},
		"nothing else": {Count{Fixed: 1000}, 5000},
	}
	for name, row := range rows {
		var e Estimator
		if e.Observe(row.c, row.reported); e.snapshot() != (rates{}) {
			t.Errorf("%s taught %v", name, e.snapshot())
		}
	}
}

func TestMessagesHaveAFrame(t *testing.T) {
	var e Estimator
	one := e.Messages([]model.Message{{Role: model.User, Content: "hi"}})
	two := e.Messages([]model.Message{{Role: model.User, Content: "hi"}, {Role: model.User, Content: "hi"}})
	if one <= e.Estimate("hi")+frameMessage || two-one < frameMessage {
		t.Errorf("one message %d tokens, two %d", one, two)
	}
}

func TestEstimatorAtTheSameTime(t *testing.T) {
	var e Estimator
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				c := measureMessage(englishText)
				e.Observe(c, e.Tokens(c)+10)
			}
		})
	}
	all.Wait()
	if e.Estimate(englishText) <= new(Estimator).Estimate(englishText) {
		t.Error("nothing was learnt")
	}
}
