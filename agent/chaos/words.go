package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// marker stands before the number of a message, in questions and answers.
const marker = "№"

// digits is how many a number has.
const digits = 8

// question is the text of the message with this number, in the person's language.
func (p person) question(number int) string {
	text := fmt.Sprintf("How is %s%0*d doing?", marker, digits, number)
	if p.chinese {
		text = fmt.Sprintf("请问 %s%0*d 怎么样了？", marker, digits, number)
	}
	if p.deep {
		text += " " + thinkWord
	}
	return text
}

// thinkWord stands in a question that takes the model a while.
const thinkWord = "(think)"

// numberIn finds the number in a question or an answer.
func numberIn(text string) (number int, ok bool) {
	_, rest, ok := strings.Cut(text, marker)
	if !ok || len(rest) < digits {
		return 0, false
	}
	for _, c := range []byte(rest[:digits]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = 10*number + int(c-'0')
	}
	return number, true
}

// traceWord finds the id that the program's own words name, to look for in its log.
var traceWord = regexp.MustCompile(`(?:\(ref |（编号 )([a-z2-7]{8})[)）]`)

// traceIn finds that id.
func traceIn(text string) (trace string, ok bool) {
	found := traceWord.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// isErrorText reports whether text is the program's own word that something went
// wrong.
func isErrorText(text string) bool {
	_, ok := traceIn(text)
	return ok
}

// busyTexts are from the program's word that a message was not taken.
var busyTexts = []string{"Too many messages are waiting", "现在等待回答的消息太多"}

// isBusyText reports whether text is that word. It names an id, too, and it is no
// answer.
func isBusyText(text string) bool {
	return slices.ContainsFunc(busyTexts, func(words string) bool { return strings.Contains(text, words) })
}
