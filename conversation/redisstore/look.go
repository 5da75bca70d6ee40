package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Facts is what a Redis tells of itself, for who wants to know whether a store can trust
// it. What it does not tell is not there.
type Facts struct {
	Info     map[string]string // the lines of INFO, and of CLUSTER INFO
	Settings map[string]string // of its configuration: save and appendfsync
	Clock    time.Time         // its time when it was asked, to the microsecond
	Pings    []time.Duration   // how long it took to answer, each time
	Cluster  bool              // the URL names a cluster; all of this is of its first node
}

// ErrNoMaster is returned by Look when the Sentinels that answer know no master of the
// name that is in the URL.
var ErrNoMaster = errors.New("no Sentinel knows the master")

// Look asks the Redis of a URL, as Open takes one, for what it is, and pings it as often
// as it is told to. Nothing is written there. An error never shows the URL; Refusal tells
// what Redis itself said.
func Look(ctx context.Context, rawURL string, pings int) (facts Facts, err error) {
	client, err := lookingAt(rawURL)
	if err != nil {
		return facts, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	facts.Cluster = isCluster(rawURL)
	for range pings {
		began := time.Now()
		if err := client.Ping(ctx).Err(); err != nil {
			return facts, missed(err)
		}
		facts.Pings = append(facts.Pings, time.Since(began))
	}
	text, err := client.Info(ctx).Result()
	if err != nil {
		return facts, missed(err)
	}
	cluster, _ := client.ClusterInfo(ctx).Result() // refused by one that is none
	facts.Info = readInfo(text + "\n" + cluster)
	facts.Clock, _ = client.Time(ctx).Result()
	facts.Settings = map[string]string{}
	for _, name := range []string{"save", "appendfsync"} { // a rented Redis refuses this
		if values, err := client.ConfigGet(ctx, name).Result(); err == nil && len(values) == 1 {
			facts.Settings[name] = values[name]
		}
	}
	return facts, nil
}

// lookingAt is the client that Open would have, or for a cluster that of its first node:
// whoever asks a cluster that is none, or is down, learns nothing else.
func lookingAt(rawURL string) (redis.UniversalClient, error) {
	if !isCluster(rawURL) {
		return connect(rawURL, forCalls)
	}
	silence()
	o, err := clusterOptions(rawURL)
	if err != nil {
		return nil, err
	}
	return single(&redis.Options{
		Addr: o.Addrs[0], Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
	}), nil
}

// missed is why Redis could not be asked.
func missed(err error) error {
	if errors.Is(err, redis.Nil) { // no command that is sent here has no answer but Sentinel's
		return fmt.Errorf("%w: %w", ErrNoMaster, err)
	}
	return err
}

// Refusal is what Redis answered in the place of a result, WRONGPASS and more words for
// example, where that is why something failed.
func Refusal(err error) (words string, ok bool) {
	var refused redis.Error
	if !errors.As(err, &refused) || errors.Is(err, redis.Nil) {
		return "", false
	}
	return refused.Error(), true
}
