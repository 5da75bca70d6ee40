package records

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Rule says what is not to be kept.
type Rule struct {
	// Name is one of BuiltIn, when there is no Pattern, or a name of the operator's
	// own.
	Name string
	// Pattern is what is taken out. Matches of nothing do not count.
	Pattern *regexp.Regexp
	// Replace is what stands there instead, in brackets, so that a reader sees that
	// something was there; default the Name. It has no brackets itself.
	Replace string
}

// Scrubber applies rules to texts. It may be used by many goroutines at once.
//
// Scrubbing a text twice is the same as scrubbing it once. That needs care, because
// what is taken out may be what kept its neighbours from matching: a number that is not
// a telephone number with one more digit before it. So the pieces between what was
// taken out are looked at again, each by itself, until none of them matches; and what
// stands in brackets is not looked at.
type Scrubber struct {
	rules []rule
	marks *regexp.Regexp // everything that stands for something taken out; nil without rules
}

// rule is a Rule made ready.
type rule struct {
	mark string
	find func(text string) [][]int // the matches, from left to right; none is empty
}

// deepest is how often pieces of pieces are looked at. Ordinary texts need a look for
// each rule that matches and one or two more; a text made up to need thousands would
// hold the turn up, so what still matches then is taken out as a whole.
const deepest = 32

// NewScrubber makes a Scrubber, or says every problem with the rules.
func NewScrubber(rules []Rule) (*Scrubber, error) {
	s := &Scrubber{}
	var marks []string
	var problems []error
	for i, r := range rules {
		made, err := r.ready()
		if err != nil {
			problems = append(problems, fmt.Errorf("redact rule %d: %w", i+1, err))
			continue
		}
		s.rules = append(s.rules, made)
		marks = append(marks, regexp.QuoteMeta(made.mark))
	}
	if len(marks) > 0 {
		s.marks = regexp.MustCompile(strings.Join(marks, "|"))
	}
	return s, errors.Join(problems...)
}

func (r Rule) ready() (rule, error) {
	text := r.Replace
	if text == "" {
		text = r.Name
	}
	if text == "" {
		text = "redacted"
	}
	if strings.ContainsAny(text, "[]") {
		return rule{}, fmt.Errorf("%q has brackets; they are put around it", text)
	}
	if !utf8.ValidString(text) {
		return rule{}, fmt.Errorf("%q is not UTF-8", text)
	}
	made := rule{mark: "[" + text + "]"}
	switch find, known := builtIn[r.Name]; {
	case r.Pattern != nil:
		made.find = matches(r.Pattern)
	case known:
		made.find = find
	default:
		return rule{}, fmt.Errorf("%q has no pattern and is none of %s", r.Name, strings.Join(BuiltIn(), ", "))
	}
	return made, nil
}

// matches finds what a pattern matches and what is something.
func matches(pattern *regexp.Regexp) func(string) [][]int {
	return func(text string) [][]int {
		found := pattern.FindAllStringIndex(text, -1)
		return slices.DeleteFunc(found, func(m []int) bool { return m[0] == m[1] })
	}
}

// Scrub is text without what the rules say.
func (s *Scrubber) Scrub(text string) string {
	if text == "" || s.marks == nil {
		return text
	}
	var out strings.Builder
	at := 0
	for _, mark := range s.marks.FindAllStringIndex(text, -1) {
		s.piece(&out, text[at:mark[0]], 0)
		out.WriteString(text[mark[0]:mark[1]])
		at = mark[1]
	}
	s.piece(&out, text[at:], 0)
	return out.String()
}

// piece writes a piece of a text, in which nothing was taken out yet, without what the
// rules say.
func (s *Scrubber) piece(out *strings.Builder, text string, depth int) {
	for _, r := range s.rules {
		found := r.find(text)
		if len(found) == 0 {
			continue
		}
		if depth == deepest {
			out.WriteString(r.mark)
			return
		}
		at := 0
		for _, match := range found {
			s.piece(out, text[at:match[0]], depth+1)
			out.WriteString(r.mark)
			at = match[1]
		}
		s.piece(out, text[at:], depth+1)
		return
	}
	out.WriteString(text)
}
