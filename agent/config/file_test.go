package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate is a certificate of our own and its key, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// put writes a file into a folder and returns its path.
func put(t *testing.T, folder, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // not held back by the umask
		t.Fatal(err)
	}
	return path
}

// A file of keys is found as ${file:PATH} finds its own, or is a credential.
func TestKeyFiles(t *testing.T) {
	beside, credentials := t.TempDir(), t.TempDir()
	both := put(t, beside, "both", "k1\n", 0o600)
	own := put(t, credentials, "both", "k2\n", 0o600)
	loose := put(t, beside, "loose", "k3\n", 0o604)
	hint := "; a relative path is looked up in $CREDENTIALS_DIRECTORY, then beside the config file"
	for _, test := range []struct{ value, credentials, path, wrong, warning string }{
		{"both", "", both, "", ""},
		{"both", credentials, own, "", ""},
		{"loose", credentials, loose, "", "everybody on this machine can read this file; run chmod 600 on it"},
		{both, credentials, both, "", ""},
		{"credential:both", credentials, own, "", ""},
		{"credential:both", "", "", "the value names a credential, and $CREDENTIALS_DIRECTORY is not set; start longwire as a systemd unit with LoadCredential, or write a path", ""},
		{"credential:../both", credentials, "", "the value names no credential; write credential: and a name, without a folder", ""},
		{"credential:", credentials, "", "the value names no credential; write credential: and a name, without a folder", ""},
		{"sk-hunter2", "", "", "the value names a file that is not there" + hint, ""},
		{"credential:hunter2", credentials, "", "the value names a file that is not there" + hint, ""},
		{".", "", "", "the value names a file that cannot be read: it is not a regular file", ""},
	} {
		text := connections + "model: {endpoint: https://model.example/v1, name: m, fallbacks: [{name: f}], api_key_file: " + test.value + "}\n"
		cfg, err := Parse(filepath.Join(beside, "c.yaml"), []byte(text), env("CREDENTIALS_DIRECTORY", test.credentials))
		if test.wrong != "" {
			if err == nil || !strings.HasSuffix(err.Error(), " model.api_key_file: "+test.wrong) {
				t.Errorf("%s: got %v, want %s", test.value, err, test.wrong)
			}
			continue
		}
		if err != nil || cfg.Model.APIKeyFile != test.path || cfg.Model.Fallbacks[0].APIKeyFile != test.path {
			t.Errorf("%s: got %+v, %v; want %s", test.value, cfg, err, test.path)
			continue
		}
		if got := cfg.Warnings.Error(); test.warning == "" && got != "" || !strings.HasSuffix(got, test.warning) {
			t.Errorf("%s: warns %q, want %q", test.value, got, test.warning)
		}
	}
}

// The file's own keys win over those of the environment, in whichever way it has them.
func TestKeysComeFromOnePlace(t *testing.T) {
	path := put(t, t.TempDir(), "keys", "k\n", 0o600)
	for keys, want := range map[string]string{
		"api_keys: [a, b]":                     "a b ",
		"api_key: a, api_keys: [b]":            "a b ",
		`api_key: "", api_keys: [b]`:           "b ",
		"api_key_file: " + path:                "",
		"temperature: 1":                       "fromenv ",
		`api_key: "", temperature: 1`:          "",
		"api_key: a, api_key_file: x":          "!",
		"api_keys: [a], api_key_file: " + path: "!",
	} {
		text := connections + "model: {endpoint: https://model.example/v1, name: m, " + keys + "}\n"
		cfg, err := Parse("c.yaml", []byte(text), env("MODEL_API_KEY", "fromenv"))
		if want == "!" {
			if err == nil || !strings.HasSuffix(err.Error(), "model.api_key_file: there is an api_key or api_keys beside it; keep one of the two") {
				t.Errorf("%s: %v", keys, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		got := ""
		for _, key := range cfg.Model.Keys() {
			got += key.Reveal() + " "
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", keys, got, want)
		}
	}
}

func TestAdminCertificate(t *testing.T) {
	folder := t.TempDir()
	cert, key := certificate(t)
	other, _ := certificate(t)
	put(t, folder, "cert", cert, 0o644)
	put(t, folder, "key", key, 0o600)
	put(t, folder, "loose", key, 0o644)
	put(t, folder, "other", other, 0o644)
	put(t, folder, "words", "hunter2", 0o600)
	mismatch := "1:21: admin.tls.cert: the value does not lead to a certificate in PEM that belongs to the key"
	for text, want := range map[string]string{
		"{cert: cert, key: key}":   "",
		"{cert: cert, key: loose}": "1:32: admin.tls.key: everybody on this machine can read this file; run chmod 600 on it",
		`{cert: "", key: ""}`:      "",
		"{cert: cert}":             "1:21: admin.tls.cert: its key is missing; write the path of its key in admin.tls.key",
		"{key: key}":               "1:20: admin.tls.key: its certificate is missing; write the path of its certificate in admin.tls.cert",
		"{cert: other, key: key}":  mismatch,
		"{cert: words, key: key}":  mismatch,
		"{cert: cert, key: gone}":  "1:32: admin.tls.key: the value names a file that is not there; a relative path is looked up in $CREDENTIALS_DIRECTORY, then beside the config file",
	} {
		cfg, err := Parse(filepath.Join(folder, "c.yaml"), []byte("admin: {tls: "+text+"}\n"+connections+model), env())
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case len(cfg.Warnings) > 0:
			got = cfg.Warnings.Error()
		}
		if want != "" {
			want = filepath.Join(folder, "c.yaml") + ":" + want
		}
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
		if err == nil && text == "{cert: cert, key: key}" && cfg.Admin.TLS.Cert != filepath.Join(folder, "cert") {
			t.Errorf("the certificate is at %s", cfg.Admin.TLS.Cert)
		}
	}
}

// What cannot be opened is told without its path.
func TestReasonHasNoPath(t *testing.T) {
	_, err := os.Open(filepath.Join(t.TempDir(), "hunter2"))
	if got := reason(fmt.Errorf("open: %w", err)); strings.Contains(got, "hunter2") || got == "" {
		t.Errorf("got %q", got)
	}
}
