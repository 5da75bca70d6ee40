"use strict";

// What the page says, in both languages. Reasons and problems come from the program, and
// are for whoever reads its log: reasons.js.
const words = {
  en: {
    name: "EN", skip: "To the content", overview: "Overview", letters: "Inbox", troubles: "Errors", settings: "Config",
    healthy: "All well", problems: n => n === 1 ? "1 problem" : n + " problems", warnings: n => n === 1 ? "1 thing to mend" : n + " things to mend", connecting_: "Connecting…", unreachable: "No answer",
    toLight: "Switch to light colours", toDark: "Switch to dark colours", otherLanguage: "用中文显示",
    login: "Log in", logout: "Log out", token: "Token", tokenHint: "It is admin.token in the configuration.", wrong: "This is not the token.",
    tooMany: s => "Too many wrong tokens. Try again in " + s + " s.", plain: "This connection is not encrypted: the token can be read on its way. Set admin.tls.",
    notReached: "Longwire does not answer.", staleFor: t => "Longwire does not answer. What you see is from " + t + " ago.", refused: "Longwire does not let you in: ",
    connections: "Connections", lastHour: "The last hour", all: "All", updated: "Live, every 2 seconds", uptime: t => "up for " + t,
    answered: "Answered", failed: "Failed", skipped: "Skipped", waiting: "Waiting", hour: name => name + " · 1\u00a0h", firstWordP95: "First word p95", tookP95: "Whole answer p95", dead: "Dead letters",
    throughput: "Turns a minute", firstWord: "Time to the first word", took: "Time to the whole answer", waitingChart: "Messages waiting", waitingMost: "at most",
    thisHour: "last hour", none: "none", now: "now", chartHelp: "Arrow keys read the minutes.",
    state: {connected: "Connected", connecting: "Connecting", waiting: "Waiting to retry", failed: "Refused", stopped: "Stopped"},
    since: t => "for " + t, heard: "Last heard", ago: t => t + " ago", never: "never", connects: "Connects", events: "Events", running: "Running", turnedAway: "Turned away",
    refusedEvents: "Refused", budget: "API calls this month", votes: (good, bad) => "Votes: " + good + " good, " + bad + " bad", of: " of ",
    models: "Models", tools: "Tools", files: "Files", defaultModel: "default", requests: n => n + " requests", inFlight: n => n + " in flight", keysRest: (a, b) => a + " of " + b + " keys rest",
    keyUntil: t => "key until " + t, ready: "Ready", up: "Up", down: "Down", toolCount: n => n === 1 ? "1 tool" : n + " tools", restarts: n => n === 1 ? "1 restart" : n + " restarts",
    lines: n => n + " lines", lostLines: n => n + " lost", writing: "Writing", until: t => "rests until " + t, lastError: e => "last error: " + e,
    deadTitle: "Dead letters", heldTitle: "Being answered", waitingTitle: "Waiting", deadNone: "No dead letters. Whatever came in was settled.", inboxNone: "Nothing waits.",
    retry: "Retry", drop: "Drop", dropAsk: "Drop this message?", dropText: "Nobody will answer it any more. This cannot be undone.", cancel: "Cancel", close: "Close",
    retried: "Put back, it will be answered.", dropped: "Dropped.", readOnly: "Read-only: to retry or drop messages here, set admin.token in the configuration.", readLogin: "Read-only: log in to retry or drop messages.",
    attempt: n => "attempt " + n, attempts: n => n === 1 ? "1 attempt" : n + " attempts", inGroup: g => " in " + g, incomplete: "The inbox is not complete: ",
    troubleNone: "No errors. Nothing went wrong since the start.", find: "Show", findHint: "Trace ID of a message", findLabel: "Trace ID", notFound: "Nothing is known under this ID: it is not from here, or too old.",
    what: {failed: "Failed", dead: "Given up", slow: "Slow"}, afterWait: (w, t) => "waited " + w + ", took " + t, slowFor: t => "Nothing to read for " + t, life: "Life of ", on: "on ",
    mark: {accepted: "Accepted", taken: "Taken", noted: "Noted what it sends", released: "Given back", interrupted: "Stopped by the person", retried: "Put back by an operator", dropped: "Removed", answered: "Answered", failed: "Failed", skipped: "Skipped", dead: "Given up"},
    configNone: "The configuration is not shown here.", configNote: "The configuration in force, defaults included and without its secrets.",
    unit: {d: " d", h: " h", m: " min", s: " s", ms: " ms"},
  },
  zh: {
    name: "中", skip: "跳到内容", overview: "概览", letters: "收件箱", troubles: "错误", settings: "配置",
    healthy: "一切正常", problems: n => n + " 个问题", warnings: n => n + " 项需要处理", connecting_: "连接中…", unreachable: "无响应",
    toLight: "切换到浅色", toDark: "切换到深色", otherLanguage: "Show in English",
    login: "登录", logout: "退出", token: "令牌", tokenHint: "即配置中的 admin.token。", wrong: "令牌不正确。",
    tooMany: s => "错误次数过多，请在 " + s + " 秒后重试。", plain: "此连接未加密，令牌可能在传输中被看到。请设置 admin.tls。",
    notReached: "Longwire 没有响应。", staleFor: t => "Longwire 没有响应，以下是 " + t + "前的状态。", refused: "Longwire 拒绝了访问：",
    connections: "连接", lastHour: "最近一小时", all: "全部", updated: "实时，每 2 秒更新", uptime: t => "已运行 " + t,
    answered: "已回答", failed: "失败", skipped: "已跳过", waiting: "等待中", hour: name => name + " · 1\u00a0小时", firstWordP95: "首字延迟 p95", tookP95: "完整回答 p95", dead: "死信",
    throughput: "每分钟问答", firstWord: "首字延迟", took: "完整回答用时", waitingChart: "等待的消息", waitingMost: "最多",
    thisHour: "最近一小时", none: "无", now: "现在", chartHelp: "用方向键逐分钟查看。",
    state: {connected: "已连接", connecting: "连接中", waiting: "等待重连", failed: "被拒绝", stopped: "已停止"},
    since: t => "持续 " + t, heard: "最近收到", ago: t => t + "前", never: "从未", connects: "连接次数", events: "事件", running: "处理中", turnedAway: "婉拒",
    refusedEvents: "未接收", budget: "本月 API 调用", votes: (good, bad) => "评价：" + good + " 好评，" + bad + " 差评", of: " / ",
    models: "模型", tools: "工具", files: "文件", defaultModel: "默认", requests: n => n + " 次请求", inFlight: n => n + " 个进行中", keysRest: (a, b) => b + " 个密钥中有 " + a + " 个暂停",
    keyUntil: t => "密钥有效期至 " + t, ready: "就绪", up: "运行中", down: "已断开", toolCount: n => n + " 个工具", restarts: n => "重启 " + n + " 次",
    lines: n => n + " 行", lostLines: n => "丢失 " + n + " 行", writing: "写入中", until: t => "暂停至 " + t, lastError: e => "最近错误：" + e,
    deadTitle: "死信", heldTitle: "正在回答", waitingTitle: "等待中", deadNone: "没有死信，收到的消息都已处理。", inboxNone: "没有等待的消息。",
    retry: "重试", drop: "丢弃", dropAsk: "丢弃这条消息？", dropText: "它将不会再被回答，且无法撤销。", cancel: "取消", close: "关闭",
    retried: "已放回，将会回答。", dropped: "已丢弃。", readOnly: "只读：要在此重试或丢弃消息，请在配置中设置 admin.token。", readLogin: "只读：登录后可重试或丢弃消息。",
    attempt: n => "第 " + n + " 次尝试", attempts: n => "已尝试 " + n + " 次", inGroup: g => " · " + g, incomplete: "收件箱不完整：",
    troubleNone: "没有错误，启动以来一切顺利。", find: "查看", findHint: "消息的追踪 ID", findLabel: "追踪 ID", notFound: "没有此 ID 的记录：不是这里的消息，或已过期。",
    what: {failed: "失败", dead: "已放弃", slow: "缓慢"}, afterWait: (w, t) => "等待 " + w + "，用时 " + t, slowFor: t => t + "内没有任何回复", life: "消息经过 ", on: "连接 ",
    mark: {accepted: "已接收", taken: "开始处理", noted: "记录将发送的内容", released: "放回队列", interrupted: "用户要求停止", retried: "运维人员放回", dropped: "已移除", answered: "已回答", failed: "失败", skipped: "已跳过", dead: "已放弃"},
    configNone: "此处不显示配置。", configNote: "当前生效的配置，含默认值，不含密钥。",
    unit: {d: " 天", h: " 小时", m: " 分钟", s: " 秒", ms: " 毫秒"},
  },
};

// kept remembers a choice of the reader's, where the browser lets it.
const kept = {
  get(name) { try { return localStorage.getItem("longwire-" + name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem("longwire-" + name, value); } catch { /* it lasts until the page is left */ } },
};

let language = kept.get("language") || (/^zh\b/i.test(navigator.language) ? "zh" : "en");
if (!words[language]) language = "en";
let say = words[language];
