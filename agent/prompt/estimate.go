package prompt

import (
	"math"
	"sync"

	"longwire/agent/model"
)

// Estimator turns counts into tokens for one model at one endpoint, and learns from
// what the endpoint reports. The zero Estimator is ready. It may be used by many
// turns at once.
//
// It holds one factor for each script. A report moves the factors of the scripts that
// the prompt consisted of, in proportion to their part in it, by a step that is a
// fifth of the surprise; and a surprise counts for a quarter of the estimate at most.
// So one odd report, of an endpoint that counts something else for once, moves an
// estimate by a twentieth at most, and a dozen good ones bring it home. On the corpus
// this leaves half the error of one factor for all scripts.
type Estimator struct {
	mu    sync.Mutex
	rates rates // guarded by mu
}

// rates are what an Estimator has learnt: for CJK, Latin, Signs and Other the factor
// of the estimate, less one.
type rates [4]float64

func (r rates) tokens(c Count) float64 {
	return c.Fixed + c.CJK*(1+r[0]) + c.Latin*(1+r[1]) + c.Signs*(1+r[2]) + c.Other*(1+r[3])
}

func (e *Estimator) snapshot() rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rates
}

const (
	learnStep    = 1.0 / 5 // of a surprise
	learnMost    = 1.0 / 4 // a surprise, as a part of the estimate
	factorLeast  = 0.4
	factorMost   = 2.5
	learnTooFew  = 32  // tokens; what is reported of less is mostly the frame
	frameMessage = 4.0 // tokens around a message: its role and its ends
	framePrompt  = 3.0 // tokens before the answer
)

// Tokens is what c comes to, after correction.
func (e *Estimator) Tokens(c Count) int { return int(math.Ceil(e.snapshot().tokens(c))) }

// Estimate is how many tokens text has.
func (e *Estimator) Estimate(text string) int { return e.Tokens(Measure(text)) }

// Messages is how many tokens messages come to as a whole prompt.
func (e *Estimator) Messages(messages []model.Message) int { return e.Tokens(MeasureAll(messages)) }

// MeasureAll counts a whole prompt, before any correction.
func MeasureAll(messages []model.Message) Count {
	c := Count{Fixed: framePrompt}
	for _, m := range messages {
		c = c.Plus(measureMessage(m.Content))
	}
	return c
}

func measureMessage(text string) Count { return Measure(text).Plus(Count{Fixed: frameMessage}) }

// Observe learns that the prompt of c had so many tokens, as the endpoint counts
// them. A prompt with pictures teaches nothing: what they cost says nothing about text.
func (e *Estimator) Observe(c Count, reported int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := e.rates.tokens(c) - c.Fixed
	if reported <= 0 || c.Pictures > 0 || text < learnTooFew {
		return
	}
	surprise := float64(reported) - c.Fixed - text
	surprise = min(max(surprise, -learnMost*text), learnMost*text)
	parts := [len(e.rates)]float64{c.CJK, c.Latin, c.Signs, c.Other}
	square := 0.0
	for _, part := range parts {
		square += part * part
	}
	for i, part := range parts {
		factor := 1 + e.rates[i] + learnStep*surprise*part/square
		e.rates[i] = min(max(factor, factorLeast), factorMost) - 1
	}
}
