package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"longwire/agent/admin"
	"longwire/connectors"
	"longwire/conversation/redisstore/redistest"
)

// The link comes back, whatever ended it, and the next message is answered.
func TestLinkComesBack(t *testing.T) {
	for name, harm := range map[string]func(c chat){
		"drop":                 chat.drop,
		"drop without a FIN":   chat.stall,
		"drop while refused":   func(c chat) { c.refuse(2); c.drop() },
		"half a frame":         func(c chat) { c.(interface{ HalfFrame() int }).HalfFrame() },
		"disconnect announced": announceDisconnect,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w *world) {
				w.cfg.Connections[0].Keepalive = 500 * time.Millisecond
				w.start()
				w.want(line{text: "before"}, "re: before")
				had := w.chat.connects()
				harm(w.chat)
				w.connectsAfter(had)
				w.up()
				w.want(line{text: "after"}, "re: after")
			})
		})
	}
}

// announceDisconnect is DingTalk's way to take a stream away; Feishu has none and
// just drops it.
func announceDisconnect(c chat) {
	if d, ok := c.(dingtalkChat); ok {
		d.Disconnect("persistent connection is timeout")
		return
	}
	c.drop()
}

// connectsAfter waits until the program has asked for another endpoint.
func (w *world) connectsAfter(had int) {
	w.t.Helper()
	eventually(w.t, "another attempt to connect", func() bool { return w.chat.connects() > had })
}

// eventually waits for what no event tells of.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}

// The first start that fails is no different: the program waits for the platform.
func TestFirstStartMayFail(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.chat.refuse(2)
		w.start()
		w.want(line{text: "hello"}, "re: hello")
	})
}

func TestHealthTellsTheTruth(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		app, _ := w.start()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			eventually(t, "healthy report", func() bool {
				status, report := health(t, app, method)
				return status == http.StatusOK && report.Status == admin.Healthy && len(report.Connections) == 1 &&
					report.Connections[0].State == connectors.Connected && report.Connections[0].LastFrame != nil
			})
		}
		w.chat.refuse(1000)
		w.chat.drop()
		eventually(t, "unhealthy report", func() bool {
			status, report := health(t, app, http.MethodGet)
			return status == http.StatusServiceUnavailable && report.Status == admin.Unhealthy && len(report.Problems) == 1 &&
				report.Connections[0].State != connectors.Connected && report.Connections[0].Problem != ""
		})
	})
}

func TestHealthNamesTheStore(t *testing.T) {
	w := newWorld(t, "dingtalk", "redis")
	needReal(t, w.redis)
	app, _ := w.start()
	w.redis.Stop()
	eventually(t, "unhealthy report", func() bool {
		status, report := health(t, app, http.MethodGet)
		return status == http.StatusServiceUnavailable && len(report.Problems) > 0 && report.Problems[0][:6] == "store:"
	})
	if err := w.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "healthy report", func() bool {
		status, _ := health(t, app, http.MethodGet)
		return status == http.StatusOK
	})
	w.want(line{text: "back"}, "re: back")
}

// needReal ends a test that an imitation of Redis cannot serve.
func needReal(t *testing.T, redis *redistest.Server) {
	t.Helper()
	if redis != nil && !redis.Real() {
		t.Skip("needs a real redis-server")
	}
}

func health(t *testing.T, app *App, method string) (int, admin.Report) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+app.Addr()+"/api/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var report admin.Report
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, report
}
