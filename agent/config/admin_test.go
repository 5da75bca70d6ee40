package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where the running program listens is found whatever else is wrong with the file.
func TestLoadAdmin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	for text, want := range map[string]string{
		connections + model + "admin: {listen: 127.0.0.1:7}\n":                            "127.0.0.1:7",
		"bogus: 1\nadmin: {listen: 127.0.0.1:7}\n":                                        "127.0.0.1:7",
		"model: {api_key: \"${GONE}\", api_key_file: gone}\nadmin: {listen: 127.0.0.1:7}": "127.0.0.1:7",
		"admin: [": "127.0.0.1:18789",
		"":         "127.0.0.1:18789",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadAdmin(path, env()); err != nil || got.Listen != want {
			t.Errorf("%q: %q, %v", text, got.Listen, err)
		}
	}
	if err := os.WriteFile(path, []byte("admin: {listen: nowhere, token: \"${GONE}\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var problems Problems
	if _, err := LoadAdmin(path, env()); !errors.As(err, &problems) || len(problems) != 2 {
		t.Errorf("got %v", err)
	}
	if _, err := LoadAdmin(path+".gone", env()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A token that can be guessed is worth a word where others can try.
func TestShortTokensAreWarnedOf(t *testing.T) {
	for admin, warned := range map[string]bool{
		"{listen: 0.0.0.0:7, token: x}":                true,
		"{listen: 10.0.0.5:7, token: fifteen-letters}": true,
		"{listen: 0.0.0.0:7, token: sixteen-letters-}": false,
		"{listen: 127.0.0.1:7, token: x}":              false,
		"{listen: 127.0.0.1:7}":                        false,
	} {
		cfg, err := Parse("c.yaml", []byte(connections+model+"admin: "+admin+"\n"), env())
		if err != nil {
			t.Fatalf("%s: %v", admin, err)
		}
		found := false
		for _, w := range cfg.Warnings {
			found = found || w.Path == "admin.token" && strings.Contains(w.Text, "fewer than 16 characters")
		}
		if found != warned {
			t.Errorf("%s: warnings %v", admin, cfg.Warnings)
		}
	}
}
