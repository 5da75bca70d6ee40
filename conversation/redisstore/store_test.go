package redisstore

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
	"longwire/conversation/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// on opens stores on a server that it empties first.
func on(tb testing.TB, server *redistest.Server) storetest.Open {
	client := raw(tb, server)
	if err := client.FlushAll(context.Background()).Err(); err != nil {
		tb.Fatalf("empty redis: %v", err)
	}
	return func(opts conversation.Options) (conversation.Store, error) {
		return Open(context.Background(), server.URL(), opts)
	}
}

// raw is a plain client, to look at what the store has written.
func raw(tb testing.TB, server *redistest.Server) *redis.Client {
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		tb.Fatal(err)
	}
	client := redis.NewClient(o)
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return client
}

func TestStore(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) storetest.Open { return on(t, server) })
}

func TestReplicas(t *testing.T) {
	server := redistest.Start(t)
	for _, n := range []int{2, 4} {
		storetest.RunReplicas(t, n, on(t, server))
	}
}

func TestPair(t *testing.T) {
	server := redistest.Start(t)
	storetest.RunPair(t, func(t *testing.T) storetest.Open { return on(t, server) })
}
