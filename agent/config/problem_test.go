package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// connections is a right list of one, to put other sections behind.
const connections = `connections: [{name: a, platform: feishu, app_id: cli_1, app_secret: s}]
`

// model is a right section in one line.
const model = `model: {endpoint: https://model.example/v1, name: m}
`

// badFile is a file that is refused, and every line that is said about it.
type badFile struct {
	name, text string
	want       []string
}

// badFiles are wrong in form, or in the keys that every file has.
var badFiles = []badFile{
	{"empty", "", []string{`c.yaml:1:1: the file is empty; begin with config.example.yaml`}},
	{"only comments", "# nothing\n\n", []string{`c.yaml:1:1: the file is empty; begin with config.example.yaml`}},
	{"no mapping", "hunter2", []string{`c.yaml:1:1: expected keys with values, got a single value; write each as "key: value"`}},
	{"two documents", connections + model + "---\nlog: {}\n", []string{`c.yaml:3:1: a second document begins here; keep one and remove the --- between them`}},
	{"not UTF-8", "model:\n  name: \xff\xfe\n", []string{`c.yaml:2:9: this is not UTF-8; save the file as UTF-8`}},
	{"UTF-16", "\xff\xfem\x00", []string{`c.yaml:1:1: this is not UTF-8; save the file as UTF-8`}},
	{"control character", "model:\n  name: 模\x00型\n", []string{`c.yaml:2:10: a control character stands here; remove it, and save the file as UTF-8 text`}},
	{"too large", strings.Repeat("#", maxFile+1), []string{`c.yaml:1:1: the file is larger than 1 MiB`}},
	{"tabs", "model:\n\tname: a\n", []string{`c.yaml:2:1: this line is indented with a tab; YAML takes only spaces there`}},
	{"tab after spaces", "connections:\n  - name: x\n  \tplatform: feishu\n", []string{`c.yaml:3:3: this line is indented with a tab; YAML takes only spaces there`}},
	{"syntax, and a tab that is none of its business", "model:\n  system_prompt: |\n    a\n    \tcode\n  name: x: y\n", []string{
		`c.yaml:5:1: this is not YAML: mapping values are not allowed in this context; look at the indentation, the colons and the quotes here and just above`}},
	{"a password taken for an alias", "x: 1\nadmin: {token: *hunter2}\n", []string{
		`c.yaml:2:16: an alias (*) has no anchor (&) of its name before it; put a value that begins with * in quotes`}},

	{"everything missing", "log: {}\n", []string{
		`c.yaml:1:1: connections: missing; write at least one connection, as in config.example.yaml`,
		`c.yaml:1:1: model.endpoint: missing; write a base URL such as https://dashscope.aliyuncs.com/compatible-mode/v1, or set MODEL_ENDPOINT`,
		`c.yaml:1:1: model.name: missing; write the model's name as the endpoint knows it, such as qwen-plus`}},
	{"no connection", model + "connections: []\n", []string{
		`c.yaml:2:14: connections: the list is empty; write at least one connection, as in config.example.yaml`}},
	{"connections without dashes", model + "connections:\n  name: a\n", []string{
		`c.yaml:3:3: connections: expected a list, got keys with values; begin each entry with "- "`}},
	{"a connection that is a word", model + "connections:\n  - hunter2\n", []string{
		`c.yaml:3:5: connections[0]: expected keys with values, got a single value; write each as "key: value"`}},
	{"an empty connection", model + "connections:\n  - name: a\n    platform: feishu\n  - platform: dingtalk\n", []string{
		`c.yaml:3:5: connections[0].app_id: missing; copy it from the application's page, as in app_id: ${FEISHU_APP_ID}`,
		`c.yaml:3:5: connections[0].app_secret: missing; keep it out of the file, as in app_secret: ${FEISHU_APP_SECRET}`,
		`c.yaml:5:5: connections[1].client_id: missing; copy it from the application's page, as in client_id: ${DINGTALK_CLIENT_ID}`,
		`c.yaml:5:5: connections[1].client_secret: missing; keep it out of the file, as in client_secret: ${DINGTALK_CLIENT_SECRET}`,
		`c.yaml:5:5: connections[1].name: missing; write a short name such as helpdesk-dingtalk; it appears in logs and metrics`}},

	{"unknown keys", model + `
connections:
  - name: a
    platform: dingtalk
    clientid: x
    client-secret: y
    verbose: yes
api_key: z
ttl: 3m
modle: {}
scope: chat
name: x
"sk-0123456789012345678901234567890123456789": 1
`, []string{
		"c.yaml:6:5: connections[0].clientid: unknown key `clientid`; did you mean `client_id`?",
		"c.yaml:7:5: connections[0].client-secret: unknown key `client-secret`; did you mean `client_secret`?",
		"c.yaml:8:5: connections[0].verbose: unknown key `verbose`; the keys here are name, platform, endpoint, workers, keepalive, proxy, reply, budget, rate, welcome, admins, model, models, tools, system_prompt, show_reasoning, scope, language, access, limits, client_id, client_secret, robot_code, card, mention",
		"c.yaml:9:1: api_key: unknown key `api_key`; it belongs elsewhere: model.api_key",
		"c.yaml:10:1: ttl: unknown key `ttl`; it belongs elsewhere: conversation.ttl",
		"c.yaml:11:1: modle: unknown key `modle`; did you mean `model`?",
		"c.yaml:12:1: scope: unknown key `scope`; it belongs elsewhere: connections[].scope or conversation.scope",
		"c.yaml:13:1: name: unknown key `name`; the keys here are connections, model, models, conversation, tools, access, limits, store, store_prefix, spool, inbox, record, shutdown, reload, admin, log, trace",
		"c.yaml:14:1: (a key): unknown key `(a key)`; the keys here are connections, model, models, conversation, tools, access, limits, store, store_prefix, spool, inbox, record, shutdown, reload, admin, log, trace"}},
	{"keys of the other platform", model + `
connections:
  - {name: a, platform: feishu, client_id: i, client_secret: s, robot_code: r}
  - {name: b, platform: dingtalk, app_id: i, app_secret: s}
`, []string{
		`c.yaml:4:33: connections[0].client_id: client_id belongs to platform dingtalk; for feishu write app_id`,
		`c.yaml:4:47: connections[0].client_secret: client_secret belongs to platform dingtalk; for feishu write app_secret`,
		`c.yaml:4:65: connections[0].robot_code: robot_code belongs to platform dingtalk; remove it; feishu has no such key`,
		`c.yaml:5:35: connections[1].app_id: app_id belongs to platform feishu; for dingtalk write client_id`,
		`c.yaml:5:46: connections[1].app_secret: app_secret belongs to platform feishu; for dingtalk write client_secret`}},
	{"platforms", model + `
connections:
  - {name: a, platform: lark, app_id: i}
  - {name: b}
  - {name: c, platform: }
  - {name: d, platform: [feishu]}
`, []string{
		`c.yaml:4:25: connections[0].platform: expected one of dingtalk, feishu, got "lark"; for Lark write feishu, with endpoint: https://open.larksuite.com`,
		`c.yaml:5:5: connections[1].platform: missing; for Lark write feishu, with endpoint: https://open.larksuite.com`,
		`c.yaml:6:25: connections[2].platform: the key has no value; for Lark write feishu, with endpoint: https://open.larksuite.com`,
		`c.yaml:7:25: connections[3].platform: expected one of dingtalk, feishu, got a list`}},
	{"duplicate keys", connections + model + "log:\n  level: info\n  level: warn\nlog: {}\n", []string{
		`c.yaml:5:3: log.level: this key stands in line 4 already; keep one of the two`,
		`c.yaml:6:1: log: this key stands in line 3 already; keep one of the two`}},
	{"duplicate names and accounts", model + `
connections:
  - {name: a, platform: feishu, app_id: cli_1, app_secret: s}
  - {name: a, platform: feishu, app_id: cli_1, app_secret: s, endpoint: https://Open.Feishu.cn/}
  - {name: c, platform: feishu, app_id: cli_1, app_secret: s, endpoint: https://open.larksuite.com}
  - {name: d, platform: dingtalk, client_id: cli_1, client_secret: s}
  - {name: d, platform: dingtalk, client_id: cli_1, client_secret: s}
`, []string{
		`c.yaml:5:12: connections[1].name: connections[0] has the same name; give each its own: logs, metrics and the store tell them apart by it`,
		`c.yaml:5:41: connections[1].app_id: connections[0] has the same app_id on the same endpoint; remove one: the platform would split the messages between the two`,
		`c.yaml:8:12: connections[4].name: connections[3] has the same name; give each its own: logs, metrics and the store tell them apart by it`,
		`c.yaml:8:46: connections[4].client_id: connections[3] has the same client_id on the same endpoint; remove one: the platform would split the messages between the two`}},
	{"names", model + `
connections:
  - {name: Help Desk, platform: feishu, app_id: i, app_secret: s}
  - {name: -x, platform: feishu, app_id: j, app_secret: s}
`, []string{
		`c.yaml:4:12: connections[0].name: expected a name for a connection, got "Help Desk"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`,
		`c.yaml:5:12: connections[1].name: expected a name for a connection, got "-x"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`}},
	{"a bad name twice is said once each", model + `
connections:
  - {name: X, platform: feishu, app_id: i, app_secret: s}
  - {name: X, platform: feishu, app_id: j, app_secret: s}
`, []string{
		`c.yaml:4:12: connections[0].name: expected a name for a connection, got "X"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`,
		`c.yaml:5:12: connections[1].name: expected a name for a connection, got "X"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`}},
	{"what is merged twice is said once", model + `
connections:
  - &a {name: a, platform: feishu, app_id: i, app_secret: s, name: x}
  - {<<: [*a, *a], name: b, app_id: j}
`, []string{
		`c.yaml:4:62: connections[0].name: this key stands in line 4 already; keep one of the two`,
		`c.yaml:4:62: connections[1].name: this key stands in line 4 already; keep one of the two`}},

	{"words of a connection", model + `
connections:
  - {name: a, platform: dingtalk, client_id: i, client_secret: s, budget: {api_calls: 0}, mention: maybe, admins: [{a: b}, ""], reply: cards}
  - {name: b, platform: feishu, app_id: i, app_secret: s, budget: many, card: {key: k}}
`, []string{
		`c.yaml:4:87: connections[0].budget.api_calls: the value is not a number from 1 to 1000000000, or unlimited; write a number such as 5000, or unlimited`,
		`c.yaml:4:100: connections[0].mention: the value is not on or off`,
		`c.yaml:4:116: connections[0].admins[0]: expected a text, got keys with values`,
		`c.yaml:4:124: connections[0].admins[1]: the value is empty; write a list of the platform's ids, or remove the key`,
		`c.yaml:4:136: connections[0].reply: expected one of auto, card, text, got "cards"`,
		`c.yaml:5:67: connections[1].budget: expected keys with values, got a single value; write each as "key: value"`,
		`c.yaml:5:73: connections[1].card: card belongs to platform dingtalk; remove it; feishu has no such key`}},

	{"types", connections + model + `
conversation:
  ttl: soon
  turns: many
  language: zh-CN
inbox:
  waiting: {a: b}
  remember: 24
  lease:
shutdown: [1]
log:
  level: INFO
  format: ` + strings.Repeat("长", 50) + `
`, []string{
		`c.yaml:5:8: conversation.ttl: expected a duration such as 30s, 5m or 7d, got "soon"`,
		`c.yaml:6:10: conversation.turns: expected a whole number, got "many"`,
		`c.yaml:7:13: conversation.language: expected one of auto, zh, en, got "zh-CN"`,
		`c.yaml:9:12: inbox.waiting: expected a whole number, got keys with values`,
		`c.yaml:10:13: inbox.remember: expected a duration such as 30s, 5m or 7d, got "24"; the unit is missing: 24s, 24m, 24h or 24d`,
		`c.yaml:11:9: inbox.lease: the key has no value; write a duration such as 30s, 5m or 7d, or remove the key for its default`,
		`c.yaml:12:11: shutdown: expected a duration such as 30s, 5m or 7d, got a list`,
		`c.yaml:14:10: log.level: expected one of debug, info, warn, error, got "INFO"`,
		`c.yaml:15:11: log.format: expected one of auto, text, json, got "` + strings.Repeat("长", 40) + `…"`}},
	{"ranges", `connections: [{name: a, platform: dingtalk, client_id: i, client_secret: s, workers: 1025, keepalive: 999ms}]
model: {endpoint: https://model.example/v1, name: m, max_tokens: 1000001, attempts: 0}
conversation: {ttl: -1s, turns: 1001}
`, []string{
		`c.yaml:1:86: connections[0].workers: 1025 is outside the range 1 to 1024`,
		`c.yaml:1:103: connections[0].keepalive: 999ms is outside the range 1s to 10m`,
		`c.yaml:2:66: model.max_tokens: 1000001 is outside the range 1 to 1000000`,
		`c.yaml:2:85: model.attempts: 0 is outside the range 1 to 10`,
		`c.yaml:3:21: conversation.ttl: -1s is outside the range 0s to 3650d`,
		`c.yaml:3:33: conversation.turns: 1001 is outside the range 1 to 1000`}},
	{"keys without a value", connections + "model:\n  endpoint:\n  api_key:\n  name: ~\n", []string{
		`c.yaml:3:12: model.endpoint: the key has no value; write a base URL such as https://dashscope.aliyuncs.com/compatible-mode/v1, or set MODEL_ENDPOINT`,
		`c.yaml:4:11: model.api_key: the key has no value; write "" for an empty text, or remove the key`,
		`c.yaml:5:9: model.name: the key has no value; write the model's name as the endpoint knows it, such as qwen-plus`}},
	{"empty, tagged and untidy values", connections + `
model:
  endpoint: https://model.example/v1
  name: ""
  api_key: "sk-1\n"
admin: {token: !!binary aHVudGVyMg==}
`, []string{
		`c.yaml:5:9: model.name: the value is empty; write the model's name as the endpoint knows it, such as qwen-plus`,
		`c.yaml:6:12: model.api_key: the value has space around it or a control character in it; copy it again, without a line break`,
		`c.yaml:7:16: admin.token: a tag (!) is not used here; put a value that begins with ! in quotes`}},
	{"odd keys and merges", connections + model + "? [log]\n: {}\n<<: 3\n", []string{
		`c.yaml:3:3: a key has to be a word, got a list`,
		`c.yaml:5:5: << takes the alias of a mapping, got a single value; write <<: *name`}},

	{"platform endpoints", model + `
connections:
  - {name: a, platform: feishu, app_id: i, app_secret: s, endpoint: open.feishu.cn}
  - {name: b, platform: dingtalk, client_id: i, client_secret: s, endpoint: "https://user:hunter2@gate.example"}
  - {name: c, platform: dingtalk, client_id: j, client_secret: s, endpoint: "https://gate.example?x=hunter2"}
  - {name: d, platform: dingtalk, client_id: k, client_secret: s, endpoint: "https://:8443"}
  - {name: e, platform: dingtalk, client_id: l, client_secret: s, endpoint: "https://gate.example:70000"}
  - {name: f, platform: dingtalk, client_id: m, client_secret: s, endpoint: "https://gate.example/%zz"}
  - {name: g, platform: dingtalk, client_id: n, client_secret: s, endpoint: "https://gate.example/#x"}
`, []string{
		`c.yaml:4:69: connections[0].endpoint: the value is not a base URL: it does not begin with https:// or http://; write it like https://open.feishu.cn`,
		`c.yaml:5:77: connections[1].endpoint: the value is not a base URL: it has a user name or password in it; write it like https://api.dingtalk.com`,
		`c.yaml:6:77: connections[2].endpoint: the value is not a base URL: it goes on with ? or # after the path; write it like https://api.dingtalk.com`,
		`c.yaml:7:77: connections[3].endpoint: the value is not a base URL: it has no host; write it like https://api.dingtalk.com`,
		`c.yaml:8:77: connections[4].endpoint: the value is not a base URL: its port is not from 1 to 65535; write it like https://api.dingtalk.com`,
		`c.yaml:9:77: connections[5].endpoint: the value is not a base URL: it cannot be read; write it like https://api.dingtalk.com`,
		`c.yaml:10:77: connections[6].endpoint: the value is not a base URL: it goes on with ? or # after the path; write it like https://api.dingtalk.com`}},
	{"the model's endpoint", connections + "model: {name: m, endpoint: https://model.example/v1/chat/completions}\n", []string{
		`c.yaml:2:28: model.endpoint: the value names one call of the endpoint; write the base URL: what stands before /chat/completions`}},
	{"a store that is none", connections + model + "store: redis://u:hunter#2@cache.example:6379/0\n", []string{
		`c.yaml:3:8: store: the value is not a store; write file:./data/longwire.db or redis://host:6379/0; percent-encode special characters in a password`}},
	{"an open page without a token", connections + model + "admin: {listen: \":18789\"}\n", []string{
		`c.yaml:3:17: admin.listen: the value can be reached from other machines, and without a token everybody there could read the page; set admin.token, or listen on 127.0.0.1:18789`}},
	{"an address without a port", connections + model + "admin: {listen: localhost}\n", []string{
		`c.yaml:3:17: admin.listen: the value is not host:port; write it like 127.0.0.1:18789`}},

	{"references", `
connections: [{name: a, platform: "${EMPTY}", app_id: "${MISSING}", app_secret: "a ${NOT CLOSED"}]
model: {endpoint: "${EMPTY}", name: "${MISSING}${BAD-NAME}", api_key: "${MISSING_KEY}", max_tokens: "${WORD}", attempts: "${BIG}"}
conversation: {ttl: "${WORD}", language: "${WORD}", turns: "1${BIG}"}
store: ${WORD}
shutdown: ${BIG}m
admin: {token: "${file:nowhere/token}", listen: "${WORD}"}
`, []string{
		`c.yaml:2:35: connections[0].platform: the value of ${EMPTY} is empty; for Lark write feishu, with endpoint: https://open.larksuite.com`,
		`c.yaml:2:55: connections[0].app_id: the environment variable MISSING is not set; set MISSING where longwire is started`,
		`c.yaml:2:81: connections[0].app_secret: a ${ is never closed: write ${NAME}, or $${ for a literal ${`,
		`c.yaml:3:19: model.endpoint: the value of ${EMPTY} is empty; write a base URL such as https://dashscope.aliyuncs.com/compatible-mode/v1, or set MODEL_ENDPOINT`,
		`c.yaml:3:37: model.name: the environment variable MISSING is not set; set MISSING where longwire is started`,
		`c.yaml:3:37: model.name: between ${ and } only the name of an environment variable or file:PATH may stand; write $${ for a literal ${`,
		`c.yaml:3:71: model.api_key: the environment variable MISSING_KEY is not set; set MISSING_KEY where longwire is started, or remove the key`,
		`c.yaml:3:101: model.max_tokens: the value of ${WORD} is not a whole number`,
		`c.yaml:3:122: model.attempts: the value of ${BIG} is outside the range 1 to 10`,
		`c.yaml:4:21: conversation.ttl: the value of ${WORD} is not a duration such as 30s, 5m or 7d`,
		`c.yaml:4:42: conversation.language: the value of ${WORD} is not one of auto, zh, en`,
		`c.yaml:4:60: conversation.turns: the value of ${BIG} is outside the range 1 to 1000`,
		`c.yaml:5:8: store: the value of ${WORD} is not a store; write file:./data/longwire.db or redis://host:6379/0; percent-encode special characters in a password`,
		`c.yaml:6:11: shutdown: the value of ${BIG} is outside the range 0s to 10m`,
		`c.yaml:7:16: admin.token: ${file:nowhere/token}: there is no such file; looked for nowhere/token and credentials/nowhere/token`,
		`c.yaml:7:49: admin.listen: the value of ${WORD} is not host:port; write it like 127.0.0.1:18789`}},
}

