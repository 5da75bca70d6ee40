package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redisWay is how to get to a Redis, read from the store's URL as the store's client
// reads it.
type redisWay struct {
	network, addr string
	secure        *tls.Config // nil: plain
	user, pass    string
	db            string
	cluster       bool     // the URL names a cluster, of which this is one node
	sentinels     []string // whom to ask for the master; empty: nobody
	master        string
	sentinelUser  string
	sentinelPass  string
}

// readRedisURL reads redis://, rediss:// and unix://.
func readRedisURL(raw string) (redisWay, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return redisWay{}, errors.New("the URL cannot be read") // the parser's words may hold the password
	}
	query := u.Query()
	w := redisWay{network: "tcp", user: u.User.Username(), db: strings.Trim(u.Path, "/"), master: query.Get("master_name")}
	w.pass, _ = u.User.Password()
	w.cluster = query.Has("addr") && w.master == ""
	switch u.Scheme {
	case "unix":
		w.network, w.addr, w.db = "unix", u.Path, query.Get("db")
	default:
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		host := u.Hostname()
		if host == "" {
			host = "localhost"
		}
		w.addr = net.JoinHostPort(host, port)
		if u.Scheme == "rediss" {
			w.secure = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		}
	}
	if w.db == "" || w.cluster { // a cluster has no other
		w.db = "0"
	}
	if w.master != "" {
		w.sentinels = append([]string{w.addr}, query["addr"]...)
		w.sentinelUser, w.sentinelPass = query.Get("sentinel_username"), query.Get("sentinel_password")
	}
	return w, nil
}

