package model

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
)

// noted is a log that can be read while others write to it, as slog writes a line
// at a time under its own lock; the test reads it when they are done.
func noted() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func writeKeys(t *testing.T, path string, lines ...string) {
	t.Helper()
	next := path + ".new"
	err := os.WriteFile(next, []byte(strings.Join(lines, "\n")), 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		t.Error(err) // not Fatal: servers write, too
	}
}

func valueOf(k *key) string {
	if k == nil {
		return "none"
	}
	return k.value
}

func TestKeysAreUsedInTurn(t *testing.T) {
	server := script(t, modeltest.Words("ok"))
	client := clientOf(t, at(server, Config{Keys: []string{"a", "b", "c"}}))
	for range 6 {
		if h := client.ask(t.Context(), Request{}); h.err != nil {
			t.Fatal(h.err)
		}
	}
	var used []string
	for _, r := range server.Requests() {
		used = append(used, r.Key)
	}
	if !slices.Equal(used, []string{"a", "b", "c", "a", "b", "c"}) {
		t.Errorf("used %v", used)
	}
}

// A key that is refused, empty or used too often is passed over silently; the
// operator reads which one, the key itself stands nowhere.
func TestBadKeyIsPassedOver(t *testing.T) {
	for _, bad := range []modeltest.Response{
		{Status: 401, Error: "Incorrect API key provided: " + secret},
		{Status: 403, Error: "no access"},
		{Status: 402, Error: "Insufficient Balance"},
		{Status: 429, Error: "slow down", RetryAfter: "60"},
	} {
		server := serving(t, func(r modeltest.Request) modeltest.Response {
			if r.Key == secret {
				return bad
			}
			return modeltest.Words("ok")
		})
		log, words := noted()
		client := New([]Config{at(server, Config{Keys: []string{secret, "good"}})}, log)
		for range 4 {
			if h := client.ask(t.Context(), Request{}); h.err != nil || h.text != "ok" {
				t.Errorf("%d: got %+v", bad.Status, h)
			}
		}
		client.Close()
		asked := 0
		for _, r := range server.Requests() {
			if r.Key == secret {
				asked++
			}
		}
		s := client.State()[0]
		if asked != 1 || s.Keys != 2 || s.KeysResting != 1 || s.Open {
			t.Errorf("%d: asked with it %d times, state %+v", bad.Status, asked, s)
		}
		refused := strings.Contains(words.String(), "level=ERROR") && strings.Contains(words.String(), "key="+(&key{value: secret}).fingerprint())
		if refused != (bad.Status != 429) || strings.Contains(words.String(), secret) {
			t.Errorf("%d: the log says %s", bad.Status, words)
		}
	}
}

// An answer that broke off is no matter of the key, whatever the endpoint says.
func TestBrokenAnswerIsNotAskedForWithTheNextKey(t *testing.T) {
	raw := `data: {"choices":[{"delta":{"content":"half"}}]}` + "\n\n" + `data: {"error":{"message":"slow down","code":"429"}}` + "\n\n"
	server := script(t, modeltest.Response{Raw: raw})
	h := clientOf(t, at(server, Config{Keys: []string{"a", "b"}})).ask(t.Context(), Request{Keep: func() bool { return false }})
	if got := kind(t, h.err); got != Busy || h.text != "half" || len(server.Requests()) != 1 {
		t.Errorf("got %+v after %d requests", h, len(server.Requests()))
	}
}

// Where all keys are asked too often, the wait is for the first that comes back.
func TestAllKeysBusy(t *testing.T) {
	for _, keys := range [][]string{{"a", "b"}, {"b", "a"}} {
		server := serving(t, func(r modeltest.Request) modeltest.Response {
			return modeltest.Response{Status: 429, Error: "slow down", RetryAfter: map[string]string{"a": "200", "b": "100"}[r.Key]}
		})
		client := clientOf(t, at(server, Config{Keys: keys, Attempts: 1}))
		h := client.ask(t.Context(), Request{})
		if e := h.err.(*Error); e.Kind != Busy || e.RetryAfter != 100*time.Second || len(server.Requests()) != 2 {
			t.Errorf("%v: got %+v after %d requests", keys, e, len(server.Requests()))
		}
	}
}

