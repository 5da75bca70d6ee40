package doctor

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"longwire/conversation"
	"longwire/conversation/boltstore"
)

// hold opens a store, as a running program does.
func hold(t *testing.T, path string) {
	t.Helper()
	s, err := boltstore.Open(path, conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A real redis-server in good order has no line that is not well.
func TestHealthyRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	real(t, w, "--requirepass", redisSecret)
	w.store = strings.Replace(w.store, "unix://", "unix://:"+redisSecret+"@", 1)
	code, report := w.report("--only", "store")
	if code != exitGood || report.Counts[Warning] != 0 || report.Counts[OK] < 8 {
		t.Errorf("exit code %d\n%s", code, show(report))
	}
}

// The doctor leaves a store as it is, and lets go of it.
func TestStoreStaysAsItIs(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.folder, "longwire.db")
	s, err := boltstore.Open(path, conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := modified(t, path)
	_, report := w.report("--only", "store")
	if report.Counts[OK] == 0 || !report.OK {
		t.Errorf("\n%s", show(report))
	}
	if after := modified(t, path); after != before {
		t.Error("the store was written")
	}
	hold(t, path) // nobody has a lock of it
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// What the running program holds is fine.
func TestStoreOfTheRunningProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin = running(t, `{"status":"healthy","version":"1","connections":[]}`)
	hold(t, strings.TrimPrefix(w.store, "file:"))
	code, report := w.report("--only", "store")
	last := report.Findings[len(report.Findings)-1]
	if code != exitGood || last.Cause != "store_held" || last.Level != OK {
		t.Errorf("exit code %d\n%s", code, show(report))
	}
}

// With a spool before it, both are looked at.
func TestSpoolBeforeRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	infoOf(t, w)
	w.spool = "file:" + put(t, w.folder, "spool.db", strings.Repeat("no spool\n", 5000))
	_, report := w.report("--only", "store")
	bad := map[string]string{}
	for _, f := range report.Findings {
		if f.Level == Failure {
			bad[f.Check] = f.Cause
		}
	}
	if len(bad) != 1 || bad["spool"] != "store_damaged" {
		t.Errorf("\n%s", show(report))
	}
}

// Over TLS, and by way of a Sentinel, a Redis is found; one whose certificate nobody
// knows is not.
func TestWaysToRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	infoOf(t, w)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(w.store, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	sentinel := fakeRedis(t, redisAnswers{"SENTINEL": func(c *server.Peer) { c.WriteStrings([]string{host, port}) }})
	for url, want := range map[string]string{
		"redis://" + sentinel + "?master_name=mine":                          "redis_good",
		"redis://" + deadPort(t) + "?master_name=mine&addr=" + sentinel:      "redis_good",
		"rediss://" + secured(t, root.sign(t, nil), host+":"+port):           "redis_good",
		"rediss://" + secured(t, newAuthority("x").sign(t, nil), "unused:1"): "tls_unknown_authority",
	} {
		w.store = url
		_, report := w.report("--only", "redis")
		if last := report.Findings[len(report.Findings)-1]; last.Cause != want {
			t.Errorf("%s: %s", url, show(report))
		}
	}
}

// secured is a TLS server in front of a TCP server.
func secured(t *testing.T, cert tls.Certificate, target string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { forward(here, target) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

// forward copies both ways until one side is done.
func forward(here net.Conn, target string) {
	defer func() { _ = here.Close() }()
	if here.(*tls.Conn).Handshake() != nil {
		return
	}
	there, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(here, there); _ = here.Close() })
	_, _ = io.Copy(there, here)
	_ = there.Close()
	back.Wait()
}
