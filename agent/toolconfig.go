package main

import (
	"longwire/agent/config"
	"longwire/agent/tools"
)

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
