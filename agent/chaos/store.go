package main

import (
	"context"
	"fmt"
	"path/filepath"

	"longwire/conversation/redisstore/redistest"
)

// store is where the program keeps things, and how that fails.
type store interface {
	url() string // for the program's configuration
	// strike makes a fault of the store happen; mend ends it.
	strike(ctx context.Context, f fault) error
	mend(ctx context.Context, f fault) error
	close()
}

// startStore starts the store of a combination, which keeps its files in dir.
// What ends by itself there is reported to died.
func startStore(ctx context.Context, name, dir string, died func(error)) (s store, err error) {
	switch name {
	case redisName:
		s, err = startRedis(dir)
	case sentinelName:
		s, err = startSentinel(ctx, dir, died)
	default:
		return file{filepath.Join(dir, "longwire.db")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

// file is the embedded store. Nothing happens to it but what happens to its
// process.
type file struct{ path string }

func (f file) url() string                         { return "file:" + f.path }
func (f file) strike(context.Context, fault) error { return nil }
func (f file) mend(context.Context, fault) error   { return nil }
func (f file) close()                              {}

// redis is one Redis server. It writes to the disk before it answers, or what it
// has answered could be gone after kill -9.
type redis struct{ server *redistest.Server }

func startRedis(dir string) (store, error) {
	server, err := redistest.Launch(dir, "--appendfsync", "always")
	if err != nil {
		return nil, err
	}
	return redis{server}, nil
}

func (r redis) url() string { return r.server.URL() }
func (r redis) close()      { r.server.Stop() }

func (r redis) strike(_ context.Context, f fault) error {
	switch f.kind {
	case redisStop:
		r.server.Stop()
	case redisRestart:
		return r.server.Restart()
	case redisPause:
		return r.server.Pause()
	}
	return nil
}

func (r redis) mend(_ context.Context, f fault) error {
	switch f.kind {
	case redisStop:
		return r.server.Restart()
	case redisPause:
		return r.server.Resume()
	}
	return nil
}
