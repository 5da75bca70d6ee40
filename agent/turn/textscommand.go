package turn

import (
	"fmt"
	"strings"

	"longwire/agent/access"
	"longwire/connectors"
)

// help lists the commands; choices says whether there are models to choose from.
func (l Language) help(choices bool) string {
	zh := []string{
		"你好，我是 AI 助手。直接发消息给我就可以提问；在群里请先 @我。我会记住最近的对话。", "",
		"- `/new`（或 `/新对话`）：忘记之前的对话，重新开始",
		"- `/stop`（或 `/停止`）：停止正在进行的回答",
		"- `/retry`（或 `/重试`）：把上一个问题再回答一次",
	}
	en := []string{
		"Hello, I am an AI assistant. Just write to me; in a group, mention me first. I remember our recent conversation.", "",
		"- `/new`: forget what was said and start over",
		"- `/stop`: stop the answer under way",
		"- `/retry`: answer the last question once more",
	}
	if choices {
		zh = append(zh, "- `/model`（或 `/模型`）：查看或更换模型，例如 `/model 名称`")
		en = append(en, "- `/model`: show the models, or choose one: `/model NAME`")
	}
	zh = append(zh,
		"- `/usage`（或 `/用量`）：查看今天的用量",
		"- `/id`（或 `/编号`）：查看你的编号，管理员可能会问到",
		"- `/help`（或 `/帮助`）：显示这段说明")
	en = append(en,
		"- `/usage`: show what you have used today",
		"- `/id`: show your id, which an administrator may ask for",
		"- `/help`: show this text")
	return l.pick(strings.Join(zh, "\n"), strings.Join(en, "\n"))
}

// nearest offers a command to somebody who wrote one that nobody knows.
func (l Language) nearest(written, name string) string {
	return l.pick(
		fmt.Sprintf("没有 `%s` 这个命令。你是想发送 `%s` 吗？发送 `/help` 可以查看全部命令。", written, name),
		fmt.Sprintf("There is no command `%s`. Did you mean `%s`? Send `/help` for all commands.", written, name))
}

func (l Language) nothingToRetry() string {
	return l.pick("还没有可以再回答一次的问题，直接发消息提问就好。", "There is no question yet that I could answer once more. Just write to me.")
}

// ids are what an administrator needs to name somebody, or a group, in the configuration.
func (l Language) ids(ev connectors.Event) string {
	zh, en := "你的编号：`"+ev.Sender.ID+"`", "Your id: `"+ev.Sender.ID+"`"
	if ev.Chat.Group {
		zh += "\n本群编号：`" + ev.Chat.ID + "`"
		en += "\nThis group: `" + ev.Chat.ID + "`"
	}
	return l.pick(zh+"\n连接：`"+ev.Connection+"`", en+"\nConnection: `"+ev.Connection+"`")
}

func (l Language) models(now string, all []string) string {
	list := "- " + strings.Join(all, "\n- ")
	return l.pick("现在使用的模型："+now+"\n\n可以选择：\n"+list+"\n\n发送 `/model 名称` 更换。", "The model is "+now+" now.\n\nThere are:\n"+list+"\n\nSend `/model NAME` to choose another.")
}

func (l Language) modelChosen(label string) string {
	return l.pick("好的，接下来由 "+label+" 回答。", "All right, "+label+" answers from now on.")
}

func (l Language) noSuchModel(label string, all []string) string {
	list := strings.Join(all, l.pick("、", ", "))
	return l.pick("没有叫 `"+label+"` 的模型，可以选择："+list+"。", "There is no model `"+label+"`. There are: "+list+".")
}

func (l Language) unlimited() string {
	return l.pick("这里没有设置用量限制，也没有统计用量。", "There is no limit here, and nothing is counted.")
}

// usage tells a person what they have used, and of how much.
func (l Language) usage(u access.Usage) string {
	zh := fmt.Sprintf("今天你提问了 %d 次，用了 %s token", u.Turns, thousands(u.Tokens))
	times := "once"
	if u.Turns != 1 {
		times = fmt.Sprintf("%d times", u.Turns)
	}
	en := fmt.Sprintf("Today you asked %s and used %s tokens", times, thousands(u.Tokens))
	if u.Allowance > 0 {
		zh += fmt.Sprintf("，每天的额度是 %s", thousands(u.Allowance))
		en += fmt.Sprintf(" of %s a day", thousands(u.Allowance))
	}
	if u.MonthAllowance > 0 {
		zh += fmt.Sprintf("；这个机器人本月用了 %s，额度是 %s", thousands(u.Month), thousands(u.MonthAllowance))
		en += fmt.Sprintf("; this bot has used %s of %s this month", thousands(u.Month), thousands(u.MonthAllowance))
	}
	return l.pick(zh+"。", en+".")
}

// thousands writes a number as people read it: 1,234,567.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// refused says kindly that somebody may not ask, or not now.
func (l Language) refused(kind access.Kind) string {
	switch kind {
	case access.NotAllowed:
		return l.pick("抱歉，你还没有使用我的权限。请把 `/id` 的结果发给管理员。", "Sorry, you may not use me yet. Please send your administrator what `/id` says.")
	case access.TooFast:
		return l.pick("你问得太快了，请过一分钟再试。", "That was a little too fast for me. Please try again in a minute.")
	case access.PersonSpent:
		return l.pick("你今天剩下的用量不够再回答一个问题了，明天再来吧。发送 `/usage` 可以查看用量。", "What you have left for today is too little for another question. Please come back tomorrow; `/usage` tells more.")
	case access.ConnectionSpent:
		return l.pick("这个机器人本月剩下的用量不够再回答一个问题了，请联系管理员。", "What this bot has left for this month is too little for another question. Please ask your administrator.")
	}
	return l.pick("我现在无法确认你的使用权限，请过一会儿再试。", "I cannot tell right now whether you may use me. Please try again in a moment.")
}

// doing is what people read while tools run.
func (l Language) doing(titles []string) string {
	if len(titles) == 0 {
		return ""
	}
	return strings.TrimRight(strings.Join(titles, l.pick("、", ", ")), " .…。") + "…"
}

// propose asks whether a tool may run.
func (l Language) propose(title, arguments string) string {
	zh, en := "我想执行："+title, "I would like to do this: "+title
	if arguments != "" {
		zh, en = zh+"\n"+arguments, en+"\n"+arguments
	}
	return l.pick(zh+"\n\n可以吗？", en+"\n\nMay I?")
}

// proposePlainly says how to answer where there are no buttons.
func (l Language) proposePlainly() string {
	return l.pick("回复 `/yes` 允许，回复 `/no` 拒绝。", "Write `/yes` to allow it, `/no` to refuse.")
}

func (l Language) waitingForWord(title string) string {
	return l.pick("等你确认："+title, "Waiting for your word: "+title)
}

func (l Language) allowed() string { return l.pick("✅ 已允许", "✅ Allowed") }

func (l Language) denied() string { return l.pick("❌ 已拒绝", "❌ Refused") }

func (l Language) noWord() string {
	return l.pick("⌛ 没有等到确认，未执行", "⌛ No answer in time, not done")
}

// answered is what whoever has answered a proposal reads: what counts, which may be an
// earlier answer.
func (l Language) answered(counts string) string {
	switch counts {
	case saidYes:
		return l.allowed()
	case saidNo:
		return l.denied()
	}
	return l.nothingToAllow()
}

func (l Language) nothingToAllow() string {
	return l.pick("现在没有需要你确认的操作。", "There is nothing to allow at the moment.")
}
