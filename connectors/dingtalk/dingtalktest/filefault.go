package dingtalktest

import (
	"net/http"
	"strconv"
	"time"
)

// FileFault is what is wrong with a file's download. FailRoute with PathFile has
// further faults, for all files.
type FileFault struct {
	URL      string        // PathDownload answers with this URL instead
	Status   int           // the URL answers with this status and no file
	Redirect string        // the URL redirects there
	Endless  bool          // after the file come zeros without end
	Unsized  bool          // there is no Content-Length
	Length   int64         // the Content-Length told instead of the true one; the body then breaks off too early or too late
	Pause    time.Duration // before every 8 KB of the body; the headers come at once
	Type     string        // Content-Type; default application/octet-stream
}

// BreakFile makes the download of a file go wrong from now on; the zero FileFault
// makes it well again. An unknown downloadCode panics.
func (s *Server) BreakFile(downloadCode string, f FileFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.files[downloadCode]
	if file == nil {
		panic("dingtalktest: no file with this downloadCode")
	}
	file.fault = f
}

// filePiece is how much of a file is written at once where it is slow or endless.
const filePiece = 8 << 10

// serveFile answers with a file, as its fault says.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, f storedFile) {
	fault := f.fault
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if fault.Type != "" {
		h.Set("Content-Type", fault.Type)
	}
	switch {
	case fault.Redirect != "":
		http.Redirect(w, r, fault.Redirect, http.StatusFound)
		return
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
		return
	case fault.Length > 0:
		h.Set("Content-Length", strconv.FormatInt(fault.Length, 10))
	case !fault.Unsized && !fault.Endless:
		h.Set("Content-Length", strconv.Itoa(len(f.content)))
	}
	rest := f.content
	for len(rest) > 0 {
		n := min(filePiece, len(rest))
		if !s.writePiece(w, r, rest[:n], fault) {
			return
		}
		rest = rest[n:]
	}
	zeros := make([]byte, filePiece)
	for fault.Endless && s.writePiece(w, r, zeros, fault) {
	}
}

// writePiece waits for the pause and writes a piece of a file. It returns false when
// there is nobody to write to any more.
func (s *Server) writePiece(w http.ResponseWriter, r *http.Request, piece []byte, fault FileFault) bool {
	if fault.Unsized || fault.Endless || fault.Pause > 0 {
		_ = http.NewResponseController(w).Flush() // the headers, or the piece before
	}
	if fault.Pause > 0 && !s.idle(r, fault.Pause) {
		return false
	}
	_, err := w.Write(piece)
	return err == nil
}
