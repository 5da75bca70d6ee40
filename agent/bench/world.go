package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// world is all that a subject sees: both platforms, a model, and people who write
// one-to-one. Nothing is limited and nothing but the ledger remembers.
type world struct {
	book     *ledger
	dingtalk *dingtalktest.Server
	feishu   *feishutest.Server
	model    *modeltest.Server
}

// The credentials of the two apps. They open nothing but this world.
const (
	clientID     = "dingbench"
	clientSecret = "bench-client-secret"
	appID        = "cli_be7c40000000be7c"
	appSecret    = "bench-app-secret"
)

// startWorld starts everything on loopback.
func startWorld() (_ *world, err error) {
	w := &world{book: &ledger{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	w.dingtalk, err = dingtalktest.Start(dingtalktest.Options{
		Apps:           []dingtalktest.App{{ClientID: clientID, ClientSecret: clientSecret}},
		Forget:         true,
		CallsPerSecond: -1,
		OnSend:         func(sent dingtalktest.Sent) { w.book.replied(sent.Text, time.Now()) },
	})
	if err != nil {
		return nil, fmt.Errorf("start DingTalk: %w", err)
	}
	w.feishu, err = feishutest.Start(feishutest.Options{
		Apps:      []feishutest.App{{AppID: appID, AppSecret: appSecret}},
		NoHistory: true,
		Unlimited: true,
		OnSend: func(sent feishutest.Sent) {
			if !sent.Duplicate { // of which nobody sees anything
				w.book.replied(sent.Text, time.Now())
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start Feishu: %w", err)
	}
	w.model, err = modeltest.Start("127.0.0.1:0", w.respond)
	if err != nil {
		return nil, fmt.Errorf("start model: %w", err)
	}
	w.model.Forget()
	return w, nil
}

// close ends everything. A second close does nothing.
func (w *world) close() {
	if w.dingtalk != nil {
		_ = w.dingtalk.Close()
	}
	if w.feishu != nil {
		w.feishu.Close()
	}
	if w.model != nil {
		w.model.Close()
		w.model = nil
	}
}

// respond is the model: it answers at once.
func (w *world) respond(req modeltest.Request) modeltest.Response {
	text := req.Question()
	w.book.asked(text, req.At)
	number, ok := numberIn(text)
	if !ok {
		return modeltest.Response{Status: 400, Error: "not a question of the benchmark"}
	}
	return modeltest.Response{
		Deltas: answer(number),
		Sent:   func() { w.book.sent(text, time.Now()) },
	}
}

// say has a person write the next message. People are counted from 0; the even
// ones are in DingTalk, the odd ones in Feishu.
func (w *world) say(person int) *note {
	number, n := w.book.open()
	text := question(number)
	if person%2 == 0 {
		w.dingtalk.Say(dingtalktest.Message{Text: text, From: dingtalktest.Person{StaffID: fmt.Sprintf("staff-%d", person)}})
	} else {
		w.feishu.Say(feishutest.Message{Text: text, From: feishutest.Person{OpenID: fmt.Sprintf("ou_%032x", person)}})
	}
	return n
}

// ready waits until both streams are up.
func (w *world) ready(ctx context.Context) error {
	if err := w.dingtalk.WaitConnections(ctx, 1); err != nil {
		return fmt.Errorf("no stream to DingTalk: %w", err)
	}
	if err := w.feishu.WaitConnections(ctx, 1); err != nil {
		return fmt.Errorf("no stream to Feishu: %w", err)
	}
	return nil
}

// configure writes the configuration of a subject and returns its path. What it
// does not say is as in a file that says nothing.
func (w *world) configure(dir, store string) (string, error) {
	text := fmt.Sprintf(`connections:
  - {name: dingtalk, platform: dingtalk, client_id: %q, client_secret: %q, endpoint: %q, reply: text, welcome: "off", rate: {per_second: unlimited}}
  - {name: feishu, platform: feishu, app_id: %q, app_secret: %q, endpoint: %q, reply: text, welcome: "off", rate: {per_second: unlimited, per_minute: unlimited}}
model: {endpoint: %q, api_key: "", name: instant}
limits: {turns_per_minute: 100000} # is asked for, and lets pass
store: %q
admin: {listen: "127.0.0.1:0"}
shutdown: 10s
log: {level: info, format: json}
`, clientID, clientSecret, w.dingtalk.URL(), appID, appSecret, w.feishu.URL(), w.model.URL(), store)
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}
