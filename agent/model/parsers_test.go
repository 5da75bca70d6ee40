package model

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"longwire/agent/model/modeltest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestThinker(t *testing.T) {
	for _, c := range []struct{ in, thought, text string }{
		{"", "", ""},
		{"Hello", "", "Hello"},
		{"  Hello", "", "  Hello"},
		{"<think>a</think>b", "a", "b"},
		{" \n<think>a\n</think>\n\nb\n", "a\n", "b\n"},
		{"<think></think>b", "", "b"},
		{"<think>a < b </thin </think>c", "a < b </thin ", "c"},
		{"<think>never ends", "never ends", ""},
		{"<think>never ends </th", "never ends </th", ""},
		{"<think>a</think>", "a", ""},
		{"<thinking>", "", "<thinking>"},
		{"<thin", "", "<thin"},
		{"<b>bold</b>", "", "<b>bold</b>"},
		{"say <think>x</think>", "", "say <think>x</think>"},
		{"<think>a</think>b<think>c</think>", "a", "b<think>c</think>"},
	} {
		for size := 1; size <= max(1, len(c.in)); size++ {
			if thought, text := thinkIn(c.in, size); thought != c.thought || text != c.text {
				t.Errorf("%q in pieces of %d: thought %q, text %q", c.in, size, thought, text)
			}
		}
	}
	long := strings.Repeat(" ", 10*maxBlanks)
	if thought, text := thinkIn(long+"<think>a</think>b", 100); thought != "a" || text != "b" {
		t.Errorf("behind many blanks: thought %q, text %q", thought, text)
	}
}

// thinkIn sends text through a thinker in pieces of size bytes.
func thinkIn(in string, size int) (thought, text string) {
	var k thinker
	add := func(a, b string) { thought += a; text += b }
	for len(in) > 0 {
		n := min(size, len(in))
		add(k.write(in[:n]))
		in = in[n:]
	}
	add(k.end())
	return thought, text
}

// However an answer is cut, the same comes of it, and nothing is lost but the marks
// and the blanks behind them.
func FuzzThinker(f *testing.F) {
	f.Add(" <think>a</think> b", 3)
	f.Add("<think><think>", 1)
	f.Fuzz(func(t *testing.T, in string, size int) {
		if len(in) > maxBlanks {
			return
		}
		size = 1 + (size&0x7fffffff)%16
		thought, text := thinkIn(in, size)
		whole, rest := thinkIn(in, len(in)+1)
		if thought != whole || text != rest {
			t.Errorf("%q in pieces of %d: %q, %q; whole %q, %q", in, size, thought, text, whole, rest)
		}
		if !strings.HasPrefix(strings.TrimLeft(in, blanks), thinkOpen) && (thought != "" || text != in) {
			t.Errorf("%q: thought %q, text %q", in, thought, text)
		}
	})
}

// readAll is what an events reader makes of a response.
func readAll(r io.Reader) (all []string, end error) {
	e := events{lines: bufio.NewReader(r)}
	for {
		data, err := e.next()
		if err != nil {
			return all, err
		}
		if len(data) > 0 {
			all = append(all, string(data))
		}
	}
}

func TestEvents(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for in, want := range map[string]string{
		"":                                    "",
		"data: a\n\ndata: b\n\n":              "a|b",
		"data:a\r\n\r\ndata:  b":              "a|b",
		": hello\n\nid: 3\nevent: x\ndata: a": "a",
		"data: a\n\ndata: [DONE]\n\ndata: b":  "a|done",
		"retry: 3\n{\"not\": whole}":          "",
		" {\"whole\":\n1}":                    "{\"whole\":\n1}",
		"data: " + long + "\ndata: b":         long + "|b",
	} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
			all, end := readAll(r)
			if errors.Is(end, errDone) {
				all = append(all, "done")
			} else if !errors.Is(end, io.EOF) {
				t.Errorf("%.40q: %v", in, end)
			}
			if got := strings.Join(all, "|"); got != want {
				t.Errorf("%.40q %s: %.80q", in, name, got)
			}
		}
	}
	if _, end := readAll(strings.NewReader("data: " + strings.Repeat("x", maxEvent+1))); !errors.Is(end, errTooMuch) {
		t.Errorf("an endless line: %v", end)
	}
	broken := errors.New("broken")
	if all, end := readAll(io.MultiReader(strings.NewReader("data: a\ndata: b"), iotest.ErrReader(broken))); !errors.Is(end, broken) || len(all) != 1 {
		t.Errorf("a cut line: %q, %v", all, end)
	}
}

