// Package sandbox is both platforms and a model on this machine, so that the
// program can be tried, and shown to work, without an account anywhere. The
// program itself is not changed for it: it is configured to connect to the
// loopback addresses given here, over the real protocols.
//
//	Start       dingtalktest, feishutest and a small model, on loopback ports
//	Configure   the configuration of a program that connects to them
//	Ask         write to the bot as a person and wait for the reply
//	Chat        the terminal prompt around Ask
package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// The names of the two connections.
const (
	DingTalkConnection = "sandbox-dingtalk"
	FeishuConnection   = "sandbox-feishu"
)

// Options say what to start.
type Options struct {
	// ModelEndpoint, ModelKey and ModelName are a real model to use. With an
	// empty endpoint a small one of the sandbox's own answers.
	ModelEndpoint, ModelKey, ModelName string
}

// Sandbox is both platforms and perhaps a model.
type Sandbox struct {
	opts     Options
	dingtalk *dingtalktest.Server
	feishu   *feishutest.Server
	model    *modeltest.Server // nil with a real model

	dingtalkApp dingtalktest.App
	feishuApp   feishutest.App
}

// Start starts everything.
func Start(opts Options) (_ *Sandbox, err error) {
	s := &Sandbox{
		opts:        opts,
		dingtalkApp: dingtalktest.App{ClientID: "dingsandbox", ClientSecret: rand.Text()},
		feishuApp:   feishutest.App{AppID: "cli_5a4db0c5a4db0c00", AppSecret: rand.Text(), BotName: "Longwire"},
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.dingtalk, err = dingtalktest.Start(dingtalktest.Options{Apps: []dingtalktest.App{s.dingtalkApp}}); err != nil {
		return nil, fmt.Errorf("start DingTalk: %w", err)
	}
	if s.feishu, err = feishutest.Start(feishutest.Options{Apps: []feishutest.App{s.feishuApp}, Unlimited: true}); err != nil {
		return nil, fmt.Errorf("start Feishu: %w", err)
	}
	if opts.ModelEndpoint == "" {
		if s.model, err = modeltest.Start("127.0.0.1:0", parrot); err != nil {
			return nil, fmt.Errorf("start model: %w", err)
		}
	}
	return s, nil
}

// Close stops everything and waits until nothing of it runs.
func (s *Sandbox) Close() {
	if s.dingtalk != nil {
		_ = s.dingtalk.Close()
	}
	if s.feishu != nil {
		s.feishu.Close()
	}
	if s.model != nil {
		s.model.Close()
	}
}

// Configure returns the configuration of a program that connects to the sandbox.
// The store is left to the caller.
func (s *Sandbox) Configure() *config.Config {
	cfg := config.Default()
	cfg.Admin.Listen = "127.0.0.1:0"
	cfg.Shutdown = 5 * time.Second

	d := config.DefaultConnection(config.DingTalk)
	d.Name, d.Endpoint = DingTalkConnection, s.dingtalk.URL()
	d.ClientID, d.ClientSecret = s.dingtalkApp.ClientID, config.NewSecret(s.dingtalkApp.ClientSecret)
	f := config.DefaultConnection(config.Feishu)
	f.Name, f.Endpoint = FeishuConnection, s.feishu.URL()
	f.AppID, f.AppSecret = s.feishuApp.AppID, config.NewSecret(s.feishuApp.AppSecret)
	cfg.Connections = []config.Connection{d, f}

	cfg.Model.Endpoint, cfg.Model.Name = s.opts.ModelEndpoint, s.opts.ModelName
	cfg.Model.APIKey = config.NewSecret(s.opts.ModelKey)
	if s.model != nil {
		cfg.Model.Endpoint, cfg.Model.Name = s.model.URL(), "parrot"
	}
	return cfg
}

// Describe says what was started, a line each.
func (s *Sandbox) Describe() string {
	model := s.opts.ModelEndpoint + " (" + s.opts.ModelName + ")"
	if s.model != nil {
		model = s.model.URL() + " (the sandbox's own; set MODEL_ENDPOINT, MODEL_API_KEY and MODEL_NAME for a real one)"
	}
	return fmt.Sprintf("DingTalk  %s\nFeishu    %s\nmodel     %s\n", s.dingtalk.URL(), s.feishu.URL(), model)
}

// Ready waits until the program's streams are up on both platforms.
func (s *Sandbox) Ready(ctx context.Context) error {
	if err := s.dingtalk.WaitConnections(ctx, 1); err != nil {
		return fmt.Errorf("the program did not connect to DingTalk: %w", err)
	}
	if err := s.feishu.WaitConnections(ctx, 1); err != nil {
		return fmt.Errorf("the program did not connect to Feishu: %w", err)
	}
	return nil
}

// Line is what a person of the sandbox writes.
type Line struct {
	As      config.Platform
	Group   bool // in a group instead of one-to-one
	Mention bool // with the bot mentioned, in a group
	Text    string
}

// Ask writes line and waits for the reply. settled is called again and again
// after the first part of a reply has come, until it says that no more parts
// will; meanwhile grow gets what people read by then. A line that the bot need not
// answer (in a group, without mention) has no reply.
func (s *Sandbox) Ask(ctx context.Context, line Line, settled func(ctx context.Context, connection string) (bool, error), grow func(text string)) (string, error) {
	connection, r := "", reply{as: line.As}
	switch line.As {
	case config.DingTalk:
		connection, r.said = DingTalkConnection, time.Now()
		s.dingtalk.Say(s.dingtalkMessage(line))
	case config.Feishu:
		connection = FeishuConnection
		r.id = s.feishu.Say(s.feishuMessage(line))
	default:
		return "", fmt.Errorf("there is no platform %q: dingtalk or feishu", line.As)
	}
	if line.Group && !line.Mention {
		return "", nil
	}
	if err := s.waitReply(ctx, r); err != nil {
		return "", err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := settled(ctx, connection); done || err != nil {
			return s.text(r), err
		}
		grow(s.text(r))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", errors.New("the reply did not come to its end")
		}
	}
}

