package config

import (
	"fmt"
	"regexp"
	"strings"
)

// models checks the main model and those beside it, and gives each what it leaves
// to the one above.
func (d *decoder) models(c *Config) {
	d.choice("model", &c.Model.Choice, nil)
	labels := map[string]string{c.Model.Label: "model"} // label to path
	for i := range c.Models {
		at, m := fmt.Sprintf("models[%d]", i), &c.Models[i]
		d.choice(at, m, &c.Model.ModelEndpoint)
		if first, ok := labels[m.Label]; ok && m.Label != "" {
			d.complain(at+".label", first+" has the same label", "give each its own: people choose by it")
			continue
		}
		labels[m.Label] = at
	}
}

// choice checks a model and its fallbacks. Above is nil for the main one.
func (d *decoder) choice(at string, c *Choice, above *ModelEndpoint) {
	d.label(at+".label", "a label for a model", c.Label)
	d.endpoint(at, &c.ModelEndpoint, above)
	for i := range c.Fallbacks {
		d.endpoint(fmt.Sprintf("%s.fallbacks[%d]", at, i), &c.Fallbacks[i], &c.ModelEndpoint)
	}
	if c.MaxTokens >= c.ContextTokens && !d.bad[at+".max_tokens"] && !d.bad[at+".context_tokens"] {
		d.warn(at, fmt.Sprintf("an answer of max_tokens (%d) leaves nothing of context_tokens (%d) for the question", c.MaxTokens, c.ContextTokens),
			"write the size of the model's context window in context_tokens")
	}
}

// endpoint checks one endpoint and, where one stands above, takes over from it what
// ModelEndpoint says.
func (d *decoder) endpoint(at string, e, above *ModelEndpoint) {
	d.keys(at, e)
	if e.Endpoint != "" {
		clean, err := baseURL(e.Endpoint)
		switch {
		case err != nil:
			d.reject(at+".endpoint", "is not a base URL: "+err.Error(), "write it like https://dashscope.aliyuncs.com/compatible-mode/v1")
			return
		case strings.HasSuffix(clean, "/chat/completions"):
			d.reject(at+".endpoint", "names one call of the endpoint", "write the base URL: what stands before /chat/completions")
			return
		}
		e.Endpoint = clean
	}
	if above == nil || e.Endpoint != "" && e.Endpoint != above.Endpoint {
		return
	}
	e.Endpoint = above.Endpoint
	if e.APIVersion == "" {
		e.APIVersion = above.APIVersion
	}
	if e.Proxy.IsZero() {
		e.Proxy = above.Proxy
	}
	if len(e.Keys()) == 0 && e.APIKeyFile == "" {
		e.APIKey, e.APIKeys, e.APIKeyFile, e.APIKeyExpires = above.APIKey, above.APIKeys, above.APIKeyFile, above.APIKeyExpires
	}
}

// keys checks the keys of an endpoint, in whichever of the three ways it has them.
func (d *decoder) keys(at string, e *ModelEndpoint) {
	elsewhere := len(e.APIKeys) > 0 || e.APIKeyFile != ""
	if strings.HasPrefix(d.sources[at+".api_key"].from, fromEnvironment) && elsewhere {
		e.APIKey = Secret{} // the environment speaks only where the file says nothing
		delete(d.sources, at+".api_key")
	}
	d.credential(at+".api_key", e.APIKey.Reveal())
	for i, key := range e.APIKeys {
		d.credential(fmt.Sprintf("%s.api_keys[%d]", at, i), key.Reveal())
	}
	d.credential(at+".api_version", e.APIVersion)
	if e.APIKeyFile == "" {
		return
	}
	if len(e.Keys()) > 0 {
		d.complain(at+".api_key_file", "there is an api_key or api_keys beside it", "keep one of the two")
		return
	}
	e.APIKeyFile, _ = d.secretFile(at+".api_key_file", e.APIKeyFile)
}

