package main

import (
	"context"
	"reflect"

	"longwire/agent/config"
	"longwire/agent/tools"
)

// toolbox are the tool servers of a configuration. Another configuration has others:
// turns that have begun go on with the ones they know.
type toolbox struct {
	config []config.Tool
	*tools.Servers
	stop context.CancelFunc // ends them; set by runTools
}

// toolConfigs are the file's tool servers, as package tools has them.
func toolConfigs(all []config.Tool) (configs []tools.Config) {
	reveal := func(secrets map[string]config.Secret) map[string]string {
		plain := make(map[string]string, len(secrets))
		for name, secret := range secrets {
			plain[name] = secret.Reveal()
		}
		return plain
	}
	for _, t := range all {
		configs = append(configs, tools.Config{
			Name: t.Name, Command: t.Command, Dir: t.Dir, Env: reveal(t.Env),
			URL: t.URL.Reveal(), Headers: reveal(t.Headers),
			Allow: t.Allow, Deny: t.Deny, Confirm: t.Confirm, Titles: t.Titles,
			Timeout: t.Timeout, MaxResult: int(t.MaxResult), Concurrency: t.Concurrency,
		})
	}
	return configs
}

// newToolbox makes the tool servers of the configuration, or returns those that there
// are if they are the same.
func (a *App) newToolbox(all []config.Tool) *toolbox {
	if a.tools != nil && reflect.DeepEqual(a.tools.config, all) {
		return a.tools
	}
	return &toolbox{config: all, Servers: tools.New(toolConfigs(all), a.log)}
}
