package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// The marks of a life are written by the commits that make what they tell, and
// cost none of their own. Release and Interrupt write nothing, so their marks wait
// in memory for the next commit about the event, or for Close; a crash before that
// forgets them, and nothing else.

// A lease may have several events. All of them are told when they came into a state;
// what happened to the lease meanwhile is told of the oldest.

// has reports whether this is the event that was taken last, or the oldest of them;
// Store.mu is held.
func (m *member) has(trace string) bool { return len(m.traces) > 0 && m.traces[0] == trace }

// mark is a mark that waits for a commit; Store.mu is held.
func (m *member) mark(what conversation.What) {
	m.marks = append(m.marks, conversation.Mark{At: time.Now(), What: what})
}

// takeMarks hands the marks that wait to a write; Store.mu is held. If the write
// fails they are given back.
func (m *member) takeMarks() []conversation.Mark {
	marks := m.marks
	m.marks = nil
	return marks
}

// giveBackMarks undoes takeMarks; Store.mu is held.
func (m *member) giveBackMarks(marks []conversation.Mark) {
	m.marks = append(marks, m.marks...)
}

// marksOf are the marks of a lease that belong to the life of its event n.
func marksOf(n int, marks []conversation.Mark) []conversation.Mark {
	if n == 0 {
		return marks
	}
	return slices.DeleteFunc(slices.Clone(marks), func(m conversation.Mark) bool { return !record.Begins(m.What) })
}

// mark adds to the life of an event. One that begins here, because its id has been
// forgotten, is kept until the given time.
func (r records) mark(trace string, until time.Time, marks ...conversation.Mark) error {
	begun, err := r.append(trace, marks...)
	if err != nil || !begun {
		return err
	}
	return r.expiry.Put(timed(until, []byte(trace)), []byte(trace))
}

// append adds to the life of an event and reports whether it begins here. What has
// lost its trace has no life.
func (r records) append(trace string, marks ...conversation.Mark) (begun bool, err error) {
	if trace == "" {
		return false, nil
	}
	old := r.lives.Get([]byte(trace))
	life := bytes.Clone(old)
	for _, mark := range marks {
		line, err := json.Marshal(mark)
		if err != nil {
			return false, fmt.Errorf("encode mark: %w", err)
		}
		life = append(append(life, line...), '\n')
	}
	for n := bytes.Count(life, []byte{'\n'}); n > conversation.MaxMarks; n-- {
		life = cutLine(life, conversation.FirstMarks)
	}
	return old == nil, r.lives.Put([]byte(trace), life)
}

// cutLine removes line n, the first being 0.
func cutLine(text []byte, n int) []byte {
	start := 0
	for ; n > 0; n-- {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}
	end := start + bytes.IndexByte(text[start:], '\n') + 1
	return slices.Delete(text, start, end)
}

// life reads the marks of an event.
func (r records) life(trace string) (marks []conversation.Mark, err error) {
	for line := range bytes.Lines(r.lives.Get([]byte(trace))) {
		var mark conversation.Mark
		if err := json.Unmarshal(line, &mark); err != nil {
			return nil, fmt.Errorf("decode mark: %w", err)
		}
		marks = append(marks, mark)
	}
	return marks, nil
}

// Life tells what happened to an event, what waits for a commit included.
func (s *Store) Life(ctx context.Context, connection, trace string) ([]conversation.Mark, error) {
	if err := ctx.Err(); err != nil {
		return nil, storeError("read life", err)
	}
	// Memory before the file: what is committed in between is found twice, and
	// otherwise it would be found nowhere.
	unwritten := s.unwritten(connection, trace)
	var marks []conversation.Mark
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		if r, ok := recordsIn(tx, connection); ok {
			marks, err = r.life(trace)
		}
		return err
	})
	if err != nil {
		return nil, storeError("read life", err)
	}
	for _, mark := range unwritten {
		if !slices.ContainsFunc(marks, func(m conversation.Mark) bool { return m.At.Equal(mark.At) && m.What == mark.What }) {
			marks = append(marks, mark)
		}
	}
	if surplus := len(marks) - conversation.MaxMarks; surplus > 0 {
		marks = slices.Delete(marks, conversation.FirstMarks, conversation.FirstMarks+surplus)
	}
	if len(marks) == 0 {
		return nil, storeError("read life", conversation.ErrNotFound)
	}
	return marks, nil
}

// unwritten copies the marks of an event that wait for a commit.
func (s *Store) unwritten(connection, trace string) []conversation.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lines[connection]; l != nil {
		for _, m := range l.members {
			if n := slices.Index(m.traces, trace); n >= 0 && len(m.marks) > 0 {
				return slices.Clone(marksOf(n, m.marks))
			}
		}
	}
	return nil
}

// writeMarks writes the marks that still wait when the store is closed. The caller
// holds the token and nobody else writes any more.
func (s *Store) writeMarks() error {
	s.mu.Lock()
	waiting := map[string]map[string][]conversation.Mark{}
	for connection, l := range s.lines {
		for _, m := range l.members {
			if len(m.marks) == 0 {
				continue
			}
			if waiting[connection] == nil {
				waiting[connection] = map[string][]conversation.Mark{}
			}
			marks := m.takeMarks()
			for n, trace := range m.traces {
				waiting[connection][trace] = marksOf(n, marks)
			}
		}
	}
	s.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	until := time.Now().Add(s.opts.Remember)
	return s.update(func(tx *bbolt.Tx) error {
		for connection, lives := range waiting {
			r, err := recordsOf(tx, connection)
			if err != nil {
				return err
			}
			for trace, marks := range lives {
				if len(marks) == 0 {
					continue
				}
				if err := r.mark(trace, until, marks...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
