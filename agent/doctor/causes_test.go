package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"longwire/agent/config"
	"longwire/conversation/redisstore"
)

// What the platforms' codes mean.
func TestPlatformCodes(t *testing.T) {
	for _, row := range []struct {
		v    verdict
		want *cause
	}{
		{dingtalkTrouble(refusal{status: 403, code: "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"}), platformBusy},
		{dingtalkTrouble(refusal{status: 403, code: "Forbidden.AccessDenied.ApiCountLimitForOrg"}), quotaUsed},
		{dingtalkTrouble(refusal{status: 429, code: "x"}), platformBusy},
		{dingtalkTrouble(refusal{status: 500, code: "system.error"}), platformGateway},
		{dingtalkTrouble(refusal{status: 400, code: "somethingNew"}), platformRefused},
		{dingtalkTrouble(readDingTalk(200, []byte(`{"status":1111,"wait":5,"punish":"deny"}`))), addressBanned},
		{dingtalkMay(refusal{status: 400, code: "param.cardNotExist"}, "s", warn), scopeGood},
		{dingtalkMay(refusal{status: 403, code: "Forbidden.AccessDenied.AccessTokenPermissionDenied"}, "s", warn), dingtalkScope},
		{feishuTrouble(readFeishu(400, []byte(`{"code":99991401,"msg":"ip"}`))), addressRefused},
		{feishuTrouble(readFeishu(400, []byte(`{"code":99991400}`))), platformBusy},
		{feishuTrouble(readFeishu(400, []byte(`{"code":230006}`))), feishuNoBot},
		{feishuTrouble(readFeishu(502, []byte(`<html>`))), platformGateway},
		{feishuTrouble(readFeishu(400, []byte(`{"code":5}`))), platformRefused},
		{feishuStreamRefused(readFeishu(200, []byte(`{"code":1000040345}`))), feishuMode},
		{feishuStreamRefused(readFeishu(200, []byte(`{"code":1000040351}`))), platformBusy},
		{feishuStreamRefused(readFeishu(200, []byte(`{"code":1}`))), platformBusy},
	} {
		if row.v.cause != row.want {
			t.Errorf("%s: %s, want %s", row.v.detail, row.v.cause.code, row.want.code)
		}
	}
}

func TestPlatformAnswersAreRead(t *testing.T) {
	r := readFeishu(400, []byte(`{"code":99991672,"msg":"m","error":{"permission_violations":[{"subject":"a"},{"subject":"b"}]}}`))
	if r.code != "99991672" || r.scopes != "a / b" || r.String() != "HTTP 400, code 99991672: m" {
		t.Errorf("%+v", r)
	}
	r = readDingTalk(403, []byte(`{"code":"c","message":"m","accessdenieddetail":{"requiredScopes":["x","y"]}}`))
	if r.code != "c" || r.scopes != "x, y" {
		t.Errorf("%+v", r)
	}
}

func FuzzPlatformAnswers(f *testing.F) {
	f.Add(200, []byte(`{"code":1,"msg":"x","error":{"permission_violations":[{"subject":"s"}]}}`))
	f.Add(403, []byte(`{"code":"a","message":1,"accessdenieddetail":{"requiredScopes":["s"]}}`))
	f.Add(502, []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		for _, v := range []verdict{
			feishuTrouble(readFeishu(status, raw)), dingtalkTrouble(readDingTalk(status, raw)),
			dingtalkMay(readDingTalk(status, raw), "s", warn), feishuStreamRefused(readFeishu(status, raw)),
		} {
			finding := v.finding(Check{Platform, "x", ""}, 0, strings.NewReplacer())
			if len(finding.Detail) > maxDetail+len("…") || strings.ContainsAny(finding.Detail, "\n\x1b") || finding.What.EN == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}

// A secret at the place where a long detail is cut is hidden as a whole.
func TestDetailIsHiddenBeforeItIsCut(t *testing.T) {
	hide := strings.NewReplacer("a-long-secret", "[redacted]")
	for n := maxDetail - 15; n < maxDetail+2; n++ {
		f := fail(modelAway).seen(strings.Repeat("x", n)+"a-long-secret\x1b[31m\n").finding(Check{}, 0, hide)
		if strings.Contains(f.Detail, "a-") || strings.ContainsAny(f.Detail, "\n\x1b") {
			t.Errorf("%q", f.Detail)
		}
	}
}

func TestNetworkErrors(t *testing.T) {
	for _, row := range []struct {
		err  error
		at   stage
		want *cause
	}{
		{syscall.EHOSTUNREACH, stageConnect, connectNoWay},
		{errors.New("i/o timeout"), stageConnect, connectSilent},
		{errors.New("EOF"), stageTLS, tlsFailed},
		{errors.New("deadline"), stageDNS, dnsFailed},
		{errors.New("EOF"), stageAnswer, answerNone},
	} {
		if v := why(row.err, row.at, 0); v.cause != row.want {
			t.Errorf("%v at %s: %s", row.err, row.at, v.cause.code)
		}
	}
}

// The token is given to whoever has our certificate, and to nobody else.
func TestTokenOnlyForOurCertificate(t *testing.T) {
	t.Parallel()
	ours := root.sign(t, nil)
	for _, row := range []struct {
		name  string
		other bool
		want  *cause
	}{{"ours", false, programRuns}, {"another's", true, adminTaken}} {
		t.Run(row.name, func(t *testing.T) {
			asked := make(chan string, 1)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.Header.Get("Authorization")
				_, _ = fmt.Fprint(w, `{"status":"healthy","version":"1","connections":[]}`)
			}))
			t.Cleanup(s.Close)
			cert := ours
			if row.other {
				cert = root.sign(t, nil)
			}
			front := behind(t, cert, s.URL)
			p := &planner{cfg: &config.Config{}, on: thisMachine()}
			p.cfg.Admin.Listen = strings.TrimPrefix(front, "https://")
			p.cfg.Admin.Token = config.NewSecret("the-token")
			p.cfg.Admin.TLS.Cert, p.cfg.Admin.TLS.Key = pemFiles(t, ours)
			v := p.listener(t.Context())
			if v.cause != row.want {
				t.Errorf("%s", v.cause.code)
			}
			select {
			case token := <-asked:
				if row.other || token != "Bearer the-token" {
					t.Errorf("the token was shown as %q", token)
				}
			default:
				if !row.other {
					t.Error("nobody was asked")
				}
			}
		})
	}
}

