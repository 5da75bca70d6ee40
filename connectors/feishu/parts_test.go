package feishu

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func partOf(id, sum, seq, payload string) frame {
	return frame{pbbp2.Frame{
		Method: pbbp2.MethodData,
		Headers: []pbbp2.Header{
			{Key: pbbp2.HeaderMessageID, Value: id}, {Key: pbbp2.HeaderSum, Value: sum}, {Key: pbbp2.HeaderSeq, Value: seq},
		},
		Payload: []byte(payload),
	}}
}

func TestParts(t *testing.T) {
	now := time.Now()
	type step struct {
		id, sum, seq, payload string
		after                 time.Duration
		want                  string // "" not whole, "!" an error
	}
	for name, steps := range map[string][]step{
		"unsplit":        {{id: "a", sum: "1", seq: "0", payload: "x", want: "x"}},
		"no headers":     {{payload: "x", want: "x"}},
		"sum of 0":       {{id: "a", sum: "0", seq: "0", payload: "x", want: "x"}},
		"in order":       {{"a", "2", "0", "x", 0, ""}, {"a", "2", "1", "y", 0, "xy"}},
		"reversed":       {{"a", "3", "2", "z", 0, ""}, {"a", "3", "1", "y", 0, ""}, {"a", "3", "0", "x", 0, "xyz"}},
		"interleaved":    {{"a", "2", "0", "x", 0, ""}, {"b", "2", "1", "2", 0, ""}, {"a", "2", "1", "y", 0, "xy"}, {"b", "2", "0", "1", 0, "12"}},
		"twice the same": {{"a", "2", "0", "x", 0, ""}, {"a", "2", "0", "w", 0, ""}, {"a", "2", "1", "y", 0, "xy"}},
		"empty parts":    {{"a", "3", "0", "", 0, ""}, {"a", "3", "0", "", 0, ""}, {"a", "3", "2", "z", 0, ""}, {"a", "3", "1", "", 0, "z"}},
		"id used again":  {{"a", "2", "0", "x", 0, ""}, {"a", "2", "1", "y", 0, "xy"}, {"a", "2", "1", "2", 0, ""}, {"a", "2", "0", "1", 0, "12"}},
		"just in time":   {{"a", "2", "0", "x", 0, ""}, {"a", "2", "1", "y", partialLife, "xy"}},
		"too late":       {{"a", "2", "0", "x", 0, ""}, {"a", "2", "1", "y", partialLife + 1, ""}, {"a", "2", "0", "w", 0, "wy"}},
		"sum changes":    {{"a", "2", "0", "x", 0, ""}, {"a", "3", "1", "y", 0, "!"}, {"a", "2", "1", "y", 0, ""}, {"a", "2", "0", "w", 0, "wy"}},
		"seq of 1 of 1":  {{"a", "1", "1", "x", 0, "!"}},
		"most parts":     {{"a", "256", "255", "x", 0, ""}},
		"too many parts": {{"a", "257", "0", "x", 0, "!"}},
		"absurd":         {{"a", "274877906944", "0", "x", 0, "!"}, {"a", "2", "0", "x", 0, ""}, {"a", "2", "1", "y", 0, "xy"}},
		"seq too large":  {{"a", "2", "2", "x", 0, "!"}},
		"negative":       {{"a", "-1", "0", "x", 0, "!"}, {"a", "2", "-1", "x", 0, "!"}, {"a", "1", "-1", "x", 0, "!"}},
		"not a number":   {{"a", "two", "0", "x", 0, "!"}, {"a", "2", "0.5", "x", 0, "!"}, {"a", " 2", "0", "x", 0, "!"}},
		"no id":          {{"", "2", "0", "x", 0, "!"}},
	} {
		p, at := newParts(), now
		for i, s := range steps {
			at = at.Add(s.after)
			payload, whole, err := p.add(partOf(s.id, s.sum, s.seq, s.payload), at)
			got := string(payload)
			if err != nil {
				got = "!"
			}
			if got != s.want || whole != (err == nil && s.want != "") {
				t.Errorf("%s, step %d: %q, %v, %v, want %q", name, i, payload, whole, err, s.want)
			}
		}
		if p.bytes != held(p) {
			t.Errorf("%s: counted %d bytes, held %d", name, p.bytes, held(p))
		}
	}
}

func held(p *parts) int {
	bytes := 0
	for _, event := range p.events {
		for _, part := range event.parts {
			bytes += len(part)
		}
	}
	return bytes
}

