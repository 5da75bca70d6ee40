package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"longwire/agent/config"
	"longwire/agent/model"
	"longwire/connectors"
	"longwire/connectors/dingtalk"
	"longwire/connectors/feishu"
)

// bareCommand is the hidden argument that makes this program the bare loop.
const bareCommand = "bare"

// runBare is the bare loop: event in, model call, reply out. An event is acked
// when a worker has it in hand, and a crash loses it, together with what was said. It reads the same
// configuration as the program and leaves out what it has no part for.
func runBare(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet(bareCommand, flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "the configuration `FILE`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg, err := config.Load(*file, os.LookupEnv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	client := model.New([]model.Config{{
		Endpoint:  cfg.Model.Endpoint,
		Keys:      []string{cfg.Model.APIKey.Reveal()},
		Name:      cfg.Model.Name,
		MaxTokens: cfg.Model.MaxTokens,
	}}, log)
	defer client.Close()
	var running sync.WaitGroup
	for _, c := range cfg.Connections {
		l := newLoop(c, client, cfg, log.With("connection", c.Name))
		running.Go(func() { l.run(ctx, c.Workers) })
	}
	running.Wait()
	return nil
}

// loop is the bare loop of one connection.
type loop struct {
	connector interface {
		Run(ctx context.Context)
		Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error
	}
	client *model.Client
	prompt model.Message
	events chan connectors.Event // from Deliver to the workers; unbuffered
	log    *slog.Logger

	mu     sync.Mutex
	memory map[string][]model.Message // by person, as much as the program sends; guarded by mu
	most   int                        // messages of a person in memory
}

func newLoop(c config.Connection, client *model.Client, cfg *config.Config, log *slog.Logger) *loop {
	l := &loop{
		client: client,
		prompt: model.Message{Role: model.System, Content: cfg.Model.SystemPrompt},
		events: make(chan connectors.Event),
		log:    log,
		memory: make(map[string][]model.Message),
		most:   2 * cfg.Conversation.Turns,
	}
	switch c.Platform {
	case config.DingTalk:
		l.connector = dingtalk.New(dingtalk.Config{
			Name:         c.Name,
			ClientID:     c.ClientID,
			ClientSecret: c.ClientSecret.Reveal(),
			RobotCode:    c.RobotCode,
			Endpoint:     c.Endpoint,
			Keepalive:    c.Keepalive,
		}, l.deliver, log)
	case config.Feishu:
		l.connector = feishu.New(feishu.Config{
			Name:      c.Name,
			AppID:     c.AppID,
			AppSecret: c.AppSecret.Reveal(),
			Endpoint:  c.Endpoint,
			Keepalive: c.Keepalive,
		}, l.deliver, log)
	}
	return l
}

// run answers until ctx ends, with as many workers as the program would have.
func (l *loop) run(ctx context.Context, workers int) {
	var answering sync.WaitGroup
	for range workers {
		answering.Go(func() {
			for ev := range l.events {
				l.answer(context.WithoutCancel(ctx), ev)
			}
		})
	}
	l.connector.Run(ctx) // when it returns, nothing is being delivered any more
	close(l.events)
	answering.Wait()
}

func (l *loop) deliver(ctx context.Context, ev connectors.Event) error {
	select {
	case l.events <- ev:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no worker is free: %w", ctx.Err())
	}
}

func (l *loop) answer(ctx context.Context, ev connectors.Event) {
	if ev.Kind != connectors.KindText {
		l.log.Error("not a text", "event", ev.Trace(), "err", errors.New(string(ev.Kind)))
		return
	}
	question := model.Message{Role: model.User, Content: ev.Text}
	prompt := l.ask(ev.Sender.ID, question)
	answer := model.Message{Role: model.Assistant}
	deltas := func(yield func(connectors.Delta, error) bool) {
		for delta, err := range l.client.Stream(ctx, model.Request{Messages: prompt}) {
			answer.Content += delta.Text
			if !yield(connectors.Say(delta.Text), err) {
				return
			}
		}
	}
	if err := l.connector.Reply(ctx, ev, connectors.Unkept(ev, ""), deltas); err != nil {
		l.log.Error("not answered", "event", ev.Trace(), "err", err)
	}
	l.remember(ev.Sender.ID, question, answer)
}

// ask is the prompt for a question: the same that the program sends.
func (l *loop) ask(person string, question model.Message) []model.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	prompt := append([]model.Message{l.prompt}, l.memory[person]...)
	return append(prompt, question)
}

// remember keeps a turn in memory, and no more than the program keeps in its store.
func (l *loop) remember(person string, turn ...model.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	said := append(l.memory[person], turn...)
	l.memory[person] = said[max(0, len(said)-l.most):]
}
