package config

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

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
