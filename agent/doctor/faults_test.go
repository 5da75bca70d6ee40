package doctor

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fault, and the one line that has to name it.
type fault struct {
	name  string
	stage func(t *testing.T, w *world)

	level   Level
	check   string // as the line names it, without the subject
	cause   string
	en, zh  string // words of the sentences that name the cause
	also    []string
	subject string // a part of the subject, where there are several
}

func TestHealthyWorld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, report := w.report()
	if code != exitGood || !report.OK {
		t.Errorf("exit code %d\n%s", code, show(report))
	}
	for _, f := range report.Findings {
		if f.Level != OK {
			t.Errorf("%s %s is %s: %s (%s)", f.Check, f.Subject, f.Level, f.What.EN, f.Detail)
		}
	}
	if len(report.Findings) < 30 {
		t.Errorf("only %d checks", len(report.Findings))
	}
}

// Every fault has one line that is not well, and that line names it, in both
// languages. What rests on it is skipped and nothing else.
func TestFaults(t *testing.T) {
	t.Parallel()
	var all []fault
	for _, list := range [][]fault{networkFaults, machineFaults, dingtalkFaults, feishuFaults, storeFaults, modelFaults, toolFaults, programFaults} {
		all = append(all, list...)
	}
	if len(all) < 35 {
		t.Errorf("only %d faults are staged", len(all))
	}
	for _, f := range all {
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f.stage(t, w)
			code, report := w.report()
			if want := map[Level]int{Failure: exitFailed, Warning: exitGood}[f.level]; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			f.judge(t, report)
			if t.Failed() {
				t.Logf("\n%s", show(report))
			}
		})
	}
}

// judge looks for the line.
func (f fault) judge(t *testing.T, report jsonReport) {
	t.Helper()
	found := false
	for _, line := range report.Findings {
		switch {
		case line.Check == f.check && line.Cause == f.cause && strings.Contains(line.Subject, f.subject):
			found = true
			if line.Level != f.level {
				t.Errorf("the line is %s, want %s", line.Level, f.level)
			}
			if !strings.Contains(line.What.EN, f.en) || !strings.Contains(line.What.ZH, f.zh) {
				t.Errorf("the line does not name the cause: %q, %q", line.What.EN, line.What.ZH)
			}
			if line.Do == nil || line.Do.EN == "" || line.Do.ZH == "" {
				t.Error("the line does not say what to do")
			}
		case line.Level == OK, line.Level == Skipped:
		case line.Cause == redisSlow.code: // so is the Redis of a busy machine
		case !slices.Contains(f.also, line.Cause):
			t.Errorf("another line: %s %s: %s: %s (%s)", line.Check, line.Subject, line.Cause, line.What.EN, line.Detail)
		}
	}
	if !found {
		t.Errorf("no line %s with the cause %s", f.check, f.cause)
	}
}

var networkFaults = []fault{
	{
		name: "name that nobody knows", level: Failure, check: "dns", cause: "dns_unknown", en: "nobody knows the name", zh: "不存在",
		stage: func(_ *testing.T, w *world) { w.modelEndpoint = "http://modle.example.test/v1" },
	},
	{
		name: "name server in trouble", level: Failure, check: "dns", cause: "dns_failed", en: "could not be looked up", zh: "解析失败",
		stage: func(_ *testing.T, w *world) { w.modelEndpoint = "http://model.broken/v1" },
	},
	{
		name: "nobody listens", level: Failure, check: "connect", cause: "connect_refused", en: "nobody listens", zh: "连接被拒绝",
		stage: func(t *testing.T, w *world) { w.larkEndpoint = "http://" + deadPort(t) },
	},
	{
		name: "certificate has ended", level: Failure, check: "tls", cause: "tls_expired", en: "certificate has ended", zh: "证书已过期",
		stage: func(t *testing.T, w *world) {
			w.modelEndpoint = behind(t, root.sign(t, func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
			}), w.modelEndpoint)
		},
	},
	{
		name: "certificate of another host", level: Failure, check: "tls", cause: "tls_wrong_host", en: "another host", zh: "其他主机",
		stage: func(t *testing.T, w *world) {
			w.dingEndpoint = behind(t, root.sign(t, func(c *x509.Certificate) {
				c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"}
			}), w.dingEndpoint)
		},
	},
	{
		name: "proxy that looks into TLS", level: Failure, check: "tls", cause: "tls_unknown_authority", en: "Snooping Gateway", zh: "Snooping Gateway",
		stage: func(t *testing.T, w *world) {
			w.modelEndpoint = behind(t, newAuthority("Snooping Gateway").sign(t, nil), w.modelEndpoint)
		},
	},
	{
		name: "no TLS where it is expected", level: Failure, check: "tls", cause: "tls_not_spoken", en: "does not speak TLS", zh: "不支持 TLS",
		stage: func(_ *testing.T, w *world) {
			w.modelEndpoint = strings.Replace(w.modelEndpoint, "http://", "https://", 1)
		},
	},
	{
		name: "certificate ends soon", level: Warning, check: "tls", cause: "tls_ends_soon", en: "the certificate ends on", zh: "证书将于",
		stage: func(t *testing.T, w *world) {
			w.modelEndpoint = behind(t, root.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(72 * time.Hour) }), w.modelEndpoint)
		},
	},
	{
		name: "nothing but a connection", level: Failure, check: "answer", cause: "answer_none", en: "nobody answers", zh: "没有应答",
		stage: func(t *testing.T, w *world) {
			s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
			t.Cleanup(s.Close)
			w.modelEndpoint = s.URL
		},
	},
	{
		name: "proxy refuses the password", level: Failure, check: "proxy", cause: "proxy_auth", en: "a name and a password", zh: "代理要求认证",
		stage: func(t *testing.T, w *world) {
			w.modelEndpoint = behind(t, root.sign(t, nil), w.modelEndpoint)
			w.modelKeys = "proxy: http://me:" + proxySecret + "@" + tunnel(t, "me", "another")
		},
	},
	{
		name: "proxy denies the host", level: Failure, check: "proxy", cause: "proxy_refused", en: "does not let us through", zh: "不允许访问",
		stage: func(t *testing.T, w *world) {
			w.modelEndpoint = behind(t, root.sign(t, nil), w.modelEndpoint)
			w.modelKeys = "proxy: http://me:" + proxySecret + "@" + tunnel(t, "me", proxySecret, "all")
		},
	},
	{
		name: "proxy refuses the password for plain HTTP", level: Failure, check: "proxy", cause: "proxy_auth", en: "a name and a password", zh: "代理要求认证",
		stage: func(t *testing.T, w *world) {
			w.modelKeys = "proxy: http://me:" + proxySecret + "@" + tunnel(t, "me", "another")
		},
	},
	{
		name: "SOCKS proxy refuses the password", level: Failure, check: "proxy", cause: "proxy_auth", en: "a name and a password", zh: "代理要求认证",
		stage: func(t *testing.T, w *world) {
			w.modelKeys = "proxy: socks5://me:" + proxySecret + "@" + silent(t, "\x05\xff")
		},
	},
	{
		name: "proxy is not there", level: Failure, check: "connect", cause: "connect_refused", en: "nobody listens", zh: "连接被拒绝",
		stage: func(t *testing.T, w *world) { w.modelKeys = "proxy: http://" + deadPort(t) },
	},
}

