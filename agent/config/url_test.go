package config

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	for text, shown := range map[string]string{
		"":                                    "",
		"https://tools.example/mcp":           "https://tools.example/mcp",
		"http://127.0.0.1:8080":               "http://127.0.0.1:8080",
		"https://u:hunter2@tools.example/":    "https://u:[redacted]@tools.example/",
		"https://hunter2@tools.example/":      "https://[redacted]@tools.example/",
		"https://x.example/mcp?key=hunter2&a": "https://x.example/mcp?key=[redacted]&[redacted]",
	} {
		var u URL
		if err := u.UnmarshalText([]byte(text)); err != nil || u.Reveal() != text || u.IsZero() != (text == "") {
			t.Errorf("%s: %v, reveals %s", text, err, u.Reveal())
		}
		for how, got := range dumps(t, u) {
			if !hidden(got, "hunter") {
				t.Errorf("%s through %s: %s", text, how, got)
			}
		}
		if got := fmt.Sprintf("%v|%s|%q", u, u, u); got != fmt.Sprintf("%s|%s|%q", shown, shown, shown) {
			t.Errorf("%s shows %s, want %s", text, got, shown)
		}
	}
	for _, text := range []string{
		"tools.example", "ws://tools.example", "https://", "https://:8443", "https://x.example:0", "https://x.example:70000",
		"https://u:hun#ter@x.example", "https://u:hun/ter@x.example", "https://x.example/#a", "https://x.example/%zz", " https://x.example", "https:x.example", "off",
	} {
		var u URL
		if err := u.UnmarshalText([]byte(text)); err == nil || !u.IsZero() || strings.Contains(err.Error(), "hun") {
			t.Errorf("%s: got %v, %v", text, u, err)
		}
	}
}

func TestProxy(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://model.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, shown := range map[string]string{
		"http://proxy.example:3128":           "http://proxy.example:3128",
		"http://u:hunter2@proxy.example:3128": "http://u:[redacted]@proxy.example:3128",
		"socks5://127.0.0.1:1080/":            "socks5://127.0.0.1:1080/",
	} {
		var p Proxy
		if err := p.UnmarshalText([]byte(text)); err != nil || p.Reveal() != text || p.IsZero() || p.String() != shown {
			t.Errorf("%s: %v, %v", text, p, err)
		}
		if u, err := p.Func()(request); err != nil || u.String() != text {
			t.Errorf("%s: goes through %v, %v", text, u, err)
		}
		for how, got := range dumps(t, p) {
			if !hidden(got, "hunter") {
				t.Errorf("%s through %s: %s", text, how, got)
			}
		}
	}
	for _, text := range []string{"on", "https://proxy.example", "proxy.example:3128", "http://", "http://p.example/x", "http://p.example?x", "http://u:hun?ter@p.example", "socks4://p.example", "OFF"} {
		var p Proxy
		if err := p.UnmarshalText([]byte(text)); err == nil || !p.IsZero() || strings.Contains(err.Error(), "hun") {
			t.Errorf("%s: got %v, %v", text, p, err)
		}
	}
	var p Proxy
	if !p.IsZero() || p.String() != "" || p.Func() == nil {
		t.Error("the zero proxy does not ask the environment")
	}
	if err := p.UnmarshalText([]byte("off")); err != nil || p.IsZero() || p.String() != "off" {
		t.Errorf("off: %v, %v", p, err)
	}
	if u, err := p.Func()(request); u != nil || err != nil { // a nil func would be the environment's
		t.Errorf("off: through %v, %v", u, err)
	}
}

func TestSecretPartsOfURLs(t *testing.T) {
	for text, want := range map[string][]string{
		"https://x.example/a?mode=full":             nil,
		"redis://u:p%40ss@x.example/0":              {"p@ss", "p%40ss"},
		"redis://alone@x.example":                   {"alone", "alone"},
		"https://x.example/?api_key=a%2Bb&Token=cd": {"a+b", "a%2Bb", "cd", "cd"},
		"http://u:%zz@x.example":                    nil, // no URL
		"":                                          nil,
	} {
		if got := secretParts(text); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
