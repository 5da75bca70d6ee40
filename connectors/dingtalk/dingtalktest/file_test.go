package dingtalktest

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// downloadURL asks for the URL of a file.
func downloadURL(t *testing.T, s *Server, tok, code string) string {
	t.Helper()
	a := mustPost(t, s, PathDownload, map[string]string{"robotCode": clientID, "downloadCode": code}, tokenHeader, tok)
	if a.status != 200 {
		t.Fatalf("download: %d %s", a.status, a.body)
	}
	return a.field(t, "downloadUrl").(string)
}

// grab gets a URL without following redirects.
func grab(t *testing.T, link string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(patient(t), http.MethodGet, link, nil)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp, body, err
}

func TestDownload(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	data := strings.Repeat("0123456789", 5000)
	code := s.PutFile("a.pdf", []byte(data))
	link := downloadURL(t, s, tok, code)
	u, err := url.Parse(link)
	must(t, err)
	if !strings.HasPrefix(link, s.URL()+PathFile) || !strings.HasSuffix(u.Path, ".file") || u.Query().Get("Expires") == "" || u.Query().Get("Signature") == "" {
		t.Errorf("URL %s", link)
	}
	for range 2 {
		resp, body, err := grab(t, link)
		if err != nil || resp.StatusCode != 200 || string(body) != data || resp.ContentLength != int64(len(data)) || resp.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%v, %d bytes, %v", resp, len(body), err)
		}
	}
	if s.Fetches(code) != 2 || s.Stats().Files != 2 || s.Calls(PathFile) != 2 || s.Fetches("other") != 0 || s.Quota().Calls != 1 {
		t.Errorf("%d fetches, %+v", s.Fetches(code), s.Stats())
	}
	if again := downloadURL(t, s, tok, code); again == link {
		t.Error("the same URL twice")
	}
	_, _, err = grab(t, link, tokenHeader, tok)
	must(t, err)
	if s.Stats().TokenLeaks != 1 {
		t.Error("a leaked token is not counted")
	}
}

func TestDownloadRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	code := s.PutFile("a", []byte("x"))
	for _, row := range []struct{ robot, code, want string }{
		{"", code, "invalidParameter.robotCode.empty"},
		{"other", code, "invalidParameter.robotCode.auth"},
		{clientID, "", "invalidParameter.robotCode.downloadCode"},
		{clientID, "unknown", "invalidParameter.robotCode.downloadCode"},
	} {
		a := mustPost(t, s, PathDownload, map[string]string{"robotCode": row.robot, "downloadCode": row.code}, tokenHeader, tok)
		if a.status != 400 || a.field(t, "code") != row.want {
			t.Errorf("%+v: %d %s", row, a.status, a.body)
		}
	}
	if a := mustPost(t, s, PathDownload, map[string]string{"robotCode": clientID, "downloadcode": code}, tokenHeader, tok); a.status != 400 {
		t.Errorf("misspelt: %d %s", a.status, a.body)
	}
	if a := mustPost(t, s, PathDownload, map[string]string{}); a.field(t, "code") != "InvalidAuthentication" {
		t.Errorf("no token: %d %s", a.status, a.body)
	}
	link := downloadURL(t, s, tok, code)
	forged := strings.Replace(link, "Signature=", "Signature=x", 1)
	for _, bad := range []string{forged, s.URL() + PathFile + "other.file"} {
		if resp, body, err := grab(t, bad); err != nil || resp.StatusCode != 403 || !strings.Contains(string(body), "AccessDenied") {
			t.Errorf("%s: %d %s %v", bad, resp.StatusCode, body, err)
		}
	}
	s.ExpireFiles()
	if resp, _, _ := grab(t, link); resp.StatusCode != 403 {
		t.Errorf("expired: %d", resp.StatusCode)
	}
	a := mustPost(t, s, PathDownload, map[string]string{"robotCode": clientID, "downloadCode": code}, tokenHeader, tok)
	if a.field(t, "code") != "invalidParameter.robotCode.downloadCode" {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	if s.Fetches(code) != 0 {
		t.Error("a refused fetch is counted")
	}
}

