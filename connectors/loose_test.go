package connectors

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestLooseString(t *testing.T) {
	rows := []struct{ raw, want string }{
		{`"text"`, "text"},
		{`""`, ""},
		{`null`, ""},
		{`"null"`, "null"},
		{`12`, "12"},
		{`-1.5e3`, "-1.5e3"},
		{`12345678901234567890`, "12345678901234567890"},
		{`true`, "true"},
		{`false`, "false"},
		{` "你好 😀" `, "你好 😀"},
	}
	for _, row := range rows {
		var got struct{ V LooseString }
		if err := json.Unmarshal([]byte(`{"V":`+row.raw+`}`), &got); err != nil || string(got.V) != row.want {
			t.Errorf("%s: %q, %v; want %q", row.raw, got.V, err, row.want)
		}
	}
	for _, raw := range []string{`{"secret":1}`, `["secret"]`, `{}`, `[]`} {
		var got LooseString
		if err := json.Unmarshal([]byte(raw), &got); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
	}
	got := LooseString("before")
	if err := got.UnmarshalJSON(nil); err != nil || got != "" {
		t.Errorf("nothing at all: %q, %v", got, err)
	}
	if err := got.UnmarshalJSON([]byte(`"open`)); err == nil {
		t.Error("half a text was taken")
	}
}

var (
	someMillis = time.UnixMilli(1690362101894)
	someMicros = time.UnixMicro(1690362101894123)
)

func TestParseMillis(t *testing.T) {
	rows := []struct {
		text string
		want time.Time
	}{
		{"", time.Time{}},
		{"0", time.Time{}},
		{"-0", time.Time{}},
		{"1690362101894", someMillis},
		{"1690362101894.9", someMillis},
		{"1.690362101894e12", someMillis},
		{"1690362101894123", someMicros},
		{"1", time.UnixMilli(1)},
		{"100000000000000", time.UnixMilli(1e14)},
		{"100000000000001", time.UnixMicro(1e14 + 1)},
	}
	for _, row := range rows {
		if got, err := ParseMillis(row.text); err != nil || !got.Equal(row.want) {
			t.Errorf("%q: %v, %v; want %v", row.text, got, err, row.want)
		}
	}
	for _, text := range []string{"soon", "true", "-1", "NaN", "Inf", "-Inf", "1e18", "1e300", "2026-03-01", " 1"} {
		if got, err := ParseMillis(text); err == nil || !got.IsZero() {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestLooseMillis(t *testing.T) {
	rows := []struct {
		raw  string
		want time.Time
	}{
		{`1690362101894`, someMillis},
		{`"1690362101894"`, someMillis},
		{`1690362101894123`, someMicros},
		{`null`, time.Time{}},
		{`""`, time.Time{}},
		{`0`, time.Time{}},
		{`"tomorrow"`, time.Time{}},
		{`-5`, time.Time{}},
		{`{"ms":1}`, time.Time{}},
		{`true`, time.Time{}},
	}
	for _, row := range rows {
		got := struct{ V LooseMillis }{LooseMillis{someMillis}}
		if err := json.Unmarshal([]byte(`{"V":`+row.raw+`}`), &got); err != nil || !got.V.Equal(row.want) {
			t.Errorf("%s: %v, %v; want %v", row.raw, got.V, err, row.want)
		}
	}
}

func FuzzLooseString(f *testing.F) {
	for _, seed := range []string{`"x"`, `1`, `true`, `null`, `{}`, `[`, `"\ud800"`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got LooseString
		err := json.Unmarshal(raw, &got)
		var want any
		if json.Unmarshal(raw, &want) != nil {
			if err == nil {
				t.Fatalf("%q is no JSON and was taken as %q", raw, got)
			}
			return
		}
		switch want := want.(type) {
		case string:
			if err != nil || string(got) != want {
				t.Fatalf("%q: %q, %v", raw, got, err)
			}
		case map[string]any, []any:
			if err == nil {
				t.Fatalf("%q was taken as %q", raw, got)
			}
		default:
			if err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
		}
	})
}

func FuzzParseMillis(f *testing.F) {
	for _, seed := range []string{"", "0", "1690362101894", "1690362101894123", "NaN", "253402300799e6", "0x1p60", "1_0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseMillis(text)
		if err != nil {
			if !at.IsZero() {
				t.Fatalf("%q: %v and %v", text, at, err)
			}
			return
		}
		if _, err := json.Marshal(at.UTC()); err != nil { // or no event could be stored
			t.Fatalf("%q: %v", text, err)
		}
	})
}
