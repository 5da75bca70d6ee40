package dingtalk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// sentFile is a robot to which somebody has sent a picture, and the picture.
func sentFile(t *testing.T, opts dingtalktest.Options, content []byte) (*dingtalktest.Server, *robot, connectors.Event) {
	t.Helper()
	cloud, r := up(t, opts, nil)
	ev := r.said(t, cloud, dingtalktest.Message{Content: dingtalktest.Picture{DownloadCode: cloud.PutFile("a.png", content)}})
	if len(ev.Files) != 1 {
		t.Fatalf("%+v", ev)
	}
	return cloud, r, ev
}

func TestFetches(t *testing.T) {
	for name, size := range map[string]int{"nothing": 0, "a byte": 1, "some": 100_000, "exactly the limit": 1 << 20} {
		content := bytes.Repeat([]byte("p"), size)
		cloud, r, ev := sentFile(t, dingtalktest.Options{}, content)
		got, err := r.Fetch(patient(t), ev, ev.Files[0], 1<<20)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if st := cloud.Stats(); st.TokenLeaks != 0 || st.Files != 1 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// The message's robot is asked for, not the connection's.
func TestFetchesAsTheRobotThatWasWrittenTo(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{Apps: []dingtalktest.App{{ClientID: clientID, ClientSecret: clientSecret, RobotCode: "older-robot"}}})
	r := newRobot(quick(cloud), nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	ev := r.said(t, cloud, dingtalktest.Message{Content: dingtalktest.Picture{DownloadCode: cloud.PutFile("a.png", []byte("png"))}})
	if got, err := r.Fetch(patient(t), ev, ev.Files[0], 10); err != nil || string(got) != "png" {
		t.Errorf("%q, %v", got, err)
	}
	cloud.ExpireTokens()
	if got, err := r.Fetch(patient(t), ev, ev.Files[0], 10); err != nil || string(got) != "png" {
		t.Errorf("with an old token: %q, %v", got, err)
	}
}

// Whatever a server does, a fetch ends, in time and in memory, and says whether
// trying again would help.
func TestFetchFromHostileServers(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	const limit = 100_000
	content := bytes.Repeat([]byte("p"), limit/2)
	rows := []struct {
		name  string
		fault dingtalktest.FileFault
		limit int64
		time  time.Duration
		code  string
		fatal bool
	}{
		{"larger than the limit", dingtalktest.FileFault{}, limit/2 - 1, 0, "too large", true},
		{"larger, and no word of it", dingtalktest.FileFault{Unsized: true}, limit/2 - 1, 0, "too large", true},
		{"larger, and a lie about it", dingtalktest.FileFault{Length: 10 * limit}, limit, 0, "too large", true},
		{"endless", dingtalktest.FileFault{Endless: true}, limit, 0, "too large", true},
		{"slow", dingtalktest.FileFault{Pause: time.Hour}, limit, 100 * time.Millisecond, "", false},
		{"slow and endless", dingtalktest.FileFault{Pause: 20 * time.Millisecond, Endless: true}, 1 << 40, 200 * time.Millisecond, "", false},
		{"shorter than told", dingtalktest.FileFault{Length: limit}, limit, time.Second, "", false},
		{"gone", dingtalktest.FileFault{Status: http.StatusNotFound}, limit, 0, "HTTP 404", true},
		{"forbidden", dingtalktest.FileFault{Status: http.StatusForbidden}, limit, 0, "HTTP 403", true},
		{"no content", dingtalktest.FileFault{Status: http.StatusNoContent}, limit, 0, "HTTP 204", true},
		{"asked too often", dingtalktest.FileFault{Status: http.StatusTooManyRequests}, limit, 0, "HTTP 429", false},
		{"in trouble", dingtalktest.FileFault{Status: http.StatusBadGateway}, limit, 0, "HTTP 502", false},
		{"redirects elsewhere", dingtalktest.FileFault{Redirect: other.URL + "/x"}, limit, 0, "", true},
		{"redirects to a file of ours", dingtalktest.FileFault{Redirect: "file:///etc/passwd"}, limit, 0, "", true},
		{"redirects to nowhere", dingtalktest.FileFault{Redirect: "/nowhere"}, limit, 0, "HTTP 404", true},
		{"is elsewhere", dingtalktest.FileFault{URL: other.URL + "/x"}, limit, 0, "", true},
		{"is in the cloud's own network", dingtalktest.FileFault{URL: "http://100.100.100.200/latest/meta-data"}, limit, 0, "", true},
		{"is no URL", dingtalktest.FileFault{URL: "http://\x00"}, limit, 0, "", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cloud, r, ev := sentFile(t, dingtalktest.Options{}, content)
			cloud.BreakFile(ev.Files[0].Ref, row.fault)
			if row.time > 0 {
				r.files.Timeout = row.time
			}
			got, err := r.Fetch(patient(t), ev, ev.Files[0], row.limit)
			var e *connectors.Error
			if err == nil || got != nil || !errors.As(err, &e) || e.Code != row.code || connectors.Permanent(err) != row.fatal {
				t.Errorf("%d bytes, %v (%+v)", len(got), err, e)
			}
			if err != nil && strings.Contains(err.Error(), "Signature") {
				t.Errorf("the URL is in the error: %v", err)
			}
		})
	}
	if elsewhere != 0 {
		t.Errorf("%d calls to another host", elsewhere)
	}
}

func TestFetchTriesAgain(t *testing.T) {
	cloud, r, ev := sentFile(t, dingtalktest.Options{}, []byte("png"))
	cloud.FailRoute(dingtalktest.PathFile, dingtalktest.Failure{Cut: true, Times: 1})
	cloud.FailRoute(dingtalktest.PathDownload, dingtalktest.Failure{Status: 503, Times: 1})
	if got, err := r.Fetch(patient(t), ev, ev.Files[0], 10); err != nil || string(got) != "png" {
		t.Errorf("%q, %v", got, err)
	}
}

// The platform's refusals are typed, and no reason to ask again.
func TestFetchRefused(t *testing.T) {
	cloud, r, ev := sentFile(t, dingtalktest.Options{}, []byte("png"))
	stranger := ev
	var to address
	must(t, json.Unmarshal(ev.Address, &to))
	to.RobotCode = "somebody-elses"
	stranger.Address, _ = json.Marshal(to)
	broken := ev
	broken.Address = json.RawMessage(`7`)
	f := ev.Files[0]
	rows := []struct {
		name string
		ev   connectors.Event
		f    connectors.File
		code string
	}{
		{"unknown code", ev, connectors.File{Ref: "nonsense"}, "invalidParameter.robotCode.downloadCode"},
		{"another robot", stranger, f, "invalidParameter.robotCode.auth"},
		{"no code", ev, connectors.File{}, ""},
		{"known to be too large", ev, connectors.File{Ref: f.Ref, Size: 11}, "too large"},
		{"no address", broken, f, ""},
	}
	for _, row := range rows {
		_, err := r.Fetch(patient(t), row.ev, row.f, 10)
		var e *connectors.Error
		if !errors.As(err, &e) || e.Code != row.code || !connectors.Permanent(err) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	cloud.ExpireFiles()
	_, err := r.Fetch(patient(t), ev, f, 10)
	var e *connectors.Error
	if !errors.As(err, &e) || e.Code != "invalidParameter.robotCode.downloadCode" || !connectors.Permanent(err) {
		t.Errorf("an expired code: %v", err)
	}
	if n := cloud.Calls(dingtalktest.PathDownload); n != 3 {
		t.Errorf("%d calls for 3 codes", n)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	cloud, r, ev := sentFile(t, dingtalktest.Options{}, []byte("png"))
	cloud.BreakFile(ev.Files[0].Ref, dingtalktest.FileFault{Pause: time.Hour})
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := r.Fetch(ctx, ev, ev.Files[0], 10)
		done <- err
	}()
	eventually(t, "the download has begun", func() bool { return cloud.Fetches(ev.Files[0].Ref) > 0 })
	cancel()
	if err := next(t, done, "the end of Fetch"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFetchStopsAfterSomeRedirects(t *testing.T) {
	hops := 0
	var loop *httptest.Server
	loop = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hops++
		if req.Header.Get("Referer") != "" {
			t.Error("the URL before is told")
		}
		http.Redirect(w, req, loop.URL+"/again", http.StatusFound)
	}))
	defer loop.Close()
	c := New(Config{Endpoint: loop.URL}, nil, slog.New(slog.DiscardHandler))
	defer c.files.CloseIdleConnections()
	if _, err := c.download(patient(t), loop.URL, 10); !connectors.Permanent(err) || !errors.Is(err, errElsewhere) || hops != maxHops+1 {
		t.Errorf("%d hops, %v", hops, err)
	}
}

func TestFileHosts(t *testing.T) {
	c := New(Config{Endpoint: "http://127.0.0.1:8080"}, nil, slog.New(slog.DiscardHandler))
	for link, want := range map[string]string{
		"https://static.dingtalk.com/a":                              "https://static.dingtalk.com/a",
		"http://wukong-file.oss-cn-zhangjiakou.aliyuncs.com/a?S=%2B": "https://wukong-file.oss-cn-zhangjiakou.aliyuncs.com/a?S=%2B",
		"http://wukong.aliyuncs.com:80/a":                            "https://wukong.aliyuncs.com/a",
		"https://WUKONG.ALIYUNCS.COM:443/a":                          "https://WUKONG.ALIYUNCS.COM/a",
		"http://127.0.0.1:8080/a":                                    "http://127.0.0.1:8080/a",
		"http://127.0.0.1:8081/a":                                    "",
		"https://127.0.0.1:8080/a":                                   "",
		"https://aliyuncs.com.evil.example/a":                        "",
		"https://evilaliyuncs.com/a":                                 "",
		"https://evil.example/aliyuncs.com":                          "",
		"https://x.aliyuncs.com@evil.example/a":                      "",
		"https://me@x.aliyuncs.com/a":                                "",
		"https://x.aliyuncs.com:8443/a":                              "",
		"ftp://x.aliyuncs.com/a":                                     "",
		"//x.aliyuncs.com/a":                                         "",
		"x.aliyuncs.com/a":                                           "",
		"":                                                           "",
	} {
		where, err := url.Parse(link)
		must(t, err)
		err = c.fileHost(where)
		if (err == nil) != (want != "") || (err == nil && where.String() != want) {
			t.Errorf("%s: %s, %v; want %q", link, where, err, want)
		}
	}
}
