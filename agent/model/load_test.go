package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
)

// p99 is the time that all but one of a hundred took no longer than.
func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100].Round(time.Millisecond)
}

// answerTo is an answer in a few words, for which one second is long.
func answerTo(r modeltest.Request) modeltest.Response {
	return modeltest.Response{Deltas: []string{"The ", "answer ", "to ", r.Question(), " is yes."}, Pause: 20 * time.Millisecond}
}

const people, turns = 500, 2

// conversations lets people ask at the same time, each one question after the other,
// and returns how long each answer took, and how long nothing came before those that
// started over did.
func conversations(t *testing.T, client *Client) (took, silence []time.Duration) {
	took = make([]time.Duration, people*turns)
	var mu sync.Mutex // guards silence
	var all sync.WaitGroup
	for person := range people {
		all.Go(func() {
			for turn := range turns {
				began, question := time.Now(), fmt.Sprintf("question %d of %d", turn, person)
				h := client.ask(t.Context(), Request{Messages: []Message{{Role: User, Content: question}}})
				took[person*turns+turn] = time.Since(began)
				if h.agains > 0 {
					mu.Lock()
					silence = append(silence, h.silence)
					mu.Unlock()
				}
				if h.err != nil || h.text != "The answer to "+question+" is yes." {
					t.Errorf("%s: %q, %v", question, h.text, h.err)
				}
			}
		})
	}
	all.Wait()
	return took, silence
}

// The first endpoint dies in the middle of 500 conversations. Everybody gets a whole
// answer, and nobody an error.
func TestEndpointDiesUnderLoad(t *testing.T) {
	var begun atomic.Int64
	dying := make(chan struct{})
	first, err := modeltest.Start("127.0.0.1:0", func(r modeltest.Request) modeltest.Response {
		if begun.Add(1) == people*6/5 { // some are answered half, some will ask again
			close(dying)
		}
		return answerTo(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	first.Forget()
	second := serving(t, answerTo)
	second.Forget()

	calm, _ := conversations(t, clientOf(t, at(second, Config{})))
	client := clientOf(t, at(first, Config{}), at(second, Config{}))
	var heardOf ears
	client.Observe(&heardOf)
	var death sync.WaitGroup
	death.Go(func() { <-dying; first.Close() })
	hit, silence := conversations(t, client)
	death.Wait()
	before, after := p99(calm), p99(hit)
	t.Logf("p99 of an answer: %s in calm, %s with the endpoint's death, %s added", before, after, after-before)
	if len(silence) == 0 {
		t.Fatal("no answer broke off")
	}
	t.Logf("%d questions moved, %d of them in the middle of an answer, with a silence of p99 %s", len(heardOf.moved), len(silence), p99(silence))
	if n := len(heardOf.moved); n < people/5 {
		t.Errorf("only %d questions moved: the endpoint did not die in the middle", n)
	}
	if s := client.State()[0]; s.Failures < failuresToRest || s.InFlight != 0 {
		t.Errorf("state %+v", s)
	}
}

// The keys are rotated three times under load: the file is written anew, and the
// server refuses the old key from the same moment. No answer fails.
func TestKeyRotationUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var mu sync.Mutex // guards valid and the file together
	valid := "key-of-quarter-0"
	writeKeys(t, path, valid)
	var asked, refused atomic.Int64
	rotated := make(chan int, 3)
	server := serving(t, func(r modeltest.Request) modeltest.Response {
		if n := asked.Add(1); n%(people*turns/4) == 0 && n < people*turns {
			rotated <- int(n)
		}
		mu.Lock()
		defer mu.Unlock()
		if r.Key != valid {
			refused.Add(1)
			return modeltest.Response{Status: 401, Error: "Incorrect API key provided: " + r.Key}
		}
		return answerTo(r)
	})
	server.Forget()
	log, words := noted()
	client := New([]Config{at(server, Config{KeyFile: path, Keys: []string{}, Concurrency: 50})}, log)
	defer client.Close()
	var operator sync.WaitGroup
	operator.Go(func() {
		for range 3 {
			n := <-rotated
			mu.Lock()
			valid = fmt.Sprintf("key-of-quarter-%d", n)
			writeKeys(t, path, "# rotated", valid)
			mu.Unlock()
		}
	})
	took, _ := conversations(t, client)
	operator.Wait()
	t.Logf("p99 of an answer with three rotations: %s; %d requests with an old key", p99(took), refused.Load())
	if refused.Load() == 0 {
		t.Error("no key was refused: nothing was shown")
	}
	if text := words.String(); strings.Contains(text, "key-of-quarter") || !strings.Contains(text, "key file has changed") {
		t.Errorf("the log says %s", text)
	}
}
