package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"longwire/conversation/redisstore/redistest"
)

// sentinel is two Redis servers, of which one repeats what the other is told, and
// a Sentinel that makes the one the master when the other is gone.
//
// Redis repeats a write to the replica about when it answers, not before: a master
// that dies in between has answered for a write that is lost. Between processes of
// one machine that is a few microseconds.
type sentinel struct {
	servers [2]*redisServer
	watcher *redisServer
	down    *redisServer // the server that was killed, until it is mended
}

// masterName is what Sentinel calls the master.
const masterName = "chaos"

const (
	// downAfter is how long a server is silent until Sentinel gives it up. Sentinel
	// asks once a second, and a server that it has just begun to watch for the first
	// time after one: with no more patience than that it takes a new master for dead
	// and goes back to the old one, which has nothing of what came meanwhile.
	downAfter = 2500 * ms

	// A failover for which there is no replica is tried again after twice as long.
	failoverTimeout = 4 * time.Second

	// failoverTime is how long a failover may take, and the way back.
	failoverTime = 90 * time.Second
)

func startSentinel(ctx context.Context, dir string, died func(error)) (_ store, err error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, redistest.ErrMissing
	}
	s := &sentinel{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for i := range s.servers {
		if s.servers[i], err = newRedisServer(dir, fmt.Sprintf("redis-%d", i+1), died); err != nil {
			return nil, err
		}
	}
	if s.watcher, err = newRedisServer(dir, "sentinel", died); err != nil {
		return nil, err
	}
	master, replica := s.servers[0], s.servers[1]
	if err := master.launch(nil); err != nil {
		return nil, err
	}
	if err := replica.launch(master); err != nil {
		return nil, err
	}
	if err := s.watch(ctx, dir, master); err != nil {
		return nil, err
	}
	return s, s.rejoin(ctx, master, replica)
}

// watch starts Sentinel.
func (s *sentinel) watch(ctx context.Context, dir string, master *redisServer) error {
	config := filepath.Join(dir, "sentinel.conf") // Sentinel writes down there what it learns
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %q\nsentinel monitor %s 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s %d\n",
		s.watcher.port, dir, masterName, master.port,
		masterName, downAfter.Milliseconds(), masterName, failoverTimeout.Milliseconds())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	s.watcher.command = []string{"redis-server", config, "--sentinel"}
	if err := s.watcher.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	err := until(ctx, func() error { _, err := s.watcher.ask("PING"); return err })
	s.hurry()
	return err
}

// hurry has Sentinel ask the servers about themselves every second instead of every
// ten. And it is not to rest for half a minute (TILT) after it had to wait for the
// disk or the processor: a replica that has lost its master for so long is not made
// the master any more. Versions that do not know these words take their time.
func (s *sentinel) hurry() {
	_, _ = s.watcher.ask("SENTINEL", "DEBUG", "info-period", "1000", "tilt-trigger", "60000")
}

func (s *sentinel) url() string {
	return fmt.Sprintf("redis://127.0.0.1:%d/0?master_name=%s", s.watcher.port, masterName)
}

func (s *sentinel) close() {
	for _, server := range append(s.servers[:], s.watcher) {
		if server != nil {
			server.kill()
			server.waiting.Wait()
		}
	}
}

// strike kills the master and waits until Sentinel has made the other the master.
func (s *sentinel) strike(ctx context.Context, _ fault) error {
	ctx, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	master, err := s.master()
	if err != nil {
		return err
	}
	other := s.besides(master)
	master.kill()
	s.down = master
	err = until(ctx, func() error {
		if now, err := s.master(); err != nil || now != other {
			return errors.Join(fmt.Errorf("%s has not become the master", other.name), err)
		}
		facts, err := other.facts("replication")
		if err == nil && facts["role"] != "master" {
			err = fmt.Errorf("%s does not know yet that it is the master", other.name)
		}
		return err
	})
	return s.explain(err)
}

// mend starts the killed server as a replica of the new master.
func (s *sentinel) mend(ctx context.Context, _ fault) error {
	down := s.down
	s.down = nil
	master := s.besides(down)
	if err := down.launch(master); err != nil {
		return err
	}
	return s.rejoin(ctx, master, down)
}

// rejoin waits until replica has everything of master and Sentinel could do with
// it. Sentinel tells servers now and then whom to follow, also one that has just
// begun and that it knows from earlier, so it is told again if need be.
func (s *sentinel) rejoin(ctx context.Context, master, replica *redisServer) error {
	ctx, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	strayed := time.Time{} // since when it follows somebody else
	err := until(ctx, func() error {
		follows, synced, err := replica.follows(master)
		switch {
		case err != nil:
			return err
		case synced:
			return master.feeds()
		case follows:
			strayed = time.Time{}
		case strayed.IsZero():
			strayed = time.Now()
		case time.Since(strayed) > time.Second:
			strayed = time.Time{}
			return errors.Join(fmt.Errorf("%s was told again to follow %s", replica.name, master.name), replica.follow(master))
		}
		return fmt.Errorf("%s does not have everything of %s", replica.name, master.name)
	})
	if err == nil {
		err = replica.trust()
	}
	if err == nil {
		err = until(ctx, func() error { return s.knows(master) })
	}
	return s.explain(err)
}

// knows returns nil when Sentinel has master for the master, and one replica that
// is fit to take its place.
func (s *sentinel) knows(master *redisServer) error {
	now, err := s.master()
	if err != nil {
		return err
	}
	if now != master {
		return fmt.Errorf("by Sentinel %s is the master now, before it had everything", now.name)
	}
	said, err := s.watcher.ask("SENTINEL", "REPLICAS", masterName)
	if err != nil {
		return err
	}
	for name, want := range map[string]string{"flags": "slave", "master-link-status": "ok", "slave-priority": "100"} {
		if i := slices.Index(said, name); i < 0 || i+1 == len(said) || said[i+1] != want {
			return fmt.Errorf("no %s=%s where Sentinel tells of the replica: %q", name, want, said)
		}
	}
	return nil
}

// master is the server that Sentinel has for the master.
func (s *sentinel) master() (*redisServer, error) {
	said, err := s.watcher.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
	if err != nil {
		return nil, err
	}
	for _, server := range s.servers {
		if len(said) == 2 && said[1] == strconv.Itoa(server.port) {
			return server, nil
		}
	}
	return nil, fmt.Errorf("the master by Sentinel is none of ours: %q", said)
}

// besides is the other server.
func (s *sentinel) besides(server *redisServer) *redisServer {
	if server == s.servers[0] {
		return s.servers[1]
	}
	return s.servers[0]
}

// explain adds to an error the last that the servers said.
func (s *sentinel) explain(err error) error {
	if err == nil {
		return nil
	}
	var b strings.Builder
	for _, server := range append(s.servers[:], s.watcher) {
		fmt.Fprintf(&b, "\n  %s: …%s", server.name, strings.ReplaceAll(strings.TrimSpace(server.tail()), "\n", "\n    "))
	}
	return fmt.Errorf("%w%s", err, b.String())
}