// Whatever an endpoint sends, reading it ends, and nothing is made up.
func FuzzEvents(f *testing.F) {
	files, _ := filepath.Glob("testdata/shapes/*")
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1,\"id\":7}]}}]}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, _ := readAll(bytes.NewReader(raw))
		var calls caller
		for _, data := range all {
			c, err := parseChunk([]byte(data))
			if err != nil {
				continue
			}
			s := c.said()
			if len(s.Content.text)+len(s.thought()) > 4*len(data) {
				t.Errorf("%q holds %q and %q", data, s.Content.text, s.thought())
			}
			for _, f := range s.ToolCalls {
				calls.add(f)
			}
			_, _ = c.finish(), c.usage()
		}
		for _, call := range calls.all() {
			if call.ID == "" || call.Name == "" || len(call.Arguments) == 0 {
				t.Errorf("call %+v", call)
			}
		}
	})
}

func TestCalls(t *testing.T) {
	for name, c := range map[string]struct {
		fragments string // JSON
		want      string
	}{
		"by index":                 {`[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}},{"index":1,"id":"b","function":{"name":"g"}},{"index":0,"function":{"arguments":":1}"}}]`, `a f {"x":1};b g {}`},
		"without index":            {`[{"id":"a","function":{"name":"f","arguments":"{"}},{"function":{"arguments":"}"}},{"id":"b","function":{"name":"g","arguments":"{}"}}]`, `a f {};b g {}`},
		"without index and id":     {`[{"function":{"name":"f","arguments":"1"}},{"function":{"name":"g","arguments":"2"}},{"function":{"arguments":"3"}}]`, `call_1 f 1;call_2 g 23`},
		"without id":               {`[{"index":0,"function":{"name":"f"}},{"index":1,"function":{"name":"g"}}]`, `call_1 f {};call_2 g {}`},
		"all with index 0":         {`[{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},{"index":0,"id":"b","function":{"name":"g","arguments":"2"}},{"index":0,"id":"b","function":{"arguments":"3"}}]`, `a f 1;b g 23`},
		"id and name every time":   {`[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}},{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}]`, `a f {}`},
		"index 0 and no id":        {`[{"index":0,"function":{"name":"f","arguments":"{}"}},{"index":0,"function":{"name":"g","arguments":"{\"x\""}},{"index":0,"function":{"name":"g","arguments":":1}"}}]`, `call_1 f {};call_2 g {"x":1}`},
		"one without a list":       {`{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}`, `a f {}`},
		"index from 1":             {`[{"index":1,"id":"a","function":{"name":"f","arguments":"{}"}}]`, `a f {}`},
		"arguments as an object":   {`[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]`, `a f {"x":1}`},
		"arguments null":           {`[{"index":0,"id":"a","function":{"name":"f","arguments":null}}]`, `a f {}`},
		"arguments that are blank": {`[{"index":0,"id":"a","function":{"name":"f","arguments":" "}}]`, `a f {}`},
		"arguments that are wrong": {`[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]`, `a f {"x":`},
		"nameless":                 {`[{"index":0,"id":"a","function":{"arguments":"{}"}},{"index":1,"id":"b","function":{"name":"g"}}]`, `b g {}`},
	} {
		var fragments fragments
		if err := json.Unmarshal([]byte(c.fragments), &fragments); err != nil {
			t.Fatal(err)
		}
		var calls caller
		for _, f := range fragments {
			calls.add(f)
		}
		var got []string
		for _, call := range calls.all() {
			got = append(got, call.ID+" "+call.Name+" "+string(call.Arguments))
		}
		if all := strings.Join(got, ";"); all != c.want {
			t.Errorf("%s: %s", name, all)
		}
	}
	var flood caller
	for i := range 2 * maxCalls {
		flood.add(fragment{Index: &i, ID: string(rune('a' + i)), Function: function{Name: "f"}})
	}
	if n := len(flood.all()); n != maxCalls {
		t.Errorf("%d calls in one answer", n)
	}
}

