package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// caller is what somebody who asks may do.
type caller int

const (
	stranger caller = iota // has to log in first
	reader                 // is on this machine, and may read
	operator               // knows the token, and may change things
)

// guarded is before every request: addresses that are not allowed, and pages of
// other sites, do not get past it.
func (s *Server) guarded(cross *http.CrossOriginProtection, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", closedPolicy)
		switch {
		case !allowed(s.now().Allow, client(r)):
			s.answer(w, http.StatusForbidden, problem{"this address is not in admin.allow"})
		case cross.Check(r) != nil || fromElsewhere(r):
			s.answer(w, http.StatusForbidden, problem{"a page of another site asks"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// closedPolicy is for everything but the page: nothing in it is to be run or loaded.
const closedPolicy = "default-src 'none'; frame-ancestors 'none'"

// fromElsewhere reports whether a browser asks for the page of another site. It could
// not read the answer, but it need not even have it. A link to our page is fine.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// reading lets those through who may read.
func (s *Server) reading(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, wait := s.who(r)
		if who == stranger {
			s.turnAway(w, r, wait)
			return
		}
		next(w, r)
	})
}

// changing lets those through who may change something, and who say so as no form in a
// browser can.
func (s *Server) changing(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, wait := s.who(r)
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case who == stranger:
			s.turnAway(w, r, wait)
		case who == reader && !s.commanded(r):
			s.answer(w, http.StatusForbidden, problem{"changes need admin.token"})
		case media != "application/json":
			s.answer(w, http.StatusUnsupportedMediaType, problem{"the body has to be application/json"})
		default:
			next(w, r)
		}
	})
}

// commandHeader is what the command line sends. A browser would have to ask us first
// before it sends it for another site, and we do not answer that.
const commandHeader = "X-Longwire-Command"

// commanded reports whether the command line on this machine asks, while there is no
// token that it could show. Every browser sends one of the two other headers.
func (s *Server) commanded(r *http.Request) bool {
	h := r.Header
	return s.now().Token == "" && h.Get(commandHeader) != "" && h.Get("Origin") == "" && h.Get("Sec-Fetch-Site") == ""
}

// who says who asks. A stranger who has shown too many wrong tokens has to wait.
func (s *Server) who(r *http.Request) (who caller, wait time.Duration) {
	token := s.now().Token
	if shown := r.Header.Get("Authorization"); shown != "" && token != "" {
		shown, _ = strings.CutPrefix(shown, "Bearer ")
		if wait = s.try(client(r), shown, token); wait == 0 {
			return operator, 0
		}
		return stranger, wait
	}
	if s.loggedIn(r, token) {
		return operator, 0
	}
	if s.loopback && direct(r) && s.named(r.Host) {
		return reader, 0
	}
	return stranger, 0
}

// wrongToken is the wait after a token that is wrong: none, but it is not right.
const wrongToken = -1

// try compares a token, unless this address has to wait first. It returns 0 when it
// is right. Hashes are compared, so that neither the token nor its length can be told
// from the time.
func (s *Server) try(from netip.Addr, shown, token string) (wait time.Duration) {
	if wait = s.tries.take(from, time.Now()); wait > 0 {
		return wait
	}
	got, want := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		s.log.Warn("wrong admin token", "address", from)
		return wrongToken
	}
	s.tries.forget(from)
	return 0
}

// turnAway tells somebody who is not let in what is missing.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	switch {
	case wait > 0:
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		s.answer(w, http.StatusTooManyRequests, problem{fmt.Sprintf("too many wrong tokens; try again in %d s", seconds)})
	case s.now().Token == "":
		s.answer(w, http.StatusForbidden, problem{"ask from this machine and by its address, or set admin.token"})
	default:
		// Without WWW-Authenticate for the page: the browser's own form would come up.
		if r.Header.Get("Sec-Fetch-Mode") == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		s.answer(w, http.StatusUnauthorized, problem{"admin.token is needed: Authorization: Bearer TOKEN"})
	}
}

// named reports whether host is what this machine is called by itself: an address,
// localhost, or what is configured. Whoever makes another name point here has a page
// in a browser, and wants it to read ours.
func (s *Server) named(host string) bool {
	name := hostOf(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return strings.EqualFold(name, "localhost") || strings.EqualFold(name, hostOf(s.now().Listen))
}

// hostOf is host without a port and brackets.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}

// direct reports whether a request comes from this machine, and not through a proxy on
// it that would make everybody look like that.
func direct(r *http.Request) bool { return remote(r).IsLoopback() && !forwarded(r) }

// forwarded reports whether a proxy says that it has passed a request on.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", forwardedFor, "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

const forwardedFor = "X-Forwarded-For"

// client is who asks: the address that a request comes from, or, where a proxy on this
// machine has passed it on, the one that the proxy saw, which is the last in its header.
// From nobody else is the header believed. It is the zero Addr where the proxy does not
// say: all of those share one account of tries, and are in no network of Config.Allow.
func client(r *http.Request) netip.Addr {
	from := remote(r)
	if !from.IsLoopback() || !forwarded(r) {
		return from
	}
	all := strings.Split(strings.Join(r.Header.Values(forwardedFor), ","), ",")
	last := strings.TrimSpace(all[len(all)-1])
	if seen, err := netip.ParseAddrPort(last); err == nil {
		return bare(seen.Addr())
	}
	seen, _ := netip.ParseAddr(strings.Trim(last, "[]"))
	return bare(seen)
}

// remote is the address that a request comes from; the zero Addr where it is unknown.
func remote(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return bare(from.Addr())
}

// bare is an address as it is compared: IPv4 as such, and without a zone.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// allowed reports whether an address may ask. This machine may: it is where health is
// asked from.
func allowed(networks []netip.Prefix, from netip.Addr) bool {
	if len(networks) == 0 || from.IsLoopback() {
		return true
	}
	for _, network := range networks {
		if network.Contains(from) {
			return true
		}
	}
	return false
}

// unmapped are networks with the IPv4 ones written as such: ::ffff:10.0.0.0/104 is
// 10.0.0.0/8.
func unmapped(networks []netip.Prefix) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(networks))
	for _, n := range networks {
		if n.Addr().Is4In6() && n.Bits() >= 96 {
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		all = append(all, n)
	}
	return all
}
