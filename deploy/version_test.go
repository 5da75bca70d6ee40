package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Packages of commits that no tag names are ordered by time, so that the later one is an
// upgrade, and every release is one to all of them.
func TestPackagesAreOrdered(t *testing.T) {
	for _, tool := range []string{"git", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	makefile, err := filepath.Abs("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(makefile); err != nil { // so that a cached result is one of this Makefile
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(at, name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_COMMITTER_DATE="+at, "GIT_AUTHOR_DATE="+at,
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.invalid", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.invalid")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	named := regexp.MustCompile(`VERSION='([^']*)' go run`)
	version := func() string {
		t.Helper()
		found := named.FindStringSubmatch(run("", "make", "-n", "-f", makefile, "packages"))
		if found == nil {
			t.Fatal("no package has a version")
		}
		return found[1]
	}
	run("", "git", "init", "-q")
	var last string
	for at, want := range map[string]string{
		"2026-02-28T23:59:59+00:00": `^0\+20260228235959\.[0-9a-f]{7,}$`,
		"2026-03-01T07:00:00+08:00": `^0\+20260228230000\.[0-9a-f]{7,}$`, // in one zone for all
	} {
		run(at, "git", "commit", "-q", "--allow-empty", "-m", "one")
		if last = version(); !regexp.MustCompile(want).MatchString(last) {
			t.Errorf("committed at %s: %s, want %s", at, last, want)
		}
	}
	run("", "git", "tag", "v0.1.0")
	release := version()
	if release != "0.1.0" {
		t.Errorf("the release is %s", release)
	}
	if _, err := exec.LookPath("dpkg"); err == nil {
		run("", "dpkg", "--compare-versions", last, "lt", release)
		run("", "dpkg", "--compare-versions", "0+20260228230000.fffffff", "lt", "0+20260228235959.0000000")
	}
}
