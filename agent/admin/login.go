package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// logins makes and checks the cookies of those who have shown the token:
//
//	8 bytes until when, in Unix seconds · 16 random bytes · 32 bytes HMAC-SHA256
//
// The HMAC is about the first two and the token, under a key that is as old as the
// process: a restart and another token end every login.
type logins struct{ key []byte }

const (
	loginLife  = 12 * time.Hour
	cookieSize = 8 + 16 + sha256.Size
)

func newLogins() logins {
	l := logins{make([]byte, 32)}
	_, _ = rand.Read(l.key) // it never fails
	return l
}

// issue is the value of a new cookie.
func (l logins) issue(token string, now time.Time) string {
	value := make([]byte, 8+16, cookieSize)
	binary.BigEndian.PutUint64(value, uint64(now.Add(loginLife).Unix()))
	_, _ = rand.Read(value[8:])
	return base64.RawURLEncoding.EncodeToString(append(value, l.sum(value, token)...))
}

// valid reports whether value is a cookie of ours that is not too old.
func (l logins) valid(value, token string, now time.Time) bool {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) != cookieSize || token == "" {
		return false
	}
	signed, sum := raw[:8+16], raw[8+16:]
	return hmac.Equal(sum, l.sum(signed, token)) && now.Unix() < int64(binary.BigEndian.Uint64(signed))
}

func (l logins) sum(signed []byte, token string) []byte {
	mac := hmac.New(sha256.New, l.key)
	mac.Write(signed)
	mac.Write([]byte(token))
	return mac.Sum(nil)
}

// cookie is the cookie with a value, or without one to remove it. Cookies know no
// ports, so its name does: two programs on one machine do not log each other out.
func (s *Server) cookie(r *http.Request, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(r), Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

func (s *Server) cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(s.Addr())
	if r.TLS != nil {
		return "__Host-longwire-" + port // which nobody in between can set
	}
	return "longwire-" + port
}

// loggedIn reports whether the cookie of a login comes with a request.
func (s *Server) loggedIn(r *http.Request, token string) bool {
	cookie, err := r.Cookie(s.cookieName(r))
	return err == nil && s.logins.valid(cookie.Value, token, time.Now())
}

// login is POST /api/login with {"token": "…"}.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	token := s.now().Token
	var body struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		s.answer(w, http.StatusBadRequest, problem{"the body is not JSON"})
		return
	}
	if token == "" {
		s.answer(w, http.StatusForbidden, problem{"admin.token is not set"})
		return
	}
	if wait := s.try(client(r), body.Token, token); wait != 0 {
		s.turnAway(w, r, wait)
		return
	}
	s.log.Info("operator logged in", "address", client(r))
	http.SetCookie(w, s.cookie(r, s.logins.issue(token, time.Now()), loginLife))
	s.answer(w, http.StatusOK, struct{}{})
}

// logout is POST /api/logout.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.cookie(r, "", -time.Second))
	s.answer(w, http.StatusOK, struct{}{})
}

// maxBody is more than any body that is sent here.
const maxBody = 8 << 10
