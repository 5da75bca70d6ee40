package main

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"longwire/agent/config"
	"longwire/agent/logs"
	"longwire/agent/service"
)

// lookAgain is how often the configuration is looked at with reload: auto. It is read
// as a whole, so that a changed file that it refers to counts as well.
const lookAgain = 5 * time.Second

// reloader takes up a changed configuration: at SIGHUP, and by itself where the
// configuration says so. One that is not right changes nothing.
type reloader struct {
	file    string // as --config has it
	app     *App
	log     *logs.Logs
	secrets *secrets
	manager service.Notifier // of the service that this is, if it is one

	loaded *config.Config // the last one that was taken up
	said   string         // what was last wrong with the file
}

// run takes up changes until ctx ends.
func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			r.said = "" // whoever asks is told
			r.log.Info("reading the configuration again", "why", "SIGHUP")
			r.tell(r.manager.Reloading)
			r.reopen()
			r.reload(true)
			r.tell(r.manager.Ready)
		case <-ticker.C:
			if r.loaded.Reload == "auto" {
				r.reload(false)
			}
		}
	}
}

// tell tells the service manager something.
func (r *reloader) tell(what func() error) {
	if err := what(); err != nil {
		r.log.Warn("service manager not told", "err", err)
	}
}

// reload takes up the configuration if it has changed, or if it is asked for.
func (r *reloader) reload(asked bool) {
	next, err := loadFile(r.file)
	if err != nil {
		if text := r.log.Redact(err.Error()); text != r.said {
			r.said = text
			r.log.Error("configuration not taken up, nothing has changed", "err", text)
		}
		r.app.NoteFile("the configuration file has changed and is not taken up: " + firstLine(r.log.Redact(err.Error())))
		return
	}
	if r.said != "" {
		r.log.Info("the configuration file is good again")
	}
	r.said = ""
	r.app.NoteFile("")
	if !asked && reflect.DeepEqual(next, r.loaded) {
		return
	}
	r.secrets.add(next)
	r.log.Refresh()
	r.log.Levels.Set(next.Log.Level, next.Log.Levels)
	if err := r.app.Reload(next); err != nil {
		r.log.Error("configuration not taken up", "err", err)
		return
	}
	for _, warning := range next.Warnings {
		r.log.Warn("configuration", "warning", warning.String())
	}
	r.loaded = next
}

// firstLine is the first of several problems.
func firstLine(text string) string {
	line, more, _ := strings.Cut(text, "\n")
	if more != "" {
		next, _, _ := strings.Cut(more, "\n")
		line += " " + next
	}
	return line
}

// reopen goes on in new files, after an outside logrotate.
func (r *reloader) reopen() {
	if err := r.log.Reopen(); err != nil {
		r.log.Error("log file not opened again", "err", err)
	}
	if err := r.app.records.Reopen(); err != nil {
		r.log.Error("conversation log not opened again", "err", err)
	}
}

// secrets are what no line of the log may hold: those of every configuration that was
// taken up, since what began under an earlier one may still speak.
type secrets struct{ values atomic.Pointer[[]string] }

func (s *secrets) add(cfg *config.Config) {
	all := append(s.all(), cfg.Secrets()...)
	slices.Sort(all)
	all = slices.Compact(all)
	s.values.Store(&all)
}

func (s *secrets) all() []string {
	if values := s.values.Load(); values != nil {
		return append([]string(nil), *values...)
	}
	return nil
}
