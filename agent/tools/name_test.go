package tools

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestNameFor(t *testing.T) {
	for _, row := range []struct{ server, tool, want string }{
		{"calendar", "list-events", "calendar__list-events"},
		{"calendar", "a__b", "calendar__a__b"},
		{"a", "_b", "a___b"},
		{"a_", "b", "a___b_"}, // not the one above
		{"a__b", "c", "a__b__c_"},
		{"a", "b__c", "a__b__c"},
		{"日历", "查询", "______"},
		{"", "x", "__x_"},
		{"s", strings.Repeat("x", 61), "s__" + strings.Repeat("x", 61)},
		{"s", strings.Repeat("x", 62), "s__" + strings.Repeat("x", 48) + "_"},
		{"s", "x_0123456789ab", "s__x_0123456789ab_"}, // it looks like a changed name
		{"s", "x_0123456789aB", "s__x_0123456789aB"},
	} {
		got := nameFor(row.server, row.tool)
		changed := row.want != row.server+"__"+row.tool
		if !strings.HasPrefix(got, row.want) || changed != hashed.MatchString(got) || !changed && got != row.want {
			t.Errorf("%q %q: %q, want %q", row.server, row.tool, got, row.want)
		}
	}
}

func FuzzNameFor(f *testing.F) {
	f.Add("a", "_b", "a_", "b")
	f.Add("a__b", "c", "a", "b__c")
	f.Add("日历", "x", "历日", "x")
	f.Add("s", strings.Repeat("y", 80), "s", strings.Repeat("y", 81))
	f.Add("a", "b", "a", "b_"+"0123456789ab")
	valid := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	f.Fuzz(func(t *testing.T, server, tool, otherServer, otherTool string) {
		name, other := nameFor(server, tool), nameFor(otherServer, otherTool)
		if !valid.MatchString(name) {
			t.Errorf("%q %q: %q", server, tool, name)
		}
		same := server == otherServer && tool == otherTool
		if strings.ContainsRune(server+otherServer, 0) {
			return // a configuration has no such names
		}
		if (name == other) != same {
			t.Errorf("%q %q and %q %q: %q and %q", server, tool, otherServer, otherTool, name, other)
		}
	})
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		glob, name string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "a/b", true}, {"", "", true}, {"", "a", false},
		{"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"a*b*c", "abc", true}, {"a*b*c", "acb", false}, {"*b*b*", "b", false}, {"*b*b*", "bb", true}, {"[a]", "a", false}, {"[a]", "[a]", true}, {"?", "a", false},
	} {
		if got := matches(row.glob, row.name); got != row.want {
			t.Errorf("%q %q: %t", row.glob, row.name, got)
		}
	}
}

// Where names and globs have nothing that is special to path.Match, both agree.
func FuzzMatches(f *testing.F) {
	f.Add("a*b*", "aXbY")
	f.Add("*ab", "aab")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if strings.ContainsAny(glob, `?[]\/`) || strings.Contains(name, "/") {
			t.Skip()
		}
		want, err := path.Match(glob, name)
		if err != nil {
			t.Skip()
		}
		if got := matches(glob, name); got != want {
			t.Errorf("%q %q: %t", glob, name, got)
		}
	})
}