func TestRefusedKeyRestsLongerEachTime(t *testing.T) {
	r := newRing(Config{Keys: []string{"a"}}, quiet())
	now := time.Now()
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		k := r.take(nil, now)
		r.refuse(k, &Error{Kind: Key}, now)
		r.refuse(k, &Error{Kind: Key}, now) // somebody else's, at the same time
		_, resting, back := r.state(now)
		if resting != 1 || back.Sub(now) != want {
			t.Errorf("rests for %s, want %s", back.Sub(now), want)
		}
		now = back
	}
	r.good(r.take(nil, now))
	r.refuse(r.take(nil, now), &Error{Kind: Key}, now)
	if _, _, back := r.state(now); back.Sub(now) != time.Minute {
		t.Errorf("after it was good it rests for %s", back.Sub(now))
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	log, words := noted()
	r := newRing(Config{Keys: []string{"fixed"}, KeyFile: path}, log)
	now := r.file.looked
	keys := func() string {
		r.state(now)
		var all []string
		for _, k := range r.keys {
			all = append(all, k.value)
		}
		return strings.Join(all, " ")
	}
	expect := func(step, want string) {
		t.Helper()
		if got := keys(); got != want {
			t.Errorf("%s: keys %q, want %q", step, got, want)
		}
	}
	expect("no file", "fixed")
	if !strings.Contains(words.String(), "level=ERROR") {
		t.Errorf("the log says %s", words)
	}
	writeKeys(t, path, "# of March", "", "one ", "two", "two", "with blank", "")
	expect("within the second", "fixed")
	now = now.Add(time.Second)
	expect("written", "fixed one two")
	r.refuse(r.take(nil, now), &Error{Kind: Key}, now)

	words.Reset()
	for _, gone := range []func(){func() { _ = os.Remove(path) }, func() { writeKeys(t, path, "# nothing") }} {
		gone()
		now = now.Add(time.Second)
		expect("being replaced", "fixed one two")
	}
	if n := strings.Count(words.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d lines: %s", n, words)
	}
	writeKeys(t, path, "three")
	now = now.Add(time.Second)
	expect("replaced", "fixed three")
	if _, resting, _ := r.state(now); resting != 0 {
		t.Errorf("%d keys rest after the file has changed", resting)
	}

	// A refusal looks at once, even where the file seems to be the same.
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, stat.ModTime(), stat.ModTime()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	expect("same size and time", "fixed three")
	tried := []*key{r.keys[0], r.keys[1]}
	for _, k := range tried {
		r.refuse(k, &Error{Kind: Key}, now)
	}
	if got := valueOf(r.take(tried, now)); got == "none" || got == "three" {
		t.Errorf("after a refusal the next key is %q", got)
	}
	expect("after a refusal", "fixed other")
	for _, value := range []string{"fixed", "one", "three", "other"} {
		if strings.Contains(words.String(), "="+value) {
			t.Errorf("a key is in the log: %s", words)
		}
	}
}

// A key that is refused before its successor is written down is asked for again: the
// rotation is under way.
func TestKeyIsRefusedBeforeTheFileIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, path, "old")
	var refused atomic.Int64
	server := serving(t, func(r modeltest.Request) modeltest.Response {
		if r.Key == "new" {
			return modeltest.Words("ok")
		}
		if refused.Add(1) == 2 {
			writeKeys(t, path, "new")
		}
		return modeltest.Response{Status: 401, Error: "bad key"}
	})
	log, words := noted()
	client := New([]Config{at(server, Config{KeyFile: path, Keys: []string{}})}, log)
	defer client.Close()
	if h := client.ask(t.Context(), Request{}); h.text != "ok" || len(server.Requests()) != 3 {
		t.Errorf("got %+v after %d requests", h, len(server.Requests()))
	}
	if n := strings.Count(words.String(), "api key is refused"); n != 1 {
		t.Errorf("the operator is told %d times: %s", n, words)
	}
}

