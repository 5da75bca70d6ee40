package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// Relative paths lead where the service works, if it runs with this configuration, and
// the lines say which place was looked at.
func TestRelativePathsLeadWhereTheServiceWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store = "file:./data/longwire.db"
	service := filepath.Join(w.folder, "service")
	if err := os.MkdirAll(filepath.Join(service, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	unit := put(t, w.folder, "longwire.service", "[Service]\nExecStart=/usr/bin/longwire run --config "+w.config()+"\nWorkingDirectory="+service+"\n")
	for _, test := range []struct {
		units         []string
		folder, cause string
	}{
		{[]string{filepath.Join(w.folder, "none"), unit}, service, "folder_service"},
		{nil, here, "folder_here"},
	} {
		w.on.units = test.units
		_, report := w.report("--only", "store")
		want := map[string]string{
			"working folder": test.folder,
			"writable":       filepath.Join(test.folder, "data/longwire.db"),
			"store":          filepath.Join(test.folder, "data/longwire.db"),
		}
		_, whole := w.report("--only", "machine")
		for _, f := range append(report.Findings, whole.Findings...) {
			if want[f.Check] == f.Subject {
				delete(want, f.Check)
			}
			if f.Check == "working folder" && f.Cause != test.cause {
				t.Errorf("%s, want %s", f.Cause, test.cause)
			}
		}
		if len(want) > 0 {
			t.Errorf("no line has %v\n%s\n%s", want, show(report), show(whole))
		}
	}
}

func TestWorkingDirectory(t *testing.T) {
	const config = "/etc/longwire/config.yaml"
	for unit, want := range map[string]string{
		"ExecStart=/usr/bin/longwire run --config /etc/longwire/config.yaml\nWorkingDirectory=/var/lib/longwire\n":                     "/var/lib/longwire",
		"WorkingDirectory=-/var/lib/longwire\nExecStart=/usr/bin/longwire run -config=/etc/longwire/./config.yaml":                     "/var/lib/longwire",
		"ExecStart=longwire run --config /etc/longwire/config.yaml\nWorkingDirectory=/a\n[Service]\nWorkingDirectory=/b\n":             "/b",
		"ExecStart=longwire run --config /etc/longwire/config.yaml\nExecStart=\nExecStart=other\nWorkingDirectory=/var/lib/longwire\n": "",
		"ExecStart=longwire run --config /etc/other.yaml\nWorkingDirectory=/var/lib/longwire\n":                                        "",
		"ExecStart=longwire run --config /etc/longwire/config.yaml\n":                                                                  "",
		"ExecStart=longwire run --config /etc/longwire/config.yaml\nWorkingDirectory=~\n":                                              "",
		"": "",
	} {
		if got := workingDirectory(unit, config); got != want {
			t.Errorf("%q: %q, want %q", unit, got, want)
		}
	}
}

// The unit that is installed says where its program works.
func TestInstalledUnitNamesItsFolder(t *testing.T) {
	text, err := os.ReadFile("../service/longwire.service")
	if err != nil {
		t.Fatal(err)
	}
	if got := workingDirectory(string(text), "/etc/longwire/config.yaml"); got != "/var/lib/longwire" {
		t.Errorf("got %q", got)
	}
}
