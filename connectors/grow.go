package connectors

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// View is what has come of an answer.
type View struct {
	Text    string // the answer itself
	Thought string // what the model has thought before it
	Doing   string // what goes on now besides; "" for nothing
}

// gathered is a View that grows.
type gathered struct {
	text, thought strings.Builder
	doing         string
}

// add takes a step of the answer in.
func (g *gathered) add(d Delta) {
	if d.Again {
		g.text.Reset()
		g.thought.Reset()
	}
	g.text.WriteString(d.Text)
	g.thought.WriteString(d.Thought)
	g.doing = d.Doing
}

func (g *gathered) view() View {
	return View{Text: g.text.String(), Thought: g.thought.String(), Doing: g.doing}
}

// Show shows the answer so far in the place of what was shown before. It returns how
// long the next one has to wait at least. An error costs nothing: it is called again
// after the pause, with all of the answer, and the last word is the caller's. A
// Permanent one ends the growing.
type Show func(ctx context.Context, v View) (pause time.Duration, err error)

// Grown is an answer that has been shown while it arrived.
type Grown struct {
	View
	Failure *Failure // how it ended, if that was not well; its words are not in the view
}

// Words is what people are to read: the text, and the words of the failure.
func (g Grown) Words() string {
	if g.Failure == nil {
		return g.Text
	}
	return strings.TrimPrefix(g.Text+"\n\n"+g.Failure.Text, "\n\n")
}

// Grow ranges over answer and lets show show it while it grows. Show runs beside
// that, one call at a time, so a slow platform does not hold up the model, and what
// has come is shown also while the model pauses. Grow returns when answer has ended
// and show is not running; an error of answer that is no Failure is returned, since
// then there will be another attempt. A panic of show is an error too: it is contained,
// and nobody knows what people see by then.
func Grow(ctx context.Context, log *slog.Logger, answer Answer, show Show) (grown Grown, err error) {
	g := &growing{changed: make(chan struct{}, 1), ended: make(chan struct{})}
	var broken error // the panic of show
	var shower sync.WaitGroup
	shower.Go(func() {
		defer Contain(log, "show answer", &broken)
		g.show(ctx, show)
	})
	defer func() {
		close(g.ended)
		shower.Wait() // a call on its way is not cut off: it might take effect after the last one
		if err == nil {
			err = broken
		}
	}()

	for delta, err := range answer {
		var failure *Failure
		switch {
		case errors.As(err, &failure):
			return Grown{View: g.view(), Failure: failure}, nil
		case err != nil:
			return Grown{View: g.view()}, err
		}
		g.add(delta)
	}
	return Grown{View: g.view()}, nil
}

// growing is the answer so far.
type growing struct {
	changed chan struct{} // holds a token when there is something new
	ended   chan struct{} // closed when nothing more comes

	mu  sync.Mutex
	all gathered // guarded by mu
}

func (g *growing) add(d Delta) {
	g.mu.Lock()
	g.all.add(d)
	g.mu.Unlock()
	g.again()
}

// again has what there is shown.
func (g *growing) again() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

func (g *growing) view() View {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all.view()
}

// show shows what has come, again and again until nothing more comes.
func (g *growing) show(ctx context.Context, show Show) {
	for {
		select {
		case <-g.changed:
		case <-g.ended:
			return
		}
		pause, err := show(ctx, g.view())
		if Permanent(err) {
			return
		}
		if err != nil {
			g.again() // after the pause, also when nothing new comes
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-g.ended:
			timer.Stop()
			return
		}
	}
}
