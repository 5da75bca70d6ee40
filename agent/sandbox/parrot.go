package sandbox

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"longwire/agent/model/modeltest"
)

// parrot is the sandbox's own model. It knows nothing, but it shows what a real
// one would have been asked: the question and how much of the conversation came
// with it. It takes a second or two, so that one sees a card grow.
func parrot(req modeltest.Request) modeltest.Response {
	var questions []string
	for _, m := range req.Messages {
		if m.Role == "user" {
			questions = append(questions, m.Content)
		}
	}
	return modeltest.Response{Deltas: words(repeat(questions)), Pause: 60 * time.Millisecond}
}

func repeat(questions []string) string {
	n := len(questions)
	if n == 0 {
		return "…"
	}
	last := clip(questions[n-1])
	if strings.ContainsFunc(last, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		text := fmt.Sprintf("你好！我是沙盒里的小模型，只会复述。你说的是：“%s”。这是这段对话的第 %d 个问题", last, n)
		if n > 1 {
			text += fmt.Sprintf("，上一个是：“%s”", clip(questions[n-2]))
		}
		return text + "。"
	}
	text := fmt.Sprintf("Hello! I am the sandbox's small model and can only repeat. You said: “%s”. This is question %d of our conversation", last, n)
	if n > 1 {
		text += fmt.Sprintf(", the one before was: “%s”", clip(questions[n-2]))
	}
	return text + "."
}

func clip(text string) string {
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

// words cuts text into deltas of about the size that models stream.
func words(text string) []string {
	var deltas []string
	runes := []rune(text)
	for len(runes) > 0 {
		n := min(4, len(runes))
		deltas, runes = append(deltas, string(runes[:n])), runes[n:]
	}
	return deltas
}
