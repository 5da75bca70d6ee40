package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzParse: no file panics, every problem has a place and fits on a line, no
// substituted value shows, and what is accepted keeps the promises of the schema.
func FuzzParse(f *testing.F) {
	for _, test := range slices.Concat(badFiles, badSections) {
		if len(test.text) < 4096 {
			f.Add([]byte(test.text))
		}
	}
	example, err := os.ReadFile(examplePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(good))
	f.Add([]byte(everyKey))
	f.Add([]byte("\r0")) // a lone carriage return begins a line
	f.Add([]byte(connections + model + "store: redis://u:${S}@h:1/0?password=${S}\nadmin: {listen: \":1\", token: \"${S}\"}\n"))

	const secret = "hunter-2-hunter"
	getenv := func(name string) (string, bool) {
		return secret, name != "CREDENTIALS_DIRECTORY" && name != "MAX_TOKEN_LIMIT"
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "file:") && strings.Contains(string(data), "${") {
			return // files of this machine are not part of the input
		}
		cfg, err := Parse("c.yaml", data, getenv)
		if err == nil {
			if len(cfg.Connections) == 0 || cfg.Model.Endpoint == "" || cfg.Model.Attempts < 1 || cfg.Model.Attempts > 10 || cfg.Store.IsZero() {
				t.Errorf("accepted: %+v", cfg)
			}
			wellResolved(t, cfg)
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || cfg != nil || len(problems) == 0 {
			t.Fatalf("got %v, %v", cfg, err)
		}
		// YAML also breaks lines where most editors do not.
		lines := 1
		for _, mark := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(string(data), mark)
		}
		for i, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || strings.Contains(p.String(), "\n") || p.Text == "" {
				t.Errorf("problem %+v", p)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("%v stands behind %v", p, problems[i-1])
			}
			if !strings.Contains(string(data), secret) && strings.Contains(fmt.Sprint(p), secret) {
				t.Errorf("a substituted value shows: %v", p)
			}
		}
	})
}

// wellResolved: what was accepted has an answer for every connection.
func wellResolved(t *testing.T, cfg *Config) {
	t.Helper()
	for _, c := range cfg.Connections {
		choices := cfg.Choices(c)
		if m := cfg.ModelFor(c); m.Label != choices[0].Label || c.Model != "" && m.Label != c.Model {
			t.Errorf("%s: model %s, choices %v, wanted %q", c.Name, m.Label, choices, c.Model)
		}
		labels := map[string]bool{}
		for _, choice := range choices {
			if labels[choice.Label] {
				t.Errorf("%s: %s may be chosen twice", c.Name, choice.Label)
			}
			labels[choice.Label] = true
			for _, e := range append([]ModelEndpoint{choice.ModelEndpoint}, choice.Fallbacks...) {
				if e.Endpoint == "" || e.Name == "" || e.MaxTokens < 1 || e.FirstTokenTimeout <= 0 || e.Concurrency < 0 {
					t.Errorf("%s: endpoint %+v", c.Name, e)
				}
			}
		}
		for _, tool := range cfg.ToolsFor(c) {
			if (len(tool.Command) > 0) == !tool.URL.IsZero() || tool.MaxResult < 1 {
				t.Errorf("%s: tool %+v", c.Name, tool)
			}
		}
	}
	if change := Changed(cfg, cfg); !reflect.DeepEqual(change, Changes{}) {
		t.Errorf("compared with itself: %+v", change)
	}
	if secrets := cfg.Secrets(); slices.Contains(secrets, "") || !slices.IsSorted(secrets) {
		t.Errorf("secrets %q", secrets)
	}
}

// FuzzStoreURL: a password never shows, whatever is around it.
func FuzzStoreURL(f *testing.F) {
	f.Add("redis", "user", "host:6379", "/0?addr=b:1")
	f.Add("unix", "", "", "/run/redis.sock")
	f.Add("file", "u", "x", "/")
	f.Fuzz(func(t *testing.T, scheme, user, host, rest string) {
		const password = "hunterhunter"
		if strings.Contains(user+host+rest, password) {
			return // it stands somewhere else too
		}
		var s StoreURL
		if err := s.UnmarshalText([]byte(scheme + "://" + user + ":" + password + "@" + host + rest)); err != nil {
			return
		}
		if _, ok := s.File(); ok {
			return // all of it is a path
		}
		if got := fmt.Sprintf("%+v %q", s, s); strings.Contains(got, password) {
			t.Errorf("shows as %s", got)
		}
	})
}

// FuzzURL: what is secret in a URL or a proxy never shows, and the net knows it.
func FuzzURL(f *testing.F) {
	f.Add("https", "user", "tools.example:443", "/mcp", "key")
	f.Add("socks5", "", "proxy.example", "", "")
	f.Fuzz(func(t *testing.T, scheme, user, host, rest, parameter string) {
		const password = "hunterhunter"
		if strings.Contains(scheme+user+host+rest+parameter, password) {
			return // it stands somewhere else too
		}
		text := scheme + "://" + user + ":" + password + "@" + host + rest
		if parameter != "" {
			text += "?" + parameter + "=" + password
		}
		for _, target := range []interface {
			UnmarshalText([]byte) error
			fmt.Formatter
		}{&URL{}, &Proxy{}} {
			if target.UnmarshalText([]byte(text)) != nil {
				continue
			}
			if got := fmt.Sprintf("%+v %q", target, target); strings.Contains(got, password) {
				t.Errorf("shows as %s", got)
			}
			known := func(part string) bool { return strings.Contains(part, password) } // with an @ of the host, as it may be
			if parts := secretParts(text); !slices.ContainsFunc(parts, known) {
				t.Errorf("%s: the net has only %q", text, parts)
			}
		}
	})
}

// FuzzWords: what is read is within its bounds, and is written as it can be read.
func FuzzWords(f *testing.F) {
	for _, text := range []string{"16KiB", "0B", "999999999GiB", "2026-12-31", "unlimited", "1000000000000", "0.5", "-1.25"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil {
			if again, err := parseSize(n.String()); n < 0 || err != nil || again != n {
				t.Errorf("size %q: %d, then %d, %v", text, n, again, err)
			}
		}
		var day, again Date
		if day.UnmarshalText([]byte(text)) == nil {
			if err := again.UnmarshalText([]byte(day.String())); err != nil || again != day {
				t.Errorf("date %q: %v, then %v, %v", text, day, again, err)
			}
		}
		var limit Limit
		if err := limit.UnmarshalText([]byte(text)); err == nil && (limit < 0 || limit > maxLimit || limit == 0 && text != "unlimited") {
			t.Errorf("limit %q: %d", text, limit)
		}
		if n, err := parseDecimal(text); err == nil && (n != n || n < -1e9 || n > 1e9) {
			t.Errorf("number %q: %v", text, n)
		}
	})
}