// group is the one group of the sandbox, as each platform names groups.
const (
	dingtalkGroup = "cidSandboxGroup=="
	feishuGroup   = "oc_5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
)

func (s *Sandbox) dingtalkMessage(line Line) dingtalktest.Message {
	m := dingtalktest.Message{Text: line.Text, Mention: line.Mention}
	if line.Group {
		m.Chat, m.Title = dingtalkGroup, "沙盒群"
	}
	return m
}

func (s *Sandbox) feishuMessage(line Line) feishutest.Message {
	m := feishutest.Message{Text: line.Text, From: feishutest.Person{Name: "张三"}}
	if line.Group {
		m.Chat, m.Mention = feishuGroup, line.Mention
	}
	return m
}

// reply is what came in answer to one line: everything that was sent in its chat
// after it.
type reply struct {
	as   config.Platform
	id   string    // of the message, in Feishu
	said time.Time // when it was written, in DingTalk, whose cards reply to no message
}

func (s *Sandbox) waitReply(ctx context.Context, r reply) (err error) {
	if r.as == config.DingTalk {
		_, err = s.dingtalk.WaitSent(ctx, func(sent dingtalktest.Sent) bool { return !sent.At.Before(r.said) })
	} else {
		_, err = s.feishu.WaitSent(ctx, func(sent feishutest.Sent) bool { return sent.InReplyTo == r.id })
	}
	if err != nil {
		return fmt.Errorf("no answer came: %w", err)
	}
	return nil
}

// text is what people read of the reply, cards as they are by now.
func (s *Sandbox) text(r reply) string {
	var parts []string
	if r.as == config.DingTalk {
		cards := make(map[string]string)
		for _, card := range s.dingtalk.Cards() {
			cards[card.OutTrackID] = card.Content()
		}
		for _, sent := range s.dingtalk.Sent() {
			if sent.At.Before(r.said) {
				continue
			}
			text := sent.Text
			if sent.Card != "" {
				text = cards[sent.Card]
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, "\n\n")
	}
	cards := make(map[string]string)
	for _, card := range s.feishu.Cards() {
		cards[card.ID] = cardText(card)
	}
	for _, sent := range s.feishu.Sent() {
		if sent.InReplyTo != r.id || sent.Duplicate {
			continue
		}
		text := sent.Text
		if sent.CardID != "" {
			text = cards[sent.CardID]
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n\n")
}

// cardText is what a card says, without its buttons.
func cardText(card feishutest.Card) string {
	var parts []string
	for _, element := range card.Elements {
		if element.Tag == "markdown" && element.Content != "" {
			parts = append(parts, element.Content)
		}
	}
	return strings.Join(parts, "\n")
}
