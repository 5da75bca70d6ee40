package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The test program is a Go program too, and its parts are known from go.mod.
func TestListsThePartsOfThisProgram(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(t.TempDir(), "certificates.crt")
	if err := os.WriteFile(beside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := run(&first, program, []string{beside}); err != nil {
		t.Fatal(err)
	}
	if err := run(&second, program, []string{beside}); err != nil || first.String() != second.String() {
		t.Errorf("the second time it is another text, %v", err)
	}
	var doc bom
	if err := json.Unmarshal(first.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if c := doc.Metadata.Component; len(c.Hashes) != 1 || c.Hashes[0].Content != hex.EncodeToString(sum[:]) {
		t.Errorf("the program is %+v", c)
	}
	parts := map[string]component{}
	for _, c := range doc.Components {
		parts[c.Name] = c
	}
	if std := parts["std"]; std.Version == "" || std.PURL != "pkg:golang/std@"+std.Version {
		t.Errorf("the standard library is %+v", std)
	}
	if f := parts["certificates.crt"]; f.Type != "file" || len(f.Hashes) != 1 {
		t.Errorf("the file beside it is %+v", f)
	}
}

func TestModule(t *testing.T) {
	c := module("go.etcd.io/bbolt", "v1.5.0+incompatible", "h1:abc=")
	if c.PURL != "pkg:golang/go.etcd.io/bbolt@v1.5.0%2Bincompatible" || c.Properties[0].Value != "h1:abc=" {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsNoProgramIsAnError(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, text + "-gone"} {
		if err := run(&bytes.Buffer{}, path, nil); err == nil {
			t.Errorf("%s has parts", path)
		}
	}
}
