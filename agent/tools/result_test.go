package tools

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestRenderCutsBetweenRunes(t *testing.T) {
	text := strings.Repeat("查询", 1000)
	for max := 256; max < 270; max++ {
		got := render(&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, max)
		if !got.Cut || len(got.Text) > max || len(got.Text) < max-3 || !utf8.ValidString(got.Text) || !strings.HasSuffix(got.Text, "\n[cut here: this is the beginning of 6 KB that the tool returned]") {
			t.Errorf("%d: %d bytes, %q", max, len(got.Text), got.Text)
		}
	}
	whole := render(&mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}, IsError: true}, len(text))
	if whole.Cut || whole.Text != text || !whole.Failed {
		t.Errorf("%+v", whole)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KB", 12 << 10: "12 KB", 1536: "2 KB", 1 << 20: "1.0 MB", 3<<20 + 1<<19: "3.5 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// Whatever a server returns that the SDK can read, the model gets some text that is
// valid and within its bounds.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		`{"content":[{"type":"text","text":"a"},{"type":"image","data":"AAAA"}]}`,
		`{"content":[{"type":"audio","data":"AAAA"},{"type":"resource_link","uri":"u","name":"n\n"}],"isError":true}`,
		`{"content":[{"type":"resource","resource":{"uri":"u","text":"t"}},{"type":"resource","resource":{"uri":"u","blob":"AAAA"}},{"type":"resource"}]}`,
		`{"content":[],"structuredContent":{"a":[1,"\ud800"]}}`,
		`{"content":[{"type":"tool_use","id":"1","name":"x","input":{}},{"type":"tool_result","toolUseId":"1","content":[]}]}`,
		`{"content":[{"type":"text","text":"` + strings.Repeat("長", 500) + `"}]}`,
	} {
		f.Add([]byte(seed), 256)
	}
	f.Fuzz(func(t *testing.T, wire []byte, max int) {
		var res mcp.CallToolResult
		if json.Unmarshal(wire, &res) != nil {
			t.Skip()
		}
		max = 256 + (max&0xffff)%10_000
		got := render(&res, max)
		if got.Text == "" || len(got.Text) > max || !utf8.ValidString(got.Text) || got.Failed != res.IsError {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzOneLine(f *testing.F) {
	f.Add("a\nb\u202ec\u2028d\x00 \t e\xff", 4)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n &= 0xff
		got := cut(oneLine(text), n)
		if len(got) > n || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\v\f\x00\u0085\u2028\u2029\u202e\u200b") {
			t.Errorf("%q", got)
		}
	})
}
