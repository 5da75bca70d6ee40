package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// redisServer is one process of redis-server.
type redisServer struct {
	*replica
	port int
}

// newRedisServer is a server that has not been started.
func newRedisServer(dir, name string, died func(error)) (*redisServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, name)
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	return &redisServer{port: port, replica: &replica{name: name, log: filepath.Join(home, "server.log"), died: died}}, nil
}

// freePort is a port that nobody listens on now. It is not one of those that
// outgoing connections get: while the server is away, somebody who dials would
// take it, and it could not come back.
func freePort() (int, error) {
	const lowest, highest = 20_000, 32_000
	for range 100 {
		port := lowest + rand.IntN(highest-lowest)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("find a free port: none of a hundred is")
}

// launch starts a server that writes to the disk before it answers, as a replica
// of master, or as the master if that is nil.
//
// A replica must not be made the master before it has everything, so Sentinel is
// told not to: see trust.
func (r *redisServer) launch(master *redisServer) error {
	r.command = []string{"redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--dir", filepath.Dir(r.log),
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"}
	if master != nil {
		r.command = append(r.command, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port), "--replica-priority", "0")
	}
	return r.start()
}

// trust lets Sentinel make this server the master.
func (r *redisServer) trust() error {
	_, err := r.ask("CONFIG", "SET", "replica-priority", "100")
	return err
}

// follow makes the server a replica of master.
func (r *redisServer) follow(master *redisServer) error {
	_, err := r.ask("REPLICAOF", "127.0.0.1", strconv.Itoa(master.port))
	return err
}

// follows reports whether the server is a replica of master, as it sees it itself,
// and whether it has everything.
func (r *redisServer) follows(master *redisServer) (follows, synced bool, err error) {
	facts, err := r.facts("replication")
	if err != nil {
		return false, false, err
	}
	follows = facts["role"] == "slave" && facts["master_port"] == strconv.Itoa(master.port)
	return follows, follows && facts["master_link_status"] == "up", nil
}

// feeds returns nil when the server passes on what it is told. After a replica has
// got everything it takes up to a second until it is sent what comes next, and what
// it was not sent is lost with the master.
func (r *redisServer) feeds() error {
	facts, err := r.facts("replication")
	if err == nil && !strings.Contains(facts["slave0"], "state=online") {
		err = fmt.Errorf("%s does not feed a replica yet: %q", r.name, facts["slave0"])
	}
	return err
}

// facts is a section of INFO.
func (r *redisServer) facts(section string) (map[string]string, error) {
	said, err := r.ask("INFO", section)
	if err != nil {
		return nil, err
	}
	facts := make(map[string]string)
	for line := range strings.Lines(said[0]) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts, nil
}

// ask asks the server for something. The answer has at least one text.
func (r *redisServer) ask(words ...string) ([]string, error) {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(r.port), time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte(command(words...))); err != nil {
		return nil, err
	}
	said, err := readReply(bufio.NewReader(conn))
	if err == nil && len(said) == 0 {
		err = errors.New("redis says nothing")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.name, strings.Join(words, " "), err)
	}
	return said, nil
}

// until tries again and again until try returns nil or ctx ends; then its last
// error is returned.
func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if !sleep(ctx, 20*ms) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}
