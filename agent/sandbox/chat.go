package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"longwire/agent/config"
)

const chatHelp = `写消息并回车，机器人会回答；以冒号开头的是沙盒自己的命令：
Write and press Enter, and the bot answers. Lines with a colon are for the sandbox itself:

  :as dingtalk   作为钉钉用户 / write as a user of DingTalk
  :as feishu     作为飞书用户 / write as a user of Feishu
  :direct        单聊 / one-to-one
  :group         群聊并 @机器人 / in a group, with the bot mentioned
  :quiet         群聊不 @机器人 / in a group, without mention: no answer is due
  :help  :quit

机器人的命令 / the bot's own: /new  /stop  /retry  /model  /usage  /id  /help
`

// typist writes an answer as it grows.
type typist struct {
	out   io.Writer
	shown string
}

// show writes what has come since, or all of it where a card shows something else now.
func (t *typist) show(text string) {
	if text == t.shown {
		return
	}
	more, grown := strings.CutPrefix(text, t.shown)
	if !grown {
		fmt.Fprintln(t.out)
		more = text
	}
	fmt.Fprint(t.out, more)
	t.shown = text
}

// Chat is the terminal prompt: it reads lines from in until it ends or :quit,
// asks, and writes the answers to out as they grow. ask is Ask with the rest filled
// in.
func Chat(ctx context.Context, in io.Reader, out io.Writer, as config.Platform, ask func(ctx context.Context, line Line, grow func(text string)) (string, error)) error {
	fmt.Fprint(out, chatHelp)
	line := Line{As: as}
	lines := read(ctx, in)
	for {
		fmt.Fprintf(out, "\n%s> ", prompt(line))
		var text string
		select {
		case next, more := <-lines:
			if !more {
				fmt.Fprintln(out)
				return nil
			}
			text = strings.TrimSpace(next)
		case <-ctx.Done():
			fmt.Fprintln(out)
			return nil
		}
		switch {
		case text == "":
			continue
		case text == ":quit" || text == ":q":
			return nil
		case strings.HasPrefix(text, ":"):
			line = steer(out, line, text)
			continue
		}
		line.Text = text
		typist := typist{out: out}
		answer, err := ask(ctx, line, typist.show)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintf(out, "(%v)\n", err)
		case answer == "":
			fmt.Fprintln(out, "(没有 @机器人，不需要回答 / not mentioned, no answer is due)")
		default:
			typist.show(answer)
			fmt.Fprintln(out)
		}
	}
}

// read gives out the lines of in. Its goroutine is the one in the program that
// nobody waits for: a terminal cannot be told that no line is wanted any more.
func read(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func prompt(line Line) string {
	switch {
	case !line.Group:
		return string(line.As)
	case line.Mention:
		return string(line.As) + " group @bot"
	}
	return string(line.As) + " group"
}

// steer does what a line with a colon says.
func steer(out io.Writer, line Line, text string) Line {
	switch text {
	case ":as dingtalk":
		line.As = config.DingTalk
	case ":as feishu":
		line.As = config.Feishu
	case ":direct":
		line.Group, line.Mention = false, false
	case ":group":
		line.Group, line.Mention = true, true
	case ":quiet":
		line.Group, line.Mention = true, false
	default:
		fmt.Fprint(out, chatHelp)
	}
	return line
}