// open connects, logs in and chooses the database.
func (w redisWay) open(ctx context.Context) (*respConn, error) {
	addr := w.addr
	if len(w.sentinels) > 0 {
		found, err := w.findMaster(ctx)
		if err != nil {
			return nil, err
		}
		addr = found
	}
	conn, err := dialRedis(ctx, w.network, addr, w.secure)
	if err != nil {
		return nil, err
	}
	if err := greet(conn, w.user, w.pass); err == nil && w.db != "0" {
		_, err = conn.do("SELECT", w.db)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	} else if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// greet logs in, where there is a password, and asks for a sign of life.
func greet(conn *respConn, user, pass string) (err error) {
	switch {
	case pass != "" && user != "":
		_, err = conn.do("AUTH", user, pass)
	case pass != "":
		_, err = conn.do("AUTH", pass)
	}
	if err == nil {
		_, err = conn.do("PING")
	}
	return err
}

// errNoMaster is the error where no Sentinel knows the master.
var errNoMaster = errors.New("no Sentinel knows the master")

// findMaster asks the Sentinels, one after the other.
func (w redisWay) findMaster(ctx context.Context) (string, error) {
	var errs []error
	for _, addr := range w.sentinels {
		conn, err := dialRedis(ctx, "tcp", addr, w.secure)
		if err == nil {
			err = greet(conn, w.sentinelUser, w.sentinelPass)
			var found []string
			if err == nil {
				found, err = conn.do("SENTINEL", "get-master-addr-by-name", w.master)
			}
			_ = conn.Close()
			if len(found) == 2 {
				return net.JoinHostPort(found[0], found[1]), nil
			}
		}
		errs = append(errs, err)
	}
	return "", errors.Join(append(errs, errNoMaster)...)
}

// redisFacts is what is known of a Redis once it has answered.
type redisFacts struct {
	info  map[string]string
	pings []time.Duration
	away  time.Duration     // how far our clock is ahead of its
	state string            // of the cluster, where it is one
	many  bool              // the URL names a cluster
	set   map[string]string // of its configuration; empty where it does not tell
}

// pingCount is how many pings make a distribution.
const pingCount = 20

// redis adds the checks of a store on Redis.
func (p *planner) redis() {
	facts := &redisFacts{}
	check := func(name string) Check { return Check{Store, name, p.cfg.Store.String()} }
	up := p.add(check("redis"), func(ctx context.Context) verdict { return facts.learn(ctx, p.cfg.Store.Reveal(), p.on.now) })
	for _, c := range []struct {
		name  string
		judge func() verdict
	}{
		{"redis latency", facts.latency},
		{"redis version", facts.version},
		{"redis role", facts.role},
		{"redis eviction", facts.eviction},
		{"redis persistence", facts.persistence},
		{"redis memory", facts.memory},
		{"redis clock", facts.clock},
	} {
		p.add(check(c.name), func(context.Context) verdict { return c.judge() }, up)
	}
}

// learn connects and asks for everything.
func (f *redisFacts) learn(ctx context.Context, rawURL string, now func() time.Time) verdict {
	w, err := readRedisURL(rawURL)
	if err != nil {
		return fail(redisAway).seen(err)
	}
	conn, err := w.open(ctx)
	if err != nil {
		return redisTrouble(err)
	}
	defer func() { _ = conn.Close() }()
	for range pingCount {
		began := time.Now()
		if _, err := conn.do("PING"); err != nil {
			return redisTrouble(err)
		}
		f.pings = append(f.pings, time.Since(began))
	}
	text, err := conn.text("INFO")
	if err != nil {
		return redisTrouble(err)
	}
	f.info, f.many = readInfo(text), w.cluster
	if text, err := conn.text("CLUSTER", "INFO"); err == nil {
		f.state = readInfo(text)["cluster_state"]
	}
	if list, err := conn.do("TIME"); err == nil && len(list) == 2 {
		if seconds, err := strconv.ParseInt(list[0], 10, 64); err == nil {
			f.away = now().Sub(time.Unix(seconds, 0)) // less than a second off
		}
	}
	f.set = map[string]string{}
	for _, name := range []string{"save", "appendfsync"} { // a rented Redis refuses this
		if list, err := conn.do("CONFIG", "GET", name); err == nil && len(list) == 2 {
			f.set[name] = list[1]
		}
	}
	return good(redisGood)
}

// readInfo reads the lines of INFO.
func readInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// redisTrouble is why a Redis could not be asked.
func redisTrouble(err error) verdict {
	var said redisError
	v := fail(redisAway)
	switch {
	case errors.Is(err, errNoMaster):
		v = fail(redisNoMaster)
	case errors.As(err, &said):
		switch said.code() {
		case "NOAUTH", "WRONGPASS", "NOPERM":
			v = fail(redisAuth)
		case "LOADING":
			v = fail(redisLoading)
		default:
			v = fail(redisRefused)
			if strings.Contains(string(said), "AUTH") || strings.Contains(string(said), "password") {
				v = fail(redisAuth)
			}
		}
	default:
		if wrong, ok := certificateWrong(err); ok {
			v = wrong
		}
	}
	return v.seen(plainError(err))
}

// slowPing is how long Redis may take for nearly all pings: each message waits for it
// several times.
const slowPing = 50 * time.Millisecond

func (f *redisFacts) latency() verdict {
	sorted := slices.Sorted(slices.Values(f.pings))
	half, most := sorted[len(sorted)/2], sorted[len(sorted)-1]
	texts := []any{fmt.Sprint(half.Round(time.Microsecond)), fmt.Sprint(most.Round(time.Microsecond))}
	if half > slowPing {
		return warn(redisSlow, texts...)
	}
	return good(redisFast, texts...)
}

func (f *redisFacts) version() verdict {
	version := f.info["redis_version"]
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return skip(redisSilent)
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 == nil && err2 == nil && (major < 6 || major == 6 && minor < 2) {
		return fail(redisOld, version)
	}
	return good(redisVersion, version)
}

func (f *redisFacts) role() verdict {
	clustered := f.info["cluster_enabled"] == "1"
	switch {
	case clustered && !f.many:
		return fail(redisIsCluster)
	case clustered && f.state != "ok":
		return fail(redisClusterDown, f.state)
	case clustered: // its clients find the masters themselves
		return good(redisCluster)
	case f.many:
		return fail(redisNoCluster)
	case f.info["role"] == "slave":
		return fail(redisReplica, f.info["master_host"]+":"+f.info["master_port"])
	}
	return good(redisMaster)
}

func (f *redisFacts) eviction() verdict {
	policy := f.info["maxmemory_policy"]
	switch {
	case policy == "":
		return skip(redisSilent)
	case policy == "noeviction":
		return good(redisKeeps)
	case f.info["maxmemory"] == "0":
		return warn(redisMayEvict, policy)
	}
	return fail(redisEvicts, policy)
}

func (f *redisFacts) persistence() verdict {
	aof, known := f.info["aof_enabled"]
	switch {
	case !known:
		return skip(redisSilent)
	case f.info["aof_last_write_status"] == "err" || f.info["rdb_last_bgsave_status"] == "err":
		return fail(redisCannotSave)
	case aof != "1" && f.set["save"] == "":
		return warn(redisForgets)
	case aof != "1":
		return warn(redisSnapshots)
	}
	return good(redisPersists, or(f.set["appendfsync"], "?"))
}

// nearlyFull is the share of its memory above which Redis soon takes nothing more.
const nearlyFull = 0.9

func (f *redisFacts) memory() verdict {
	used, err1 := strconv.ParseUint(f.info["used_memory"], 10, 64)
	limit, err2 := strconv.ParseUint(f.info["maxmemory"], 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		return skip(redisSilent)
	case limit == 0:
		return good(redisUnbounded, bytesText(used))
	case used >= limit:
		return fail(redisFull, bytesText(used), bytesText(limit))
	case float64(used) > nearlyFull*float64(limit):
		return warn(redisFull, bytesText(used), bytesText(limit))
	}
	return good(redisRoom, bytesText(used), bytesText(limit))
}

func (f *redisFacts) clock() verdict {
	if f.away.Abs() >= clockAway {
		return warn(redisClock, fmt.Sprint(f.away.Round(time.Second)))
	}
	return good(redisClockGood)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
