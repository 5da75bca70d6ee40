package doctor

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"longwire/agent/model/modeltest"
	"longwire/agent/tools/toolstest"
	"longwire/conversation/redisstore/redistest"
)

// real is a redis-server, or the end of the test where there is none.
func real(t *testing.T, w *world, args ...string) *redistest.Server {
	t.Helper()
	s := redistest.Start(t, args...)
	if !s.Real() {
		t.Skip("redis-server is not installed")
	}
	w.store = s.URL()
	return s
}

// infoOf is a Redis that tells this, and all else as it should be.
func infoOf(t *testing.T, w *world, lines ...string) {
	t.Helper()
	all := append([]string{"redis_version:7.2.0", "role:master", "maxmemory_policy:noeviction", "maxmemory:0", "used_memory:1000", "aof_enabled:1"}, lines...)
	w.store = "redis://" + fakeRedis(t, redisAnswers{
		"PING":    func(c *server.Peer) { c.WriteInline("PONG") },
		"INFO":    func(c *server.Peer) { c.WriteBulk(strings.Join(all, "\r\n") + "\r\n") },
		"TIME":    func(c *server.Peer) { c.WriteStrings([]string{fmt.Sprint(w.redisTime.Unix()), "0"}) },
		"CONFIG":  func(c *server.Peer) { c.WriteError("NOPERM no") },
		"CLUSTER": func(c *server.Peer) { c.WriteBulk("cluster_state:fail\r\n") },
	})
}

