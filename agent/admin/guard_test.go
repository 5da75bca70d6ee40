package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// request is one that is asked of the Server itself, from any address.
type request struct {
	method, path, host, from, body string
	header                         map[string]string
}

// at asks it, and returns the answer.
func (q request) at(s *Server) *httptest.ResponseRecorder {
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.path == "" {
		q.path = "/api/health"
	}
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	r.Host, r.RemoteAddr = "127.0.0.1:18789", "127.0.0.1:4000"
	if q.host != "" {
		r.Host = q.host
	}
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func headers(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

const right = "Bearer s3cret"

func TestWhoMayRead(t *testing.T) {
	for _, c := range []struct {
		name     string
		token    string
		loopback bool
		request  request
		want     int
	}{
		{"this machine", "", true, request{}, 200},
		{"by name", "", true, request{host: "LocalHost:1"}, 200},
		{"by IPv6", "", true, request{host: "[::1]:1", from: "[::1]:5"}, 200},
		{"by a name that points here", "", true, request{host: "evil.example"}, 403},
		{"with a token, no login on loopback", "s3cret", true, request{}, 200},
		{"with a token, by a name that points here", "s3cret", true, request{host: "evil.example"}, 401},
		{"a proxy on this machine", "s3cret", true, request{header: headers("X-Forwarded-For", "198.51.100.7")}, 401},
		{"such a proxy that knows the token", "s3cret", true, request{host: "ops.example", header: headers("X-Forwarded-For", "198.51.100.7", "Authorization", right)}, 200},
		{"a wrong token", "s3cret", true, request{header: headers("Authorization", "Bearer s3cre")}, 401},
		{"the token bare", "s3cret", true, request{header: headers("Authorization", "s3cret")}, 200},
		{"a listener for all, from here", "s3cret", false, request{}, 401},
		{"from elsewhere", "s3cret", false, request{host: "192.0.2.1", from: "198.51.100.7:9"}, 401},
		{"from elsewhere with the token", "s3cret", false, request{host: "192.0.2.1", from: "198.51.100.7:9", header: headers("Authorization", right)}, 200},
		{"a page of another site", "", true, request{header: headers("Sec-Fetch-Site", "cross-site")}, 403},
		{"a page of a neighbour", "", true, request{header: headers("Sec-Fetch-Site", "same-site")}, 403},
		{"our page", "", true, request{header: headers("Sec-Fetch-Site", "same-origin")}, 200},
		{"a link to our page", "", true, request{path: "/", header: headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")}, 200},
		{"our page in a frame", "", true, request{path: "/", header: headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")}, 403},
		{"a link to an answer", "", true, request{header: headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")}, 403},
		{"no route", "", true, request{path: "/nothing"}, 404},
		{"no metrics", "", true, request{path: "/metrics"}, 404},
	} {
		s := start(t, Config{Token: c.token})
		s.loopback = c.loopback
		w := c.request.at(s)
		if w.Code != c.want || strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%s: HTTP %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
		if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", c.name, h)
		}
	}
}

func TestWhoMayChange(t *testing.T) {
	const json = "application/json"
	command := headers(commandHeader, "1", "Content-Type", json)
	with := func(pairs ...string) map[string]string {
		m := headers(pairs...)
		m["Content-Type"] = json
		return m
	}
	for _, c := range []struct {
		name   string
		token  string
		header map[string]string
		want   int // 404 is in: there is no such letter
	}{
		{"the command line without a token", "", command, 404},
		{"a client that is no command line", "", with(), 403},
		{"our page without a token", "", with("Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:18789"), 403},
		{"our page that says it is the command line", "", with("Sec-Fetch-Site", "same-origin", commandHeader, "1"), 403},
		{"an old browser that says so", "", with("Origin", "http://127.0.0.1:18789", commandHeader, "1"), 403},
		{"another site that says so", "", with("Origin", "http://evil.example", commandHeader, "1"), 403},
		{"another site in a new browser", "s3cret", with("Sec-Fetch-Site", "cross-site", "Authorization", right), 403},
		{"another site in an old browser", "s3cret", with("Origin", "http://evil.example", "Authorization", right), 403},
		{"the command line that does not know the token", "s3cret", command, 403},
		{"a wrong token", "s3cret", with("Authorization", "Bearer x"), 401},
		{"the token", "s3cret", with("Authorization", right), 404},
		{"the token with a form", "s3cret", headers("Authorization", right, "Content-Type", "application/x-www-form-urlencoded"), 415},
		{"the token with nothing", "s3cret", headers("Authorization", right), 415},
	} {
		s := start(t, Config{Token: c.token, Connections: []Connection{{Name: "c1", Link: &link{}}}})
		for _, path := range []string{"/api/inbox/retry", "/api/inbox/drop"} {
			if w := (request{method: http.MethodPost, path: path, body: `{"id":"x"}`, header: c.header}).at(s); w.Code != c.want {
				t.Errorf("%s, %s: HTTP %d, want %d: %s", c.name, path, w.Code, c.want, w.Body)
			}
			if w := (request{path: path, header: c.header}).at(s); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusForbidden {
				t.Errorf("%s, GET %s: HTTP %d", c.name, path, w.Code)
			}
		}
	}
}

func TestBodyOfAnOrderHasToBeJSON(t *testing.T) {
	s := start(t, Config{})
	for body, want := range map[string]int{`{`: 400, `[]`: 400, `{"id":"` + strings.Repeat("x", maxBody) + `"}`: 400, `{}`: 404} {
		w := request{method: http.MethodPost, path: "/api/inbox/drop", body: body, header: headers(commandHeader, "1", "Content-Type", "application/json; charset=utf-8")}.at(s)
		if w.Code != want {
			t.Errorf("%.20s: HTTP %d, want %d", body, w.Code, want)
		}
	}
}

func TestOnlyAllowedAddressesAreAnswered(t *testing.T) {
	s := start(t, Config{Token: "s3cret", Allow: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("::ffff:192.0.2.0/120"),
	}})
	for from, want := range map[string]int{
		"10.1.2.3:9": 401, "[::ffff:10.1.2.3]:9": 401, "11.1.2.3:9": 403, "[fd12::1]:9": 401, "[fd12::1%eth0]:9": 401, "[fe80::1]:9": 403,
		"192.0.2.7:9": 401, "[::ffff:192.0.2.7]:9": 401, "192.0.3.7:9": 403, "127.0.0.1:9": 200, "[::1]:9": 200, "[::ffff:127.0.0.1]:9": 200, "@": 403,
	} {
		if w := (request{from: from}).at(s); w.Code != want {
			t.Errorf("%s: HTTP %d, want %d", from, w.Code, want)
		}
	}
	s.Set(Config{Store: s.now().Store, Desk: s.now().Desk, Token: "s3cret"})
	if w := (request{from: "11.1.2.3:9"}).at(s); w.Code != http.StatusUnauthorized {
		t.Errorf("with nothing set all may ask: HTTP %d", w.Code)
	}
}

func TestListenerForOthersNeedsAToken(t *testing.T) {
	if _, err := New(Config{Listen: "0.0.0.0:0", Store: pinger(fine), Desk: newStore(t)}, quiet()); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{log: quiet(), logins: newLogins()}
		s.Set(Config{Token: "s3cret", Store: pinger(fine)})
		s.http.Handler = s.guarded(http.NewCrossOriginProtection(), s.routes())
		guess := func(from, token string) *httptest.ResponseRecorder {
			return request{from: from, header: headers("Authorization", "Bearer "+token)}.at(s)
		}
		for i := range freeTries {
			if w := guess("198.51.100.7:1", fmt.Sprint(i)); w.Code != http.StatusUnauthorized {
				t.Fatalf("try %d: HTTP %d", i, w.Code)
			}
		}
		w := guess("198.51.100.7:2", "s3cret")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3" {
			t.Errorf("HTTP %d, retry after %s", w.Code, w.Header().Get("Retry-After"))
		}
		if w := guess("198.51.100.8:1", "s3cret"); w.Code != http.StatusOK {
			t.Errorf("another address: HTTP %d", w.Code)
		}
		time.Sleep(tryCost)
		if w := guess("198.51.100.7:3", "s3cret"); w.Code != http.StatusOK {
			t.Errorf("after a while: HTTP %d", w.Code)
		}
		for i := range freeTries {
			if w := guess("198.51.100.7:1", fmt.Sprint(i)); w.Code != http.StatusUnauthorized {
				t.Errorf("the right token gives all tries back, but try %d: HTTP %d", i, w.Code)
			}
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	var all tries
	now := time.Now()
	for i := range 2 * maxTries {
		all.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(all.until) > maxTries+1 {
		t.Errorf("%d addresses are remembered", len(all.until))
	}
	late := netip.MustParseAddr("192.0.2.1")
	if all.take(late, now) == 0 {
		t.Error("who comes when all accounts are taken has one of its own")
	}
	if wait := all.take(late, now.Add(time.Hour*24)); wait != 0 {
		t.Errorf("a day later it waits %s", wait)
	}
	one, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1")
	for range freeTries {
		all.take(one, now.Add(time.Hour*48))
	}
	if all.take(other, now.Add(time.Hour*48)) == 0 {
		t.Error("a household has an account for each of its addresses")
	}
}

// A proxy on this machine does not make everybody look like this machine: the address
// that it names is the one that has to be allowed, and that pays for its tries.
func TestWhoIsBehindAProxyOnThisMachine(t *testing.T) {
	s := start(t, Config{Token: "s3cret", Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	for _, c := range []struct {
		header map[string]string
		want   int
	}{
		{headers("X-Forwarded-For", "10.1.2.3"), 401},
		{headers("X-Forwarded-For", "10.1.2.3", "Authorization", right), 200},
		{headers("X-Forwarded-For", "198.51.100.7, 10.1.2.3:4444", "Authorization", right), 200},
		{headers("X-Forwarded-For", "[fd00::1]:4444", "Authorization", right), 200},
		{headers("X-Forwarded-For", "::ffff:10.1.2.3", "Authorization", right), 200},
		{headers("X-Forwarded-For", "127.0.0.1", "Authorization", right), 200},
		{headers("X-Forwarded-For", "198.51.100.7", "Authorization", right), 403},
		{headers("X-Forwarded-For", "10.1.2.3, 198.51.100.7", "Authorization", right), 403}, // the first is what the client wrote
		{headers("X-Forwarded-For", "unknown", "Authorization", right), 403},
		{headers("Via", "1.1 proxy", "Authorization", right), 403},
		{headers("Authorization", right), 200},
	} {
		if w := (request{header: c.header}).at(s); w.Code != c.want {
			t.Errorf("%v: HTTP %d, want %d", c.header, w.Code, c.want)
		}
	}
	from := "198.51.100.7:9" // not this machine: its header is anybody's
	if w := (request{from: from, header: headers("X-Forwarded-For", "10.1.2.3", "Authorization", right)}).at(s); w.Code != 403 {
		t.Errorf("the header of an address elsewhere is believed: HTTP %d", w.Code)
	}
	for range 2 * freeTries {
		request{header: headers("X-Forwarded-For", "10.6.6.6", "Authorization", "Bearer wrong")}.at(s)
	}
	for address, want := range map[string]int{"10.6.6.6": 429, "10.1.2.3": 200} {
		if w := (request{header: headers("X-Forwarded-For", address, "Authorization", right)}).at(s); w.Code != want {
			t.Errorf("%s after the tries of 10.6.6.6: HTTP %d, want %d", address, w.Code, want)
		}
	}
}
