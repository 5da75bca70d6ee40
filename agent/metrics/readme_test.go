package metrics

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README has the page of metrics, and a section for each alert, in both languages.
func TestReadme(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	readme, chinese, rules := read("../../README.md"), read("../../README.zh-CN.md"), read("../../deploy/prometheus/rules.yml")
	if table := New("v", slog.New(slog.DiscardHandler)).Table(); !strings.Contains(readme, table) {
		t.Errorf("README.md does not have this table:\n%s", table)
	}
	links := regexp.MustCompile(`README\.md#([a-z-]+)`).FindAllStringSubmatch(rules, -1)
	if len(links) < 20 {
		t.Fatalf("%d alerts lead to the README", len(links))
	}
	for _, link := range links {
		heading := regexp.MustCompile(`(?im)^#### ` + strings.ReplaceAll(link[1], "-", " ") + `$`)
		if !heading.MatchString(readme) || !strings.Contains(chinese, `<a id="`+link[1]+`">`) {
			t.Errorf("an alert leads to %s, which is not in both READMEs", link[1])
		}
	}
}