var storeFaults = []fault{
	{
		name: "redis is not there", level: Failure, check: "redis", cause: "redis_away", en: "no connection to Redis", zh: "无法连接 Redis",
		stage: func(t *testing.T, w *world) { w.store = "redis://:" + redisSecret + "@" + deadPort(t) },
	},
	{
		name: "redis refuses the password", level: Failure, check: "redis", cause: "redis_auth", en: "refuses the user or the password", zh: "拒绝了用户名或密码",
		stage: func(t *testing.T, w *world) {
			s := real(t, w, "--requirepass", "another")
			w.store = strings.Replace(s.URL(), "unix://", "unix://:"+redisSecret+"@", 1)
		},
	},
	{
		name: "redis wants a password", level: Failure, check: "redis", cause: "redis_auth", en: "or wants one", zh: "要求认证",
		stage: func(t *testing.T, w *world) { real(t, w, "--requirepass", "another") },
	},
	{
		name: "redis has no such database", level: Failure, check: "redis", cause: "redis_refused", en: "answers with an error", zh: "返回错误",
		stage: func(t *testing.T, w *world) {
			w.store = strings.Replace(real(t, w).URL(), "db=0", "db=99", 1)
		},
	},
	{
		name: "redis throws keys away", level: Failure, check: "redis eviction", cause: "redis_evicts", en: "allkeys-lru", zh: "allkeys-lru",
		stage: func(t *testing.T, w *world) {
			real(t, w, "--maxmemory", "200mb", "--maxmemory-policy", "allkeys-lru")
		},
	},
	{
		name: "redis would throw keys away", level: Warning, check: "redis eviction", cause: "redis_may_evict", en: "as soon as somebody sets maxmemory", zh: "maxmemory",
		stage: func(t *testing.T, w *world) { real(t, w, "--maxmemory-policy", "volatile-ttl") },
	},
	{
		name: "redis keeps nothing", level: Warning, check: "redis persistence", cause: "redis_forgets", en: "keeps nothing on disk", zh: "不写磁盘",
		stage: func(t *testing.T, w *world) { real(t, w, "--appendonly", "no", "--save", "") },
	},
	{
		name: "redis keeps snapshots", level: Warning, check: "redis persistence", cause: "redis_snapshots", en: "only snapshots", zh: "只保存快照",
		stage: func(t *testing.T, w *world) { real(t, w, "--appendonly", "no", "--save", "3600 1") },
	},
	{
		name: "redis is a replica", level: Failure, check: "redis role", cause: "redis_replica", en: "is a replica of 127.0.0.1:", zh: "只读副本",
		stage: func(t *testing.T, w *world) { real(t, w, "--replicaof", "127.0.0.1 1") },
	},
	{
		name: "redis is a cluster", level: Failure, check: "redis role", cause: "redis_is_cluster", en: "names a single Redis", zh: "单机",
		stage: func(t *testing.T, w *world) {
			real(t, w, "--cluster-enabled", "yes", "--bind", "127.0.0.1", "--cluster-port", redistest.FreePort(t))
		},
	},
	{
		name: "redis is no cluster", level: Failure, check: "redis role", cause: "redis_no_cluster", en: "is no cluster", zh: "不是集群",
		stage: func(t *testing.T, w *world) {
			infoOf(t, w)
			w.store += "?addr=127.0.0.1:1"
		},
	},
	{
		name: "redis cluster is down", level: Failure, check: "redis role", cause: "redis_cluster_down", en: "cluster_state fail", zh: "集群不可用",
		stage: func(t *testing.T, w *world) {
			infoOf(t, w, "cluster_enabled:1")
			w.store += "?addr=127.0.0.1:1"
		},
	},
	{
		name: "redis clock off", level: Warning, check: "redis clock", cause: "redis_clock", en: "off from its by", zh: "相差",
		stage: func(t *testing.T, w *world) {
			w.redisTime = time.Now().Add(-time.Hour)
			infoOf(t, w)
		},
	},
	{
		name: "redis is full", level: Failure, check: "redis memory", cause: "redis_full", en: "uses 1 MiB of 1 MiB", zh: "上限",
		stage: func(t *testing.T, w *world) { infoOf(t, w, "used_memory:1100000", "maxmemory:1100000") },
	},
	{
		name: "redis is nearly full", level: Warning, check: "redis memory", cause: "redis_full", en: "uses 95 MiB of 100 MiB", zh: "上限",
		stage: func(t *testing.T, w *world) {
			infoOf(t, w, fmt.Sprint("used_memory:", 95<<20), fmt.Sprint("maxmemory:", 100<<20))
		},
	},
	{
		name: "redis is too old", level: Failure, check: "redis version", cause: "redis_old", en: "version 5.0.14", zh: "5.0.14",
		stage: func(t *testing.T, w *world) { infoOf(t, w, "redis_version:5.0.14") },
	},
	{
		name: "redis cannot save", level: Failure, check: "redis persistence", cause: "redis_cannot_save", en: "could not write", zh: "写盘失败",
		stage: func(t *testing.T, w *world) { infoOf(t, w, "aof_last_write_status:err") },
	},
	{
		name: "redis speaks no TLS", level: Failure, check: "redis", cause: "tls_not_spoken", en: "does not speak TLS", zh: "不支持 TLS",
		stage: func(t *testing.T, w *world) {
			w.store = "rediss://" + silent(t, "-ERR unknown command\r\n")
		},
	},
	{
		name: "no sentinel knows the master", level: Failure, check: "redis", cause: "redis_no_master", en: "no Sentinel", zh: "没有哨兵",
		stage: func(t *testing.T, w *world) {
			w.store = "redis://" + fakeRedis(t, redisAnswers{"SENTINEL": func(c *server.Peer) { c.WriteRaw("*-1\r\n") }}) + "?master_name=mine"
		},
	},
	{
		name: "store is damaged", level: Failure, check: "store", cause: "store_damaged", en: "is damaged", zh: "已损坏",
		stage: func(t *testing.T, w *world) {
			w.store = "file:" + put(t, w.folder, "bad.db", strings.Repeat("this is no store\n", 5000))
		},
	},
	{
		name: "store is held by somebody", level: Warning, check: "store", cause: "store_taken", en: "another process has it open", zh: "被其他进程占用",
		stage: func(t *testing.T, w *world) { hold(t, strings.TrimPrefix(w.store, "file:")) },
	},
}