// Whatever a peer claims and sends, what is held for it stays within bounds.
func TestPartsAreBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, now, refused := newParts(), time.Now(), 0
	for i := range 10_000 {
		if _, whole, err := p.add(partOf(fmt.Sprint("claim", i), "274877906944", "1", "x"), now); err == nil || whole {
			t.Fatal("an absurd count of parts was taken")
		}
		if _, _, err := p.add(partOf(fmt.Sprint("many", i), "256", "1", "x"), now); err != nil {
			refused++
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
	if len(p.events) != maxPartials || refused != 10_000-maxPartials {
		t.Errorf("%d events are held, %d were refused", len(p.events), refused)
	}
	if _, whole, _ := p.add(partOf("whole", "1", "0", "x"), now); !whole {
		t.Error("an event that is not split has to wait")
	}
	now = now.Add(partialLife + 1)
	big := strings.Repeat("x", 1<<20)
	for i := range 100 {
		_, _, err := p.add(partOf(fmt.Sprint("big", i%10), "256", strconv.Itoa(i), big), now)
		if tooMany := p.bytes+len(big) > maxHeld; err != nil && !tooMany && i < 32 {
			t.Fatalf("part %d: %v", i, err)
		}
		if p.bytes > maxHeld || p.bytes != held(p) {
			t.Fatalf("counted %d bytes, held %d", p.bytes, held(p))
		}
	}
	if len(p.events) == 0 || p.bytes == 0 {
		t.Error("nothing is held: the test tests nothing")
	}
}

func TestSplitEvents(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]feishutest.Order{
		"in order": feishutest.InOrder, "reversed": feishutest.Reversed, "interleaved": feishutest.Interleaved,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.FragmentAbove, o.Fragments = 97, order })
			c, in := talk(t, s)
			want := map[string]string{}
			for i := range 20 {
				text := strings.Repeat("多字节 ", 50*i) + "end"
				id := s.Say(feishutest.Message{Text: text})
				want[id] = text
			}
			for range 20 {
				if ev := in.next(t); want[ev.ID] != ev.Text {
					t.Errorf("the text of %s has %d bytes, want %d", ev.ID, len(ev.Text), len(want[ev.ID]))
				}
			}
			for id := range want {
				noError(t, s.WaitAck(soon(t), id))
			}
			if n := c.Counts(); n.Events != 20 || n.Malformed != 0 {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

// FuzzParts plays a script, five bytes a step, against a plainer way to do it.
func FuzzParts(f *testing.F) {
	f.Add([]byte("a\x02\x00\x01xa\x02\x01\x01y"), "2", "1")
	f.Add([]byte{1, 3, 2, 9, 'z', 1, 3, 2, 0, 'z', 2, 2, 1, 0, 0, 1, 3, 0, 5, 'x', 1, 3, 1, 0, 'y'}, "-1", "x")
	f.Add(bytes.Repeat([]byte{7, 255, 3, 200, 1}, 50), "274877906944", "0")
	f.Fuzz(func(t *testing.T, script []byte, sum, seq string) {
		p, now := newParts(), time.Now()
		_, _, _ = p.add(partOf("fuzz", sum, seq, "x"), now)
		seen := map[byte]map[int]string{}
		for step := range slices.Chunk(script, 5) {
			if len(step) < 5 {
				break
			}
			id, sum, seq := step[0], int(step[1]), int(step[2])
			part := strings.Repeat(string(rune(step[4])), int(step[3]))
			payload, whole, err := p.add(partOf("e"+strconv.Itoa(int(id)), strconv.Itoa(sum), strconv.Itoa(seq), part), now)
			if p.bytes != held(p) || p.bytes > maxHeld || len(p.events) > maxPartials {
				t.Fatalf("counted %d bytes, held %d, in %d events", p.bytes, held(p), len(p.events))
			}
			if err != nil {
				if p.events["e"+strconv.Itoa(int(id))] == nil {
					delete(seen, id)
				}
				continue
			}
			if sum <= 1 {
				if !whole || string(payload) != part {
					t.Fatalf("unsplit %q became %q, %v", part, payload, whole)
				}
				continue
			}
			if seen[id] == nil {
				seen[id] = map[int]string{}
			}
			if _, again := seen[id][seq]; !again {
				seen[id][seq] = part
			}
			if whole != (len(seen[id]) == sum) {
				t.Fatalf("whole is %v after %d of %d parts", whole, len(seen[id]), sum)
			}
			if whole {
				var want strings.Builder
				for i := range sum {
					want.WriteString(seen[id][i])
				}
				if string(payload) != want.String() {
					t.Fatalf("got %q, want %q", payload, want.String())
				}
				delete(seen, id)
			}
		}
	})
}
