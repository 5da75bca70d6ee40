package logs

import (
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Levels says from which level on a package logs. They may be set while others log.
type Levels struct{ now atomic.Pointer[levels] }

// levels never change, so that a record is judged by one set of them.
type levels struct {
	base    slog.Level
	of      map[string]slog.Level
	lowest  slog.Level // of base and all of of
	highest slog.Level
	sites   sync.Map // from a place in the program (uintptr) to its slog.Level
}

// NewLevels are Levels that are set.
func NewLevels(base slog.Level, of map[string]slog.Level) *Levels {
	l := &Levels{}
	l.Set(base, of)
	return l
}

// Set replaces the levels: of by package path inside the module ("connectors/dingtalk",
// "agent" for the program itself and all below it), base for all others. The longest
// prefix wins, at the border of a path's elements. Packages of other modules have their
// whole path.
func (l *Levels) Set(base slog.Level, of map[string]slog.Level) {
	next := &levels{base: base, of: maps.Clone(of), lowest: base, highest: base}
	for _, level := range of {
		next.lowest, next.highest = min(next.lowest, level), max(next.highest, level)
	}
	l.now.Store(next)
}

// Of is the level of a package.
func (l *Levels) Of(path string) slog.Level { return l.now.Load().ofPackage(path) }

// Level is the lowest of all. It makes Levels a slog.Leveler.
func (l *Levels) Level() slog.Level { return l.now.Load().lowest }

// logs reports whether a record of this level, made at pc, is logged.
func (l *Levels) logs(level slog.Level, pc uintptr) bool {
	now := l.now.Load()
	if level >= now.highest {
		return true
	}
	return level >= now.at(pc)
}

// at is the level of the package that pc is in; base where there is no pc.
func (l *levels) at(pc uintptr) slog.Level {
	if pc == 0 {
		return l.base
	}
	if level, ok := l.sites.Load(pc); ok {
		return level.(slog.Level)
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	level := l.ofPackage(packageOf(frame.Function))
	l.sites.Store(pc, level)
	return level
}

func (l *levels) ofPackage(path string) slog.Level {
	for path != "" {
		if level, ok := l.of[path]; ok {
			return level
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return l.base
}

const (
	module  = "longwire/"
	program = "agent" // where package main is, which the runtime calls "main"
)

// packageOf is the path of the package that a function is in, from the function's full
// name: "longwire/agent/turn.(*Turn).Run.func1" is in "agent/turn".
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	if bracket := strings.IndexByte(function, '['); bracket >= 0 { // type arguments have paths of their own
		slash = strings.LastIndexByte(function[:bracket], '/') + 1
	}
	end := len(function)
	if dot := strings.IndexByte(function[slash:], '.'); dot >= 0 {
		end = slash + dot
	}
	path := strings.TrimSuffix(function[:end], "_test")
	if path == "main" {
		return program
	}
	return strings.TrimPrefix(path, module)
}
