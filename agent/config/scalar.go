package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

var (
	secretType   = reflect.TypeFor[Secret]()
	storeType    = reflect.TypeFor[StoreURL]()
	proxyType    = reflect.TypeFor[Proxy]()
	urlType      = reflect.TypeFor[URL]()
	networkType  = reflect.TypeFor[netip.Prefix]()
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
)

// scalar decodes a single value.
func (d *decoder) scalar(n *yaml.Node, at string, f field, out reflect.Value) {
	s := source{line: n.Line, column: n.Column}
	d.sources[at] = s
	switch {
	case n.Kind != yaml.ScalarNode:
		d.problem(s, at, "expected "+expected(f, out.Type())+", got "+kindOf(n), "")
		return
	case isNull(n):
		d.problem(s, at, "the key has no value", noValueHint(f, out.Type()))
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.problem(s, at, "a tag (!) is not used here", "put a value that begins with ! in quotes")
		return
	}
	e := d.refs.expand(n.Value)
	for _, wrong := range e.wrong {
		hint := ""
		if name, ok := errors.AsType[unset](wrong); ok {
			hint = "set " + string(name) + " where longwire is started"
			if !f.need {
				hint += ", or remove the key"
			}
		}
		d.problem(s, at, wrong.Error(), hint)
	}
	if len(e.wrong) > 0 {
		return
	}
	if literalSecret(n.Value, e, out.Type()) {
		d.literals = append(d.literals, at)
	}
	s.text, s.from = e.text, strings.Join(e.from, " and ")
	d.set(s, at, f, out)
}

// set puts the text of a source into a field, after the checks that the field's
// tags ask for.
func (d *decoder) set(s source, at string, f field, out reflect.Value) {
	d.sources[at] = s
	if s.text == "" && f.need {
		d.reject(at, "is empty", f.hint)
		return
	}
	if len(f.oneof) > 0 && !slices.Contains(f.oneof, s.text) {
		d.mismatch(at, expected(f, out.Type()), s.text, f.hint)
		return
	}
	switch target := out.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		if target.UnmarshalText([]byte(s.text)) != nil {
			d.reject(at, "is not "+expected(f, out.Type()), f.hint)
		}
	case *time.Duration:
		ranged(d, s, at, f, parseDuration, target)
	case *Size:
		ranged(d, s, at, f, parseSize, target)
	case *int:
		ranged(d, s, at, f, strconv.Atoi, target)
	case *float64:
		ranged(d, s, at, f, parseDecimal, target)
	default:
		out.SetString(s.text)
	}
}

// ranged puts a value into a field whose tags say how low and how high it may be.
func ranged[T cmp.Ordered](d *decoder, s source, at string, f field, parse func(string) (T, error), out *T) {
	v, err := parse(s.text)
	if err != nil {
		d.mismatch(at, expected(f, reflect.TypeFor[T]()), s.text, unitHint(s, reflect.TypeFor[T]()))
		return
	}
	low, high := f.bounds()
	least, _ := parse(low)
	most, _ := parse(high)
	if v < least || v > most {
		d.outside(s, at, low, high)
		return
	}
	*out = v
}

// unitHint is for a bare number where a unit is needed.
func unitHint(s source, t reflect.Type) string {
	if _, err := strconv.Atoi(s.text); err != nil || s.from != "" {
		return ""
	}
	switch t {
	case durationType:
		return fmt.Sprintf("the unit is missing: %ss, %sm, %sh or %sd", s.text, s.text, s.text, s.text)
	case sizeType:
		return fmt.Sprintf("the unit is missing: %sB, %sKiB, %sMiB or %sGiB", s.text, s.text, s.text, s.text)
	}
	return ""
}

// decimal is a number as people write it: without an exponent, and no infinity.
var decimal = regexp.MustCompile(`^-?[0-9]{1,9}(\.[0-9]{1,9})?$`)

func parseDecimal(text string) (float64, error) {
	if !decimal.MatchString(text) {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}

// days is what time.ParseDuration has no unit for.
var days = regexp.MustCompile(`^([0-9]{1,5})d`)

// parseDuration reads what time.ParseDuration reads, with whole days in front:
// 30m, 7d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	m := days.FindStringSubmatch(text)
	if m == nil {
		return time.ParseDuration(text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	whole := time.Duration(n) * 24 * time.Hour
	rest := text[len(m[0]):]
	if rest == "" {
		return whole, nil
	}
	part, err := time.ParseDuration(rest)
	if err != nil {
		return 0, err
	}
	if part < 0 || part >= 24*time.Hour {
		return 0, fmt.Errorf("%q is not less than a day", rest)
	}
	return whole + part, nil
}

// mismatch reports a value that is not what its key takes. Only what is written
// in the file itself is shown.
func (d *decoder) mismatch(at, want, text, hint string) {
	if d.sources[at].from != "" {
		d.reject(at, "is not "+want, hint)
		return
	}
	d.complain(at, fmt.Sprintf("expected %s, got %s", want, quoted(text)), hint)
}

// outside reports a value beyond the two ends of its range.
func (d *decoder) outside(s source, at, low, high string) {
	reason := "is outside the range " + low + " to " + high
	if s.from != "" {
		d.reject(at, reason, "")
		return
	}
	d.complain(at, s.text+" "+reason, "")
}

// quoted is a literal value as a problem shows it.
func quoted(text string) string {
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return strconv.Quote(text)
}

// expected says what a key takes.
func expected(f field, t reflect.Type) string {
	if len(f.oneof) > 0 {
		return "one of " + strings.Join(f.oneof, ", ")
	}
	if w, ok := reflect.Zero(t).Interface().(interface{ wants() string }); ok {
		return w.wants()
	}
	switch t {
	case durationType:
		return "a duration such as 30s, 5m or 7d"
	case networkType:
		return "a network such as 10.0.0.0/8"
	}
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number such as 0.7"
	}
	return "a text"
}

// noValueHint says what to do about a key with nothing behind it, which YAML
// reads as null.
func noValueHint(f field, t reflect.Type) string {
	switch {
	case f.need:
		return f.hint
	case t == secretType || t.Kind() == reflect.String && len(f.oneof) == 0:
		return `write "" for an empty text, or remove the key`
	}
	return "write " + expected(f, t) + ", or remove the key for its default"
}

// literalPassword is a password in a URL, as it is written.
var literalPassword = regexp.MustCompile(`://[^/@]*:([^@]+)@`)

// literalSecret reports whether a value has a secret written out in the file.
func literalSecret(raw string, e expansion, t reflect.Type) bool {
	switch t {
	case secretType:
		return raw != "" && len(e.from) == 0
	case storeType, proxyType, urlType:
		m := literalPassword.FindStringSubmatch(raw)
		return m != nil && !strings.Contains(m[1], "${")
	}
	return false
}

// untidy reports whether a credential has what a copy leaves behind: space around
// it, a line break, a control character. No header would carry it.
func untidy(text string) bool {
	return strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl)
}
