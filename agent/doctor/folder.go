package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// unitFiles is where systemd looks for the unit of longwire install and of the package;
// the first that is there counts.
var unitFiles = []string{
	"/etc/systemd/system/longwire.service",
	"/run/systemd/system/longwire.service",
	"/usr/local/lib/systemd/system/longwire.service",
	"/usr/lib/systemd/system/longwire.service",
	"/lib/systemd/system/longwire.service",
}

// workplace is where relative paths of the configuration lead. They are looked up in the
// folder in which the program works, and a service works in another one than whoever asks
// the doctor.
type workplace struct {
	folder string
	unit   string // the file that names the folder; "": it is where the doctor was started
}

// at is the path of a file that the configuration names.
func (w workplace) at(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(w.folder, path)
}

// workplace is that of the service where it runs with this configuration, else ours.
func (m machine) workplace(config string) workplace {
	here, err := os.Getwd()
	if err != nil {
		here = "."
	}
	config, err = filepath.Abs(config)
	if err != nil {
		return workplace{folder: here}
	}
	for _, unit := range m.units {
		text, err := os.ReadFile(unit)
		if err != nil {
			continue
		}
		changes, _ := filepath.Glob(unit + ".d/*.conf") // a pattern without mistakes
		for _, change := range changes {
			more, _ := os.ReadFile(change)
			text = append(append(text, '\n'), more...)
		}
		if folder := workingDirectory(string(text), config); folder != "" {
			return workplace{folder: folder, unit: unit}
		}
		break
	}
	return workplace{folder: here}
}

// workingDirectory is the folder in which a unit's program works, "" where it runs with
// another configuration or does not say.
func workingDirectory(unit, config string) (folder string) {
	ours := false
	for line := range strings.Lines(unit) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "ExecStart":
			ours = false
			words := strings.Fields(strings.ReplaceAll(value, "config=", "config "))
			for i, word := range words[:max(len(words)-1, 0)] {
				ours = ours || strings.TrimLeft(word, "-") == "config" && filepath.Clean(words[i+1]) == config
			}
		case "WorkingDirectory":
			folder = strings.TrimPrefix(value, "-")
		}
	}
	if !ours || !filepath.IsAbs(folder) {
		return ""
	}
	return folder
}

// folder says where relative paths lead, if there are any.
func (p *planner) folder() {
	for _, path := range p.named() {
		if filepath.IsAbs(path) {
			continue
		}
		w, found := p.on.work, good(folderHere)
		if w.unit != "" {
			found = good(folderService, w.unit)
		}
		p.add(Check{Machine, "working folder", w.folder}, func(context.Context) verdict { return found })
		return
	}
}
