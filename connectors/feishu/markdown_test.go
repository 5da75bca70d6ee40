package feishu

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// tagLike is what no text that we send may hold: a tag called at, or something
// that a lenient reader might take for one.
var tagLike = regexp.MustCompile(`(?i)<(/|[^\p{L}\p{N}\p{P}\p{S}])*at([^0-9a-z_]|$)`)

// An answer mentions nobody, whatever the model was talked into.
func TestAnswersMentionNobody(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
	c, in := talk(t, s)
	for _, evil := range []string{
		`<at user_id="all"></at>`, `<at user_id="ou_boss">Boss</at>`, `<AT user_id="all"></AT>`, `<At id=all></At>`,
		"< at user_id=\"all\"></at>", "<\tat\nuser_id=\"all\"></at>", "<\u200bat user_id=\"all\"></at>", "<\u00a0\x00\ufeffat id=all>",
		`<at/>`, `<at>`, `x <at`, `<<at user_id="all"></at>`, "`<at user_id=\"all\"></at>`", "```\n<at user_id=\"all\"></at>\n```",
		`# <**at user_id="all"></at>`, `# <****at user_id="all"></at>`, `| <at user_id="all"></at> |`,
		`<at user_id="all"></at>` + strings.Repeat(" ", 12_000) + `<at user_id="all"></at>`,
		strings.Repeat(`<at user_id="all"></at>`, 3000),
	} {
		for _, asText := range []bool{false, true} {
			ev := ask(t, s, in)
			before := len(s.Sent())
			if asText {
				f := feishutest.APIError(230099, "no post")
				f.Times = len(mustPosts(t, harmless(plainer(evil))))
				if f.Times > 1 {
					continue // the fallback is for each message; one is enough
				}
				s.FailRoute(replies, f)
			}
			noError(t, answerTo(soon(t), c, ev, connectors.Words(evil)))
			sent := s.Sent()[before:]
			if len(sent) == 0 {
				t.Fatalf("%q: nothing was sent", evil)
			}
			for _, one := range sent {
				if (one.MsgType == "text") != asText {
					t.Fatalf("%q went as %s", evil, one.MsgType)
				}
				var content any
				noError(t, json.Unmarshal([]byte(one.Content), &content))
				for _, text := range texts(content) {
					if at := tagLike.FindString(text); at != "" {
						t.Errorf("%.60q: a %s holds %q", evil, one.MsgType, at)
					}
				}
			}
		}
	}
	for _, good := range []string{"#include <atomic>", "std::atomic<int> x; a<b", "a < attribute", "<at_exit>", "3 <at2", "&lt;at&gt;", "@all"} {
		if got := harmless(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	if got := harmless(`say <at user_id="all"></at>`); got != `say ＜at user_id="all">＜/at>` {
		t.Errorf("the tag is shown as %q", got)
	}
}

func mustPosts(t testing.TB, text string) []piece {
	t.Helper()
	pieces, err := posts(text)
	noError(t, err)
	return pieces
}

// texts are all strings in a JSON value.
func texts(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, one := range v {
			all = append(all, texts(one)...)
		}
	case map[string]any:
		for _, one := range v {
			all = append(all, texts(one)...)
		}
	}
	return all
}

func TestPlainer(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", ""},
		{"words", "words"},
		{"# Title\nwords\n", "**Title**\nwords\n"},
		{"###### **Deep** one\n", "**Deep one**\n"},
		{"####### seven\n#tag\n# \n#\n", "####### seven\n#tag\n# \n#\n"},
		{"# 标题", "**标题**\n"},
		{"#!/bin/sh", "#!/bin/sh"},
		{"a\n| x | y |\n|---|---|\n| 1 | 2 |\nb\n", "a\n```\n| x | y |\n|---|---|\n| 1 | 2 |\n```\nb\n"},
		{"| x |\n| 1 |", "```\n| x |\n| 1 |\n```"},
		{"| x |\n| 1 |\n", "```\n| x |\n| 1 |\n```"},
		{"| x |\n```\n| y |\n```\n", "```\n| x |\n```\n```\n| y |\n```\n"},
		{"```sh\n# comment\n| pipe\n```\n# Title\n", "```sh\n# comment\n| pipe\n```\n**Title**\n"},
		{"~~~\n# comment\n```\n# comment\n~~~\n# Title\n", "~~~\n# comment\n```\n# comment\n~~~\n**Title**\n"},
		{"````md\n```\n# in\n```\n# in\n````\n# out\n", "````md\n```\n# in\n```\n# in\n````\n**out**\n"},
		{"```\n```go\n# in\n```\n# out\n", "```\n```go\n# in\n```\n**out**\n"},
		{"```not a block```\n# Title\n", "```not a block```\n**Title**\n"},
		{"```\n# never closed", "```\n# never closed"},
		{"  ```\n  # in\n  ```\n", "  ```\n  # in\n  ```\n"},
	} {
		if got := plainer(row.text); got != row.want {
			t.Errorf("%q became %q, want %q", row.text, got, row.want)
		}
	}
}

// Whatever the model writes, the platform gets posts that it takes, with every
// letter in them and without a mention.
func FuzzPosts(f *testing.F) {
	f.Add("# Title\n\n| a | b |\n|---|---|\n```go\nx\n```\n<at user_id=\"all\"></at>", 1)
	f.Add("\x01\"\\<é你", 9000)
	f.Add("```go\nx < at\n", 4000)
	f.Add("# <**at\n~~~\n", 3)
	f.Fuzz(func(t *testing.T, text string, times int) {
		text = strings.Repeat(text, max(1, min(times, 20_000/(len(text)+1))))
		pieces := mustPosts(t, harmless(plainer(text)))
		var all strings.Builder
		for _, p := range pieces {
			all.WriteString(p.markdown)
			request, err := json.Marshal(map[string]string{"content": p.post, "msg_type": "post", "uuid": strings.Repeat("0", 50)})
			noError(t, err)
			if len(request) > 30<<10 {
				t.Errorf("a post of %d bytes", len(request))
			}
			var content any
			noError(t, json.Unmarshal([]byte(p.post), &content))
			for _, one := range texts(content) {
				if at := tagLike.FindString(one); at != "" {
					t.Errorf("a post holds %q", at)
				}
			}
			if utf8.ValidString(text) && !utf8.ValidString(p.markdown) {
				t.Errorf("a character is cut: %q", p.markdown)
			}
		}
		for _, letter := range "x你é" {
			if got, had := strings.Count(all.String(), string(letter)), strings.Count(text, string(letter)); got < had {
				t.Errorf("%d of %d %q arrived", got, had, letter)
			}
		}
	})
}
