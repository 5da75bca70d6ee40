package access

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// maxRecent bounds what is remembered in one place.
const maxRecent = 10_000

// recent keeps values until their time is up. It is only ever a shortcut: when too
// much is remembered, all of it is forgotten. The zero value is empty.
type recent[V any] struct {
	mu   sync.Mutex
	kept map[string]keptValue[V] // guarded by mu
}

type keptValue[V any] struct {
	value V
	until time.Time
}

func (r *recent[V]) get(key string) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.kept[key]; ok && time.Now().Before(k.until) {
		return k.value, true
	}
	return value, false
}

func (r *recent[V]) put(key string, value V, keep time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if _, known := r.kept[key]; !known && len(r.kept) >= maxRecent {
		maps.DeleteFunc(r.kept, func(_ string, k keptValue[V]) bool { return !now.Before(k.until) })
		if len(r.kept) >= maxRecent {
			r.kept = nil
		}
	}
	if r.kept == nil {
		r.kept = make(map[string]keptValue[V])
	}
	r.kept[key] = keptValue[V]{value, now.Add(keep)}
}

// seldom says when it is time to log something again. The zero value is ready.
type seldom struct{ last atomic.Int64 } // in Unix ns

// logAgain is how long something is not logged again.
const logAgain = time.Minute

// now reports whether to log it now.
func (s *seldom) now() bool {
	last, now := s.last.Load(), time.Now()
	return now.Sub(time.Unix(0, last)) >= logAgain && s.last.CompareAndSwap(last, now.UnixNano())
}