// Thoughts whose opening mark was in the prompt are taken back when the closing one comes,
// in pieces cut anywhere; an answer about the marks stays.
func TestThoughtsWithoutTheOpeningMark(t *testing.T) {
	for name, c := range map[string]struct {
		said          string
		keep          bool
		text, thought string
	}{
		"thoughts":       {"Okay, the user says hi.\n</think>\n\nHello!", true, "Hello!", "Okay, the user says hi.\n"},
		"at once":        {"</think>\n\nHello!", true, "Hello!", ""},
		"cannot go back": {"Okay.\n</think>\n\nHello!", false, "Okay.\n\n\nHello!", ""},
		"in a sentence":  {"It ends with </think> always.", true, "It ends with </think> always.", ""},
		"in code":        {"```\n</think>\n```\nThat is it.", true, "```\n</think>\n```\nThat is it.", ""},
		"a second one":   {"<think>hm</think>It is\n</think>\nindeed", true, "It is\n</think>\nindeed", "hm"},
		"nearly":         {"a </thin", true, "a </thin", ""},
	} {
		for _, size := range []int{1, 3, len(c.said)} {
			var deltas []string
			for rest := c.said; rest != ""; {
				n := min(size, len(rest))
				deltas, rest = append(deltas, rest[:n]), rest[n:]
			}
			client := clientOf(t, at(script(t, modeltest.Response{Deltas: deltas}), Config{}))
			h := client.ask(t.Context(), Request{Keep: func() bool { return c.keep }})
			if h.err != nil || h.text != c.text || h.thought != c.thought {
				t.Errorf("%s, in pieces of %d: said %q, thought %q, %v", name, size, h.text, h.thought, h.err)
			}
		}
	}
}

// An answer that does not say why it ends is whole if its usage has come before [DONE], or
// if it is one JSON object; a stream that just stops is not.
func TestAnswersWithoutFinishReason(t *testing.T) {
	chunk := `data: {"choices":[{"delta":{"content":"Hello"}}]}` + "\n\n"
	usage := `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}` + "\n\n"
	for name, c := range map[string]struct {
		raw   string
		whole bool
	}{
		"usage and [DONE]": {chunk + usage + "data: [DONE]\n\n", true},
		"whole":            {`{"choices":[{"message":{"role":"assistant","content":"Hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`, true},
		"[DONE] alone":     {chunk + "data: [DONE]\n\n", false},
		"usage alone":      {chunk + usage, false},
		"nothing":          {chunk, false},
	} {
		server := script(t, modeltest.Response{Raw: c.raw})
		h := clientOf(t, at(server, Config{Attempts: 1})).ask(t.Context(), Request{})
		if h.text != "Hello" || (h.err == nil) != c.whole || !c.whole && kind(t, h.err) != Cut {
			t.Errorf("%s: %q, %v", name, h.text, h.err)
		}
	}
}

// A mark of the byte order in front costs no event, and why a model refuses is its answer.
func TestOddStreams(t *testing.T) {
	end := `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	for raw, want := range map[string]string{
		"\uFEFF" + `data: {"choices":[{"delta":{"content":"Hello"}}]}` + "\n\n" + end:                                                                     "Hello",
		`data: {"choices":[{"delta":{"content":null,"refusal":"I will "}}]}` + "\n\n" + `data: {"choices":[{"delta":{"refusal":"not."}}]}` + "\n\n" + end: "I will not.",
		`{"choices":[{"message":{"content":null,"refusal":"I will not."},"finish_reason":"stop"}]}`:                                                       "I will not.",
	} {
		if h := clientOf(t, at(script(t, modeltest.Response{Raw: raw}), Config{Attempts: 1})).ask(t.Context(), Request{}); h.text != want || h.err != nil {
			t.Errorf("%q: %q, %v", raw, h.text, h.err)
		}
	}
}
