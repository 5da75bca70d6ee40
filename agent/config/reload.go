package config

import (
	"reflect"
	"slices"
)

// Changes are what a changed file asks for, beyond what is simply used from the next
// turn on. The names are those of connections, in the order of the file.
type Changes struct {
	Added   []string // connections to begin with
	Removed []string // connections to end
	Stream  []string // connections that need a new stream
	Fixed   []string // the YAML paths of what cannot change before a restart
}

// Changed compares the configuration that runs with another one, by the reload tags
// of the schema. A connection that is renamed is another connection.
func Changed(running, next *Config) Changes {
	var c Changes
	before, after := byName(running.Connections), byName(next.Connections)
	for _, conn := range running.Connections {
		if _, ok := after[conn.Name]; !ok {
			c.Removed = append(c.Removed, conn.Name)
		}
	}
	for _, conn := range next.Connections {
		old, ok := before[conn.Name]
		switch {
		case !ok:
			c.Added = append(c.Added, conn.Name)
		case len(differences(reflect.ValueOf(old), reflect.ValueOf(conn), "", "stream")) > 0:
			c.Stream = append(c.Stream, conn.Name)
		}
	}
	c.Fixed = differences(reflect.ValueOf(*running), reflect.ValueOf(*next), "", "never")
	return c
}

// byName are connections by their names.
func byName(connections []Connection) map[string]Connection {
	m := make(map[string]Connection, len(connections))
	for _, conn := range connections {
		m[conn.Name] = conn
	}
	return m
}

// differences are the paths of the keys with the reload tag that do not have the
// same value in a and b. Lists are not entered: what stands in one has no tag.
func differences(a, b reflect.Value, at, reload string) []string {
	var paths []string
	for _, f := range fieldsOf(a.Type()) {
		path, x, y := join(at, f.key), a.FieldByIndex(f.index), b.FieldByIndex(f.index)
		switch {
		case f.reload == reload:
			if !reflect.DeepEqual(x.Interface(), y.Interface()) {
				paths = append(paths, path)
			}
		case isSection(x.Type()):
			paths = slices.Concat(paths, differences(x, y, path, reload))
		}
	}
	return paths
}