func TestFilesExpireByTime(t *testing.T) {
	t.Parallel()
	s := start(t, Options{FileTTL: time.Nanosecond})
	tok := token(t, s)
	if resp, _, _ := grab(t, downloadURL(t, s, tok, s.PutFile("a", []byte("x")))); resp.StatusCode != 403 {
		t.Errorf("URL: %d", resp.StatusCode)
	}
	s = start(t, Options{CodeTTL: time.Nanosecond})
	code := s.PutFile("a", nil)
	a := mustPost(t, s, PathDownload, map[string]string{"robotCode": clientID, "downloadCode": code}, tokenHeader, token(t, s))
	if a.status != 400 {
		t.Errorf("code: %d %s", a.status, a.body)
	}
}

func TestFileFaults(t *testing.T) {
	t.Parallel()
	s := start(t, Options{CallsPerSecond: -1})
	tok := token(t, s)
	code := s.PutFile("a", []byte("0123456789"))
	get := func(f FileFault) (*http.Response, []byte, error) {
		s.BreakFile(code, f)
		return grab(t, downloadURL(t, s, tok, code))
	}
	if resp, _, _ := get(FileFault{Status: 404}); resp.StatusCode != 404 {
		t.Errorf("status: %d", resp.StatusCode)
	}
	if resp, _, _ := get(FileFault{Redirect: "http://127.0.0.2:1/x"}); resp.StatusCode != 302 || resp.Header.Get("Location") != "http://127.0.0.2:1/x" {
		t.Errorf("redirect: %v", resp)
	}
	if resp, body, err := get(FileFault{Unsized: true, Type: "image/png"}); err != nil || resp.ContentLength != -1 || string(body) != "0123456789" || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("unsized: %v %s %v", resp, body, err)
	}
	if resp, body, err := get(FileFault{Length: 99}); !errors.Is(err, io.ErrUnexpectedEOF) || resp.ContentLength != 99 || string(body) != "0123456789" {
		t.Errorf("too short: %q, %v", body, err)
	}
	if resp, body, _ := get(FileFault{Length: 4}); resp.ContentLength != 4 || len(body) > 4 {
		t.Errorf("too long: %q", body)
	}
	if _, body, err := get(FileFault{Endless: true}); err != nil || len(body) != 1<<20 {
		t.Errorf("endless: %d bytes, %v", len(body), err)
	}
	began := time.Now()
	if _, body, err := get(FileFault{Pause: 20 * time.Millisecond}); err != nil || string(body) != "0123456789" || time.Since(began) < 20*time.Millisecond {
		t.Errorf("slow: %q, %v after %s", body, err, time.Since(began))
	}
	s.BreakFile(code, FileFault{URL: "file:///etc/passwd"})
	if link := downloadURL(t, s, tok, code); link != "file:///etc/passwd" {
		t.Errorf("URL %s", link)
	}
	if _, body, err := get(FileFault{}); err != nil || string(body) != "0123456789" {
		t.Errorf("healed: %q, %v", body, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown file was broken")
		}
	}()
	s.BreakFile("unknown", FileFault{})
}

// All files share one path, so that a Failure can be scripted for them.
func TestFailRouteForFiles(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	link := downloadURL(t, s, token(t, s), s.PutFile("a", []byte("x")))
	s.FailRoute(PathFile, Failure{Status: 502, Times: 1})
	if resp, _, _ := grab(t, link); resp.StatusCode != 502 {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _, _ := grab(t, link); resp.StatusCode != 200 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// An endless file ends with the server.
func TestEndlessFileEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	code := s.PutFile("a", nil)
	s.BreakFile(code, FileFault{Endless: true})
	link := downloadURL(t, s, token(t, s), code)
	resp, err := http.Get(link)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.ReadFull(resp.Body, make([]byte, filePiece))
	must(t, err)
	must(t, s.Close())
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the body ended well")
	}
}