func TestProblems(t *testing.T) {
	getenv := env("EMPTY", "", "WORD", "hunter2", "BIG", "424242")
	for _, test := range slices.Concat(badFiles, badSections) {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := Parse("c.yaml", []byte(test.text), getenv)
			problems, ok := errors.AsType[Problems](err)
			if cfg != nil || !ok {
				t.Fatalf("got %+v and %v, want problems", cfg, err)
			}
			if got, want := problems.Error(), strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, hidden := range []string{"hunter", "424242"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%q shows in\n%v", hidden, err)
				}
			}
		})
	}
}

func TestProblemsWithTheFallbackVariables(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"MAX_TOKEN_LIMIT", "424242x", `c.yaml:2:8: model.max_tokens: the value of the environment variable MAX_TOKEN_LIMIT is not a whole number`},
		{"MAX_TOKEN_LIMIT", "0", `c.yaml:2:8: model.max_tokens: the value of the environment variable MAX_TOKEN_LIMIT is outside the range 1 to 1000000`},
		{"MAX_TOKEN_LIMIT", "", `c.yaml:2:8: model.max_tokens: the value of the environment variable MAX_TOKEN_LIMIT is not a whole number`},
		{"MODEL_API_KEY", "key\n", `c.yaml:2:8: model.api_key: the value of the environment variable MODEL_API_KEY has space around it or a control character in it; copy it again, without a line break`},
	} {
		_, err := Parse("c.yaml", []byte(connections+model), env(test.name, test.value))
		if fmt.Sprint(err) != test.want {
			t.Errorf("%s=%q: got\n%v\nwant\n%s", test.name, test.value, err, test.want)
		}
	}
	_, err := Parse("c.yaml", []byte(connections+"model: {name: m}\n"), env("MODEL_ENDPOINT", "ftp://hunter2"))
	if want := `c.yaml:2:8: model.endpoint: the value of the environment variable MODEL_ENDPOINT is not a base URL: it does not begin with https:// or http://; write it like https://dashscope.aliyuncs.com/compatible-mode/v1`; fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// A few lines that stand for very many values are refused before they are built.
