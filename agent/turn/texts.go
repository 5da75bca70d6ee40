package turn

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Everything that people read in the chat and that the model did not write is
// here and in textscommand.go, in Chinese and in English.

// Language is the language of the bot's own words.
type Language string

// The languages. Auto takes that of the person, and Chinese where it cannot be
// told.
const (
	Auto    Language = "auto"
	Chinese Language = "zh"
	English Language = "en"
)

// languageFor is the language to answer ev in.
func (l Language) languageFor(ev connectors.Event, history []conversation.Turn) Language {
	if l == Chinese || l == English {
		return l
	}
	if lang := languageOf(ev.Text); lang != Auto {
		return lang
	}
	for i := len(history) - 1; i >= 0; i-- {
		if lang := languageOf(history[i].Question); lang != Auto {
			return lang
		}
	}
	return Chinese
}

// languageOf tells the language of a text, Auto where it cannot be told. One
// Chinese character among Latin words is enough: the other way round ("用 Redis")
// is how people write. A command is in nobody's language.
func languageOf(text string) Language {
	latin := false
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Han, r):
			return Chinese
		case unicode.IsLetter(r):
			latin = true
		}
	}
	if latin && !strings.HasPrefix(text, "/") {
		return English
	}
	return Auto
}

func (l Language) pick(zh, en string) string {
	if l == English {
		return en
	}
	return zh
}

// both says words in the configured language, or in both where that is Auto: a
// command is in nobody's language.
func (l Language) both(words func(Language) string) string {
	if l != Auto {
		return words(l)
	}
	return words(Chinese) + "\n\n" + words(English)
}

func (l Language) welcome() string {
	return l.pick(
		"你好，我是 AI 助手，直接发消息就可以向我提问（在群里请先 @我）。发送 `/help` 可以看到我会做什么。",
		"Hello, I am an AI assistant: just write to me, or mention me in a group. Send `/help` to see what I can do.")
}

// recalled ends an answer whose question was taken back.
func (l Language) recalled() string {
	return l.pick("（提问已撤回，回答到此为止。）", "(The question was taken back, so the answer ends here.)")
}

func (l Language) notYours() string {
	return l.pick("只有提问的人可以这样做。", "Only whoever asked may do that.")
}

func (l Language) askedAgain() string {
	return l.pick("好的，我重新回答一次。", "All right, I answer once more.")
}

func (l Language) thanks() string {
	return l.pick("谢谢你的反馈！", "Thank you for telling me!")
}

// Labels are the connector's own words on a card below an answer to ev.
func (t *Turn) Labels(ev connectors.Event) connectors.Labels {
	if t.config.Language.languageFor(ev, nil) == English {
		return connectors.Labels{Thinking: "Thinking…", Continued: "(continued below)", Stop: "Stop", Again: "Answer again", Good: "👍 Helpful", Bad: "👎 Not helpful", Yes: "Allow", No: "Refuse"}
	}
	return connectors.Labels{Thinking: "思考中…", Continued: "（接下一条）", Stop: "停止", Again: "重新回答", Good: "👍 有用", Bad: "👎 没用", Yes: "允许", No: "拒绝"}
}

func (l Language) forgotten() string {
	return l.pick("好的，之前的对话我已经忘记了，我们重新开始吧。", "Done: I have forgotten our conversation so far. Let us start over.")
}

func (l Language) stopping() string {
	return l.pick("好的，已停止回答。", "All right, I stop the answer.")
}

func (l Language) nothingToStop() string {
	return l.pick("现在没有正在进行的回答。", "There is no answer under way.")
}

// stoppedHere ends an answer that the person stopped; begun says whether there is
// something of it.
func (l Language) stoppedHere(begun bool) string {
	if begun {
		return l.pick("……（已停止）", " … (stopped)")
	}
	return l.pick("（已停止）", "(stopped)")
}

