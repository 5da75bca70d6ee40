// Package deploy_test holds what the files of this folder promise to whoever runs
// them: no port, no root, no privilege, no secret in the open, and no message in a
// place that goes away.
package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"longwire/agent/config"
)

// tree is a decoded YAML document.
type tree map[string]any

// at is what a path of keys leads to; a digit is the place in a list. It is nil
// where there is nothing.
func (d tree) at(path string) any {
	var here any = map[string]any(d)
	for key := range strings.SplitSeq(path, ".") {
		switch v := here.(type) {
		case map[string]any:
			here = v[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(v) {
				return nil
			}
			here = v[i]
		default:
			return nil
		}
	}
	return here
}

// want checks one value.
func (d tree) want(t *testing.T, path string, want any) {
	t.Helper()
	if got := d.at(path); !same(got, want) {
		t.Errorf("%s is %v, want %v", path, got, want)
	}
}

func same(a, b any) bool {
	x, errX := yaml.Marshal(a)
	y, errY := yaml.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// documents decodes every document of a file.
func documents(t *testing.T, path string) (all []tree) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var d map[string]any // not a tree: what is inside would be trees too
		err := decoder.Decode(&d)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return all
}

// find is the only document of a kind and name in a file.
func find(t *testing.T, path, kind, name string) tree {
	t.Helper()
	var found []tree
	for _, d := range documents(t, path) {
		if d["kind"] == kind && d.at("metadata.name") == name {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d of %s %s", path, len(found), kind, name)
	}
	return found[0]
}

// loads checks that a configuration is good where every secret that it names is there.
func loads(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range map[string]string{
		"dingtalk_client_id": "dingabc", "dingtalk_client_secret": "s", "model_api_key": "k",
		"redis_url": "redis://:p@redis:6379/0",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(name string) (string, bool) { return dir, name == "CREDENTIALS_DIRECTORY" })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// checkShared checks a configuration of several replicas: one store, and a spool in
// the volume.
func checkShared(t *testing.T, cfg *config.Config) {
	t.Helper()
	if cfg.Store.Reveal() != "redis://:p@redis:6379/0" {
		t.Errorf("the store is not the shared one: %v", cfg.Store)
	}
	if spool, on := cfg.SpoolFile(); !on || filepath.Dir(spool) != "/data" {
		t.Errorf("the spool is at %q, not in the volume", spool)
	}
	if !strings.HasPrefix(cfg.Admin.Listen, "127.0.0.1:") {
		t.Errorf("it listens on %s", cfg.Admin.Listen)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
