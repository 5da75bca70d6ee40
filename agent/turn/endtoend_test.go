package turn

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/agent/model/modeltest"
	"longwire/agent/prompt"
	"longwire/agent/tools"
	"longwire/agent/tools/toolstest"
	"longwire/connectors"
)

// endpoint is a model on loopback, asked by a real client.
func endpoint(t *testing.T, respond func(modeltest.Request) modeltest.Response) (*modeltest.Server, model.Config) {
	t.Helper()
	server, err := modeltest.Start("127.0.0.1:0", respond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, model.Config{Endpoint: server.URL(), Name: "m", Tools: true, Attempts: 1, Wait: time.Millisecond}
}

func clientOf(t *testing.T, endpoints ...model.Config) Choice {
	t.Helper()
	client := model.New(endpoints, slog.New(slog.DiscardHandler))
	t.Cleanup(client.Close)
	return Choice{Label: "real", Model: client, Prompt: &prompt.Builder{Tokens: &prompt.Estimator{}}}
}

// serve connects to a real tool server on loopback and waits for its tools.
func serve(t *testing.T, config tools.Config) *tools.Servers {
	t.Helper()
	web := toolstest.NewWeb()
	t.Cleanup(web.Close)
	config.Name, config.URL = "test", web.URL()
	servers := tools.New([]tools.Config{config}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { servers.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	patience, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(servers.Tools(nil)) == 0 {
		if !connectors.Sleep(patience, 5*time.Millisecond) {
			t.Fatal("the tool server does not come up")
		}
	}
	return servers
}

// A real client, a real endpoint and a real tool server: the model calls two tools, one
// of which fails and one of which a person allows, reads both, and answers.
func TestEndToEndWithTools(t *testing.T) {
	servers := serve(t, tools.Config{Allow: []string{"echo", "fail"}, Confirm: []string{"fail"}, Titles: map[string]string{"fail": "Try it"}})
	server, config := endpoint(t, func(r modeltest.Request) modeltest.Response {
		if last := r.Messages[len(r.Messages)-1]; last.Role == "tool" {
			return modeltest.Words("Echo says ", r.Messages[len(r.Messages)-2].Content, ".")
		}
		return modeltest.Response{Deltas: []string{"Let me", " see."}, ToolCalls: []modeltest.ToolCall{
			{ID: "a", Name: "test__echo", Arguments: `{"text":"hello"}`}, {ID: "b", Name: "test__fail", Arguments: `{"text":"out of ink"}`},
		}}
	})
	w := newWorld(t, Config{Language: English}, func(with *With) {
		with.Toolbox, with.Choices = servers, []Choice{clientOf(t, config)}
	})
	w.screen.pressed = func(p connectors.Proposal) { w.press(w.turn, p, "ann", connectors.PressYes) }
	text, out := w.ask(w.from("ann", "what does echo say?"))
	if text != "Let me see.\n\nEcho says hello." || out.Turn == nil || out.Turn.Answer != text {
		t.Errorf("read %q, remembered %+v", text, out.Turn)
	}
	requests := server.Requests()
	if len(requests) != 2 || len(requests[0].Tools) != 2 || !strings.Contains(requests[0].Messages[0].Content, tools.Frame) {
		t.Fatalf("asked %+v", requests)
	}
	said := requests[1].Messages
	if call := said[len(said)-3].Calls; len(call) != 2 || call[0].Arguments != `{"text":"hello"}` {
		t.Errorf("the model is told that it has called %+v", call)
	}
	if result := said[len(said)-1]; result.CallID != "b" || !strings.HasPrefix(result.Content, "Failed: ") || !strings.Contains(result.Content, "out of ink") {
		t.Errorf("the model reads %+v", result)
	}
	if len(w.screen.asked) != 1 || !strings.Contains(w.screen.asked[0].Text, "`Try it` (`test__fail`)\n- `text`: `out of ink`") {
		t.Errorf("asked %+v", w.screen.asked)
	}
	if got := w.screen.doings(); got[0] != "Echo…" || got[len(got)-1] != "Echo, Try it…" {
		t.Errorf("shown meanwhile %q", got)
	}
	if u := w.reports[0].Usage; u.Model != "m" || u.Prompt < 100 || u.Answer < 5 {
		t.Errorf("took %+v", u)
	}
}

// The first endpoint breaks off in the middle, behind a tool: what it has said of this
// round goes, what was said before stays, and what people read is what is remembered.
func TestEndToEndWithAFailover(t *testing.T) {
	servers := serve(t, tools.Config{Allow: []string{"echo"}})
	first := true
	_, broken := endpoint(t, func(modeltest.Request) modeltest.Response {
		if first {
			first = false
			return modeltest.Response{Deltas: []string{"Let me see."}, ToolCalls: []modeltest.ToolCall{{ID: "a", Name: "test__echo", Arguments: `{"text":"x"}`}}}
		}
		return modeltest.Response{Deltas: []string{"This will", " break"}, Cut: true}
	})
	_, sound := endpoint(t, func(r modeltest.Request) modeltest.Response {
		return modeltest.Words(fmt.Sprintf("It says %s.", r.Messages[len(r.Messages)-1].Content))
	})
	w := newWorld(t, Config{}, func(with *With) { with.Toolbox, with.Choices = servers, []Choice{clientOf(t, broken, sound)} })
	withdrawn := false
	w.screen.onDelta = func(d connectors.Delta) { withdrawn = withdrawn || d.Again }
	text, out := w.ask(w.from("ann", "what does echo say?"))
	if text != "Let me see.\n\nIt says x." || out.Turn == nil || out.Turn.Answer != text || !withdrawn {
		t.Errorf("read %q, remembered %+v, withdrawn %t", text, out.Turn, withdrawn)
	}
}

// A tool server that goes away takes no answer along.
func TestEndToEndWithoutTheToolServer(t *testing.T) {
	servers := serve(t, tools.Config{Allow: []string{"slow"}, Timeout: 50 * time.Millisecond})
	_, config := endpoint(t, func(r modeltest.Request) modeltest.Response {
		if last := r.Messages[len(r.Messages)-1]; last.Role == "tool" {
			return modeltest.Words("Sorry: " + last.Content)
		}
		return modeltest.Response{ToolCalls: []modeltest.ToolCall{{ID: "a", Name: "test__slow", Arguments: `{"n":60000}`}}}
	})
	w := newWorld(t, Config{}, func(with *With) { with.Toolbox, with.Choices = servers, []Choice{clientOf(t, config)} })
	text, out := w.ask(w.from("ann", "go"))
	if !strings.HasPrefix(text, "Sorry: Failed: tool slow did not answer in time") || out.Turn == nil {
		t.Errorf("read %q, done %+v", text, out)
	}
}