// saying is a model that answers with this.
func saying(r modeltest.Response) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { w.respond = func(modeltest.Request) modeltest.Response { return r } }
}

var modelFaults = []fault{
	{
		name: "model key refused", level: Failure, check: "answer", subject: "small", cause: "model_key", en: "key is refused", zh: "密钥被拒绝",
		stage: saying(modeltest.Response{Status: 401, Error: "Incorrect API key provided: " + modelSecret}),
	},
	{
		name: "model name wrong", level: Failure, check: "answer", subject: "small", cause: "model_name", en: "does not know this model", zh: "不认识这个模型",
		stage: saying(modeltest.Response{Status: 404, Error: "The model `small` does not exist"}),
	},
	{
		name: "model account empty", level: Failure, check: "answer", subject: "small", cause: "model_quota", en: "nothing left", zh: "余额",
		stage: saying(modeltest.Response{Status: 402, Error: "Insufficient Balance"}),
	},
	{
		name: "model does not take the request", level: Failure, check: "answer", subject: "small", cause: "model_refused", en: "does not take the request", zh: "拒绝了请求",
		stage: saying(modeltest.Response{Status: 400, Error: "temperature must be 1"}),
	},
	{
		name: "model busy", level: Warning, check: "answer", subject: "small", cause: "model_busy", en: "too often", zh: "频繁",
		stage: saying(modeltest.Response{Status: 429, Error: "slow down"}),
	},
	{
		name: "model stream cut", level: Failure, check: "answer", subject: "small", cause: "model_cut", en: "ends before the answer is complete", zh: "中断",
		stage: saying(modeltest.Response{Deltas: []string{"O"}, NoFinish: true}),
	},
	{
		name: "model in trouble", level: Failure, check: "answer", subject: "small", cause: "model_away", en: "trouble inside", zh: "内部故障",
		stage: saying(modeltest.Response{Status: 500, Error: "oops"}),
	},
	{
		name: "model says nothing", level: Warning, check: "answer", subject: "small", cause: "model_empty", en: "answers with nothing", zh: "应答为空",
		stage: saying(modeltest.Response{}),
	},
	{
		name: "model tells no usage", level: Warning, check: "answer", subject: "small", cause: "model_no_usage", en: "does not say how many tokens", zh: "不返回 token 用量",
		stage: saying(modeltest.Response{Deltas: []string{"OK"}, NoUsage: true}),
	},
	{
		name: "model cannot see", level: Failure, check: "vision", cause: "model_blind", en: "refuses a picture", zh: "拒绝图片",
		stage: func(_ *testing.T, w *world) {
			w.modelKeys = "vision: on"
			w.respond = func(r modeltest.Request) modeltest.Response {
				if len(r.Messages[0].Pictures) > 0 {
					return modeltest.Response{Status: 400, Error: "image_url is not supported"}
				}
				return modeltest.Words("OK")
			}
		},
	},
	{
		name: "model cannot use tools", level: Failure, check: "tool use", cause: "model_no_tools", en: "refuses tools", zh: "拒绝工具",
		stage: func(t *testing.T, w *world) {
			child(t, w, toolstest.Good, "")
			w.respond = func(r modeltest.Request) modeltest.Response {
				if len(r.Tools) > 0 {
					return modeltest.Response{Status: 400, Error: "tools are not supported"}
				}
				return modeltest.Words("OK")
			}
		},
	},
	{
		name: "model key has ended", level: Failure, check: "key", cause: "keys_ended", en: "ended on 2020-01-31", zh: "2020-01-31",
		stage: func(_ *testing.T, w *world) { w.modelKeys = "api_key_expires: 2020-01-31" },
		also:  []string{"config_warning"},
	},
	{
		name: "model key ends soon", level: Warning, check: "key", cause: "keys_end_soon", en: "ends on", zh: "将于",
		stage: func(_ *testing.T, w *world) {
			w.modelKeys = "api_key_expires: " + time.Now().Add(72*time.Hour).Format(time.DateOnly)
		},
		also: []string{"config_warning"},
	},
	{
		name: "fallback does not work", level: Failure, check: "answer", subject: "spare", cause: "model_key", en: "key is refused", zh: "密钥被拒绝",
		stage: func(_ *testing.T, w *world) {
			w.modelKeys = "fallbacks: [{name: spare}]"
			w.respond = func(r modeltest.Request) modeltest.Response {
				if r.Model == "spare" {
					return modeltest.Response{Status: 403, Error: "not for you"}
				}
				return modeltest.Words("OK")
			}
		},
	},
}