func TestAliasBombsAreBounded(t *testing.T) {
	list := func(n int, item string) string { return "[" + strings.Repeat(item+", ", n-1) + item + "]" }
	for name, text := range map[string]string{
		"a list of aliases":         "connections:\n  - &a {name: a, platform: feishu, app_id: i, app_secret: s}\n" + strings.Repeat("  - *a\n", 5000),
		"merges of merges":          "a: &a {name: x}\nb: &b {<<: " + list(100, "*a") + "}\nc: &c {<<: " + list(100, "*b") + "}\nmodel: {<<: " + list(100, "*c") + "}\n",
		"a mapping that has itself": "model: &m\n  name: x\n  <<: *m\n",
		"a mapping of merges":       "a: &a {A: x}\nb: &b {<<: " + list(100, "*a") + "}\nc: &c {<<: " + list(100, "*b") + "}\ntools: [{env: {<<: " + list(100, "*c") + "}}]\n",
		"very many values":          "tools: [{titles: {" + strings.Repeat("a: b, ", 20_000) + "}}]\n",
		"very many keys":            "model:\n" + strings.Repeat("  {}: 1\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("c.yaml", []byte(text), env())
			if want := "c.yaml:1:1: the file has more than 10000 keys and values, aliases counted at each use"; fmt.Sprint(err) != want {
				t.Errorf("got %.300v\nwant %s", err, want)
			}
		})
	}
}

// What is said about many wrong names does not grow with the number of right ones.
func TestSuggestionsAreBounded(t *testing.T) {
	var labels strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&labels, "{name: m, label: l%d}, ", i)
	}
	text := "connections: [{name: a, platform: feishu, app_id: i, app_secret: s, models: [" + strings.Repeat("nobody, ", 1000) + "]}]\n" +
		model + "models: [" + labels.String() + "]\n"
	_, err := Parse("c.yaml", []byte(text), env())
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) != 1000 {
		t.Fatalf("%d problems, %.300v", len(problems), err)
	}
	for _, p := range problems {
		if len(p.String()) > 300 {
			t.Fatalf("a problem of %d bytes: %v", len(p.String()), p)
		}
	}
}
