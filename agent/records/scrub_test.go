package records

import (
	"regexp"
	"strings"
	"testing"
)

func scrubber(t testing.TB, rules ...Rule) *Scrubber {
	t.Helper()
	s, err := NewScrubber(rules)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everything is all built-in rules.
func everything(t testing.TB) *Scrubber {
	t.Helper()
	var rules []Rule
	for _, name := range BuiltIn() {
		rules = append(rules, Rule{Name: name})
	}
	return scrubber(t, rules...)
}

func TestBuiltInRules(t *testing.T) {
	rows := []struct{ rule, text, want string }{
		{"phone", "打13812345678给他", "打[phone]给他"},
		{"phone", "+86 138 1234 5678, 86-138-1234-5678, 008613812345678", "[phone], [phone], [phone]"},
		{"phone", "13812345678 13912345678", "[phone] [phone]"},
		{"phone", "12812345678, 1381234567, 138123456789, 4413812345678", "12812345678, 1381234567, 138123456789, 4413812345678"},

		{"email", "写给li.lei+x@mail.example.com。", "写给[email]。"},
		{"email", "a@b, @li, li@", "a@b, @li, li@"},

		{"id_card", "11010519491231002X 11010519491231002x", "[id_card] [id_card]"},
		{"id_card", "证件号440524188001010014。", "证件号[id_card]。"},
		{"id_card", "110105 19491231 002X", "[id_card]"},
		{"id_card", "110105194912310021", "110105194912310021"}, // wrong check
		{"id_card", "11010519491331002X", "11010519491331002X"}, // no month
		{"id_card", "911010519491231002X", "911010519491231002X"},

		{"bank_card", "卡号4111111111111111", "卡号[bank_card]"},
		{"bank_card", "4111 1111 1111 1111", "[bank_card]"},
		{"bank_card", "4111-1111-1111-1111 2027", "[bank_card] 2027"},
		{"bank_card", "378282246310005", "[bank_card]"},
		{"bank_card", "6222021234567890128 and 3782-822463-10005", "[bank_card] and [bank_card]"},
		{"bank_card", "4111111111111112", "4111111111111112"},
		{"bank_card", "1700000000000007 41111111111111111115", "1700000000000007 41111111111111111115"},
		{"bank_card", "4111 1111 1111 1112 1114", "4111 1111 1111 1112 1114"},
		{"bank_card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"},

		{"ipv4", "主机10.0.0.255:80", "主机[ipv4]:80"},
		{"ipv4", "256.1.1.1, 1.2.3, 1234.1.1.1", "256.1.1.1, 1.2.3, 1234.1.1.1"},

		{"key", "sk-abcdefghijklmnop1234 and AKIAIOSFODNN7EXAMPLE", "[key] and [key]"},
		{"key", "Authorization: Bearer abcdef123456==", "Authorization: [key]"},
		{"key", "密钥LTAI5tABCDEFGHIJ", "密钥[key]"},
		{"key", "eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", "[key]"},
		{"key", "task-management-with-a-name, sk-short, bearer of news", "task-management-with-a-name, sk-short, bearer of news"},
	}
	seen := map[string]bool{}
	for _, row := range rows {
		s := scrubber(t, Rule{Name: row.rule})
		if got := s.Scrub(row.text); got != row.want {
			t.Errorf("%s: %q became %q, want %q", row.rule, row.text, got, row.want)
		}
		seen[row.rule] = true
	}
	if len(seen) != len(BuiltIn()) {
		t.Errorf("not every built-in rule is tested: %v", BuiltIn())
	}
}

func TestRulesOfTheOperator(t *testing.T) {
	s := scrubber(t,
		Rule{Name: "客户号", Pattern: regexp.MustCompile(`KH[0-9]+`)},
		Rule{Pattern: regexp.MustCompile(`x*`)},
		Rule{Name: "phone", Replace: "手机"},
		Rule{Name: "email", Pattern: regexp.MustCompile(`nobody`)},
	)
	const text = "KH12 xxx 13812345678 nobody a@b.cn"
	if got, want := s.Scrub(text), "[客户号] [redacted] [手机] [email] a@b.cn"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWrongRules(t *testing.T) {
	_, err := NewScrubber([]Rule{{Name: "phone"}, {Name: "telephone"}, {}, {Name: "x", Pattern: regexp.MustCompile("x"), Replace: "[x]"}, {Name: "phone", Replace: "\xff"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"rule 2", `"telephone"`, "bank_card", "rule 3", "rule 4", "brackets", "rule 5", "UTF-8"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s: %v", want, err)
		}
	}
}

// What is taken out may let its neighbours match. They go the first time.
func TestScrubbingTwiceIsScrubbingOnce(t *testing.T) {
	rows := []struct {
		text, want string
		rules      []Rule
	}{
		{"1.2.3.413812345678", "1.2.3.413812345678", []Rule{{Name: "phone"}, {Name: "ipv4"}}},
		{"KH13812345678", "[kh][phone]", []Rule{{Name: "phone"}, {Name: "kh", Pattern: regexp.MustCompile("KH")}}},
		{"9K13812345678", "[9k][phone]", []Rule{{Name: "phone"}, {Name: "9k", Pattern: regexp.MustCompile("9K")}}},
		{"0013812345678", "[00][phone]", []Rule{{Name: "phone"}, {Name: "00", Pattern: regexp.MustCompile("^00")}}},
		{"aaa", "[a][a][a]", []Rule{{Name: "a", Pattern: regexp.MustCompile("^a")}}},
		{"[phone] 13812345678 [phone", "[phone] [phone] [phone", []Rule{{Name: "phone"}}},
	}
	for _, row := range rows {
		s := scrubber(t, row.rules...)
		once := s.Scrub(row.text)
		if once != row.want {
			t.Errorf("%q became %q, want %q", row.text, once, row.want)
		}
		if twice := s.Scrub(once); twice != once {
			t.Errorf("%q, scrubbed again %q", once, twice)
		}
	}
}

// A text made up to be looked at for ever is not: the work is bounded, and what could
// not be looked at often enough is not kept.
func TestScrubbingHasAnEnd(t *testing.T) {
	rules := []Rule{{Name: "a", Pattern: regexp.MustCompile("^a")}}
	for _, name := range BuiltIn() {
		rules = append(rules, Rule{Name: name})
	}
	s := scrubber(t, rules...)
	looked := 0 // at so many bytes
	for i, r := range s.rules {
		s.rules[i].find = func(text string) [][]int {
			looked += len(text)
			return r.find(text)
		}
	}
	for _, part := range []string{
		"a", "sk-", "xsk-", "1", "4111", "4111 ", "13812345678", "13812345678 ", "1.", "a@", "a@b.", "a@b.cn ", "eyJ.", "bearer ", "110105194912310",
	} {
		looked = 0
		text := strings.Repeat(part, 1+(8<<10)/len(part))
		once := s.Scrub(text)
		if most := (deepest + 1) * len(rules) * len(text); looked > most {
			t.Errorf("%q: looked at %d bytes of %d", part, looked, len(text))
		}
		if s.Scrub(once) != once {
			t.Errorf("%q: scrubbing again changes it", part)
		}
	}
	if got := s.Scrub(strings.Repeat("a", 1000)); got != strings.Repeat("[a]", deepest+1) {
		t.Errorf("what could not be looked at was kept: %.300q", got)
	}
}

// Whatever the text and the operator's patterns: scrubbing again changes nothing, and
// nothing that a rule finds is left between the marks.
func FuzzScrub(f *testing.F) {
	f.Add("打13812345678 a@b.cn 11010519491231002X", `\d+`, "phone")
	f.Add("[phone]4111 1111 1111 1111 10.0.0.1", `^.`, "x")
	f.Add("bearer abcdefgh sk-abcdefghijklmnop1234", `\b`, "")
	f.Add("[a][[phone]]]", `\[`, "key")
	f.Fuzz(func(t *testing.T, text, pattern, replace string) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(text) > 2000 {
			t.Skip()
		}
		rules := []Rule{{Name: "own", Pattern: re, Replace: replace}}
		for _, name := range BuiltIn() {
			rules = append(rules, Rule{Name: name})
		}
		s, err := NewScrubber(rules)
		if err != nil {
			t.Skip()
		}
		once := s.Scrub(text)
		if twice := s.Scrub(once); twice != once {
			t.Errorf("%q\nonce  %q\ntwice %q", text, once, twice)
		}
		for _, piece := range s.marks.Split(once, -1) {
			for _, r := range s.rules {
				if found := r.find(piece); len(found) > 0 {
					t.Errorf("%q: %s is left in %q: %v", text, r.mark, piece, found)
				}
			}
		}
	})
}

func BenchmarkScrub(b *testing.B) {
	s := everything(b)
	text := strings.Repeat("这是一个普通的回答, with 12 numbers and https://example.com/path?x=1 in it. ", 50)
	if s.Scrub(text) != text {
		b.Fatal("the text is changed")
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Scrub(text)
	}
}
