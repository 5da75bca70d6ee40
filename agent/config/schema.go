package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// field is one key of a schema struct, as its tags say (see Config).
type field struct {
	index  []int        // the way to it, through the structs that are inline
	owner  reflect.Type // the struct that declares it
	key    string
	need   bool
	limits string
	oneof  []string
	env    string
	heir   bool
	short  bool
	only   Platform
	twin   string
	hint   string
	reload string
}

// fieldsOf lists the keys of a schema struct in their order.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		switch key := tag.Get("yaml"); key {
		case "-":
		case ",inline":
			for _, f := range fieldsOf(t.Field(i).Type) {
				f.index = slices.Insert(f.index, 0, i)
				fields = append(fields, f)
			}
		default:
			fields = append(fields, field{
				index: []int{i}, owner: t, key: key, need: tag.Get("need") == "yes",
				limits: tag.Get("range"), oneof: strings.Fields(tag.Get("oneof")), env: tag.Get("env"),
				heir: tag.Get("heir") == "yes", short: tag.Get("short") == "yes",
				only: Platform(tag.Get("only")), twin: tag.Get("twin"), hint: tag.Get("hint"), reload: tag.Get("reload"),
			})
		}
	}
	return fields
}

// schema is fieldsOf that remembers: a file may have thousands of sections.
type schema map[reflect.Type][]field

func (s schema) fields(t reflect.Type) []field {
	fields, ok := s[t]
	if !ok {
		fields = fieldsOf(t)
		s[t] = fields
	}
	return fields
}

// foreign reports whether the key belongs to another platform than p.
func (f field) foreign(p Platform) bool { return f.only != "" && p != "" && f.only != p }

// bounds are the two ends of a range tag. A test checks that they can be read.
func (f field) bounds() (low, high string) {
	low, high, _ = strings.Cut(f.limits, "..")
	return low, high
}

// isSection reports whether t is a struct of keys, and not a value that happens
// to be a struct.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// preset is a section that a file may have any number of times, or not at all, and
// that has defaults of its own then.
type preset interface{ preset() }

// fresh is a new value of type t, with its defaults.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if p, ok := v.Interface().(preset); ok {
		p.preset()
	}
	return v.Elem()
}

// place is a key of the schema and where it stands, as in connections[].name.
type place struct {
	path string
	field
}

// keysBelow lists every key below t.
func keysBelow(t reflect.Type, at string) []place {
	var all []place
	for _, f := range fieldsOf(t) {
		path, inner := join(at, f.key), t.FieldByIndex(f.index).Type
		all = append(all, place{path, f})
		switch inner.Kind() {
		case reflect.Slice:
			path, inner = path+"[]", inner.Elem()
		case reflect.Pointer:
			inner = inner.Elem()
		}
		if isSection(inner) {
			all = append(all, keysBelow(inner, path)...)
		}
	}
	return all
}

// keyPlaces is where in the schema each key stands, by the key. A section that stands
// in several places is listed once, where its path is shortest.
var keyPlaces = sync.OnceValue(func() map[string][]string {
	type declared struct {
		owner reflect.Type
		key   string
	}
	all := map[string][]string{}
	at := map[declared]int{} // which of the paths it is
	for _, p := range keysBelow(reflect.TypeFor[Config](), "") {
		d, paths := declared{p.owner, p.key}, all[p.key]
		i, ok := at[d]
		switch {
		case !ok:
			at[d] = len(paths)
			all[p.key] = append(paths, p.path)
		case len(p.path) < len(paths[i]):
			paths[i] = p.path
		}
	}
	return all
})
