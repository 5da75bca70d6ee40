package logs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// shortest is how many characters a secret has that is searched for. A shorter one
// would be found by chance, and everywhere.
const shortest = 6

// Redactor takes secrets out of texts, by their value. The zero Redactor has none. It
// may be used, and set, by many goroutines at once.
type Redactor struct{ now atomic.Pointer[needles] }

// Set replaces the secrets. Those that are shorter than six characters are not
// searched for.
func (r *Redactor) Set(secrets []string) { r.now.Store(newNeedles(secrets)) }

// Redact is text without secrets.
func (r *Redactor) Redact(text string) string {
	return r.now.Load().redact(text)
}

// needles are the encodings of all secrets. They never change; nil has none.
type needles struct {
	pairs [1 << 16 / 64]uint64 // which two bytes any of them begins with, as a set of bits
	by    map[uint16][]string  // the needles that begin with them, the longest first
}

func newNeedles(secrets []string) *needles {
	n := &needles{by: map[uint16][]string{}}
	for _, secret := range secrets {
		if utf8.RuneCountInString(secret) < shortest {
			continue
		}
		for _, form := range formsOf(secret) {
			if strings.Contains(redacted, form) {
				continue // it would be found wherever something was taken out
			}
			pair := uint16(form[0]) | uint16(form[1])<<8
			n.pairs[pair/64] |= 1 << (pair % 64)
			if !slices.Contains(n.by[pair], form) {
				n.by[pair] = append(n.by[pair], form)
			}
		}
	}
	if len(n.by) == 0 {
		return nil
	}
	for _, forms := range n.by {
		slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	}
	return n
}

// at is the length of the longest needle that text has at i, 0 where it has none.
func at[T string | []byte](n *needles, text T, i int) int {
	pair := uint16(text[i]) | uint16(text[i+1])<<8
	if n.pairs[pair/64]&(1<<(pair%64)) == 0 {
		return 0
	}
	for _, form := range n.by[pair] {
		if len(text)-i >= len(form) && string(text[i:i+len(form)]) == form {
			return len(form)
		}
	}
	return 0
}

// in reports whether text has any needle. This is all that most lines cost.
func in[T string | []byte](n *needles, text T) bool {
	if n == nil {
		return false
	}
	for i := 0; i+1 < len(text); i++ {
		if at(n, text, i) > 0 {
			return true
		}
	}
	return false
}

// redact is text without needles. Those that overlap are taken out as one.
func (n *needles) redact(text string) string {
	if !in(n, text) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		end := i
		for j := i; j <= end && j+1 < len(text); j++ { // j == end: the next one touches
			end = max(end, j+at(n, text, j))
		}
		if end > i {
			out.WriteString(redacted)
			i = end
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	if in(n, out.String()) { // what was taken out has made a new one of its neighbours
		return redacted
	}
	return out.String()
}

// formsOf are the encodings in which a secret is searched for. Those of a key without
// special characters are nearly all the same.
func formsOf(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	for _, form := range forms[1:] {
		forms = append(forms, percent.ReplaceAllStringFunc(form, strings.ToLower))
	}
	forms = append(forms, base64Of(secret)...)
	for range 2 { // quoted, and quoted inside something quoted
		for _, form := range slices.Clone(forms) {
			forms = append(forms, unquoted(strconv.Quote(form)), jsonOf(form, true), jsonOf(form, false))
		}
		slices.Sort(forms)
		forms = slices.Compact(forms)
	}
	return forms
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

func unquoted(text string) string { return text[1 : len(text)-1] }

// jsonOf is what a JSON string with text in it has between its quotes.
func jsonOf(text string, html bool) string {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(html)
	_ = out.Encode(text) // a string cannot fail
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// base64Of are the parts of a base64 text that a secret makes wherever it stands in
// what is encoded: one for each of the three places that its first byte may have in a
// group of three, without the characters that its neighbours have a part in.
func base64Of(secret string) (forms []string) {
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString([]byte("\x00\x00"[:before] + secret))
			first := (before*8 + 5) / 6
			last := (before + len(secret)) * 8 / 6
			forms = append(forms, text[first:last])
		}
	}
	return forms
}
