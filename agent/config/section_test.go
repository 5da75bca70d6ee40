package config

// badSections are files that are wrong in what only some of them have.
var badSections = []badFile{
	{"keys of the models", connections + `
model:
  label: Main
  endpoint: https://model.example/v1
  name: m
  api_keys: ["k\n", ""]
  api_key_expires: 31.12.2026
  temperature: 2.1
  max_tokens_field: tokens
  proxy: https://u:hunter2@proxy.example:3128
  fallbacks:
    - {}
    - {name: f, endpoint: "https://hunter2:hunter2@x.example"}
    - {name: g, label: x}
  context_tokens: 1000
  tool_rounds: 51
models:
  - {label: big, name: m}
  - {label: big, name: m, temperature: warm, concurrency: -1}
  - {label: "", name: m, endpoint: https://x.example/v1/chat/completions}
  - {name: m, system_prompt: p}
  - {label: x y, name: m, fallbacks: 3}
`, []string{
		`c.yaml:4:10: model.label: expected a label for a model, got "Main"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`,
		`c.yaml:7:14: model.api_keys[0]: the value has space around it or a control character in it; copy it again, without a line break`,
		"c.yaml:7:21: model.api_keys[1]: the value is empty; write a list of keys, as in api_keys: [\"${KEY_1}\", \"${KEY_2}\"]",
		`c.yaml:8:20: model.api_key_expires: the value is not a date such as 2026-12-31`,
		`c.yaml:9:16: model.temperature: 2.1 is outside the range 0 to 2`,
		`c.yaml:10:21: model.max_tokens_field: expected one of auto, max_tokens, max_completion_tokens, got "tokens"`,
		`c.yaml:11:10: model.proxy: the value is not the URL of a proxy beginning with http:// or socks5://, or off; write a URL such as http://user:password@proxy.example:3128, or off`,
		`c.yaml:13:7: model.fallbacks[0].name: missing; write the model's name as the endpoint knows it, such as qwen-plus`,
		`c.yaml:14:27: model.fallbacks[1].endpoint: the value is not a base URL: it has a user name or password in it; write it like https://dashscope.aliyuncs.com/compatible-mode/v1`,
		"c.yaml:15:17: model.fallbacks[2].label: unknown key `label`; it belongs elsewhere: model.label",
		`c.yaml:16:19: model.context_tokens: 1000 is outside the range 1024 to 10000000`,
		`c.yaml:17:16: model.tool_rounds: 51 is outside the range 1 to 50`,
		`c.yaml:20:13: models[1].label: models[0] has the same label; give each its own: people choose by it`,
		`c.yaml:20:40: models[1].temperature: expected a number such as 0.7, got "warm"`,
		`c.yaml:20:59: models[1].concurrency: -1 is outside the range 0 to 100000`,
		`c.yaml:21:13: models[2].label: the value is empty; write a short word for people to choose the model by, such as large`,
		`c.yaml:21:36: models[2].endpoint: the value names one call of the endpoint; write the base URL: what stands before /chat/completions`,
		`c.yaml:22:5: models[3].label: missing; write a short word for people to choose the model by, such as large`,
		"c.yaml:22:15: models[3].system_prompt: unknown key `system_prompt`; it belongs elsewhere: connections[].system_prompt or model.system_prompt",
		`c.yaml:23:13: models[4].label: expected a label for a model, got "x y"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`,
		`c.yaml:23:38: models[4].fallbacks: expected a list, got a single value; begin each entry with "- "`}},
	{"names that are not there", model + `
models: [{label: large, name: m}, {label: default, name: m}]
connections:
  - {name: a, platform: feishu, app_id: i, app_secret: s, model: larg, models: [large, tiny, ""], tools: [clock]}
`, []string{
		`c.yaml:3:43: models[1].label: model has the same label; give each its own: people choose by it`,
		"c.yaml:5:66: connections[0].model: expected the name of a model, got \"larg\"; did you mean `large`?",
		`c.yaml:5:88: connections[0].models[1]: expected the name of a model, got "tiny"; write one of default, large`,
		`c.yaml:5:94: connections[0].models[2]: the value is empty; write a list of the labels of models, [] for none, or remove the key for all`,
		`c.yaml:5:107: connections[0].tools[0]: expected the name of a server of tools, got "clock"; there is none; write it in the list first`}},
	{"tools", connections + model + `
tools:
  - {name: a}
  - {name: a, command: [x], url: "https://tools.example"}
  - {name: B, url: "https://tools.example", env: {X: y}}
  - {name: c, command: [x], headers: {A: b}, env: {1X: y, Y: [z], Z: }, timeout: 0s, max_result: 2MiB, concurrency: 0}
  - {name: d, url: "ws://hunter2.example", headers: {"A B": b, C: "d\n"}}
  - {name: e, url: "https://tools.example/?k=hunter2#x", max_result: 4096, titles: [x]}
  - {name: f, command: x, titles: {"": x}}
  - {name: g, command: [""], titles: {"": x}, max_result: 4k}
`, []string{
		`c.yaml:5:5: tools[0]: it has neither command nor url; write the program to start as command: [calendar-mcp], or where it listens as url: https://tools.example/mcp`,
		`c.yaml:6:12: tools[1].name: tools[0] has the same name; give each its own`,
		`c.yaml:6:34: tools[1].url: there is a command too; keep one: command for a program that is started here, url for one that runs elsewhere`,
		`c.yaml:7:5: tools[2]: dir and env are for a program that is started here, and this one has a url; remove them, or write command in place of url`,
		`c.yaml:7:12: tools[2].name: expected a name for a server of tools, got "B"; write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit`,
		`c.yaml:8:38: tools[3].headers: headers are for a url, and this one has a command; remove them, or write url in place of command`,
		`c.yaml:8:56: tools[3].env.1X: this is no name of an environment variable; write letters, digits and underscore, first no digit`,
		`c.yaml:8:62: tools[3].env.Y: expected a text, got a list`,
		`c.yaml:8:70: tools[3].env.Z: the key has no value; write "" for an empty text, or remove the key`,
		`c.yaml:8:82: tools[3].timeout: 0s is outside the range 1s to 10m`,
		`c.yaml:8:98: tools[3].max_result: 2MiB is outside the range 1KiB to 1MiB`,
		`c.yaml:8:117: tools[3].concurrency: 0 is outside the range 1 to 1024`,
		`c.yaml:9:20: tools[4].url: the value is not a URL beginning with https:// or http://; write a URL such as https://tools.example/mcp`,
		`c.yaml:9:61: tools[4].headers.(a key): this is no name of a header; write a name such as Authorization`,
		`c.yaml:9:67: tools[4].headers.C: the value has space around it or a control character in it; copy it again, without a line break`,
		`c.yaml:10:20: tools[5].url: the value is not a URL beginning with https:// or http://; write a URL such as https://tools.example/mcp`,
		`c.yaml:10:70: tools[5].max_result: expected a size such as 16KiB or 100MiB, got "4096"; the unit is missing: 4096B, 4096KiB, 4096MiB or 4096GiB`,
		`c.yaml:10:84: tools[5].titles: expected keys with values, got a list; write each as "key: value"`,
		`c.yaml:11:24: tools[6].command: expected a list, got a single value; begin each entry with "- "`,
		`c.yaml:11:35: tools[6].titles: a title has no tool; write the tool's name as the key`,
		`c.yaml:12:25: tools[7].command[0]: the value is empty; write the program and its arguments as a list, as in command: [calendar-mcp, --readonly]`,
		`c.yaml:12:38: tools[7].titles: a title has no tool; write the tool's name as the key`,
		`c.yaml:12:59: tools[7].max_result: expected a size such as 16KiB or 100MiB, got "4k"`}},
	{"who may and how much", model + `
connections: [{name: a, platform: feishu, app_id: i, app_secret: s, access: shut, limits: 5, scope: room}]
access: {mode: [open], allow: [a], deny: {people: a, group: [x]}}
limits: {turns_per_minute: 0, tokens_per_day: 1000000000001, tokens_per_month: some}
conversation: {scope: all, overflow: cut, tokens: 10000001}
`, []string{
		`c.yaml:3:77: connections[0].access.mode: expected one of open, closed, got "shut"`,
		`c.yaml:3:91: connections[0].limits: expected keys with values, got a single value; write each as "key: value"`,
		`c.yaml:3:101: connections[0].scope: expected one of person, chat, got "room"`,
		`c.yaml:4:16: access.mode: expected one of open, closed, got a list`,
		`c.yaml:4:31: access.allow: expected keys with values, got a list; write each as "key: value"`,
		`c.yaml:4:51: access.deny.people: expected a list, got a single value; begin each entry with "- "`,
		"c.yaml:4:54: access.deny.group: unknown key `group`; did you mean `groups`?",
		`c.yaml:5:28: limits.turns_per_minute: the value is not a number from 1 to 1000000000000, or unlimited; write a number such as 20, or unlimited`,
		`c.yaml:5:47: limits.tokens_per_day: the value is not a number from 1 to 1000000000000, or unlimited; write a number such as 200000, or unlimited`,
		`c.yaml:5:80: limits.tokens_per_month: the value is not a number from 1 to 1000000000000, or unlimited; write a number such as 20000000, or unlimited`,
		`c.yaml:6:23: conversation.scope: expected one of person, chat, got "all"`,
		`c.yaml:6:38: conversation.overflow: expected one of summarise, drop, got "cut"`,
		`c.yaml:6:51: conversation.tokens: 10000001 is outside the range 0 to 10000000`}},
	{"records, logs and the rest", connections + model + `
store_prefix: "long wire"
reload: on
record:
  max_size: 1KiB
  redact: [phon, {name: phone, pattern: x}, {name: x, pattern: "("}, {name: y, pattern: "a*"}, {pattern: x}, {name: email}, email, {name: no dash-es, pattern: x}, {name: z, pattern: x, replace: "[x]"}]
admin: {allow: [10.0.0.1, ""]}
log: {levels: {Connectors: info, agent: loud}, file: {pat: x}}
trace: {endpoint: "grpc://collector.example", sample: 1.5, headers: {":": x}}
`, []string{
		`c.yaml:4:15: store_prefix: expected a beginning for the keys in Redis, got "long wire"; write a–z, 0–9, colon, dash and underscore, at most 32 characters`,
		`c.yaml:5:9: reload: expected one of off, auto, got "on"`,
		`c.yaml:7:13: record.max_size: 1KiB is outside the range 1MiB to 100GiB`,
		"c.yaml:8:12: record.redact[0].name: expected the name of a built-in rule, got \"phon\"; did you mean `phone`?",
		`c.yaml:8:25: record.redact[1].name: a built-in rule has this name, and needs no pattern; give the pattern another name, or remove it`,
		`c.yaml:8:64: record.redact[2].pattern: the value is not a regular expression: missing closing ); in double quotes, write \\ for one backslash, or put it in single quotes; look-around and back-references are not known`,
		`c.yaml:8:89: record.redact[3].pattern: the value matches where there is nothing; write what has to be there, with + in place of *`,
		`c.yaml:8:96: record.redact[4].name: missing; write phone, email, id_card, bank_card, ipv4 or key, or a name and a pattern of your own`,
		`c.yaml:8:125: record.redact[6].name: record.redact[5] has the same name; keep one of the two, or give each its own name`,
		`c.yaml:8:139: record.redact[7].name: expected a name for a rule, got "no dash-es"; write a–z, 0–9 and underscore, at most 63 characters`,
		`c.yaml:8:195: record.redact[8].replace: expected text without brackets, got "[x]"; they are put around it`,
		`c.yaml:9:17: admin.allow[0]: the value is not a network such as 10.0.0.0/8; write a network such as 10.0.0.0/8, or 10.0.0.5/32 for one address`,
		`c.yaml:9:27: admin.allow[1]: the value is empty; write a network such as 10.0.0.0/8, or 10.0.0.5/32 for one address`,
		`c.yaml:10:28: log.levels.Connectors: this is no path of a package; write a path such as connectors/dingtalk`,
		`c.yaml:10:41: log.levels.agent: expected one of debug, info, warn, error, got "loud"`,
		"c.yaml:10:55: log.file.pat: unknown key `pat`; did you mean `path`?",
		`c.yaml:11:19: trace.endpoint: the value is not a base URL: it does not begin with https:// or http://; write it like http://127.0.0.1:4318`,
		`c.yaml:11:55: trace.sample: 1.5 is outside the range 0 to 1`,
		`c.yaml:11:75: trace.headers.(a key): this is no name of a header; write a name such as Authorization`}},
}
