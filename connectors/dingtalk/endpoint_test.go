package dingtalk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

func TestWrongCredentialsAreToldAndTriedOn(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	body := `{"requestid":"ED203550","code":"authFailed","message":"鉴权失败"}`
	cloud.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: http.StatusUnauthorized, Body: body})
	config := quick(cloud)
	config.Backoff.Slow = 50 * time.Millisecond // so that the state can be seen
	r := newRobot(config, nil)
	r.run(t)
	eventually(t, "failed", func() bool { return r.Status().State == connectors.Failed })
	st := r.Status()
	for _, want := range []string{"open endpoint", "authFailed", "鉴权失败", "client_id", "client_secret", "Stream mode"} {
		if !strings.Contains(st.Problem, want) {
			t.Errorf("%q does not say %q", st.Problem, want)
		}
	}
	if strings.Contains(st.Problem, clientSecret) || st.Healthy() {
		t.Errorf("%+v", st)
	}
	cloud.Heal(dingtalktest.PathOpen)
	must(t, cloud.WaitConnections(patient(t), 1))
	r.said(t, cloud, dingtalktest.Message{Text: "hello"})
	if st := r.Status(); !st.Healthy() {
		t.Errorf("%+v", st)
	}
	if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("the same refusal was logged %d times", n)
	}
}

func TestWrongSecretIsRefusedByTheCloudItself(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	config := quick(cloud)
	config.ClientSecret = "WRONG-S3CRET"
	_, err := newRobot(config, nil).Dial(t.Context())
	if !connectors.Permanent(err) || strings.Contains(err.Error(), config.ClientSecret) {
		t.Errorf("%v", err)
	}
}

func TestEveryAttemptHasItsOwnTicket(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	cloud.FailRoute(dingtalktest.PathConnect, dingtalktest.Failure{Commit: true, Status: 500, Times: 3})
	r := newRobot(quick(cloud), nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	if opens := cloud.Opens(); opens != 4 {
		t.Errorf("%d tickets for 4 attempts", opens)
	}
}

func TestEndpointThatIsNone(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	r := newRobot(quick(cloud), nil)
	t.Cleanup(r.api.http.CloseIdleConnections)
	for body, want := range map[string]string{
		`{"endpoint":"ws://127.0.0.1/%zz","ticket":"S3CRET"}`: "not a URL",
		`{"endpoint":"mailto:x","ticket":"S3CRET"}`:           "dial",
		`{"endpoint":"","ticket":"S3CRET"}`:                   "ContentEmpty",
		`{}`:                                                  "ContentEmpty",
		`<html>`:                                              "invalid character",
	} {
		cloud.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: 200, Body: body, Times: 1})
		conn, err := r.Dial(t.Context())
		if err == nil {
			conn.Close()
			t.Errorf("%s: dialled", body)
			continue
		}
		if connectors.Permanent(err) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	rows := []struct {
		name   string
		status int
		body   string
		want   string
		fatal  bool
	}{
		{"wrong secret", 401, `{"code":"authFailed","message":"no"}`, "open endpoint: code authFailed: no (check client_id", true},
		{"another code", 400, `{"code":"system.busy","message":"later"}`, "open endpoint: code system.busy: later", false},
		{"numeric code", 500, `{"code":503,"message":null}`, "open endpoint: code 503", false},
		{"no code", 403, `{"message":"x"}`, "open endpoint: code HTTP 403: x", false},
		{"not JSON", 503, `<html>503</html>`, "open endpoint: code HTTP 503", false},
		{"nothing", 302, ``, "open endpoint: code HTTP 302", false},
	}
	for _, row := range rows {
		err := refusal(refused("open endpoint", row.status, []byte(row.body)))
		if connectors.Permanent(err) != row.fatal || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v, permanent %t", row.name, err, connectors.Permanent(err))
		}
	}
	page := strings.Repeat("页", 1<<20)
	if err := refusal(refused("open endpoint", 502, []byte(page))); len(err.Error()) > 1000 {
		t.Errorf("a page of %d bytes is told whole", len(err.Error()))
	}
	lost := refusal(&connectors.Error{Op: "open endpoint", Err: connectors.WithoutURL(&url.Error{Op: "Post", URL: "http://h/x?ticket=S3CRET", Err: context.DeadlineExceeded})})
	if !errors.Is(lost, context.DeadlineExceeded) || lost.Error() != "open endpoint: post h: context deadline exceeded" {
		t.Errorf("%v", lost)
	}
}

func TestRobotCodeIsTheClientIDUnlessTold(t *testing.T) {
	if c := newRobot(Config{ClientID: "c"}, nil); c.config.RobotCode != "c" {
		t.Errorf("%+v", c.config)
	}
	if c := newRobot(Config{ClientID: "c", RobotCode: "r"}, nil); c.config.RobotCode != "r" {
		t.Errorf("%+v", c.config)
	}
}

// A page that is not DingTalk's is no reason to give a turn up.
func TestRefusedWithoutACode(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		fatal  bool
	}{
		{403, `<html>403 Forbidden</html>`, false},
		{404, ``, false},
		{413, `{"message":"too large"}`, false},
		{429, `<html>slow down</html>`, false},
		{502, `{"code":"system.error"}`, false},
		{400, `{"code":"param.invalid"}`, true},
		{403, `{"code":7}`, true},
	} {
		if err := refused("op", row.status, []byte(row.body)); connectors.Permanent(err) != row.fatal {
			t.Errorf("%d %s: permanent %t", row.status, row.body, !row.fatal)
		}
	}
}
