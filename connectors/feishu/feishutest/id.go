package feishutest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// hexID returns prefix and n random hexadecimal digits.
func hexID(prefix string, n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)[:n]
}

// derivedID returns prefix and 32 hexadecimal digits that depend on of alone.
func derivedID(prefix, of string) string {
	sum := sha256.Sum256([]byte(of))
	return prefix + hex.EncodeToString(sum[:16])
}

// deviceID returns 19 digits, the first not 0.
func deviceID() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(8e18)) // never fails
	return n.Add(n, big.NewInt(1e18)).String()
}

// uuid returns a random UUID.
func uuid() string {
	s := hexID("", 32)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", s[:8], s[8:12], s[13:16], s[17:20], s[20:])
}

// logID returns an id in the form of X-Tt-Logid: a time and 20 digits.
func logID() string {
	return time.Now().Format("20060102150405") + strings.ToUpper(hexID("", 20))
}

// store is a map that can forget its oldest entries. The zero value is empty and
// remembers everything.
type store[V any] struct {
	limit   int // how many entries are remembered; 0: all
	entries map[string]V
	order   []string // keys, oldest first; only kept with a limit
}

// forgetAbove is the limit of the stores with Options.NoHistory.
const forgetAbove = 1 << 16

// get returns the entry of key, the zero value where there is none.
func (s *store[V]) get(key string) V { return s.entries[key] }

// put sets the entry of key.
func (s *store[V]) put(key string, v V) {
	if s.entries == nil {
		s.entries = make(map[string]V)
	}
	if _, old := s.entries[key]; !old && s.limit > 0 {
		s.order = append(s.order, key)
		for len(s.order) > s.limit {
			delete(s.entries, s.order[0])
			s.order = s.order[1:]
		}
	}
	s.entries[key] = v
}
