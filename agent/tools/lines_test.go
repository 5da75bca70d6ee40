package tools

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("a", 300) + strings.Repeat("b", 200_000) + strings.Repeat("c", 300)
	from := newLines(iotest.HalfReader(strings.NewReader("one\n\n"+long+"\nlast")), 1000)
	for _, want := range []struct {
		line   string
		length int
	}{
		{"one", 3}, {"", 0}, {strings.Repeat("a", edge) + strings.Repeat("c", edge), len(long)}, {"last", 4},
	} {
		line, length, err := from.next()
		if string(line) != want.line || length != want.length || err != nil {
			t.Errorf("%q, %d, %v; want %q, %d", line, length, err, want.line, want.length)
		}
	}
	if _, _, err := from.next(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func TestLinesThatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	if _, _, err := newLines(iotest.ErrReader(broken), 10).next(); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// Lines are what splitting gives, and the ends of those that are too long.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), 2)
	f.Add(bytes.Repeat([]byte("0123456789"), 500), 100)
	f.Fuzz(func(t *testing.T, text []byte, max int) {
		max = max&0xfff + 1
		from := newLines(iotest.HalfReader(bytes.NewReader(text)), max)
		rest, ended := bytes.CutSuffix(text, []byte("\n"))
		var want [][]byte
		if ended || len(text) > 0 {
			want = bytes.Split(rest, []byte("\n"))
		}
		for _, whole := range want {
			line, length, err := from.next()
			if err != nil || length != len(whole) {
				t.Fatalf("%d, %v; want %q", length, err, whole)
			}
			if length <= max && !bytes.Equal(line, whole) {
				t.Fatalf("%q; want %q", line, whole)
			}
			if length > max && (len(line) > 2*edge+max || !bytes.HasPrefix(whole, line[:min(edge, len(line))])) {
				t.Fatalf("%d bytes of a line of %d", len(line), length)
			}
		}
		if _, _, err := from.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%v", err)
		}
	})
}

// What stands for a message that cannot be read is an answer to a call of ours.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"result":{`, `{"result":{,"jsonrpc":"2.0","id":7}`,
		`{"id":3,"jsonrpc":"2.0"`, `{}`, `[]`, ``, `{"jsonrpc":"2.0","method":"ping","id":"x"}`, `{"jsonrpc":"2.0","id":999999999999999,`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		message, err := decode(line)
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *jsonrpc.Request:
		case *jsonrpc.Response:
			if errors.Is(m.Error, errUnreadable) && !m.ID.IsValid() {
				t.Errorf("%q: an answer to nobody", line)
			}
		default:
			t.Errorf("%q: %T", line, m)
		}
	})
}

func TestInstead(t *testing.T) {
	for line, want := range map[string]int64{
		`{"jsonrpc":"2.0","id":12,"result":{"content":[{"id":7`: 12,
		`{"jsonrpc": "2.0", "id": 12, "result": {`:              12,
		`{"id":12,"jsonrpc":"2.0","result":{`:                   12,
		`{"result":{"id":7,"x":[]},"jsonrpc":"2.0","id":12}`:    12,
		`{"result":{,"id":12,"jsonrpc":"2.0"}`:                  12,
		`{"jsonrpc":"2.0","method":"x","params":{"id":7,`:       0,
		`{"jsonrpc":"2.0","id":"12","result":{`:                 0,
	} {
		got := instead([]byte(line), errTooLong)
		if want == 0 && got != nil || want != 0 && (got == nil || got.ID.Raw() != want) {
			t.Errorf("%s: %+v, want %d", line, got, want)
		}
	}
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter{burst: 100, rate: 10}
		if !m.take(99) || m.take(0) {
			t.Error("a burst is not what it should be")
		}
		time.Sleep(5 * time.Second)
		if !m.take(49) || m.take(0) {
			t.Error("five seconds give back 50 bytes")
		}
		time.Sleep(time.Hour)
		if !m.take(99) || m.take(0) {
			t.Error("an hour gives back no more than a burst")
		}
	})
}
