package feishutest

import (
	"iter"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The codes of message resources.
const (
	codeBadResource   = 234001
	codeNotInMessage  = 234003
	codeAppNotInChat  = 234004
	codeFileTooLarge  = 234037
	codeNoDownload    = 234043
	maxDownload       = 100 << 20
	textNoDownload    = "Unsupported message type."
	textNotInMessage  = "File not in message."
	defaultPieceBytes = 32 << 10
)

var downloadScopes = []string{"im:message:readonly", "im:message", "im:message.history:readonly"}

// Resource is a picture or file in the cloud, with the ways in which its
// download can go wrong.
type Resource struct {
	Bytes       []byte
	Name        string // in Content-Disposition; empty: no such header
	ContentType string // default: found out from Bytes

	Size    int64         // what the cloud takes the size to be, which is refused above 100 MB; default: that of Bytes
	Delay   time.Duration // before each piece
	Piece   int           // how many bytes are sent at once; default 32 KB
	Endless bool          // Bytes over and over, without a Content-Length
	CutAt   int           // the connection is cut after so many bytes, or all there are; 0: never
	Length  int64         // the Content-Length that is announced; default: the true one; negative: none
}

// Download is one request for a resource that was served.
type Download struct {
	At        time.Time
	AppID     string
	MessageID string
	Key       string
	Type      string // image or file
	Bytes     int64  // how many have been sent so far
}

// PutImage keeps a picture and returns the key for Image and PostImage.
func (s *Server) PutImage(b []byte) string {
	return s.PutResource("img_v3_02"+hexID("", 2)+"_"+uuid()+"g", Resource{Bytes: b})
}

// PutFile keeps a file and returns the key for File, Audio and Video.
func (s *Server) PutFile(name string, b []byte) string {
	return s.PutResource("file_v3_00"+hexID("", 2)+"_"+uuid()+"g", Resource{Bytes: b, Name: name})
}

// PutResource keeps r under key and returns key.
func (s *Server) PutResource(key string, r Resource) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources[key] = r
	return key
}

// Downloads returns the downloads that were begun, oldest first.
func (s *Server) Downloads() []Download {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Download, len(s.downloads))
	for i, d := range s.downloads {
		all[i] = *d
	}
	return all
}

// readResource answers with the bytes of a picture or file in a message.
func (s *Server) readResource(c call) (any, *refusal) {
	key, kind := c.r.PathValue("file_key"), c.r.URL.Query().Get("type")
	if kind != "image" && kind != "file" {
		return nil, refuse(codeBadResource, "Invalid request param.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages.get(c.r.PathValue("message_id"))
	switch {
	case m == nil:
		return nil, refuse(codeBadResource, "Invalid request param.") // UNVERIFIED
	case m.gone != 0:
		return nil, refuse(codeDeleted, goneTexts[codeDeleted]) // of a recalled one: UNVERIFIED
	case !m.chat.apps[c.app]:
		return nil, refuse(codeAppNotInChat, "App not in chat.")
	case m.upper != nil, m.msgType == "merge_forward", m.msgType == "interactive",
		m.msgType == "sticker", m.msgType == "folder": // the code of the last two: UNVERIFIED
		return nil, refuse(codeNoDownload, textNoDownload)
	}
	r, kept := s.resources[key]
	switch {
	case !kept || !holds(m.content, kind+"_key", key): // also for the wrong type: UNVERIFIED
		return nil, refuse(codeNotInMessage, textNotInMessage)
	case max(r.Size, int64(len(r.Bytes))) > maxDownload:
		return nil, refuse(codeFileTooLarge, "Downloaded file size exceeds limit.")
	}
	if s.opts.Doubts.NoFileName {
		r.Name = ""
	}
	d := &Download{At: s.now(), AppID: c.app.AppID, MessageID: m.id, Key: key, Type: kind}
	if !s.opts.NoHistory {
		s.downloads = append(s.downloads, d)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.serveResource(w, req, r, d) }), nil
}

// holds says whether a message's content has a member with a key, on whatever
// level.
func holds(content, member, key string) bool {
	n, _ := decodeNode(content)
	found := n[member] == key
	walk(n, func(n node) { found = found || n[member] == key })
	return found
}

// serveResource sends r and counts in d.
func (s *Server) serveResource(w http.ResponseWriter, req *http.Request, r Resource, d *Download) {
	if r.ContentType == "" {
		r.ContentType = http.DetectContentType(r.Bytes)
	}
	if r.Length == 0 {
		r.Length = int64(len(r.Bytes))
	}
	w.Header().Set("Content-Type", r.ContentType)
	if r.Name != "" {
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": r.Name}))
	}
	if !r.Endless && r.Length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(r.Length, 10))
		r.Bytes = r.Bytes[:min(r.Length, int64(len(r.Bytes)))] // net/http sends no more than it announces
	}
	if r.CutAt > 0 {
		defer cut(w)
	}
	for piece := range r.pieces() {
		if r.Delay > 0 && !s.pause(req, r.Delay) {
			return
		}
		s.mu.Lock()
		d.Bytes += int64(len(piece)) // before anybody can have read it
		s.mu.Unlock()
		if _, err := w.Write(piece); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// pieces are the parts of r that are sent, one after the other.
func (r Resource) pieces() iter.Seq[[]byte] {
	size, left := r.Piece, r.CutAt
	if size == 0 {
		size = defaultPieceBytes
	}
	return func(yield func([]byte) bool) {
		for len(r.Bytes) > 0 {
			for piece := range slices.Chunk(r.Bytes, size) {
				if r.CutAt > 0 {
					piece = piece[:min(len(piece), left)]
					left -= len(piece)
				}
				if len(piece) == 0 || !yield(piece) {
					return
				}
			}
			if !r.Endless {
				return
			}
		}
	}
}
