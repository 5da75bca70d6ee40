package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// report adds a problem at a node.
func (d *decoder) report(n *yaml.Node, at, text, hint string) {
	d.problem(source{line: n.Line, column: n.Column}, at, text, hint)
}

// problem adds a problem at a source.
func (d *decoder) problem(s source, at, text, hint string) {
	d.bad[at] = true
	d.problems = append(d.problems, d.at(s, at, text, hint))
}

// complain adds a problem with a value that was decoded. Where a problem is known
// already it says nothing.
func (d *decoder) complain(at, text, hint string) {
	if !d.bad[at] {
		d.problem(d.sources[at], at, text, hint)
	}
}

// reject is complain for a value that is not what it should be.
func (d *decoder) reject(at, reason, hint string) {
	subject := "the value"
	if s := d.sources[at]; s.from != "" {
		subject = "the value of " + s.from
	}
	d.complain(at, subject+" "+reason, hint)
}

// warn adds a warning.
func (d *decoder) warn(at, text, hint string) {
	d.warnings = append(d.warnings, d.at(d.sources[at], at, text, hint))
}

func (d *decoder) at(s source, at, text, hint string) Problem {
	return Problem{File: d.file, Line: max(s.line, 1), Column: max(s.column, 1), Path: at, Text: text, Hint: hint}
}

// foreign reports a key of the other platform.
func (d *decoder) foreign(n *yaml.Node, at string, f field, platform Platform) {
	text := f.key + " belongs to platform " + string(f.only)
	hint := "remove it; " + string(platform) + " has no such key"
	if f.twin != "" {
		text, hint = text+"; for "+string(platform)+" write "+f.twin, ""
	}
	d.report(n, join(at, f.key), text, hint)
}

// unknown reports a key that the schema does not have, and returns the key that
// was probably meant, or nothing.
func (d *decoder) unknown(n *yaml.Node, at string, section reflect.Type, platform Platform) string {
	var near, all []string
	for _, f := range d.schema.fields(section) {
		all = append(all, f.key)
		if !f.foreign(platform) {
			near = append(near, f.key)
		}
	}
	path, text := join(at, shown(n.Value)), "unknown key `"+shown(n.Value)+"`"
	elsewhere := keyPlaces()[n.Value]
	if guess := nearest(n.Value, near); guess != "" && (len(elsewhere) == 0 || len(elsewhere) > fewPlaces || folded(guess) == folded(n.Value)) {
		d.report(n, path, text, "did you mean `"+guess+"`?")
		return guess
	}
	hint := "the keys here are " + strings.Join(all, ", ")
	if platform != "" {
		hint = "the keys here are " + strings.Join(near, ", ")
	}
	if len(elsewhere) > 0 && len(elsewhere) <= fewPlaces {
		hint = "it belongs elsewhere: " + strings.Join(elsewhere, " or ")
	}
	d.report(n, path, text, hint)
	return ""
}

// fewPlaces is how many places of a key are still worth naming.
const fewPlaces = 3

// nearest is the known word that word was probably meant to be: the same but for
// case and separators, or a slip away, two in a longer word. Empty where there is
// none.
func nearest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		target := folded(k)
		n := distance(folded(word), target)
		if n < least && (n < 2 || len(target) > 4) {
			best, least = k, n
		}
	}
	return best
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// folded is a word without case and separators.
func folded(word string) string { return separators.Replace(strings.ToLower(word)) }

// distance is how many letters have to be added, removed or replaced to make b of
// a. Words that differ a lot in length are not compared.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
