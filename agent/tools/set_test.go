package tools

import (
	"errors"
	"testing"
	"time"

	"longwire/agent/tools/toolstest"
)

// What has not changed goes on as it was; what has is started anew, and what is new is
// started.
func TestSetKeepsWhatHasNotChanged(t *testing.T) {
	same, changed := child(toolstest.Good), child(toolstest.Good)
	changed.Titles = map[string]string{"echo": "looking it up"}
	r := start(t, nil, same).up()
	before := r.pid()

	another := child(toolstest.Good)
	another.Name = "another"
	r.Set([]Config{another, child(toolstest.Good)}, 0)
	if got := r.pid(); got != before {
		t.Errorf("process %d, was %d", got, before)
	}
	if r.up(); len(r.State()) != 2 || r.State()[0].Name != "another" || r.State()[1].Restarts != 0 {
		t.Errorf("state %+v", r.State())
	}
	r.Set([]Config{changed}, 0)
	if r.up(); r.tool("test__echo").Title != "looking it up" {
		t.Errorf("tool %+v", r.tool("test__echo"))
	}
	if got := r.pid(); got == before {
		t.Error("the changed server is the same process")
	}
}

// What is not configured any more is offered to nobody, answers who knows it for a while,
// and is gone then.
func TestSetLetsGo(t *testing.T) {
	r := start(t, nil, child(toolstest.Good)).up()
	pid := r.pid()
	r.Set(nil, time.Hour)
	if len(r.Tools(nil)) != 0 || len(r.State()) != 0 {
		t.Errorf("tools %v, state %+v", r.names(), r.State())
	}
	if got := r.pid(); got != pid {
		t.Errorf("process %d, was %d", got, pid)
	}
	r.stop()
	eventually(t, "end of the process", func() bool { return gone(pid) })

	r = start(t, nil, child(toolstest.Good)).up()
	pid = r.pid()
	r.Set(nil, 0)
	eventually(t, "end of the process", func() bool { return gone(pid) })
	eventually(t, "end of the server", func() bool {
		_, err := r.Call(t.Context(), "test__pid", nil)
		var e *Error
		return errors.As(err, &e) && e.Reason == Unknown
	})
}
