package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// redisServer is one process of redis-server.
type redisServer struct {
	*replica
	port int
}

// What Sentinel calls the master, and how long all that takes at most.
const (
	masterName   = "chaos"
	failoverTime = 30 * time.Second
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
		if err := s.servers[i].startAs(ctx, s.servers[0]); err != nil {
			return nil, err
		}
	}
	if s.watcher, err = newRedisServer(dir, "sentinel", died); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "sentinel.conf") // Sentinel writes down there what it learns
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %q\nsentinel monitor %s 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 4000\n",
		s.watcher.port, dir, masterName, s.servers[0].port, masterName, masterName)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s.watcher.command = []string{"redis-server", config, "--sentinel"}
	if err := s.watcher.start(); err != nil {
		return nil, err
	}
	return s, s.ready(ctx, s.servers[0])
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

// freePort is a port that nobody listens on now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// startAs starts a server as a replica of master, or as the master it is, and
// waits until it has everything.
func (r *redisServer) startAs(ctx context.Context, master *redisServer) error {
	r.command = []string{"redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--dir", filepath.Dir(r.log),
		"--save", "", "--appendonly", "yes", "--appendfsync", "always"}
	want := "role:master"
	if master != r {
		r.command = append(r.command, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
		want = "master_link_status:up"
	}
	if err := r.start(); err != nil {
		return err
	}
	return r.await(ctx, "replication", want)
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

// strike kills the master and waits until Sentinel is done with making the other
// the master. Were the killed one back before that, Sentinel could have second
// thoughts, and take from the new master what it was told meanwhile.
func (s *sentinel) strike(ctx context.Context, _ fault) error {
	for i, server := range s.servers {
		facts, err := server.ask("replication")
		if err != nil {
			return err
		}
		if strings.Contains(facts, "role:master") {
			server.kill()
			s.down = server
			return s.watcher.await(ctx, "sentinel", s.servers[1-i].address()+",")
		}
	}
	return errors.New("no Redis is the master")
}

// mend starts the killed server as the replica of the new master.
func (s *sentinel) mend(ctx context.Context, _ fault) error {
	master := s.servers[0]
	if s.down == master {
		master = s.servers[1]
	}
	down := s.down
	s.down = nil
	if err := down.startAs(ctx, master); err != nil {
		return err
	}
	return s.ready(ctx, master)
}

// ready waits until Sentinel knows of the master and of its replica.
func (s *sentinel) ready(ctx context.Context, master *redisServer) error {
	return s.watcher.await(ctx, "sentinel", "status=ok,"+master.address()+",slaves=1,")
}

// address is a server as Sentinel names the master.
func (r *redisServer) address() string { return fmt.Sprintf("address=127.0.0.1:%d", r.port) }

// await asks until the server says what is wanted in a section of INFO.
func (r *redisServer) await(ctx context.Context, section, want string) error {
	ctx, cancel := context.WithTimeout(ctx, failoverTime)
	defer cancel()
	for {
		facts, err := r.ask(section)
		if err == nil && strings.Contains(facts, want) {
			return nil
		}
		if !sleep(ctx, 20*ms) {
			return fmt.Errorf("%s does not say %q: %q: %w", r.name, want, facts, errors.Join(err, context.Cause(ctx)))
		}
	}
}

// ask asks for a section of INFO.
func (r *redisServer) ask(section string) (string, error) {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(r.port), time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "INFO %s\r\n", section); err != nil {
		return "", err
	}
	return readBulk(bufio.NewReader(conn))
}

// readBulk reads a bulk string of Redis' protocol: $, its length, and it.
func readBulk(r *bufio.Reader) (string, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	length, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(head), "$"))
	if err != nil || !strings.HasPrefix(head, "$") || length < 0 || length > 1<<20 {
		return "", fmt.Errorf("redis says %.100q", head)
	}
	text := make([]byte, length)
	_, err = io.ReadFull(r, text)
	return string(text), err
}
