package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds how many keys and values are looked at, each use of an alias
// counted again, so that a few lines cannot stand for millions.
const maxValues = 10_000

// decoder takes one document into a Config. It never stops at a problem.
type decoder struct {
	file string
	refs expander

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

// field is one key of a schema struct, as its tags say (see Config).
type field struct {
	index  int
	key    string
	need   bool
	limits string
	oneof  []string
	env    string
	only   Platform
	twin   string
	hint   string
}

// fieldsOf lists the keys of a schema struct in their order.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if key := tag.Get("yaml"); key != "-" {
			fields = append(fields, field{
				index: i, key: key, need: tag.Get("need") == "yes",
				limits: tag.Get("range"), oneof: strings.Fields(tag.Get("oneof")), env: tag.Get("env"),
				only: Platform(tag.Get("only")), twin: tag.Get("twin"), hint: tag.Get("hint"),
			})
		}
	}
	return fields
}

// isSection reports whether t is a struct of keys, and not a value that happens
// to be a struct.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
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
	switch n = resolved(n); {
	case isSection(out.Type()):
		d.section(n, at, out)
	case out.Kind() == reflect.Slice:
		d.list(n, at, f, out)
	default:
		d.scalar(n, at, f, out)
	}
}

// list decodes a sequence of sections or of texts.
func (d *decoder) list(n *yaml.Node, at string, f field, out reflect.Value) {
	d.sources[at] = source{line: n.Line, column: n.Column}
	switch {
	case isNull(n), n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		d.report(n, at, "the list is empty", f.hint)
		return
	case n.Kind != yaml.SequenceNode:
		d.report(n, at, "expected a list, got "+kindOf(n), `begin each entry with "- "`)
		return
	}
	for i, item := range n.Content {
		if d.visited++; d.visited > maxValues {
			return
		}
		out.Set(reflect.Append(out, reflect.Zero(out.Type().Elem())))
		d.value(item, fmt.Sprintf("%s[%d]", at, i), field{need: true, hint: f.hint}, out.Index(i))
	}
}

// section decodes a mapping into a schema struct. A section without anything in
// it says as little as one that is not there.
func (d *decoder) section(n *yaml.Node, at string, out reflect.Value) {
	d.sources[at] = source{line: n.Line, column: n.Column}
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.report(n, at, "expected keys with values, got "+kindOf(n), `write each as "key: value"`)
		return
	}
	entries := d.entries(n, at)
	if d.visited > maxValues {
		return
	}
	fields := fieldsOf(out.Type())
	platform := d.startConnection(entries, out)
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
			d.value(e.value, join(at, key), fields[i], out.Field(fields[i].index))
		}
	}
	for _, f := range fields {
		unasked := f.only != "" && f.only != platform
		if !spoken[f.key] && !unasked {
			d.absent(n, join(at, f.key), f, out.Field(f.index))
		}
	}
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

// foreign reports whether the key belongs to another platform than p.
func (f field) foreign(p Platform) bool { return f.only != "" && p != "" && f.only != p }

// absent fills a key that the file does not have: from the environment where a
// variable speaks for it, else with the default that is already there.
func (d *decoder) absent(parent *yaml.Node, at string, f field, out reflect.Value) {
	if isSection(out.Type()) {
		d.section(&yaml.Node{Kind: yaml.MappingNode, Line: parent.Line, Column: parent.Column}, at, out)
		return
	}
	if f.env != "" {
		if text, ok := d.refs.getenv(f.env); ok {
			s := source{line: parent.Line, column: parent.Column, text: text, from: "the environment variable " + f.env}
			d.set(s, at, f, out)
			return
		}
	}
	if f.need {
		d.report(parent, at, "missing", f.hint)
	}
}

// entry is one key of a mapping.
type entry struct{ key, value *yaml.Node }

// entries lists the keys of a mapping in the order of the file. A merge key (<<)
// adds the keys of the mappings it names that are not written out beside it.
func (d *decoder) entries(n *yaml.Node, at string) []entry {
	var list []entry
	var merged []*yaml.Node
	seen := map[string]int{} // key to line
	for i := 0; i+1 < len(n.Content); i += 2 {
		if d.visited++; d.visited > maxValues {
			return nil
		}
		key, value := resolved(n.Content[i]), resolved(n.Content[i+1])
		switch line, twice := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.report(key, at, "a key has to be a word, got "+kindOf(key), "")
		case key.Tag == "!!merge":
			merged = append(merged, d.mergeSources(value, at)...)
		case twice:
			d.report(key, join(at, shown(key.Value)), fmt.Sprintf("this key stands in line %d already", line), "keep one of the two")
		default:
			seen[key.Value] = key.Line
			list = append(list, entry{key, value})
		}
	}
	for _, source := range merged {
		for _, e := range d.entries(source, at) {
			if _, ok := seen[e.key.Value]; !ok {
				seen[e.key.Value] = e.key.Line
				list = append(list, e)
			}
		}
	}
	return list
}

// mergeSources are the mappings that the value of a merge key names.
func (d *decoder) mergeSources(value *yaml.Node, at string) []*yaml.Node {
	list := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		list = value.Content
	}
	var sources []*yaml.Node
	for _, n := range list {
		if n = resolved(n); n.Kind != yaml.MappingNode {
			d.report(n, at, "<< takes the alias of a mapping, got "+kindOf(n), "write <<: *name")
			continue
		}
		sources = append(sources, n)
	}
	return sources
}

// resolved is n, or what it is an alias of.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// isNull reports whether nothing, ~ or null is written.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// kindOf names what stands there without showing it: it may be a secret that lost
// its key.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return "a single value"
}

// join puts a key behind the path of its mapping.
func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// word is what a misspelled key may look like and be repeated.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

// shown is a key of the file as it may be repeated: what does not look like a key
// may be a secret that stands in the wrong place.
func shown(key string) string {
	if word.MatchString(key) {
		return key
	}
	return "(a key)"
}
