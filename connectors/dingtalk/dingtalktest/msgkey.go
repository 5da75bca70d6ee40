package dingtalktest

import (
	"encoding/json"
	"fmt"
)

// msgKeys are the message templates and the fields their msgParam must have
// (documented).
var msgKeys = map[string][]string{
	"sampleText":        {"content"},
	"sampleMarkdown":    {"title", "text"},
	"sampleImageMsg":    {"photoURL"},
	"sampleLink":        {"text", "title", "picUrl", "messageUrl"},
	"sampleActionCard":  {"title", "text", "singleTitle", "singleURL"},
	"sampleActionCard2": actions(2),
	"sampleActionCard3": actions(3),
	"sampleActionCard4": actions(4),
	"sampleActionCard5": actions(5),
	"sampleActionCard6": {"title", "text", "buttonTitle1", "buttonUrl1", "buttonTitle2", "buttonUrl2"},
	"sampleAudio":       {"mediaId", "duration"},
	"sampleFile":        {"mediaId", "fileName", "fileType"},
	"sampleVideo":       {"duration", "videoMediaId", "videoType", "picMediaId"},
}

// actions are the fields of an action card with n vertical buttons.
func actions(n int) []string {
	fields := []string{"title", "text"}
	for i := 1; i <= n; i++ {
		fields = append(fields, fmt.Sprintf("actionTitle%d", i), fmt.Sprintf("actionURL%d", i))
	}
	return fields
}

// missingParam has the documented codes for fields that have their own.
var missingParam = map[string]string{
	"sampleText/content":   "miss.param.contentOfText",
	"sampleMarkdown/title": "miss.param.markdownTotitle",
	"sampleMarkdown/text":  "miss.param.markdownTotext",
}

// parseMsgParam checks a msgKey and its msgParam, a JSON object written as a
// string, all of whose values are strings (documented samples; that other types
// are refused is UNVERIFIED), and reads what people would see.
func parseMsgParam(key, param string) (Sent, *problem) {
	if key == "" {
		return Sent{}, newProblem("invalidParameter.msgKey.empty", "msgKey is empty")
	}
	fields, ok := msgKeys[key]
	if !ok {
		return Sent{}, newProblem("invalidParameter.msgKey.invalid", "msgKey is invalid")
	}
	var values map[string]string
	if json.Unmarshal([]byte(param), &values) != nil || values == nil {
		return Sent{}, newProblem("invalidParameter.msgParam.invalid", "msgParam is not a JSON object of strings")
	}
	for _, field := range fields {
		if values[field] != "" {
			continue
		}
		code := missingParam[key+"/"+field]
		if code == "" {
			code = "invalidParameter.msgParam.invalid"
		}
		return Sent{}, newProblem(code, field+" is missing")
	}
	sent := Sent{MsgKey: key, Title: values["title"], Text: values["text"]}
	if key == "sampleText" {
		sent.Text = values["content"]
	}
	return sent, nil
}
