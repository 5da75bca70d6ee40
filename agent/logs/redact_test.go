package logs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainly is what a Stringer, a LogValuer and an error say.
type plainly string

func (p plainly) String() string { return string(p) }

type valuer string

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("in", string(v))) }

type shape struct {
	Field string
	Map   map[string]any
}

// attrs are all the ways in which text may get into a line.
func attrs(text string) []any {
	jsonText, _ := json.Marshal(map[string]string{"k": text})
	return []any{
		"string", text,
		"error", fmt.Errorf("wrapped: %w", errors.New(text)),
		"quoted", fmt.Errorf("%q", text),
		"json", string(jsonText), "raw", json.RawMessage(jsonText),
		"stringer", plainly(text), "valuer", valuer(text),
		"list", []any{1, text, []string{text}}, "struct", shape{text, map[string]any{text: text}}, "pointer", &shape{Field: text},
		"query", url.QueryEscape(text), "path", url.PathEscape(text), "lower", strings.ToLower(url.QueryEscape("é")) + text,
		"base64", base64.StdEncoding.EncodeToString([]byte("a" + text)), "url64", base64.URLEncoding.EncodeToString([]byte("ab" + text + "c")),
		"bytes", []byte(text),
		slog.Group("g", slog.String("k", text), slog.Group(text, slog.String(text, text))),
		text, "key",
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	for _, secret := range []string{"sk-abcdef1234567890", "p@ss/w\"rd\\ \n<&>=", "密码是很长的", "123456"} {
		for _, format := range []Format{JSON, Text} {
			var out bytes.Buffer
			l := open(t, Config{Format: format, Secrets: secrets("other-secret", secret)}, &out)
			l.With(attrs(secret)...).WithGroup(secret).Info("m "+secret+"!", attrs("<"+secret+">")...)
			checkWithout(t, format, out.Bytes(), secret)
			if n := strings.Count(out.String(), redacted); n < 20 {
				t.Errorf("%s: only %d were taken out of\n%s", format, n, out.String())
			}
		}
	}
}

// checkWithout says what of a secret is in lines: as it stands, and in the strings that
// a reader of JSON gets.
func checkWithout(t *testing.T, format Format, lines []byte, secret string) {
	t.Helper()
	forms := []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))}
	for line := range bytes.Lines(lines) {
		texts := []string{string(line)}
		if format == JSON {
			if !json.Valid(line) {
				t.Errorf("no JSON: %s", line)
			}
			decoder := json.NewDecoder(bytes.NewReader(line))
			decoder.UseNumber()
			for token, err := decoder.Token(); !errors.Is(err, io.EOF); token, err = decoder.Token() {
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, fmt.Sprint(token))
			}
		}
		for _, text := range texts {
			for _, form := range forms {
				if strings.Contains(text, form) {
					t.Errorf("%q is in %q", form, text)
				}
			}
		}
	}
}

func TestWhatIsTakenOut(t *testing.T) {
	for _, row := range []struct {
		secrets    []string
		text, want string
	}{
		{nil, "anything", "anything"},
		{[]string{"", "short", "密码"}, "short 密码", "short 密码"},
		{[]string{"密码密码密码"}, "密码密码密码", redacted},
		{[]string{"abcdef"}, "xabcdefx abcde abcdef", "x" + redacted + "x abcde " + redacted},
		{[]string{"abcdef", "cdefgh"}, "abcdefgh", redacted},
		{[]string{"abcdef", "abcdefgh"}, "abcdefgh", redacted},
		{[]string{"abcdef"}, "abcdefabcdef", redacted},
		{[]string{"a/b c+d"}, "a%2fb+c%2bd a%2Fb+c%2Bd a%2Fb%20c+d", redacted + " " + redacted + " " + redacted},
		{[]string{"redacted"}, "abcdef redacted", "abcdef redacted"},
		{[]string{"abcdef", "x[redacted]y"}, "x abcdef xabcdefy", redacted},
		{[]string{"aaaaaa"}, "aaaaaaaaa baaaaab", redacted + " baaaaab"},
	} {
		var r Redactor
		r.Set(row.secrets)
		if got := r.Redact(row.text); got != row.want {
			t.Errorf("%q: %q became %q, want %q", row.secrets, row.text, got, row.want)
		}
	}
	var none Redactor
	if got := none.Redact("abcdef"); got != "abcdef" {
		t.Errorf("without secrets: %q", got)
	}
}

// In whatever is encoded around it, one of a secret's forms is in the base64 text.
func TestBase64(t *testing.T) {
	for _, secret := range []string{"abcdef", "abcdefg", "abcdefgh", "\xfb\xff\xfe~~~???"} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			for around := range 16 {
				before, after := "~~~"[:around%4], "\xff\xff\xff"[:around/4]
				text := encoding.EncodeToString([]byte(before + secret + after))
				var r Redactor
				r.Set([]string{secret})
				if utf8.RuneCountInString(secret) >= shortest && !strings.Contains(r.Redact(text), redacted) {
					t.Errorf("%q is in %s", secret, text)
				}
			}
		}
	}
}

