// Package doctor is `longwire doctor`: it looks at everything that the program needs
// and says, line by line, what is well, what is not, and what to do about it.
//
// How a run goes:
//
//	main.go      flags, the configuration, the exit code
//	plan.go      what there is to check, as steps that know what they rest on
//	run.go       the steps, side by side, each within its time; their order is kept
//	report.go    a line each, or JSON
//	texts.go     what can be found, in both languages (texts*.go)
//
// and the checks themselves: the machine (machine.go, folder.go), every host that is named in
// the configuration (network.go, reach.go), the platforms (dingtalk.go, feishu.go,
// stream.go), the store (filestore.go, redis.go, resp.go), the models (model.go), the
// tools (tools.go) and the admin listener (admin.go).
//
// # What it promises
//
//   - A fault has one line. What rests on something that does not work is not
//     checked, and says so, in place of failing as well.
//   - It ends: a step within its time, the whole within a minute.
//   - It changes nothing that the program or the platforms keep. Files are looked at
//     and not opened for writing longer than it takes; APIs are called so that they
//     refuse what is asked.
//   - It takes no message away. Where the program runs and its stream is up, that is
//     the answer. Otherwise a stream is opened for a moment: on DingTalk one that
//     subscribes to no messages, on Feishu, which knows no such thing, one that
//     refuses what comes, so that the platform sends it again.
//   - It speaks with nobody but whom the configuration names, and through the proxy
//     that it names. Models are asked two or three very short questions.
//   - No secret is in what it writes.
//
// It starts one goroutine for each step, and waits for all of them.
package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Level is how well something is.
type Level string

// The levels. Only a Failure is reason for an exit code other than 0.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, and should not stay as it is
	Failure Level = "failure"
	Skipped Level = "skipped" // not checked, because what it rests on does not work, or nobody can tell
)

// Group is a chapter of the report.
type Group string

// The groups, in the order of the report.
const (
	Configuration Group = "configuration"
	Machine       Group = "machine"
	Network       Group = "network"
	Program       Group = "program"
	Platform      Group = "platform"
	Store         Group = "store"
	Model         Group = "model"
	Tools         Group = "tools"
)

// Check is one thing that is looked at.
type Check struct {
	Group   Group
	Name    string // what is checked; the same for every subject
	Subject string // of what: a connection, a host, a file; "" where there is only one
}

// Text is a sentence in both languages.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// Finding is what a check has found. No secret is in it.
type Finding struct {
	Check
	Level  Level
	Cause  string // what was found, as a word that stays the same from version to version
	What   Text   // the same as a sentence
	Do     Text   // what to do about it; empty where there is nothing to do
	Detail string // what was seen, in the words of whoever said it
	Took   time.Duration
}

// verdict is a Finding without what its step knows already.
type verdict struct {
	level  Level
	cause  *cause
	args   []any // for the sentences of cause
	detail string
}

func good(c *cause, args ...any) verdict { return verdict{level: OK, cause: c, args: args} }
func warn(c *cause, args ...any) verdict { return verdict{level: Warning, cause: c, args: args} }
func fail(c *cause, args ...any) verdict { return verdict{level: Failure, cause: c, args: args} }
func skip(c *cause, args ...any) verdict { return verdict{level: Skipped, cause: c, args: args} }

// seen adds what was seen.
func (v verdict) seen(detail any) verdict {
	v.detail = fmt.Sprint(detail)
	return v
}

// maxDetail bounds what is repeated of anybody's words, in bytes.
const maxDetail = 300

// oneLine is a text without line breaks and without what a terminal would obey.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}

// finding is v as the Finding of a check.
func (v verdict) finding(c Check, took time.Duration, hide *strings.Replacer) Finding {
	fill := func(text string) string {
		if strings.Contains(text, "%") {
			text = fmt.Sprintf(text, v.args...)
		}
		return hide.Replace(text)
	}
	c.Subject = hide.Replace(c.Subject)
	return Finding{
		Check: c, Level: v.level, Cause: v.cause.code,
		What: Text{EN: fill(v.cause.what.EN), ZH: fill(v.cause.what.ZH)},
		Do:   Text{EN: fill(v.cause.do.EN), ZH: fill(v.cause.do.ZH)},
		// Cut afterwards: what is left of half a secret would not be recognised.
		Detail: oneLine(hide.Replace(v.detail)), Took: took,
	}
}
