package dingtalktest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// How a robot gets what people sent: PathDownload gives a URL for a downloadCode
// (documented), and the URL gives the bytes. The real URL is on another host, an
// object store, and takes no access token.
const (
	PathDownload = "/v1.0/robot/messageFiles/download"
	PathFile     = "/files/" // what follows differs per URL; Calls and FailRoute take PathFile for all
)

// storedFile is a file that somebody sent.
type storedFile struct {
	name    string
	content []byte
	until   time.Time // of its downloadCode
	fault   FileFault
	fetches int
}

// fileLink is where one downloadUrl leads.
type fileLink struct {
	code      string
	signature string
	until     time.Time
}

// PutFile stores a file as if a person had sent it and returns its downloadCode. The
// name is for the caller: the platform's URL has a name of its own that ends in
// .file, whatever the file is (documented).
func (s *Server) PutFile(name string, data []byte) (downloadCode string) {
	b, c := randomBytes(), randomBytes()
	code := base64.StdEncoding.EncodeToString(append(b[:], c[:]...))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[code] = &storedFile{name: name, content: data, until: time.Now().Add(s.opts.CodeTTL)}
	return code
}

// Fetches is how often the bytes of a file were asked for by a good URL.
func (s *Server) Fetches(downloadCode string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[downloadCode]; f != nil {
		return f.fetches
	}
	return 0
}

// ExpireFiles ends all downloadCodes and URLs given out so far.
func (s *Server) ExpireFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.links)
	for _, f := range s.files {
		f.until = time.Time{}
	}
}

// downloadRequest is the body of PathDownload (documented).
type downloadRequest struct {
	DownloadCode string `json:"downloadCode"`
	RobotCode    string `json:"robotCode"`
}

// download answers PathDownload. The codes are documented; that a missing
// downloadCode has the one of a wrong downloadCode is UNVERIFIED.
func (s *Server) download(w http.ResponseWriter, r *http.Request, a *app) {
	var req downloadRequest
	if !readJSON(w, r, &req) {
		return
	}
	if refusal := a.checkRobot(req.RobotCode); refusal != nil {
		refuse(w, http.StatusBadRequest, refusal)
		return
	}
	link, ok := s.fileURL(req.DownloadCode)
	if !ok {
		writeProblem(w, http.StatusBadRequest, "invalidParameter.robotCode.downloadCode", "下载码有误或者已经过期")
		return
	}
	writeJSON(w, http.StatusOK, struct {
		DownloadURL string `json:"downloadUrl"`
	}{link})
}

// fileURL makes a URL for a downloadCode.
func (s *Server) fileURL(code string) (string, bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[code]
	if f == nil || !now.Before(f.until) {
		return "", false
	}
	if f.fault.URL != "" {
		return f.fault.URL, true
	}
	signature := randomBytes()
	link := fileLink{code: code, signature: base64.StdEncoding.EncodeToString(signature[:]), until: now.Add(s.opts.FileTTL)}
	name := hexOf(randomBytes()) + ".file"
	s.links[name] = link
	query := url.Values{
		"Expires":        {strconv.FormatInt(link.until.Unix(), 10)},
		"OSSAccessKeyId": {"dingtalk"},
		"Signature":      {link.signature},
	}
	return s.url + PathFile + name + "?" + query.Encode(), true
}

// fileAt is the file behind a URL, as it is now.
func (s *Server) fileAt(r *http.Request) (storedFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if r.Header.Get(tokenHeader) != "" {
		s.stats.TokenLeaks++
	}
	link, ok := s.links[r.PathValue("name")]
	if !ok || !time.Now().Before(link.until) || r.URL.Query().Get("Signature") != link.signature {
		return storedFile{}, false
	}
	f := s.files[link.code]
	f.fetches++
	s.stats.Files++
	return *f, true
}

// fetch answers a downloadUrl. A URL that is wrong or too old is refused as object
// stores do it, with 403 and XML (UNVERIFIED).
func (s *Server) fetch(w http.ResponseWriter, r *http.Request) {
	f, ok := s.fileAt(r)
	if !ok {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>`))
		return
	}
	s.serveFile(w, r, f)
}