// child configures a tool server that is a process.
func child(t *testing.T, w *world, kind toolstest.Kind, keys string) {
	t.Helper()
	command, env := toolstest.Command(kind)
	text, err := json.Marshal(map[string]any{"command": command, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	w.more = fmt.Sprintf("tools:\n  - {name: test, %s%s}", strings.Trim(string(text), "{}")+"}", keys)
}

var toolFaults = []fault{
	{
		name: "tool server is not there", level: Failure, check: "server", cause: "tools_away", en: "does not come up", zh: "无法启动",
		stage: func(_ *testing.T, w *world) { w.more = "tools: [{name: test, command: [/nowhere/tool]}]" },
	},
	{
		name: "tool server ends at once", level: Failure, check: "server", cause: "tools_away", en: "does not come up", zh: "无法启动",
		stage: func(t *testing.T, w *world) { child(t, w, toolstest.Dead, "") },
	},
	{
		name: "tool server says nothing", level: Failure, check: "server", cause: "tools_mute", en: "does not answer in the protocol", zh: "不按协议",
		stage: func(t *testing.T, w *world) { child(t, w, toolstest.Mute, "") },
	},
	{
		name: "pattern that means no tool", level: Warning, check: "patterns", cause: "tools_patterns_idle", en: "allow: ehco", zh: "allow: ehco",
		stage: func(t *testing.T, w *world) { child(t, w, toolstest.Good, `, allow: ["ehco", "*"]`) },
	},
}

var programFaults = []fault{
	{
		name: "admin port taken", level: Failure, check: "admin listener", cause: "admin_taken", en: "another program", zh: "其他程序",
		stage: func(t *testing.T, w *world) {
			s := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(s.Close)
			w.admin = s.Listener.Addr().String()
		},
	},
	{
		name: "admin address of another machine", level: Failure, check: "admin listener", cause: "admin_not_ours", en: "no such address", zh: "本机没有",
		stage: func(_ *testing.T, w *world) {
			w.admin = net.JoinHostPort("192.0.2.1", "18789")
			w.adminKeys = ", token: 0123456789abcdef0123" // without one it could not be configured
		},
	},
	{
		name: "admin certificate ends soon", level: Warning, check: "certificate", cause: "admin_cert_ends", en: "ends", zh: "到期",
		stage: func(t *testing.T, w *world) {
			cert, key := pemFiles(t, root.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(72 * time.Hour) }))
			w.adminKeys = fmt.Sprintf(", tls: {cert: %q, key: %q}", cert, key)
		},
	},
	{
		name: "program is not well", level: Warning, check: "admin listener", cause: "program_unwell", en: "not healthy", zh: "状态异常",
		stage: func(t *testing.T, w *world) {
			w.admin = running(t, `{"status":"unhealthy","version":"1","problems":["store: away"],"connections":[]}`)
		},
	},
	{
		name: "program has another token", level: Warning, check: "admin listener", cause: "admin_token", en: "does not take our token", zh: "不接受我们的令牌",
		stage: func(t *testing.T, w *world) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
			t.Cleanup(s.Close)
			w.admin = s.Listener.Addr().String()
		},
	},
}

// running is a program that tells this of itself.
func running(t *testing.T, health string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/health" {
			_, _ = w.Write([]byte(health))
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
