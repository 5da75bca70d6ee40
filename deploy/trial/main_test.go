package main

import (
	"os"
	"path/filepath"
	"testing"

	"longwire/agent/config"
	"longwire/agent/sandbox"
)

// What is written is what the installed program reads, with its secrets beside.
func TestWritesWhatTheInstalledProgramReads(t *testing.T) {
	box, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	want := box.Configure()
	dir := t.TempDir()
	f := flags{config: filepath.Join(dir, "config.yaml"), credentials: t.TempDir()}
	if err := write(f, want); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(f.config, func(name string) (string, bool) { return f.credentials, name == "CREDENTIALS_DIRECTORY" })
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range got.Connections {
		w := want.Connections[i]
		if c.Name != w.Name || c.Endpoint != w.Endpoint || c.ClientSecret.Reveal() != w.ClientSecret.Reveal() || c.AppSecret.Reveal() != w.AppSecret.Reveal() {
			t.Errorf("%s is not what the platforms know", w.Name)
		}
	}
	if info, err := os.Stat(filepath.Join(f.credentials, "feishu_app_secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v, %v", info, err)
	}
}
