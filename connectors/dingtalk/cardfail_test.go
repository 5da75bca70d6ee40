package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// What keeps a card from being made costs the person nothing: the answer is a message.
// What is about the app is not asked for again for a while, and the operator reads of
// it once.
func TestCardRefused(t *testing.T) {
	for name, row := range map[string]struct {
		failure dingtalktest.Failure
		creates int    // of two answers
		log     string // is there once
	}{
		"permission":  {dingtalktest.FailPermission(dingtalktest.ScopeCards), 1, "lacks the permission Card.Instance.Write"},
		"quota":       {dingtalktest.FailOutOfCalls(), 1, "ApiCountLimitForOrg"},
		"address":     {dingtalktest.FailIP(), 1, "IpNotInWhiteList"},
		"no template": {dingtalktest.FailCode(400, "param.templateNotExist", "param.templateNotExist"), 1, "param.templateNotExist"},
		"draft":       {dingtalktest.FailCode(400, "param.templateUnpublished", "param.templateUnpublished"), 1, "param.templateUnpublished"},
		"this chat":   {dingtalktest.FailCode(400, "param.openSpaceIdInvalid", "param.openSpaceIdInvalid"), 2, ""},
		"unsafe":      {dingtalktest.FailUnsafe(), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
			cloud.FailRoute(dingtalktest.PathCreateAndDeliver, row.failure)
			for n := range 2 {
				notes := newBook(ev)
				notes.key = fmt.Sprintf("%032d", n)
				must(t, r.Reply(t.Context(), ev, notes, words("answer")))
			}
			if n, creates := len(messages(cloud)), cloud.Calls(dingtalktest.PathCreateAndDeliver); n != 2 || creates != row.creates || len(cloud.Cards()) != 0 {
				t.Errorf("%d messages, %d tries of a card, %d cards", n, creates, len(cloud.Cards()))
			}
			if log := r.log.String(); row.log != "" && strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, row.log) {
				t.Errorf("the log says\n%s", log)
			}
			if n := r.Counts().Repeats; n != 0 {
				t.Errorf("%d repeats counted", n)
			}
		})
	}
}

// A delivery that has failed comes inside a 200.
func TestCardNotDelivered(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	cloud.FailDelivery(ev.Sender.ID, "spaceId is illegal")
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	if sent := only(t, cloud); sent.Via != dingtalktest.ViaWebhook || sent.Text != "answer" || cloud.Calls(dingtalktest.PathCreateAndDeliver) != 1 || cloud.Calls(dingtalktest.PathStreaming) != 0 {
		t.Errorf("%+v", sent)
	}
}

// The gate opens again after a while.
func TestGate(t *testing.T) {
	r := newRobot(Config{}, nil)
	var g gate
	noScope := refused("op", 403, []byte(noScope.body))
	g.saw(r.Connector.log, errors.New("away"))
	if !g.open() {
		t.Error("shut for trouble that passes")
	}
	for range 2 {
		g.saw(r.Connector.log, noScope)
		if g.open() {
			t.Error("open without permission")
		}
		g.until = time.Now() // an hour later
		if !g.open() {
			t.Error("shut for ever")
		}
	}
	if n := strings.Count(r.log.String(), "ERROR"); n != 1 {
		t.Errorf("told %d times", n)
	}
	g.saw(r.Connector.log, nil)
	g.saw(r.Connector.log, noScope)
	if n := strings.Count(r.log.String(), "ERROR"); n != 2 {
		t.Errorf("told %d times, after it had worked in between", n)
	}
}

// Trouble that passes is waited for, at each of the card's calls.
func TestCardInTrouble(t *testing.T) {
	ban := dingtalktest.FailBanned()
	ban.Body = strings.Replace(ban.Body, `"wait":5`, `"wait":1`, 1)
	for name, failure := range map[string]dingtalktest.Failure{
		"gateway": dingtalktest.FailGateway(), "busy": dingtalktest.FailBusy(), "unknown": dingtalktest.FailUnknown(),
		"page": dingtalktest.FailHTML(), "banned": ban, "throttled": dingtalktest.FailThrottled(),
		"throttled by all": dingtalktest.FailThrottledAs("QpsLimitForApi"), "token": dingtalktest.FailToken(),
		"lost": {Cut: true}, "no success": {Status: 200, Body: `{"success":false}`},
	} {
		for _, path := range []string{dingtalktest.PathCreateAndDeliver, dingtalktest.PathStreaming, "PUT " + dingtalktest.PathCards} {
			t.Run(name+" at "+path, func(t *testing.T) {
				t.Parallel()
				cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
				twice := failure
				twice.Times = 2
				cloud.FailRoute(path, twice)
				must(t, r.Reply(t.Context(), ev, newBook(ev), words("answer")))
				card := onlyCard(t, cloud)
				if card.Content() != "answer" || card.State != dingtalktest.CardFinished || card.Params["flowStatus"] != flowFinished || len(cloud.Sent()) != 1 {
					t.Errorf("%+v", card)
				}
			})
		}
	}
}

// A card that can never be finished does not keep the answer, nor does it look as if
// more came.
func TestCardNeverFinished(t *testing.T) {
	for name, failure := range map[string]dingtalktest.Failure{
		"unknown": dingtalktest.FailUnknown(), "permission": dingtalktest.FailPermission(dingtalktest.ScopeStreaming),
		"gone": dingtalktest.FailCode(400, "param.stream.outTrackId", "card is not exist"), "away": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
			cloud.FailRoute(dingtalktest.PathStreaming, failure)
			notes := newBook(ev)
			must(t, r.Reply(t.Context(), ev, notes, words("answer")))
			sent := messages(cloud)
			if card := onlyCard(t, cloud); len(sent) != 1 || sent[0].Text != "answer" || !card.Done() {
				t.Errorf("%+v, %+v", sent, card)
			}
			// An attempt that follows finds that the messages were taken.
			must(t, r.Reply(t.Context(), ev, notes, words("answer")))
			if n := r.Counts().Repeats; n != 0 || len(messages(cloud)) != 1 || len(cloud.Cards()) != 1 {
				t.Errorf("%d repeats, %d messages, %d cards", n, len(messages(cloud)), len(cloud.Cards()))
			}
		})
	}
}

