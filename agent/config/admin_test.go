package config

import (
	"errors"
	"os"
	"path/filepath"
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
