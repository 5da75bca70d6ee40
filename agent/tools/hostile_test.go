package tools

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/agent/tools/toolstest"
)

// What real programs print besides the protocol does no harm, and their log is ours,
// as far as it is bearable.
func TestNoisyProcess(t *testing.T) {
	r := start(t, nil, child(toolstest.Noisy)).up()
	if got := r.text("test__echo", `{"text":"heard"}`); got != "heard" {
		t.Errorf("%q", got)
	}
	r.has("starting up…")
	r.has(`line="log line"`)
	r.has(`line="long xxx`)
	if n := strings.Count(r.logs.String(), "line=more"); n == 0 || n > 2_000 {
		t.Errorf("%d lines of log of 100 000", n)
	}
	if n := len(r.logs.String()); n > 4<<20 {
		t.Errorf("%d bytes of log", n)
	}
}

// A process that ends at once says why, without the secrets that it was given.
func TestDeadProcess(t *testing.T) {
	config := child(toolstest.Dead)
	config.Env["TOOLSTEST_DATABASE"] = "db://user:password"
	r := start(t, nil, config)
	r.problem("process: exit status 3: no database at [redacted]")
	if e := r.refused("test__echo", ""); e.Reason != Unknown {
		t.Errorf("%+v", e)
	}
	r.stop()
	if strings.Contains(r.logs.String(), "password") {
		t.Errorf("the log has a secret: %s", r.logs)
	}
	if n := strings.Count(r.logs.String(), "level=WARN"); n > 3 {
		t.Errorf("%d warnings about one problem", n)
	}
}

func TestMissingProgram(t *testing.T) {
	r := start(t, nil, Config{Name: "test", Command: []string{"longwire-no-such-program"}})
	r.problem("executable file not found")
}

// What a process leaves behind ends with it, and does not keep it half alive.
func TestProcessThatLeavesSomethingBehind(t *testing.T) {
	r := start(t, nil, child(toolstest.Leaving))
	r.problem("process: exit status 0")
}

func TestMuteProcess(t *testing.T) {
	began := time.Now()
	r := start(t, func(l *limits) { l.handshake = 200 * time.Millisecond }, child(toolstest.Mute))
	r.problem("no answer within 200ms")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if r.Tools(nil) != nil {
		t.Errorf("%v", r.names())
	}
}

// A process that hangs during a call is found out when the call's time is over.
func TestProcessThatHangs(t *testing.T) {
	config := child(toolstest.Deaf)
	config.Timeout = 300 * time.Millisecond
	r := start(t, func(l *limits) { l.ping = 200 * time.Millisecond }, config).up()
	if e := r.refused("test__echo", ""); e.Reason != Timeout || !e.Sent {
		t.Errorf("%+v", e)
	}
	eventually(t, "restart", func() bool { return r.State()[0].Restarts == 1 })
	r.has("ping: ")
}

// A process that reads nothing more blocks no caller for longer than its time,
// however much it is sent.
func TestProcessThatDoesNotRead(t *testing.T) {
	config := child(toolstest.Deaf)
	config.Timeout, config.Concurrency = 300*time.Millisecond, 16
	r := start(t, func(l *limits) { l.ping = patience }, config).up()
	args := `{"text":"` + strings.Repeat("x", 256<<10) + `"}`
	for range 3 {
		began := time.Now()
		if e := r.refused("test__echo", args); e.Reason != Timeout {
			t.Errorf("%+v", e)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a call took %s", took)
		}
	}
}

// Only the call fails whose result is too large.
func TestGiantResult(t *testing.T) {
	config := child(toolstest.Good)
	r := start(t, nil, config).up()
	pid, slow := r.pid(), make(chan error, 1)
	go func() {
		_, err := r.Call(t.Context(), "test__slow", []byte(`{"n":500}`))
		slow <- err
	}()
	if e := r.refused("test__big", `{"n":5000000}`); e.Reason != Refused || !strings.Contains(e.Error(), "too large") {
		t.Errorf("%+v", e)
	}
	if err := <-slow; err != nil {
		t.Errorf("another call: %v", err)
	}
	if now := r.pid(); now != pid || r.State()[0].Restarts != 0 {
		t.Errorf("process %d became %d", pid, now)
	}
}