var (
	environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	headerName      = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a token of RFC 9110
)

// tools checks the servers of tools.
func (d *decoder) tools(tools []Tool) {
	names := map[string]int{}
	for i, t := range tools {
		at := fmt.Sprintf("tools[%d]", i)
		d.label(at+".name", "a name for a server of tools", t.Name)
		if first, ok := names[t.Name]; ok && t.Name != "" {
			d.complain(at+".name", fmt.Sprintf("tools[%d] has the same name", first), "give each its own")
		} else {
			names[t.Name] = i
		}
		d.tool(at, t)
	}
}

func (d *decoder) tool(at string, t Tool) {
	started, reached := len(t.Command) > 0, !t.URL.IsZero()
	switch {
	case d.bad[at+".command"] || d.bad[at+".url"]: // which it was to be is not known
	case started && reached:
		d.complain(at+".url", "there is a command too", "keep one: command for a program that is started here, url for one that runs elsewhere")
	case !started && !reached:
		d.complain(at, "it has neither command nor url", "write the program to start as command: [calendar-mcp], or where it listens as url: https://tools.example/mcp")
	case reached && (t.Dir != "" || len(t.Env) > 0):
		d.complain(at, "dir and env are for a program that is started here, and this one has a url", "remove them, or write command in place of url")
	case started && len(t.Headers) > 0:
		d.complain(at+".headers", "headers are for a url, and this one has a command", "remove them, or write url in place of command")
	}
	for name := range t.Env {
		if !environmentName.MatchString(name) {
			d.complain(join(at+".env", shown(name)), "this is no name of an environment variable", "write letters, digits and underscore, first no digit")
		}
	}
	d.headers(at+".headers", t.Headers)
	for name := range t.Titles {
		if name == "" {
			d.complain(at+".titles", "a title has no tool", "write the tool's name as the key")
		}
	}
}

// headers checks that headers can be sent.
func (d *decoder) headers(at string, headers map[string]Secret) {
	for name, value := range headers {
		path := join(at, shown(name))
		if !headerName.MatchString(name) {
			d.complain(path, "this is no name of a header", "write a name such as Authorization")
		}
		d.credential(path, value.Reveal())
	}
}

// references checks that what a connection names is there.
func (d *decoder) references(c *Config) {
	labels, names := known{}, known{}
	labels.add(c.Model.Label)
	for _, m := range c.Models {
		labels.add(m.Label)
	}
	for _, t := range c.Tools {
		names.add(t.Name)
	}
	for i, connection := range c.Connections {
		at := fmt.Sprintf("connections[%d]", i)
		d.named(at+".model", "model", connection.Model, labels)
		for j, text := range connection.Models {
			d.named(fmt.Sprintf("%s.models[%d]", at, j), "model", text, labels)
		}
		for j, text := range connection.Tools {
			d.named(fmt.Sprintf("%s.tools[%d]", at, j), "server of tools", text, names)
		}
	}
}

// known are the names that may be named, and the first of them to suggest.
type known struct {
	all     map[string]bool
	suggest []string
}

// mostSuggested bounds what a problem says, and what it costs to find out.
const mostSuggested = 20

func (k *known) add(name string) {
	if k.all == nil {
		k.all = map[string]bool{}
	}
	if !k.all[name] && label.MatchString(name) && len(k.suggest) < mostSuggested {
		k.suggest = append(k.suggest, name)
	}
	k.all[name] = true
}

// named checks that text, where there is one, is a name that is known.
func (d *decoder) named(at, what, text string, names known) {
	if text == "" || names.all[text] {
		return
	}
	hint := "there is none; write it in the list first"
	if len(names.suggest) > 0 {
		hint = "write one of " + strings.Join(names.suggest, ", ")
	}
	if guess := nearest(text, names.suggest); guess != "" {
		hint = "did you mean `" + guess + "`?"
	}
	d.mismatch(at, "the name of a "+what, text, hint)
}