func TestNoKeyAtAll(t *testing.T) {
	server := script(t, modeltest.Words("ok"))
	h := clientOf(t, at(server, Config{KeyFile: filepath.Join(t.TempDir(), "none"), Attempts: 2})).ask(t.Context(), Request{})
	if got := kind(t, h.err); got != Key || len(server.Requests()) != 0 {
		t.Errorf("got %v after %d requests", h.err, len(server.Requests()))
	}
	client := clientOf(t, Config{Endpoint: server.URL(), Name: "m"}) // an endpoint of one's own
	if h := client.ask(t.Context(), Request{}); h.text != "ok" || server.Requests()[0].Key != "" {
		t.Errorf("got %+v with key %q", h, server.Requests()[0].Key)
	}
}

func TestKeyExpires(t *testing.T) {
	end := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	log, words := noted()
	r := newRing(Config{KeyExpires: end}, log)
	for _, c := range []struct {
		before time.Duration
		want   string // a part of the line, "" for none
	}{
		{15 * 24 * time.Hour, ""},
		{14 * 24 * time.Hour, "level=WARN"},
		{14*24*time.Hour - time.Minute, ""},
		{13 * 24 * time.Hour, "days=13"},
		{36 * time.Hour, "days=1"},
		{12 * time.Hour, "days=0"},
		{-time.Hour * 12, "level=ERROR"},
		{-time.Hour * 13, ""},
		{-time.Hour * 36, "level=ERROR"},
	} {
		words.Reset()
		r.state(end.Add(-c.before))
		if got := words.String(); c.want == "" != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s before: %q, want %q", c.before, got, c.want)
		}
	}
}

func TestRedact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, path, "0123456789abcdef.QxYz")
	r := newRing(Config{Keys: []string{"plain"}, KeyFile: path}, quiet())
	writeKeys(t, path, "new")
	r.state(time.Now().Add(time.Minute))
	for in, want := range map[string]string{
		"key plain is wrong":                         "key [redacted] is wrong",
		"id 0123456789abcdef.QxYz, of yesterday":     "id [redacted], of yesterday",
		"Incorrect: sk-proj-ab****yz. Find yours at": "Incorrect: [redacted] Find yours at",
		"header was Bearer abc.def-ghi":              "header was [redacted]",
		"the task is desk-bound":                     "the task is desk-bound",
	} {
		if got := r.redact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for i := range 200 {
		r.fixed = []string{fmt.Sprint("key", i)}
		r.replace()
	}
	if len(r.known) > 64 || r.redact("key199") != "[redacted]" {
		t.Errorf("%d keys are known", len(r.known))
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbf# c\r\na\r\n\r\nb b\nc"))
	f.Fuzz(func(t *testing.T, text []byte) {
		values := parseKeys(text)
		for i, value := range values {
			if value == "" || value[0] == '#' || strings.ContainsFunc(value, unfit) || slices.Contains(values[:i], value) {
				t.Errorf("%q has the key %q", text, value)
			}
		}
		if again := parseKeys([]byte(strings.Join(values, "\n"))); !slices.Equal(again, values) {
			t.Errorf("%q: %q, then %q", text, values, again)
		}
	})
}

// The last day is the day that the operator wrote down, not the one after.
func TestKeyExpiresNamesTheLastDay(t *testing.T) {
	log, words := noted()
	day := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	r := newRing(Config{KeyExpires: day.AddDate(0, 0, 1)}, log)
	r.state(day.Add(-time.Hour))
	r.state(day.AddDate(0, 0, 2))
	if got := words.String(); strings.Count(got, "last_day=2026-12-31") != 2 {
		t.Errorf("the log says %q", got)
	}
}