// A server that sends without end is let go, and costs no memory meanwhile.
func TestFloods(t *testing.T) {
	for _, kind := range []toolstest.Kind{toolstest.Flood, toolstest.Needy} {
		t.Run(string(kind), func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := start(t, func(l *limits) { l.frame = 256 << 10 }, child(kind))
			r.has("the server sends too much")
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

// A server that leaves the newer handshake without an answer is asked in the older way.
func TestOlderProcess(t *testing.T) {
	r := start(t, func(l *limits) { l.handshake = time.Second }, child(toolstest.Older)).up()
	if got := r.text("test__echo", ""); got != "scripted" {
		t.Errorf("%q", got)
	}
}

// Of a server with tools of every wrong sort, the sound ones can be used.
func TestOddTools(t *testing.T) {
	config := child(toolstest.Odd)
	config.Name = "日历"
	r := start(t, nil, config).up()
	var own []string
	for _, one := range r.Tools(nil) {
		name, _ := r.servers[0].owns(one.Name)
		own = append(own, name)
		if len(one.Name) > maxName || foreign.MatchString(one.Name) {
			t.Errorf("name %q", one.Name)
		}
		if len(one.Schema) > maxSchema || len(one.Description) > maxDescription || !utf8.ValidString(one.Description) {
			t.Errorf("%+v", one)
		}
	}
	slices.Sort(own)
	if want := []string{"deep", "huge", "no schema", "null", "schema is deep", "twice", "unknown", "名前/with 💥"}; !slices.Equal(own, want) {
		t.Errorf("%q", own)
	}
	strange := r.tool(nameFor("日历", "名前/with 💥"))
	if strange.Title != "a bc" || string(strange.Schema) != `{"a":"<&>","properties":{},"type":"object","z":1}` || len(strange.Description) < maxDescription-3 {
		t.Errorf("%q %s %d", strange.Title, strange.Schema, len(strange.Description))
	}
	for _, tool := range []string{"null", "unknown", "deep"} {
		if e := r.refused(nameFor("日历", tool), ""); e.Reason != Refused || !e.Sent {
			t.Errorf("%s: %+v", tool, e)
		}
	}
	if e := r.refused(nameFor("日历", "huge"), ""); e.Reason != Refused || !strings.Contains(e.Error(), "too large") {
		t.Errorf("%+v", e)
	}
	if state := r.State()[0]; state.Restarts != 0 || !state.Up {
		t.Errorf("%+v", state)
	}
}

// Who asks us for something is refused, in either way of asking.
func TestServerThatAsks(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	web.Older = true
	older := Config{Name: "older", URL: web.URL()}
	r := start(t, nil, child(toolstest.Good), older).up()
	if got := r.text("older__ask", ""); !strings.Contains(got, "does not support") && !strings.Contains(got, "only calls tools") {
		t.Errorf("%q", got)
	}
	if e := r.refused("test__needy", ""); e.Reason != Refused || !strings.Contains(e.Error(), "input") {
		t.Errorf("%+v", e)
	}
	if n := web.Count("tools/call"); n != 1 {
		t.Errorf("%d calls were sent", n)
	}
}

// Of a list without end the beginning is used, and of pages without tools not many
// are read.
func TestEndlessLists(t *testing.T) {
	r := start(t, nil, child(toolstest.Many)).up()
	if names := r.names(); len(names) != maxTools || names[0] != "test__tool-000" || names[maxTools-1] != "test__tool-127" {
		t.Errorf("%d tools: %v", len(names), names)
	}
	r.has("the server has more than 128")
	none := child(toolstest.Many)
	none.Allow = []string{"nothing"}
	start(t, nil, none).up()
}

func TestServerWithoutTools(t *testing.T) {
	r := start(t, nil, child(toolstest.Bare)).up()
	if state := r.State()[0]; state.Tools != 0 || len(r.names()) != 0 {
		t.Errorf("%+v, %v", state, r.names())
	}
	r.has("has no tools")
}
