package dingtalktest

import (
	"encoding/json"
	"strings"
)

// Withheld is how a push says that the organisation has used up its monthly count:
// it has neither text nor content but an error code (documented). The robot page
// calls the fields errorCode and errorMessage, the event page errCode and errMsg;
// the code's type is UNVERIFIED, so all four forms are here.
type Withheld int

// The forms.
const (
	WithheldNot         Withheld = iota
	WithheldNumber               // "errorCode":20001
	WithheldString               // "errorCode":"20001"
	WithheldShortNumber          // "errCode":20001
	WithheldShortString          // "errCode":"20001"
)

// codeWithheld and textWithheld are what a withheld push says (documented).
const (
	codeWithheld = 20001
	textWithheld = "受调用量超量影响，当前我的消息服务已经暂停。请联系你所在的组织管理员并予以处理"
)

// fields are what a withheld push has beside, or instead of, its other fields.
func (f Withheld) fields() map[string]any {
	switch f {
	case WithheldString:
		return map[string]any{"errorCode": "20001", "errorMessage": textWithheld}
	case WithheldShortNumber:
		return map[string]any{"errCode": codeWithheld, "errMsg": textWithheld}
	case WithheldShortString:
		return map[string]any{"errCode": "20001", "errMsg": textWithheld}
	default:
		return map[string]any{"errorCode": codeWithheld, "errorMessage": textWithheld}
	}
}

// withhold takes the content out of a callback's data. Data that is no object stays.
func withhold(body []byte, form Withheld) []byte {
	if form == WithheldNot || !isObject(body) {
		return body
	}
	extra := form.fields()
	extra["text"], extra["content"] = nil, nil
	return withExtra(body, extra)
}

// isObject reports whether raw is a JSON object.
func isObject(raw []byte) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(raw, &fields) == nil && fields != nil
}

// exempt reports whether an event is not counted: those of the contact book are not
// (documented; which types that are is by their names here).
func exempt(eventType string) bool {
	return strings.HasPrefix(eventType, "user_") || strings.HasPrefix(eventType, "org_") || strings.HasPrefix(eventType, "label_")
}
