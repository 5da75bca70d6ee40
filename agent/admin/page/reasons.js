// What the program says of its troubles, in the reader's language. It says them in
// English, as its log does; the words that are its own are put into Chinese here, phrase by
// phrase. What others have said, and what is not known here, stays as it is.

const kindsOfFailure = {
  key: "密钥被拒绝", quota: "账户额度用尽", refused: "请求被拒绝", too_long: "内容过长", busy: "繁忙", unavailable: "不可用",
  timeout: "超时", cut: "回答中断", length: "达到长度上限", filtered: "被内容过滤", empty: "回答为空",
};
const kindOf = word => kindsOfFailure[word] || word;
const someKind = Object.keys(kindsOfFailure).join("|");

const reasons = [
  [/^store: /, () => "存储："],
  [/no answer for (\S+)/, (_, t) => t + " 内没有应答"],
  [/the store has not answered in time/, () => "存储没有及时应答"],
  [/\((\d+) events are spooled\)/, (_, n) => "（" + n + " 条消息已写入本地暂存）"],
  [/^(\d+) messages wait in the spool until Redis takes them/, (_, n) => "本地暂存中有 " + n + " 条消息，等待 Redis 恢复"],
  [/^the spool cannot be read: /, () => "本地暂存无法读取："],
  [/^([\w-]+): (connecting|waiting|failed|stopped)(?:: |$)/, (all, name, state) => name + "：" + words.zh.state[state] + (all.endsWith(": ") ? "：" : "")],
  [/connected, but silent for (\S+)/, (_, t) => "显示在线，但已有 " + t + " 没有收到任何数据"],
  [/silent for (\S+), taken for dead/, (_, t) => t + " 没有收到任何数据，视为已断开"],
  [/the machine slept for (\S+), or its clock was set: the socket is taken for dead/, (_, t) => "本机休眠了 " + t + "，或时钟被调整：连接视为已断开"],
  [/the platform lets go of every stream at once/, () => "平台一接通就断开"],
  [/handshake refused: /, () => "握手被拒绝："],
  [/(^|：)dial: (?:dial )?/, (_, before) => before + "拨号："],
  [/(^|：)serve: /, (_, before) => before + "长连接："],
  [/the bot does not know its own open_id yet, groups are not answered/, () => "机器人尚不知道自己的 open_id，暂不回答群消息"],
  [/nobody is answered: the app lacks the scope /, () => "无法回答任何人：应用缺少权限 "],
  [/DingTalk withholds what people write: the organisation's monthly count of messages is used up \(code (\d+)\)/, (_, code) => "钉钉不再提供消息内容：组织本月的消息次数已用完（代码 " + code + "）"],
  [/^model ([^:]+): /, (_, label) => "模型 " + label + "："],
  [new RegExp("^model: (?:([^\\s:]+): )?(" + someKind + ")(?:: |$)"), (_, host, kind) => "模型：" + (host ? host + "：" : "") + kindOf(kind) + "："],
  [/failed (\d+) times in a row \((\w*)\)/, (_, n, kind) => "连续失败 " + n + " 次（" + kindOf(kind) + "）"],
  [/asked to be left alone \((\w*)\)/, (_, kind) => "要求暂停请求（" + kindOf(kind) + "）"],
  [/takes none of the keys \((\w*)\)/, (_, kind) => "没有可用的密钥（" + kindOf(kind) + "）"],
  [/^([\w-]+): lines are lost: /, (_, name) => name + "：有内容未能写入："],
  [/no space left on device/, () => "磁盘已满"],
  [/^the configuration file has changed and is not taken up: /, () => "配置文件已修改，但没有生效："],
  [/(\d+) problem\(s\) in the configuration:/, (_, n) => "有 " + n + " 处错误："],
  [/^the program did not survive the earlier attempts/, () => "此前几次尝试中程序都意外退出"],
  [/^the turn panics each time/, () => "每次处理都发生 panic"],
];

// told is a reason as its reader reads it.
function told(text) {
  if (language !== "zh" || !text) return text;
  return reasons.reduce((t, [phrase, chinese]) => t.replace(phrase, chinese), text).replace(/：$/, "");
}
