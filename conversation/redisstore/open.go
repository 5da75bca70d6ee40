package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"longwire/conversation"
)

// How long Redis may take, and how many calls are made at the same time, where the URL
// does not say otherwise.
const (
	dialTimeout = 2 * time.Second
	callTimeout = 3 * time.Second
	poolSize    = 32
)

// clusterReload is how often a cluster is asked who is its master for what: a master
// that dies tells nobody, and by itself the client asks once a minute.
const clusterReload = 5 * time.Second

// The client does not try again by itself: a call whose answer was lost may have
// been carried out, and whoever called knows better what to do about that. For a
// cluster's client noRetries is not enough (once.go).
const (
	noRetries = -1
	dials     = 1
)

// errURL says no more than it must: what a parser complains about may be a part
// of the password.
var errURL = errors.New("redis url cannot be read: write redis://user:password@host:6379/0, rediss://… or " +
	"unix://user:password@/path/to/redis.sock?db=0, and percent-encode what is special in the password")

// Open connects to the Redis of a URL, redis://, rediss:// or unix://. With the
// parameter master_name it is asked for through Sentinel, and with addr it is a
// cluster: redis://host1:6379?addr=host2:6379. An error never shows the URL,
// which may contain a password.
func Open(ctx context.Context, rawURL string, opts conversation.Options) (*Store, error) {
	client, err := connect(rawURL, forCalls)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	watching, err := connect(rawURL, forWatches)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open: %w", err), client.Close())
	}
	s := &Store{
		client:   client,
		watching: watching,
		census:   census{failover: isFailover(rawURL)},
		opts:     opts.WithDefaults(),
		consumer: consumerName(),
		lines:    make(map[string]*line),
		closed:   make(chan struct{}),
	}
	client.AddHook(lossHook{s})
	watching.AddHook(lossHook{s})
	err = checkServer(ctx, client)
	if err == nil {
		err = s.Ping(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open: %w", err), s.disconnect())
	}
	return s, nil
}

// quiet is where the client's own log goes. Whatever it has to say comes back as
// the error of a call too, and is logged once, by whoever called.
type quiet struct{}

// Printf is for redis.SetLogger.
func (quiet) Printf(context.Context, string, ...any) {}

var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// purpose is what a client is for. A blocking read has its connection for as long as
// it waits, and every line has one, so the reads have a client of their own: as many
// lines as there are connections would leave the calls none.
type purpose int

const (
	forCalls purpose = iota
	forWatches
)

// maxWatches is more lines than there are. A connection is made when a line needs
// it, and what the URL says of their number is about the calls.
const maxWatches = 10_000

// sized sets how many connections a client may have, where the URL does not say so.
func (p purpose) sized(pool, idle, active *int) {
	switch {
	case p == forWatches:
		*pool, *idle, *active = maxWatches, 0, 0
	case *pool == 0:
		*pool = poolSize
	}
}

// connect reads the URL. Nothing is sent yet.
func connect(rawURL string, p purpose) (redis.UniversalClient, error) {
	silence()
	switch {
	case isFailover(rawURL):
		o, err := redis.ParseFailoverURL(rawURL)
		if err != nil {
			return nil, errURL
		}
		bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
		p.sized(&o.PoolSize, &o.MinIdleConns, &o.MaxActiveConns)
		o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = noRetries, dials, true
		return redis.NewFailoverClient(o), nil
	case isCluster(rawURL):
		o, err := clusterOptions(rawURL)
		if err != nil {
			return nil, err
		}
		p.sized(&o.PoolSize, &o.MinIdleConns, &o.MaxActiveConns)
		client := redis.NewClusterClient(o)
		client.AddHook(once{})
		return client, nil
	}
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, errURL
	}
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	p.sized(&o.PoolSize, &o.MinIdleConns, &o.MaxActiveConns)
	return single(o), nil
}

// single is the client of one server.
func single(o *redis.Options) *redis.Client {
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = noRetries, dials, true
	o.MaintNotificationsConfig = noNotifications()
	return redis.NewClient(o)
}

// clusterOptions reads the URL of a cluster.
func clusterOptions(rawURL string) (*redis.ClusterOptions, error) {
	o, err := redis.ParseClusterURL(rawURL)
	if err != nil {
		return nil, errURL
	}
	bound(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout)
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = noRetries, dials, true
	o.ClusterStateReloadInterval = clusterReload
	o.MaintNotificationsConfig = noNotifications()
	return o, nil
}

// masterName is the parameter of a URL that names a master which Sentinel watches, and
// clusterNode the one that names a further node of a cluster, or Sentinel.
const (
	masterName  = "master_name"
	clusterNode = "addr"
)

func isFailover(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && u.Query().Has(masterName)
}

func isCluster(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && u.Query().Has(clusterNode) && !u.Query().Has(masterName)
}

// bound sets the times that the URL has left open.
func bound(dial, read, write *time.Duration) {
	if *dial == 0 {
		*dial = dialTimeout
	}
	if *read == 0 {
		*read = callTimeout
	}
	if *write == 0 {
		*write = callTimeout
	}
}

// noNotifications switches off what only one vendor's Redis can do, which is
// asked for with every new connection otherwise.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// consumerName is this store's name in the consumer groups: unique, and telling
// whoever looks into Redis where to look next.
func consumerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
}

// checkServer refuses a server with which the store could not keep its promise.
// What the server does not tell is not held against it.
func checkServer(ctx context.Context, client redis.UniversalClient) error {
	text, err := client.Info(ctx).Result()
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("ask for server: %w", err)
	}
	return checkFacts(readInfo(text))
}

// readInfo reads the lines of INFO.
func readInfo(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}

// checkFacts judges what INFO says.
func checkFacts(facts map[string]string) error {
	if version := facts["redis_version"]; TooOld(version) {
		return fmt.Errorf("the server has version %s, and 6.2 is needed (for XAUTOCLAIM)", version)
	}
	policy, limit := facts["maxmemory_policy"], facts["maxmemory"]
	if strings.HasPrefix(policy, "allkeys-") && limit != "" && limit != "0" {
		return fmt.Errorf("the server throws away keys when its memory is full (maxmemory-policy %s), "+
			"and messages with them: set maxmemory-policy noeviction", policy)
	}
	return nil
}

// TooOld reports whether a version of Redis is one that the store cannot work with: it
// is older than 6.2. A version that cannot be read is taken for new.
func TooOld(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major < 6 || major == 6 && minor < 2)
}
