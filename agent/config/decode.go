package config

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds how many keys and values are looked at, each use of an alias
// counted again, so that a few lines cannot stand for millions.
const maxValues = 10_000

// fromEnvironment begins a source that is a variable the file does not mention.
const fromEnvironment = "the environment variable "

// decoder takes one document into a Config. It never stops at a problem.
type decoder struct {
	file   string
	refs   expander
	schema schema

	sources  map[string]source // by path: what was decoded, for validate.go
	bad      map[string]bool   // paths with a problem, of which validate.go says nothing more
	problems Problems
	warnings Problems
	literals []string // paths of secrets that are written out in the file

	visited int // keys and values looked at, see maxValues
}

// source is where a value stands and where its text came from.
type source struct {
	line, column int
	text         string
	from         string // "${NAME}" where the text was substituted; empty for literal text
}

// config decodes the root of the document and validates the result.
func (d *decoder) config(root *yaml.Node) *Config {
	cfg := Default()
	d.section(root, "", reflect.ValueOf(cfg).Elem())
	if d.visited > maxValues {
		d.problems = nil
		d.report(root, "", fmt.Sprintf("the file has more than %d keys and values, aliases counted at each use", maxValues), "")
		return cfg
	}
	d.validate(cfg)
	return cfg
}

// value decodes what stands at a path into the field out.
func (d *decoder) value(n *yaml.Node, at string, f field, out reflect.Value) {
	n = resolved(n)
	switch t := out.Type(); {
	case t.Kind() == reflect.Pointer:
		d.optional(n, at, f, out)
	case isSection(t):
		d.section(n, at, out)
	case t.Kind() == reflect.Slice:
		d.list(n, at, f, out)
	case t.Kind() == reflect.Map:
		d.mapping(n, at, f, out)
	default:
		d.scalar(n, at, f, out)
	}
}

// optional decodes a value that is nil where the file does not have it, and that
// replaces what would hold then. A section without anything in it replaces nothing.
func (d *decoder) optional(n *yaml.Node, at string, f field, out reflect.Value) {
	inner := out.Type().Elem()
	if isSection(inner) && isNull(n) {
		return
	}
	v := fresh(inner)
	out.Set(v.Addr())
	d.value(n, at, f, v)
}

// list decodes a sequence of sections or of texts.
func (d *decoder) list(n *yaml.Node, at string, f field, out reflect.Value) {
	d.sources[at] = source{line: n.Line, column: n.Column}
	switch {
	case isNull(n), n.Kind == yaml.SequenceNode && len(n.Content) == 0 && f.need:
		d.report(n, at, "the list is empty", f.hint)
		return
	case n.Kind != yaml.SequenceNode:
		d.report(n, at, "expected a list, got "+kindOf(n), `begin each entry with "- "`)
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), 0, 0))
	for i, item := range n.Content {
		if d.visited++; d.visited > maxValues {
			return
		}
		out.Set(reflect.Append(out, fresh(out.Type().Elem())))
		d.value(item, fmt.Sprintf("%s[%d]", at, i), field{need: true, hint: f.hint}, out.Index(i))
	}
}

// mapping decodes keys that the operator chooses. All their values are of one kind,
// with the choice and the range of the field.
func (d *decoder) mapping(n *yaml.Node, at string, f field, out reflect.Value) {
	if !d.isMapping(n, at) {
		return
	}
	for _, e := range d.entries(n, at) {
		if out.IsNil() {
			out.Set(reflect.MakeMap(out.Type()))
		}
		v := fresh(out.Type().Elem())
		d.value(e.value, join(at, shown(e.key.Value)), field{oneof: f.oneof, limits: f.limits, hint: f.hint}, v)
		out.SetMapIndex(reflect.ValueOf(e.key.Value), v)
	}
}

// isMapping notes where a mapping stands, and reports what is none. One without
// anything in it says as little as one that is not there.
func (d *decoder) isMapping(n *yaml.Node, at string) bool {
	d.sources[at] = source{line: n.Line, column: n.Column}
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.report(n, at, "expected keys with values, got "+kindOf(n), `write each as "key: value"`)
		return false
	}
	return true
}

// section decodes a mapping into a schema struct.
func (d *decoder) section(n *yaml.Node, at string, out reflect.Value) {
	fields := d.schema.fields(out.Type())
	if n = spelled(n, fields); !d.isMapping(n, at) {
		return
	}
	entries := d.entries(n, at)
	if d.visited > maxValues {
		return
	}
	platform := d.startConnection(entries, out)
	_, main := out.Addr().Interface().(*Model)
	spoken := map[string]bool{} // keys that are there, or that a problem already asks for
	for _, e := range entries {
		key := e.key.Value
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		switch {
		case i < 0:
			spoken[d.unknown(e.key, at, out.Type(), platform)] = true
		case fields[i].foreign(platform):
			d.foreign(e.key, at, fields[i], platform)
			spoken[fields[i].twin] = true
		default:
			spoken[key] = true
			d.value(e.value, join(at, key), fields[i].in(main), out.FieldByIndex(fields[i].index))
		}
	}
	for _, f := range fields {
		unasked := f.only != "" && f.only != platform
		if !spoken[f.key] && !unasked {
			d.absent(n, join(at, f.key), f.in(main), out.FieldByIndex(f.index))
		}
	}
}

// spelled is n, or what it is short for: a single value where one of the keys may
// stand for the section.
func spelled(n *yaml.Node, fields []field) *yaml.Node {
	i := slices.IndexFunc(fields, func(f field) bool { return f.short })
	if i < 0 || n.Kind != yaml.ScalarNode || isNull(n) {
		return n
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: fields[i].key, Line: n.Line, Column: n.Column}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, n}, Line: n.Line, Column: n.Column}
}

// in is the field as it is in the main model, or in another section.
func (f field) in(main bool) field {
	if f.heir && !main {
		f.need, f.env = false, ""
	}
	return f
}

// startConnection gives a connection the defaults of its platform before its keys
// are read, and returns the platform: empty where it is not known, or where out
// is no connection.
func (d *decoder) startConnection(entries []entry, out reflect.Value) Platform {
	connection, ok := out.Addr().Interface().(*Connection)
	if !ok {
		return ""
	}
	var platform Platform
	for _, e := range entries {
		if v := resolved(e.value); e.key.Value == "platform" && v.Kind == yaml.ScalarNode {
			platform = Platform(d.refs.expand(v.Value).text)
		}
	}
	*connection = DefaultConnection(platform)
	if connection.Endpoint == "" {
		return ""
	}
	return platform
}

// absent fills a key that the file does not have: from the environment where a
// variable speaks for it, else with the default that is already there.
func (d *decoder) absent(parent *yaml.Node, at string, f field, out reflect.Value) {
	if isSection(out.Type()) {
		d.section(&yaml.Node{Kind: yaml.MappingNode, Line: parent.Line, Column: parent.Column}, at, out)
		return
	}
	if f.env != "" {
		if text, ok := d.refs.getenv(f.env); ok {
			s := source{line: parent.Line, column: parent.Column, text: text, from: fromEnvironment + f.env}
			d.set(s, at, f, out)
			return
		}
	}
	if f.need && out.IsZero() {
		d.report(parent, at, "missing", f.hint)
	}
}
