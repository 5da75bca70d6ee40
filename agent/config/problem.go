package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing in the file that is not right, where it stands and what to
// write instead. It never contains a secret.
type Problem struct {
	File   string // as it was given to Load or Parse
	Line   int    // from 1
	Column int    // from 1, in characters
	Path   string // the YAML path, as in connections[0].client_id; empty: the file as a whole
	Text   string // what is wrong
	Hint   string // what to write instead; empty where Text says it all
}

// String is the problem on one line: file:line:column: path: text; hint.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Problems are all the problems of a file, sorted by position. Load and Parse
// return them as their error.
type Problems []Problem

// Error is one problem per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sorted is p in the order of position, each problem once: what an alias repeats
// is wrong in one place only.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(p)
}
