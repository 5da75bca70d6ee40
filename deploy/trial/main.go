// Trial plays both platforms and the model for a Longwire that is installed on this
// machine, as a package or in a container, and is not told that it is a trial: it
// writes the configuration and the secrets where the installation has them, waits
// for the streams, says something on both platforms and prints the answers.
//
//	trial --config /etc/longwire/config.yaml --credentials /etc/longwire/credentials
//
// It ends with the first failure or the last answer; --stay keeps it until it is
// told to end, for whoever wants to see what happens afterwards. deploy/test-package.sh
// and deploy/test-image.sh are its users.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/sandbox"
	"longwire/agent/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "trial: %v\n", err)
		os.Exit(1)
	}
}

// flags are what the command line says.
type flags struct {
	config, credentials string
	timeout             time.Duration
	stay                bool
}

func parse(args []string) (f flags, err error) {
	set := flag.NewFlagSet("trial", flag.ContinueOnError)
	set.StringVar(&f.config, "config", service.DefaultConfig, "write this `FILE`")
	set.StringVar(&f.credentials, "credentials", "/etc/longwire/credentials", "write the secrets into this `FOLDER`")
	set.DurationVar(&f.timeout, "timeout", time.Minute, "how long the streams and each answer may take")
	set.BoolVar(&f.stay, "stay", false, "go on until SIGTERM")
	return f, set.Parse(args)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	began := time.Now()
	box, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		return err
	}
	defer box.Close()
	if err := write(f, box.Configure()); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if err := box.Ready(ready); err != nil {
		return err
	}
	fmt.Fprintf(out, "%5.1f s  both streams are up\n", time.Since(began).Seconds())
	for _, as := range []config.Platform{config.DingTalk, config.Feishu} {
		answer, err := ask(ctx, f.timeout, box, as)
		if err != nil {
			return fmt.Errorf("%s: %w", as, err)
		}
		fmt.Fprintf(out, "%5.1f s  %s: %s\n", time.Since(began).Seconds(), as, answer)
	}
	if f.stay {
		<-ctx.Done()
	}
	return nil
}

// ask says something and waits for the whole answer.
func ask(ctx context.Context, timeout time.Duration, box *sandbox.Sandbox, as config.Platform) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := admin.NewClient(config.Default().Admin.Listen, "")
	settled := func(ctx context.Context, connection string) (bool, error) {
		waiting, err := client.Inbox(ctx, connection, 1)
		return len(waiting) == 0, err
	}
	return box.Ask(ctx, sandbox.Line{As: as, Text: "hello"}, settled, func(string) {})
}

// write puts the configuration of a program that connects to the trial where the
// installed one looks for it, and its secrets where the unit takes them from.
func write(f flags, cfg *config.Config) error {
	dingtalk, feishu := cfg.Connections[0], cfg.Connections[1]
	text := fmt.Sprintf(`connections:
  - {name: %s, platform: dingtalk, endpoint: "%s", client_id: %s, client_secret: "${file:dingtalk_client_secret}"}
  - {name: %s, platform: feishu, endpoint: "%s", app_id: %s, app_secret: "${file:feishu_app_secret}"}
model: {endpoint: "%s", api_key: "${file:model_api_key}", name: parrot}
`, dingtalk.Name, dingtalk.Endpoint, dingtalk.ClientID, feishu.Name, feishu.Endpoint, feishu.AppID, cfg.Model.Endpoint)
	for path, content := range map[string]string{
		filepath.Join(f.credentials, "dingtalk_client_secret"): dingtalk.ClientSecret.Reveal(),
		filepath.Join(f.credentials, "feishu_app_secret"):      feishu.AppSecret.Reveal(),
		filepath.Join(f.credentials, "model_api_key"):          "sk-trial",
	} {
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(f.config, []byte(text), 0o644) // last: whoever waits for it may start
}
