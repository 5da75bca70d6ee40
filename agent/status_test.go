package main

import (
	"strings"
	"testing"

	"longwire/agent/config"
)

// The page shows the configuration in force as a file would have it, and no secret.
func TestConfigurationIsShownWithoutSecrets(t *testing.T) {
	text := `
connections:
  - {name: a, platform: dingtalk, client_id: id, client_secret: hush-1, budget: {api_calls: unlimited}, proxy: "http://u:hush-2@127.0.0.1:1"}
  - {name: b, platform: feishu, app_id: id, app_secret: hush-3}
model: {endpoint: "http://127.0.0.1:1/v1", name: m, api_keys: [hush-4, hush-5], system_prompt: be kind}
tools: [{name: x, url: "http://127.0.0.1:1/mcp?key=hush-6", headers: {Authorization: hush-7}}]
store: redis://u:hush-8@127.0.0.1:1/0
admin: {token: hush-9-hush-9-hush-9}
`
	cfg, err := config.Parse("c.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := configYAML(cfg)()
	if strings.Contains(shown, "hush") {
		t.Errorf("a secret is shown:\n%s", shown)
	}
	for _, want := range []string{"name: a", "api_calls: unlimited", "[redacted]", "system_prompt: be kind", "turns_per_minute: 20", "show_reasoning: \"off\""} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
}
