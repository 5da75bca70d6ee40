package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// FuzzParse: no file panics, every problem has a place and fits on a line, no
// substituted value shows, and what is accepted keeps the promises of the schema.
func FuzzParse(f *testing.F) {
	for _, test := range badFiles {
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