// Keys from files, and their last day.
func TestKeys(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := &planner{on: machine{now: func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }}}
	for _, row := range []struct {
		e    config.ModelEndpoint
		want *cause
	}{
		{config.ModelEndpoint{APIKeyFile: folder + "/none"}, keyFileAway},
		{config.ModelEndpoint{APIKeyFile: put(t, folder, "empty", "# none\n\n")}, keyFileEmpty},
		{config.ModelEndpoint{APIKeyFile: put(t, folder, "one", "k\n"), APIKeyExpires: day(t, "2026-03-09")}, keysEnded},
		{config.ModelEndpoint{APIKeyExpires: day(t, "2026-03-10")}, keysEndSoonWord},
		{config.ModelEndpoint{APIKeyExpires: day(t, "2026-05-01")}, keysGood},
		{config.ModelEndpoint{}, keysGood},
	} {
		if v := p.keys(row.e); v.cause != row.want {
			t.Errorf("%+v: %s, want %s", row.e.APIKeyExpires, v.cause.code, row.want.code)
		}
	}
}

func day(t *testing.T, text string) (d config.Date) {
	t.Helper()
	if err := d.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return d
}

// DingTalk's own API sends replies to another host, which has to be reached too.
func TestHostsOfThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dingEndpoint = dingtalkOwn
	w.dingKeys = ", proxy: off"
	w.more = `trace: {endpoint: "https://collector.example.test:4318"}` + "\n" + `tools: [{name: web, url: "https://tools.example.test/mcp?key=abcdefgh"}]`
	cfg, err := config.Load(w.config(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, s := range newPlan(cfg, w.on, true).steps {
		if s.check.Name == "answer" && s.check.Group == Network {
			hosts = append(hosts, s.check.Subject)
		}
	}
	for _, want := range []string{"api.dingtalk.com", "oapi.dingtalk.com", "collector.example.test:4318", "tools.example.test"} {
		if !slices.Contains(hosts, want) {
			t.Errorf("no %s in %q", want, hosts)
		}
	}
	if via, err := cfg.Connections[0].Proxy.Func()(&http.Request{}); via != nil || err != nil {
		t.Errorf("off is %v, %v", via, err)
	}
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{"0.0.0.0:1": "127.0.0.1:1", ":1": "127.0.0.1:1", "10.0.0.1:1": "10.0.0.1:1"} {
		if got := dialable(listen); got != want {
			t.Errorf("%s is asked at %s", listen, got)
		}
	}
}

// Slow models are told from those that are slower than the program waits.
func TestSlowAnswers(t *testing.T) {
	for _, row := range []struct {
		a    answered
		want *cause
	}{
		{answered{first: 12 * time.Second, limit: time.Minute, reports: true}, modelSlow},
		{answered{first: 12 * time.Second, limit: 5 * time.Second, reports: true}, modelTooSlow},
		{answered{first: time.Second, limit: time.Minute, reports: true}, modelGood},
	} {
		if v := row.a.verdict(); v.cause != row.want {
			t.Errorf("%+v: %s", row.a, v.cause.code)
		}
	}
	f := &redisFacts{Facts: redisstore.Facts{Pings: []time.Duration{time.Millisecond, 80 * time.Millisecond, 90 * time.Millisecond}}}
	if v := f.latency(); v.cause != redisSlow {
		t.Errorf("%s", v.cause.code)
	}
}

// Whatever is secret is hidden as a whole, also where one secret begins like another,
// and what is only in a key file.
func TestConcealer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dingClientSecret, w.larkAppSecret = "begin", "begin-and-more"
	w.apiKey = fmt.Sprintf("api_key_file: %q", put(t, w.folder, "keys", "# not-a-key\nonly-in-the-file\n"))
	cfg, err := config.Load(w.config(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	got := concealer(cfg).Replace("begin, begin-and-more, only-in-the-file, not-a-key")
	if want := "[redacted], [redacted], [redacted], not-a-key"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// One host whose clock is wrong does not make ours wrong.
func TestClockOfOneHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.modelEndpoint = dated(t, w.modelEndpoint, time.Hour)
	_, report := w.report("--only", "clock")
	for _, f := range report.Findings {
		if f.Check == "clock" && f.Cause != "clock_good" {
			t.Errorf("\n%s", show(report))
		}
	}
	if report.Counts[OK] < 10 {
		t.Errorf("what the clock rests on was not asked\n%s", show(report))
	}
}
