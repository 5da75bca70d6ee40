package model

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// How a key rests.
const (
	shortestRefused = time.Minute // after a refusal; doubles with each in a row
	longestRefused  = time.Hour
	busyKey         = time.Second // after a 429 that does not say for how long
)

// key is one API key of an endpoint.
type key struct {
	value   string
	refused time.Duration // the rest after its last refusal, 0 while it is good; guarded by ring.mu
	until   time.Time     // it rests until then; guarded by ring.mu
}

// fingerprint names a key without giving it away.
func (k *key) fingerprint() string {
	sum := sha256.Sum256([]byte(k.value))
	return hex.EncodeToString(sum[:4])
}

// ring is the keys of one endpoint, used in turn. A key that is refused rests, and
// so does one that is used too often. The operator learns of the first at once.
type ring struct {
	fixed   []string  // from the configuration
	expires time.Time // zero: nobody knows
	log     *slog.Logger

	mu     sync.Mutex
	keys   []*key   // guarded by mu, as all below
	turn   int      // whose turn it is
	known  []string // every key there ever was, for redact
	file   *keyFile // nil without one
	warned time.Time
}

func newRing(config Config, log *slog.Logger) *ring {
	r := &ring{fixed: config.Keys, expires: config.KeyExpires, log: log}
	if config.KeyFile != "" {
		r.file = &keyFile{path: config.KeyFile, log: log}
		r.file.look(time.Now(), true)
	} else if len(r.fixed) == 0 {
		r.fixed = []string{""} // an endpoint of one's own asks for none
	}
	r.replace()
	return r
}

// replace makes the keys anew from what is written down. Old rests are over: the
// operator has just done something about them.
func (r *ring) replace() {
	values := slices.Clone(r.fixed)
	if r.file != nil {
		values = append(values, r.file.values...)
	}
	r.keys = nil
	for _, value := range values {
		r.keys = append(r.keys, &key{value: value})
		if value != "" && !slices.Contains(r.known, value) {
			r.known = append(r.known, value)
		}
	}
	if len(r.known) > 64 { // a rotation a day must not grow it for ever
		r.known = slices.Clone(r.known[len(r.known)-64:]) // redact may be reading the old one
	}
}

// take is the next key in turn that is neither in tried nor resting. If all are
// resting and nothing was tried yet, it is the one that comes back first: nil means
// that there is no other to try.
func (r *ring) take(tried []*key, now time.Time) *key {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warn(now)
	// A refused key is reason enough to look: the new one may be there already.
	if r.file != nil && r.file.look(now, len(tried) > 0) {
		r.replace()
	}
	var first *key
	for range r.keys {
		k := r.keys[r.turn%len(r.keys)]
		r.turn = (r.turn + 1) % len(r.keys)
		if slices.Contains(tried, k) {
			continue
		}
		if !now.Before(k.until) {
			return k
		}
		if first == nil || k.until.Before(first.until) {
			first = k
		}
	}
	if len(tried) > 0 {
		return nil
	}
	return first
}

// busy lets k rest because it was used too often.
func (r *ring) busy(k *key, asked time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if asked <= 0 {
		asked = busyKey
	}
	k.until = now.Add(min(asked, longestAsked))
}

// refuse lets k rest because the endpoint does not take it, and tells the operator.
func (r *ring) refuse(k *key, err *Error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.keys, k) || now.Before(k.until) {
		return // it was replaced meanwhile, or others have said so
	}
	k.refused = min(max(2*k.refused, shortestRefused), longestRefused)
	k.until = now.Add(k.refused)
	r.log.Error("api key is refused and rests", "key", k.fingerprint(), "for", k.refused, "err", err)
}

// good notes that the endpoint takes k.
func (r *ring) good(k *key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k.refused > 0 {
		k.refused, k.until = 0, time.Time{}
		r.log.Info("api key is taken again", "key", k.fingerprint())
	}
}

// state counts the keys, and says when the first of them can be used.
func (r *ring) state(now time.Time) (all, resting int, back time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warn(now)
	if r.file != nil && r.file.look(now, false) {
		r.replace()
	}
	for i, k := range r.keys {
		if now.Before(k.until) {
			resting++
		}
		if i == 0 || k.until.Before(back) {
			back = k.until
		}
	}
	return len(r.keys), resting, back
}

// warnAhead is how long before its end a key's expiry is worth a warning.
const warnAhead = 14 * 24 * time.Hour

// warn says once a day that the keys are about to expire, or have. Called with mu
// held, by whoever passes: there is no goroutine for it.
func (r *ring) warn(now time.Time) {
	if r.expires.IsZero() || now.Before(r.expires.Add(-warnAhead)) || now.Sub(r.warned) < 24*time.Hour {
		return
	}
	r.warned = now
	left, last := r.expires.Sub(now), r.expires.Add(-1).Format(time.DateOnly)
	if left <= 0 {
		r.log.Error("api key has expired", "last_day", last)
		return
	}
	r.log.Warn("api key is about to expire", "last_day", last, "days", int(left.Hours()/24))
}

// likeKeys is what looks like a key, or a part of one with stars in it.
var likeKeys = regexp.MustCompile(`(?i)\b(?:sk|ak|pk|key)[-_][\w.*~+/=-]{8,}|\b(?:bearer|basic) [\w.*~+/=-]{8,}`)

// redact takes the keys, and what looks like one, out of an endpoint's words.
func (r *ring) redact(words string) string {
	r.mu.Lock()
	known := r.known
	r.mu.Unlock()
	for _, value := range known {
		words = strings.ReplaceAll(words, value, "[redacted]")
	}
	return likeKeys.ReplaceAllString(words, "[redacted]")
}
