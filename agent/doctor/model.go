package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"strings"
	"time"

	"longwire/agent/config"
	"longwire/agent/model"
)

// models adds the checks of every endpoint that may be asked.
func (p *planner) models() {
	for _, e := range endpoints(p.cfg) {
		p.endpoint(e)
	}
}

func (p *planner) endpoint(e config.ModelEndpoint) {
	check := func(name string) Check { return Check{Model, name, e.Name + " @ " + hostOf(e.Endpoint)} }
	keys := p.add(check("key"), func(context.Context) verdict { return p.keys(e) })
	question := func(name string, words model.Request, judge func(answered) verdict, base ...*step) *step {
		s := p.add(check(name), func(ctx context.Context) verdict { return judge(ask(ctx, e, words)) }, base...)
		s.within = modelTime
		return s
	}
	first := question("answer", say("Reply with the word OK."), answered.verdict, keys, p.reached(e.Endpoint, e.Proxy))
	if e.Vision {
		question("vision", see(), func(a answered) verdict { return a.able(modelSees, modelBlind) }, first)
	}
	if e.Tools && len(p.cfg.Tools) > 0 {
		question("tool use", use(), func(a answered) verdict { return a.able(modelUses, modelNoTools) }, first)
	}
}

// keysEndSoon is how long before their last day keys are worth a line.
const keysEndSoon = 14 * 24 * time.Hour

// keys looks at the keys themselves.
func (p *planner) keys(e config.ModelEndpoint) verdict {
	count := len(e.Keys())
	if e.APIKeyFile != "" {
		keys, err := readKeys(e.APIKeyFile)
		switch {
		case err != nil:
			return fail(keyFileAway).seen(err)
		case len(keys) == 0:
			return fail(keyFileEmpty, e.APIKeyFile)
		}
		count = len(keys)
	}
	if e.APIKeyExpires.IsZero() {
		return good(keysGood, count)
	}
	until := e.APIKeyExpires.Time().Add(24 * time.Hour) // they work on that day
	day := e.APIKeyExpires.Time().Format(time.DateOnly)
	switch left := until.Sub(p.on.now()); {
	case left <= 0:
		return fail(keysEnded, day)
	case left < keysEndSoon:
		return warn(keysEndSoonWord, day)
	}
	return good(keysGood, count)
}

// answered is what became of a question.
type answered struct {
	err     error
	text    string
	first   time.Duration // until the first sign of life
	reports bool          // the endpoint said what the answer took
	limit   time.Duration // how long the first sign may take in a chat
}

// ask asks one endpoint once, as the program asks.
func ask(ctx context.Context, e config.ModelEndpoint, question model.Request) (a answered) {
	c := model.Config{
		Endpoint: e.Endpoint, Name: e.Name, APIVersion: e.APIVersion, KeyFile: e.APIKeyFile,
		MaxTokens: e.MaxTokens, MaxTokensField: e.MaxTokensField, Temperature: e.Temperature,
		Vision: bool(e.Vision), Tools: bool(e.Tools), Proxy: e.Proxy.Func(),
		FirstToken: modelTime, Idle: e.IdleTimeout, Attempts: 1,
	}
	for _, key := range e.Keys() {
		c.Keys = append(c.Keys, key.Reveal())
	}
	client := model.New([]model.Config{c}, slog.New(slog.DiscardHandler))
	defer client.Close()
	a.limit = e.FirstTokenTimeout
	began := time.Now()
	for delta, err := range client.Stream(ctx, question) {
		if a.first == 0 {
			a.first = time.Since(began)
		}
		a.err = err
		a.text += delta.Text
		a.reports = a.reports || delta.Usage != nil && delta.Usage.Reported
	}
	return a
}

// fewTokens is enough for the answers to our questions. Models that think use more of
// them; their answer may be cut, which is well.
const fewTokens = 64

func say(text string) model.Request {
	return model.Request{MaxTokens: fewTokens, Messages: []model.Message{{Role: model.User, Content: text}}}
}

// see shows a small red picture.
func see() model.Request {
	const side = 32 // some endpoints refuse less than 10
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		picture.Set(i%side, i/side, color.RGBA{R: 0xd0, A: 0xff})
	}
	var out bytes.Buffer
	_ = png.Encode(&out, picture) // into memory: it cannot fail
	r := say("Which colour is this? One word.")
	r.Messages[0].Pictures = []model.Picture{{Type: "image/png", Data: out.Bytes()}}
	return r
}

// use offers a tool.
func use() model.Request {
	r := say("Reply with the word OK.")
	r.Tools = []model.Tool{{Name: "clock", Description: "Tells the time.", Schema: json.RawMessage(`{"type":"object","properties":{}}`)}}
	return r
}

// lateWord is how long people wait gladly for the first sign of an answer.
const lateWord = 10 * time.Second

// verdict judges the first question.
func (a answered) verdict() verdict {
	if v, bad := a.trouble(); bad {
		return v
	}
	took := fmt.Sprint(a.first.Round(time.Millisecond))
	switch {
	case a.first > a.limit:
		return fail(modelTooSlow, took, a.limit)
	case a.first > lateWord:
		return warn(modelSlow, took)
	case !a.reports:
		return warn(modelSilentUsage, took)
	}
	return good(modelGood, took)
}

// able judges a question that takes an ability: it is there, or the endpoint refuses.
func (a answered) able(yes, no *cause) verdict {
	var e *model.Error
	if errors.As(a.err, &e) && e.Kind == model.Refused {
		return fail(no).seen(e)
	}
	if v, bad := a.trouble(); bad {
		return v
	}
	return good(yes)
}

// trouble is why there was no answer.
func (a answered) trouble() (v verdict, bad bool) {
	var e *model.Error
	switch {
	case a.err == nil:
		return verdict{}, false
	case !errors.As(a.err, &e):
		return fail(modelTimeout).seen(a.err), true
	}
	switch e.Kind {
	case model.Length:
		return verdict{}, false // what came is good, and all we asked for
	case model.Key:
		v = fail(modelKey)
	case model.Quota:
		v = fail(modelQuota)
	case model.Refused:
		v = fail(modelRefused)
		if said := strings.ToLower(e.Message); e.Status == 404 || strings.Contains(said, "model") {
			v = fail(modelName)
		}
	case model.Busy:
		v = warn(modelBusy)
	case model.Timeout:
		v = fail(modelTimeout)
	case model.Cut:
		v = fail(modelCut)
	case model.Empty:
		v = warn(modelEmpty)
	case model.Filtered, model.TooLong:
		v = warn(modelFiltered)
	default:
		v = fail(modelAway)
	}
	return v.seen(e), true
}
