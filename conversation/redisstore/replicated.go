package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// What Redis has answered is only on the master; a replica has it a little later. A
// failover in between forgets it. So where Sentinel may make a replica the master,
// what was promised to be kept, an accepted event and a note, counts only when a
// replica has it too (the WAIT command), as long as there is a replica. The end of an
// event waits for a replica as well, or the event would come back and be answered
// again, but it counts without: nobody can take it back.

const (
	// replicaPatience is how long a replica may take, and censusTime how long it is
	// believed that there is one.
	replicaPatience = 500 * time.Millisecond
	censusTime      = time.Second
)

// errNotReplicated is a change that may be forgotten in a failover.
var errNotReplicated = errors.New("no replica of Redis has the change yet")

// census knows whether the master has replicas.
type census struct {
	failover bool // whether one of them may become the master; never changes

	mu    sync.Mutex
	taken time.Time // guarded by mu
	some  bool      // guarded by mu
}

// replicas reports whether there is a replica to wait for.
func (s *Store) replicas(ctx context.Context) (bool, error) {
	c := &s.census
	if !c.failover {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.taken) < censusTime {
		return c.some, nil
	}
	text, err := s.client.Info(ctx, "replication").Result()
	if err != nil {
		return false, fmt.Errorf("ask for replicas: %w", err)
	}
	// One that still copies the whole is not there yet.
	c.some, c.taken = strings.Contains(text, ",state=online,"), time.Now()
	return c.some, nil
}

// run runs a script, and returns what it returns.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (int, error) {
	return script.Run(ctx, s.client, keys, args...).Int()
}

// kept runs a script whose change is promised to be kept. After errNotReplicated the
// change is there, for as long as the master is, and the result is the script's.
func (s *Store) kept(ctx context.Context, script *redis.Script, keys []string, args ...any) (int, error) {
	wait, err := s.replicas(ctx)
	if err != nil {
		return 0, err
	}
	if !wait {
		return s.run(ctx, script, keys, args...)
	}
	// WAIT is about what was written on its own connection, so both go together.
	result, replicas, err := s.together(ctx, func(pipe redis.Pipeliner) *redis.Cmd { return script.EvalSha(ctx, pipe, keys, args...) })
	if errors.Is(err, redis.ErrNoScript) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		result, replicas, err = s.together(ctx, func(pipe redis.Pipeliner) *redis.Cmd { return script.Eval(ctx, pipe, keys, args...) })
	}
	if err == nil && replicas == 0 {
		err = errNotReplicated
	}
	return result, err
}

// ended is kept for a script that ends something. Once it has run, the end counts,
// also where no replica has it in time.
func (s *Store) ended(ctx context.Context, script *redis.Script, keys []string, args ...any) (int, error) {
	result, err := s.kept(ctx, script, keys, args...)
	if errors.Is(err, errNotReplicated) {
		err = nil
	}
	return result, err
}

// together runs a script and waits for a replica to have its change. An error says that
// the script may not have run, or, where it is errNotReplicated, that it has.
func (s *Store) together(ctx context.Context, run func(pipe redis.Pipeliner) *redis.Cmd) (result int, replicas int64, err error) {
	pipe := s.client.Pipeline()
	ran := run(pipe)
	wait := pipe.Do(ctx, "WAIT", 1, replicaPatience.Milliseconds())
	_, _ = pipe.Exec(ctx) // each has its own error
	if result, err = ran.Int(); err != nil {
		return 0, 0, err
	}
	if replicas, err = wait.Int64(); err != nil {
		err = fmt.Errorf("%w: %w", errNotReplicated, err)
	}
	return result, replicas, err
}