var machineFaults = []fault{
	{
		name: "clock a minute off", level: Warning, check: "clock", cause: "clock_off", en: "off by 1m", zh: "偏差",
		stage: func(t *testing.T, w *world) { everybodyAt(t, w, -time.Minute) },
	},
	{
		name: "clock an hour off", level: Failure, check: "clock", cause: "clock_off", en: "off by -", zh: "偏差",
		stage: func(t *testing.T, w *world) { everybodyAt(t, w, time.Hour) },
	},
	{
		name: "disk full", level: Failure, check: "disk", cause: "disk_full", en: "only 50 MiB free", zh: "仅剩 50 MiB",
		stage: func(_ *testing.T, w *world) {
			w.on.space = func(string) (space, error) { return space{free: 50 << 20}, nil }
		},
	},
	{
		name: "disk nearly full", level: Warning, check: "disk", cause: "disk_full", en: "only 500 MiB free", zh: "仅剩 500 MiB",
		stage: func(_ *testing.T, w *world) {
			w.on.space = func(string) (space, error) { return space{free: 500 << 20}, nil }
		},
	},
	{
		name: "no inodes", level: Failure, check: "disk", cause: "inodes_out", en: "only 7 more files", zh: "inode",
		stage: func(_ *testing.T, w *world) {
			w.on.space = func(string) (space, error) { return space{free: 50 << 30, inodes: 7, all: 1000}, nil }
		},
	},
	{
		name: "few open files", level: Warning, check: "open files", cause: "files_few", en: "only 1024 files", zh: "只能打开 1024",
		stage: func(_ *testing.T, w *world) { w.on.files = func() (uint64, error) { return 1024, nil } },
	},
	{
		name: "little memory", level: Warning, check: "memory", cause: "memory_low", en: "only 60 MiB", zh: "仅剩 60 MiB",
		stage: func(_ *testing.T, w *world) { w.on.memory = func() (uint64, bool) { return 60 << 20, true } },
	},
	{
		name: "store below a file", level: Failure, check: "writable", cause: "file_unwritable", en: "cannot be written", zh: "无法写入",
		stage: func(t *testing.T, w *world) {
			w.store = "file:" + filepath.Join(put(t, w.folder, "file", "x"), "longwire.db")
		},
	},
	{
		name: "record is a folder", level: Failure, check: "writable", cause: "file_is_folder", en: "is a folder", zh: "是文件夹",
		stage: func(_ *testing.T, w *world) { w.more = fmt.Sprintf("record: {file: %q}", w.folder) },
	},
}

// everybodyAt moves everybody else in time.
func everybodyAt(t *testing.T, w *world, off time.Duration) {
	w.dingEndpoint, w.larkEndpoint, w.modelEndpoint = dated(t, w.dingEndpoint, off), dated(t, w.larkEndpoint, off), dated(t, w.modelEndpoint, off)
}

func put(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
