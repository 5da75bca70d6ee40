package turn

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"longwire/agent/model"
	"longwire/agent/tools"
	"longwire/connectors"
)

// errTakenAgain ends an attempt whose next step could not be noted.
var errTakenAgain = errors.New("a tool's run could not be noted")

// What the model reads instead of a tool's result. People do not.
const (
	resultUnknown = "There is no tool with this name."
	resultEnough  = "Not run: no more tools may be called for this question. Answer with what you know."
	resultRefused = "Not run: the person said no."
	resultNoWord  = "Not run: the person was asked and did not answer in time."
	resultUnasked = "Not run: the person has to allow this and could not be asked."
	resultBroken  = "Failed: the program could not run it."
	resultTwice   = "Not run again: it was begun before an interruption, and nobody knows whether it took effect. Tell the person so."
)

// call runs the tools that the model calls, those side by side that need nobody's word,
// and returns what they say in the order of the calls. What runs is shown meanwhile.
func (k *talk) call(ctx context.Context, calls []model.Call, enough bool) ([]model.Message, error) {
	results := make([]model.Message, len(calls))
	var titles []string // of what runs
	var running sync.WaitGroup
	defer running.Wait()
	for i, call := range calls {
		results[i] = model.Message{Role: model.ToolResult, CallID: call.ID}
		tool, known := k.tools[call.Name]
		switch {
		case enough:
			results[i].Content = resultEnough
			continue
		case k.r.ledger.ranBefore(call.Name) && !tool.ReadOnly: // also where its server is not back yet
			results[i].Content = resultTwice
			continue
		case !known:
			results[i].Content = resultUnknown
			continue
		}
		k.r.calls(call.Name)
		instead, err := k.before(ctx, tool, call)
		if err != nil {
			return nil, err
		}
		if results[i].Content = instead; instead == "" && !slices.Contains(titles, tool.Title) {
			titles = append(titles, tool.Title)
		}
		if !k.yield(connectors.Delta{Doing: k.lang.doing(titles)}, nil) { // also where this one does not run: it may have been shown as waiting
			return nil, errUnwanted
		}
		if instead != "" {
			continue
		}
		running.Go(func() { results[i].Content = k.run(ctx, call) })
	}
	running.Wait()
	return results, ctx.Err()
}

// before does what has to be done before a tool runs: ask, and note that it will. It
// returns what the model reads where it does not.
func (k *talk) before(ctx context.Context, tool tools.Tool, call model.Call) (instead string, err error) {
	if tool.ReadOnly && !tool.Confirm {
		return "", nil
	}
	if tool.Confirm {
		if instead, err = k.confirm(ctx, tool, call); instead != "" || err != nil {
			return instead, err
		}
	}
	if tool.ReadOnly {
		return "", nil
	}
	if err := k.r.ledger.runs(ctx, call.Name); err != nil {
		return "", fmt.Errorf("%w: %w", errTakenAgain, err)
	}
	return "", nil
}

// run runs a tool and returns what the model is told of it. It runs in a goroutine of
// its own, so a panic ends here, or it would end the program.
func (k *talk) run(ctx context.Context, call model.Call) (told string) {
	log := k.t.log.With("event", k.lease.Event.Trace(), "tool", call.Name)
	defer func() {
		if v := recover(); v != nil {
			log.Error("panic contained", "where", "tool", "panic", v, "stack", string(debug.Stack()))
			told = resultBroken
		}
	}()
	began := time.Now()
	step := Step{Kind: StepTool, Name: call.Name, Begin: began, CallID: call.ID, Error: "panic"}
	defer func() { k.r.step(step) }()
	result, err := k.t.with.Toolbox.Call(ctx, call.Name, call.Arguments)
	step.Error = failureOf(result, err)
	switch took := time.Since(began).Round(time.Millisecond); {
	case err != nil:
		log.Warn("tool has not run", "took", took, "err", err)
		return "Failed: " + err.Error()
	case result.Failed:
		log.Info("tool says that it has failed", "took", took)
		return "Failed: " + result.Text
	default:
		log.Info("tool has run", "took", took, "bytes", len(result.Text))
	}
	return result.Text
}

// failureOf is why a tool failed, in a word.
func failureOf(result tools.Result, err error) string {
	var e *tools.Error
	switch {
	case errors.As(err, &e):
		return string(e.Reason)
	case err != nil:
		return string(model.Stopped)
	case result.Failed:
		return "failed"
	}
	return ""
}
