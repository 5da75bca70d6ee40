package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ${file:PATH} looks in the folder of credentials first, then beside the file.
func TestReferencesToFiles(t *testing.T) {
	beside, credentials := t.TempDir(), t.TempDir()
	write := func(folder, name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(beside, "both", "beside\n")
	write(credentials, "both", "credentials\r\n")
	write(beside, "one", "two lines: \"a\"\n\n")
	write(beside, "large", strings.Repeat("x", maxReference+1))
	write(beside, "full", strings.Repeat("x", maxReference))
	write(beside, "binary", "\xff")
	if err := os.Mkdir(filepath.Join(beside, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(beside, "credentials"), "below", "below")

	for _, test := range []struct{ name, text, credentials, want, wrong string }{
		{"beside the file", "${file:both}", "", "beside", ""},
		{"credentials first", "${file:both}", credentials, "credentials", ""},
		{"then beside the file", "<${file:one}>", credentials, "<two lines: \"a\"\n>", ""},
		{"then where longwire install has put it", "${file:below}", credentials, "below", ""},
		{"an absolute path", "${file:" + filepath.Join(beside, "both") + "}", credentials, "beside", ""},
		{"as much as is allowed", "${file:full}", "", strings.Repeat("x", maxReference), ""},
		{"too much", "${file:large}", "", "", "${file:large}: it is larger than 64 KiB"},
		{"no text", "${file:binary}", "", "", "${file:binary}: it is not UTF-8"},
		{"a folder", "${file:.}", "", "", "${file:.}: it is not a regular file"},
		{"much too often", strings.Repeat("${file:full}", 1000), "", "", "the value is larger than 1 MiB with its references taken"},
		{"no path", "${file:}", "", "", "${file:}: it names no file"},
		{"nowhere", "${file:gone}", credentials, "", "${file:gone}: there is no such file; looked for " +
			filepath.Join(credentials, "gone") + " and " + filepath.Join(beside, "gone") + " and " + filepath.Join(beside, "credentials", "gone")},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := expander{getenv: env("CREDENTIALS_DIRECTORY", test.credentials), dir: beside}
			got := e.expand(test.text)
			if got.text != test.want && test.wrong == "" {
				t.Errorf("got %q, want %q", got.text, test.want)
			}
			if wrong := errors.Join(got.wrong...); test.wrong == "" && wrong != nil || test.wrong != "" && fmt.Sprint(wrong) != test.wrong {
				t.Errorf("got error %v, want %q", wrong, test.wrong)
			}
		})
	}
}

func TestReferencesInsideATextAndLiteral(t *testing.T) {
	e := expander{getenv: env("A", "x: ${B}", "B", "'\"", "_C1", "")}
	for text, want := range map[string]string{
		"":                 "",
		"plain $ and $A":   "plain $ and $A",
		"${A}":             "x: ${B}",
		"<${A}|${B}${_C1}": "<x: ${B}|'\"",
		"$${A}":            "${A}",
		"${B}$${A}${B}":    "'\"${A}'\"",
		"$$":               "$$",
		"$$${A}":           "$${A}",
	} {
		if got := e.expand(text); got.text != want || len(got.wrong) > 0 {
			t.Errorf("%s: got %q, %v; want %q", text, got.text, got.wrong, want)
		}
	}
}
