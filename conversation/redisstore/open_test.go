package redisstore

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// No error shows the password, wherever a mistake in the URL may have put it.
func TestOpenHidesPassword(t *testing.T) {
	const secret = "s3cr3t"
	for _, url := range []string{
		"redis://:s3cr3t@127.0.0.1:port/0",
		"redis://:pa/s3cr3t@127.0.0.1:6379/0",
		"redis://:12/s3cr3t@127.0.0.1:6379/0",
		"redis://:12?s3cr3t@127.0.0.1:6379/0",
		"redis://:12#s3cr3t@127.0.0.1:6379/0",
		"redis://:%zzs3cr3t@127.0.0.1:6379/0",
		"redis://:s3cr3t@127.0.0.1:6379/nonsense",
		"redis://:s3cr3t@127.0.0.1:6379/0?s3cr3t=1",
		"redis://:s3cr3t@127.0.0.1:6379/0?read_timeout=s3cr3t",
		"redis://:s3cr3t@127.0.0.1:1/0",
		"rediss://:s3cr3t@127.0.0.1:1/0",
		"redis://:s3cr3t@127.0.0.1:1?addr=127.0.0.1:1",
		"redis://:s3cr3t@127.0.0.1:1?addr=127.0.0.1:1&s3cr3t=1",
		"redis://:s3cr3t@127.0.0.1:1?master_name=m&s3cr3t=1",
		"http://:s3cr3t@127.0.0.1/",
		"unix://:s3cr3t@",
		"unix://:s3cr3t@/nowhere/redis.sock",
		":s3cr3t@127.0.0.1",
		"s3cr3t",
		"",
	} {
		store, err := Open(t.Context(), url, conversation.Options{})
		if err == nil {
			t.Errorf("open %q succeeds", url)
			_ = store.Close()
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("open %q: the error shows the password: %v", url, err)
		}
		if _, err := Look(t.Context(), url, 1); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("look at %q: %v", url, err)
		}
	}
}

// A password is used, and a wrong one is an error that does not show it.
func TestOpenPassword(t *testing.T) {
	server := realServer(t, "--requirepass", "right%20/?#@:")
	at := strings.TrimPrefix(server.URL(), "unix://")
	store, err := Open(t.Context(), "unix://:right%2520%2F%3F%23%40%3A@"+at, conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	for _, url := range []string{"unix://:wr0ng@" + at, "unix://" + at} {
		store, err := Open(t.Context(), url, conversation.Options{})
		if err == nil {
			t.Error("open with a wrong password succeeds")
			_ = store.Close()
			continue
		}
		if strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// A server that throws keys away is refused.
func TestOpenEvicting(t *testing.T) {
	server := realServer(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	store, err := Open(t.Context(), server.URL(), conversation.Options{})
	if err == nil {
		_ = store.Close()
		t.Fatal("open succeeds")
	}
	if !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("error %q does not say what to do", err)
	}
}

// Whatever the URL says of the number of connections is about the calls. The blocking
// reads have as many as they need.
func TestPools(t *testing.T) {
	for _, test := range []struct {
		url  string
		pool int
	}{
		{"redis://127.0.0.1:6379/0", poolSize},
		{"unix:///nowhere/redis.sock", poolSize},
		{"redis://127.0.0.1:6379?addr=127.0.0.1:6380", poolSize},
		{"redis://127.0.0.1:26379?master_name=m", poolSize},
		{"redis://127.0.0.1:6379/0?pool_size=5&min_idle_conns=2&max_active_conns=7", 5},
		{"redis://127.0.0.1:6379?addr=127.0.0.1:6380&pool_size=5&min_idle_conns=2&max_active_conns=7", 5},
		{"redis://127.0.0.1:26379?master_name=m&pool_size=5&min_idle_conns=2&max_active_conns=7", 5},
	} {
		given := [3]int{test.pool}
		if test.pool != poolSize {
			given = [3]int{test.pool, 2, 7}
		}
		for p, want := range map[purpose][3]int{forCalls: given, forWatches: {maxWatches}} {
			client, err := connect(test.url, p)
			if err != nil {
				t.Fatalf("%s: %v", test.url, err)
			}
			var got [3]int
			switch client := client.(type) {
			case *redis.Client:
				o := client.Options()
				got = [3]int{o.PoolSize, o.MinIdleConns, o.MaxActiveConns}
			case *redis.ClusterClient:
				o := client.Options()
				got = [3]int{o.PoolSize, o.MinIdleConns, o.MaxActiveConns}
			}
			if got != want {
				t.Errorf("%s, purpose %d: connections %v, want %v", test.url, p, got, want)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCheckFacts(t *testing.T) {
	for _, test := range []struct {
		facts map[string]string
		ok    bool
	}{
		{nil, true},
		{map[string]string{"redis_version": "7.0.15", "maxmemory": "0", "maxmemory_policy": "noeviction"}, true},
		{map[string]string{"redis_version": "6.2.0"}, true},
		{map[string]string{"redis_version": "10.0"}, true},
		{map[string]string{"redis_version": "unstable"}, true},
		{map[string]string{"redis_version": "x.y.z"}, true},
		{map[string]string{"redis_version": "6.0.16"}, false},
		{map[string]string{"redis_version": "5.9.9"}, false},
		{map[string]string{"maxmemory": "0", "maxmemory_policy": "allkeys-lru"}, true},
		{map[string]string{"maxmemory": "1000", "maxmemory_policy": "volatile-lru"}, true},
		{map[string]string{"maxmemory": "1000", "maxmemory_policy": "allkeys-lfu"}, false},
	} {
		if err := checkFacts(test.facts); (err == nil) != test.ok {
			t.Errorf("%v: %v, want ok %t", test.facts, err, test.ok)
		}
	}
}

// realServer is a server for tests of what the imitation cannot do.
func realServer(t *testing.T, args ...string) *redistest.Server {
	t.Helper()
	server := redistest.Start(t, args...)
	if !server.Real() {
		t.Skip("needs a real redis-server")
	}
	return server
}
