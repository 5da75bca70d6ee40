package admin

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// login logs in, and returns the cookie.
func logIn(t *testing.T, s *Server, token string) *http.Cookie {
	t.Helper()
	w := request{method: http.MethodPost, path: "/api/login", body: `{"token":"` + token + `"}`, header: headers("Sec-Fetch-Site", "same-origin")}.at(s)
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	return w.Result().Cookies()[0]
}

func TestLoginGivesACookieThatMayChange(t *testing.T) {
	s := start(t, Config{Token: "s3cret"})
	s.loopback = false
	cookie := logIn(t, s, "s3cret")
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.MaxAge != int(loginLife.Seconds()) {
		t.Errorf("the cookie is %+v", cookie)
	}
	with := func(more ...string) map[string]string {
		return headers(append(more, "Cookie", cookie.Name+"="+cookie.Value, "Content-Type", "application/json")...)
	}
	if w := (request{header: with()}).at(s); w.Code != http.StatusOK {
		t.Errorf("read: HTTP %d", w.Code)
	}
	for site, want := range map[string]int{"same-origin": 404, "cross-site": 403, "same-site": 403} {
		if w := (request{method: http.MethodPost, path: "/api/inbox/retry", body: `{"id":"x"}`, header: with("Sec-Fetch-Site", site)}).at(s); w.Code != want {
			t.Errorf("change from %s: HTTP %d, want %d", site, w.Code, want)
		}
	}
	w := request{method: http.MethodPost, path: "/api/logout", header: with()}.at(s)
	if gone := w.Result().Cookies(); len(gone) != 1 || gone[0].MaxAge >= 0 || gone[0].Name != cookie.Name {
		t.Errorf("logged out with %v", gone)
	}
	config := *s.now()
	config.Token = "another"
	s.Set(config)
	if w := (request{header: with()}).at(s); w.Code != http.StatusUnauthorized {
		t.Errorf("after the token was changed: HTTP %d", w.Code)
	}
}

func TestLoginIsRefused(t *testing.T) {
	s := start(t, Config{Token: "s3cret"})
	for body, want := range map[string]int{`{"token":"wrong"}`: 401, `{"token":""}`: 401, `{}`: 401, `token`: 400, `{"token":"` + strings.Repeat("x", maxBody): 400} {
		w := request{method: http.MethodPost, path: "/api/login", body: body}.at(s)
		if w.Code != want || len(w.Result().Cookies()) > 0 {
			t.Errorf("%.20s: HTTP %d, want %d; cookies %v", body, w.Code, want, w.Result().Cookies())
		}
	}
	open := start(t, Config{})
	if w := (request{method: http.MethodPost, path: "/api/login", body: `{"token":""}`}).at(open); w.Code != http.StatusForbidden {
		t.Errorf("without a token: HTTP %d", w.Code)
	}
}

func TestCookiesOfOthersAndOldOnesAreNone(t *testing.T) {
	l, now := newLogins(), time.Now()
	value := l.issue("s3cret", now)
	if !l.valid(value, "s3cret", now.Add(loginLife-2*time.Second)) {
		t.Error("it is not valid to its end")
	}
	raw, _ := base64.RawURLEncoding.DecodeString(value)
	longer := append([]byte{}, raw...)
	longer[6]++ // valid for longer, if it were not signed
	for name, ok := range map[string]bool{
		"too old":       l.valid(value, "s3cret", now.Add(loginLife+time.Second)),
		"other token":   l.valid(value, "other", now),
		"no token":      l.valid(l.issue("", now), "", now),
		"other process": newLogins().valid(value, "s3cret", now),
		"longer":        l.valid(base64.RawURLEncoding.EncodeToString(longer), "s3cret", now),
		"cut":           l.valid(value[:20], "s3cret", now),
		"empty":         l.valid("", "s3cret", now),
	} {
		if ok {
			t.Errorf("%s is valid", name)
		}
	}
}

func FuzzCookie(f *testing.F) {
	l := newLogins()
	f.Add(l.issue("s3cret", time.Now()))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, value string) {
		if newLogins().valid(value, "s3cret", time.Now()) {
			t.Errorf("%q is valid under a key that nobody has", value)
		}
	})
}