// A line stays JSON wherever the secret is in it.
func TestLinesStayJSON(t *testing.T) {
	for _, row := range []struct{ secret, line, want string }{
		{"abcdef", `{"k":"v\n"}`, `{"k":"v\n"}`},
		{"abcdef", `{"abcdef":["abcdef\n"]}`, `{"[redacted]":["[redacted]\n"]}`},
		{"123456", `{"n":1234567,"m":-12.5e3,"t":true}`, `{"n":"[redacted]7","m":-12.5e3,"t":true}`},
		{"abcdef", `{"k":"a\u0062cd\u0065f"}`, `{"k":"[redacted]"}`},
		{`ab\cdef`, `{"k":"ab\\cdef\\"}`, `{"k":"[redacted]\\"}`},
		{"n12345", `{"k":"\n12345"}`, strings.TrimSpace(withheld)},
		{"1,2,34", `{"k":[1,2,34]}`, strings.TrimSpace(withheld)},
		{"abcdef", `{"k":"broken\`, `{"k":"broken\`},
		{"abcdef", `{"k":abcdef\`, `{"k":"[redacted]\\"`},
	} {
		var out bytes.Buffer
		l := &line{redactor: &Redactor{}, json: true, out: &out}
		l.redactor.Set([]string{row.secret})
		if n, err := l.Write([]byte(row.line)); n != len(row.line) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if got := strings.TrimSpace(out.String()); got != row.want {
			t.Errorf("%s: %s became %s, want %s", row.secret, row.line, got, row.want)
		}
	}
}

func TestSecretsMayChange(t *testing.T) {
	var out bytes.Buffer
	now := []string{"first-secret"}
	l := open(t, Config{Secrets: func() []string { return now }}, &out)
	now = []string{"second-secret"}
	l.Info("first-secret second-secret")
	l.Refresh()
	l.Info("first-secret second-secret")
	if got := out.String(); strings.Count(got, "[redacted] second-secret") != 1 || strings.Count(got, "first-secret [redacted]") != 1 {
		t.Errorf("%s", got)
	}
	if got := l.Redact("a second-secret"); got != "a "+redacted {
		t.Errorf("%q", got)
	}
}

// Whatever the secret, and whatever is logged around it, it is in no line, and lines
// stay lines of JSON.
func FuzzRedact(f *testing.F) {
	f.Add("sk-abcdef1234567890", "around", "it")
	f.Add("p@ss/w\"rd\\", "\"", "\\")
	f.Add("密码是很长的\u2028", "\xff", "%")
	f.Add("123456", "12", "345678")
	f.Add("\\\\\\\\\\\\", "\\", "n")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if utf8.RuneCountInString(secret) < shortest || !utf8.ValidString(secret) || len(secret)+len(before)+len(after) > 500 {
			t.Skip()
		}
		var bare bytes.Buffer // what is in a line anyway is no secret
		open(t, Config{}, &bare).Info("m", attrs("")...)
		if text := bare.String() + withheld + redacted; strings.Contains(text, secret) {
			t.Skip()
		}
		for _, format := range []Format{JSON, Text} {
			var out bytes.Buffer
			l := open(t, Config{Format: format, Secrets: secrets(secret)}, &out)
			text := before + secret + after
			l.With(attrs(text)...).Info(text, attrs(text)...)
			if got := l.Redact(text); strings.Contains(got, secret) {
				t.Errorf("%q is in %q", secret, got)
			}
			for line := range bytes.Lines(out.Bytes()) {
				if format == JSON && !json.Valid(line) {
					t.Errorf("no JSON: %s", line)
				}
			}
			if got := strings.TrimSuffix(out.String(), "\n"); format == JSON {
				checkStrings(t, []byte(got), secret)
			} else if strings.Contains(got, secret) {
				t.Errorf("%q is in %q", secret, got)
			}
		}
	})
}

// checkStrings looks for a secret in the strings of a line of JSON.
func checkStrings(t *testing.T, line []byte, secret string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	for token, err := decoder.Token(); err == nil; token, err = decoder.Token() {
		if text := fmt.Sprint(token); strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// A line that holds no secret costs no memory.
func TestTheUsualLineIsFree(t *testing.T) {
	l := &line{redactor: &Redactor{}, json: true, journal: true, out: io.Discard}
	l.redactor.Set([]string{"sk-abcdef1234567890", "another secret"})
	text := []byte(usual)
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Write(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const usual = `{"level":"INFO","msg":"answered","connection":"sales","event":"ab3cd4ef","attempt":1,"questions":1,"waited":3000000,"took":2210000000}` + "\n"

func BenchmarkUsualLine(b *testing.B) {
	l := &line{redactor: &Redactor{}, json: true, out: io.Discard}
	var all []string
	for n := range 10 {
		all = append(all, fmt.Sprintf("sk-%032d", n))
	}
	l.redactor.Set(all)
	text := []byte(usual)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Write(text)
	}
}

// BenchmarkLogger is a whole record; beside is slog alone.
func BenchmarkLogger(b *testing.B) {
	l := open(b, Config{Levels: map[string]slog.Level{"agent/turn": slog.LevelDebug}, Secrets: secrets("sk-abcdef1234567890")}, io.Discard)
	for name, log := range map[string]*slog.Logger{"logs": l.Logger, "beside": slog.New(slog.NewJSONHandler(io.Discard, nil))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log.Info("answered", "connection", "sales", "event", "ab3cd4ef", "attempt", 1)
			}
		})
	}
}