// waited comes before the answer to a question that had to wait.
func (l Language) waited(d time.Duration) string {
	zh, en := fmt.Sprintf("%d 分钟", int(d.Minutes())), fmt.Sprintf("%d minutes", int(d.Minutes()))
	if d >= 2*time.Hour {
		zh, en = fmt.Sprintf("%d 小时", int(d.Hours())), fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return l.pick("（抱歉，这条消息在 "+zh+"前发出，我现在才能回答。）\n\n", "(Sorry, this message is "+en+" old: I could not answer earlier.)\n\n")
}

func (l Language) nothingSaid() string {
	return l.pick("我在。请问有什么可以帮你？（发送 `/help` 查看说明）", "I am here. What can I do for you? (Send `/help` to see what I can do.)")
}

// unseen says that a question came with pictures that the model cannot see.
func (l Language) unseen() string {
	return l.pick("（我看不了图片，下面只回答文字部分。）\n\n", "(I cannot see pictures, so this answers the words alone.)\n\n")
}

// unopened says that pictures came with a question that cannot be opened.
func (l Language) unopened() string {
	return l.pick("（有图片打不开，我没有看到。）\n\n", "(A picture could not be opened, so I have not seen it.)\n\n")
}

// unseenAll says the same of a question that is nothing else.
func (l Language) unseenAll(trace string) string {
	return l.pick("抱歉，这张图片我打不开。请换成 JPG 或 PNG 再发一次。（编号 "+trace+"）", "Sorry, I cannot open this picture. Please send it once more as JPG or PNG. (ref "+trace+")")
}

// cannotRead says that a kind of message is not understood.
func (l Language) cannotRead(kind connectors.Kind) string {
	switch kind {
	case connectors.KindEmpty:
		return l.nothingSaid()
	case connectors.KindTooLong:
		return l.pick(
			fmt.Sprintf("这条消息太长了，我一次最多能读约 %d 千字。请分几次发给我。", connectors.MaxText/3/1000),
			fmt.Sprintf("This message is too long: I can read about %d thousand characters at a time. Please send it in parts.", connectors.MaxText/1000))
	case connectors.KindQuota:
		return l.pick("本月的消息额度已用完，我暂时看不到消息内容。请联系你所在组织的管理员。", "This month's message quota is used up, so I cannot see what you wrote. Please tell your administrator.")
	}
	zh, en := kindNames(kind)
	return l.pick(
		fmt.Sprintf("抱歉，我现在还看不了%s，只能读文字。请用文字告诉我。", zh),
		fmt.Sprintf("Sorry, I cannot read %s yet, only text. Please tell me in words.", en))
}

// notRead says that something could not be read which usually can.
func (l Language) notRead(trouble error, trace string) string {
	if errors.Is(trouble, errTooLong) {
		return l.pick(
			fmt.Sprintf("这个文件太大了，我一次最多能读 %d KB 的文字。请把需要的部分发给我。", maxFile>>10),
			fmt.Sprintf("This file is too large: I can read up to %d KB of text. Please send me the part that matters.", maxFile>>10))
	}
	return l.pick(
		"抱歉，这条语音我这次没能听懂。请再发一次，或用文字告诉我。（编号 "+trace+"）",
		"Sorry, I could not make out this voice message. Please send it again, or tell me in words. (ref "+trace+")")
}

func kindNames(kind connectors.Kind) (zh, en string) {
	switch kind {
	case connectors.KindPicture:
		return "图片", "pictures"
	case connectors.KindAudio:
		return "语音", "voice messages"
	case connectors.KindVideo:
		return "视频", "videos"
	case connectors.KindFile:
		return "文件", "files"
	case connectors.KindSticker:
		return "表情", "stickers"
	case connectors.KindCard:
		return "卡片", "cards"
	case connectors.KindForward:
		return "转发的聊天记录", "forwarded chats"
	}
	return "这种消息", "this kind of message"
}

// failed says kindly that there is no answer, or not all of it. The trace id
// lets the operator find out why.
func (l Language) failed(kind model.Kind, trace string) string {
	var zh, en string
	switch kind {
	case model.Busy:
		zh, en = "现在提问的人太多，我忙不过来。请过一会儿再试。", "Too many people are asking right now. Please try again in a moment."
	case model.Timeout:
		zh, en = "我想了太久也没有结果。请过一会儿再试，或换个更简短的问法。", "I took too long to think. Please try again in a moment, or ask more briefly."
	case model.Cut:
		zh, en = "回答到一半中断了。请再问一次。", "The answer broke off. Please ask again."
	case model.TooLong:
		zh, en = "我们的对话太长了，我读不下了。请发送 `/new` 重新开始，或缩短问题。", "Our conversation has become too long for me. Please send `/new` to start over, or shorten your question."
	case model.Filtered:
		zh, en = "这个问题我不能回答。请换个说法试试。", "I may not answer this one. Please try to put it differently."
	case model.Quota:
		zh, en = "我暂时无法回答：模型服务的额度用完了。请把下面的编号告诉管理员。", "I cannot answer at the moment: the model's account is used up. Please give the number below to your administrator."
	case model.Key, model.Refused:
		zh, en = "我暂时无法回答：服务配置有问题。请把下面的编号告诉管理员。", "I cannot answer at the moment: something is set up wrongly. Please give the number below to your administrator."
	default:
		zh, en = "抱歉，我暂时无法回答。请过一会儿再试。", "Sorry, I cannot answer right now. Please try again in a moment."
	}
	return l.pick(zh+"（编号 "+trace+"）", en+" (ref "+trace+")")
}

// cutShort follows an answer that reached its longest length.
func (l Language) cutShort() string {
	return l.pick("\n\n（回答太长，到此为止。你可以发“继续”。）", "\n\n(The answer reached its longest length. You can write “go on”.)")
}

// busy says that so much waits that this message is not taken.
func (l Language) busy(trace string) string {
	return l.pick(
		"现在等待回答的消息太多了，这条消息我没有收下。请过几分钟再发一次。（编号 "+trace+"）",
		"Too many messages are waiting for an answer, so I did not take this one. Please send it again in a few minutes. (ref "+trace+")")
}
