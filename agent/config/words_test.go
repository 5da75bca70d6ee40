package config

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "1023B": 1023, "16KiB": 16 << 10, "100MiB": 100 << 20, "2GiB": 2 << 30, "1025KiB": 1025 << 10,
	} {
		if got, err := parseSize(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %d (%v), %v", text, got, got, err)
		}
	}
	if got := Size(1024).String(); got != "1KiB" {
		t.Errorf("1024 bytes are written %s", got)
	}
	for _, text := range []string{"", "1", "1k", "1KB", "1kib", "-1B", "1.5MiB", "1 MiB", "1TiB", "1234567890B"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestDates(t *testing.T) {
	var d Date
	if err := d.UnmarshalText([]byte("2028-02-29")); err != nil || !d.Time().Equal(time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)) || d.String() != "2028-02-29" || d.IsZero() {
		t.Errorf("got %v, %v", d, err)
	}
	for _, text := range []string{"2026-02-29", "31.12.2026", "2026-12-31T00:00:00Z", "2026-1-1", "tomorrow"} {
		if err := d.UnmarshalText([]byte(text)); err == nil || d.String() != "2028-02-29" {
			t.Errorf("%s: got %v, %v", text, d, err)
		}
	}
	if err := d.UnmarshalText(nil); err != nil || !d.IsZero() || !d.Time().IsZero() || d.String() != "" {
		t.Errorf("nothing: got %v, %v", d, err)
	}
}

func TestLimits(t *testing.T) {
	for text, want := range map[string]Limit{"unlimited": 0, "1": 1, "1000000000000": maxLimit} {
		var l Limit
		if err := l.UnmarshalText([]byte(text)); err != nil || l != want {
			t.Errorf("%s: got %d, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "1000000000001", "1e3", "Unlimited", "99999999999999999999"} {
		if err := new(Limit).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestDecimals(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "2": 2, "0.7": 0.7, "-1.25": -1.25} {
		if got, err := parseDecimal(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "NaN", "Inf", "1e3", "0x1p-2", ".5", "1.", "1_0", "+1"} {
		if got, err := parseDecimal(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// What is shown of a configuration is what its file would say.
func TestWordsAreShownAsTheyAreWritten(t *testing.T) {
	raw, err := yaml.Marshal([]any{Switch(true), Switch(false), Calls(0), Calls(5000), Limit(0), Limit(20), Size(16 << 10)})
	const want = "- \"on\"\n- \"off\"\n- unlimited\n- 5000\n- unlimited\n- 20\n- 16KiB\n"
	if err != nil || string(raw) != want {
		t.Errorf("shown as %q, %v; want %q", raw, err, want)
	}
}
