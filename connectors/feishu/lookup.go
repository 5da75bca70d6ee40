package feishu

import (
	"context"
	"sync"
	"time"
)

const (
	lookupTime = time.Second    // what asking may take, of the 3 s that an ack has or of a turn
	lookupKeep = 24 * time.Hour // how long an answer is good
	maxKnown   = 10_000         // answers of one lookup that are kept in mind
)

// lookup asks the platform for what it knows of a group or a person and hardly ever
// changes, and keeps that in memory.
type lookup[V any] struct {
	ask   func(ctx context.Context, id string) (V, error)
	retry time.Duration // until asking again when nobody told
	limit time.Duration // what asking may take

	mu    sync.Mutex
	known map[string]knownUntil[V] // by id; guarded by mu
}

type knownUntil[V any] struct {
	value V
	err   error // why nobody has ever told value; nil when somebody has
	until time.Time
}

func newLookup[V any](retry time.Duration, ask func(ctx context.Context, id string) (V, error)) *lookup[V] {
	return &lookup[V]{ask: ask, retry: retry, limit: lookupTime, known: make(map[string]knownUntil[V])}
}

// of says what is known of id, and asks if need be. When nobody tells, that is what
// was known last, or the zero value. Two who want to know the same at once both ask.
func (l *lookup[V]) of(ctx context.Context, id string) V {
	value, _ := l.told(ctx, id)
	return value
}

// told is of with why nobody has ever told, where that is so.
func (l *lookup[V]) told(ctx context.Context, id string) (V, error) {
	l.mu.Lock()
	known, old := l.known[id]
	l.mu.Unlock()
	if time.Now().Before(known.until) {
		return known.value, known.err
	}
	asking, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	value, err := l.ask(asking, id)
	if err == nil {
		l.note(id, knownUntil[V]{value, nil, time.Now().Add(lookupKeep)})
		return value, nil
	}
	if old && known.err == nil {
		err = nil // better an old answer than none
	}
	if ctx.Err() == nil { // else whoever asked has gone, which says nothing about the platform
		l.note(id, knownUntil[V]{known.value, err, time.Now().Add(l.retry)})
	}
	return known.value, err
}

// note keeps what is known of id. It forgets everything else when that is too much.
func (l *lookup[V]) note(id string, now knownUntil[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, old := l.known[id]; !old && len(l.known) >= maxKnown {
		clear(l.known)
	}
	l.known[id] = now
}