// Words that DingTalk refuses are refused in every form; the turn tells the person.
func TestCardContentRefused(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	cloud.Censor("secret")
	err := r.Reply(t.Context(), ev, newBook(ev), growing(cloud, "fine", " secret"))
	if !connectors.Permanent(err) || !refusedContent(err) {
		t.Errorf("%v", err)
	}
	if card := onlyCard(t, cloud); card.State != dingtalktest.CardFailed || card.Content() != "fine" || card.Params["flowStatus"] != flowFailed || len(messages(cloud)) != 0 {
		t.Errorf("%+v", card)
	}
}

// A ledger that takes no note ends the reply before anything is shown.
func TestCardWithoutALedger(t *testing.T) {
	lost := errors.New("lost")
	for at := 1; at <= 3; at++ {
		cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
		notes := newBook(ev)
		notes.note = func(n int) error {
			if n >= at {
				return lost
			}
			return nil
		}
		err := r.Reply(t.Context(), ev, notes, words("answer"))
		if !errors.Is(err, lost) || len(messages(cloud)) != 0 || len(cloud.Cards()) != min(at-1, 1) {
			t.Errorf("note %d: %v, %d messages, %d cards", at, err, len(messages(cloud)), len(cloud.Cards()))
		}
	}
}

// The store is away when it is noted that a frame was too large: the reply has failed,
// and the next attempt finishes the card.
func TestCardWithoutALedgerWhileItGrows(t *testing.T) {
	t.Parallel()
	cloud, r, ev := carded(t, dingtalktest.Options{CardBytes: 3000}, dingtalktest.Message{}, nil)
	away, asked := errors.New("the store is away"), make(chan struct{})
	notes := newBook(ev)
	notes.note = func(n int) error {
		switch {
		case n <= 2: // those of its beginning
			return nil
		case n == 3:
			close(asked)
		}
		return away
	}
	long := strings.Repeat("word ", 1000)
	err := r.Reply(t.Context(), ev, notes, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Say(long), nil) {
			next(t, asked, "a note of a frame")
		}
	})
	if !errors.Is(err, away) || connectors.Permanent(err) || onlyCard(t, cloud).Done() {
		t.Errorf("%v, the card is done: %t", err, onlyCard(t, cloud).Done())
	}
	notes.note = nil
	must(t, r.Reply(t.Context(), ev, notes, connectors.Words(long)))
	if got := whole(t, cloud); got != letters(long) || !onlyCard(t, cloud).Done() {
		t.Errorf("%d letters of %d are shown", len(got), len(letters(long)))
	}
}

// A throttled call pauses every card of the app.
func TestCalm(t *testing.T) {
	var p calm
	p.after(errors.New("x"))
	p.after(&connectors.Error{RetryAfter: 20 * time.Second})
	p.after(&connectors.Error{RetryAfter: time.Second})
	if left := p.left(); left < 19*time.Second || left > 20*time.Second {
		t.Errorf("%s left", left)
	}
	c := newRobot(Config{Shelf: newShelf()}, nil).Connector
	c.calm.until = p.until
	if c.mayCall(t.Context(), streamPace) {
		t.Error("a frame in the pause")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.mustCall(ctx, streamPace, func() error { t.Error("called in the pause"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Of the turns that can be had at once one is left to calls that have to be made.
func TestPaceKeepsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRobot(Config{Shelf: newShelf()}, nil).Connector
		frames, began := 0, time.Now()
		for c.mayCall(t.Context(), streamPace) {
			frames++
		}
		must(t, c.turn(t.Context(), streamPace))
		period, burst := DefaultRate.Pace()
		if waited := time.Since(began); frames != burst-paceSpare || waited != 0 {
			t.Errorf("%d frames, and the last one waits %s", frames, waited)
		}
		must(t, c.turn(t.Context(), streamPace))
		if waited := time.Since(began); waited != period {
			t.Errorf("the next one waits %s", waited)
		}
	})
}

// DingTalk does not count what it throttles, and neither do we.
func TestThrottledCallsAreFree(t *testing.T) {
	t.Parallel()
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Budget = 5000 })
	for _, path := range []string{dingtalktest.PathCreateAndDeliver, dingtalktest.PathStreaming} {
		throttle := dingtalktest.FailThrottled()
		throttle.Times = 1
		cloud.FailRoute(path, throttle)
	}
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	used, err := r.budget.Used(t.Context())
	must(t, err)
	if int(used) != cloud.Quota().Calls || !onlyCard(t, cloud).Done() {
		t.Errorf("%d calls counted of %d", used, cloud.Quota().Calls)
	}
}

func TestBanOf(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"status":1111,"wait":7}`: 7 * time.Second, `{"status":"1111"}`: 5 * time.Second, `{"status":1111,"wait":1e9}`: 5 * time.Second,
		`{"status":200}`: 0, `<html>`: 0, `{"errcode":0}`: 0, `{"status":1111,"wait":"x"}`: 0,
	} {
		if got := connectors.RetryAfter(banOf("op", []byte(body))); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
}
