package dingtalk

import "longwire/connectors"

// labels are our own words where nobody has chosen others: for everybody at once.
func labels(connectors.Event) connectors.Labels {
	return connectors.Labels{
		Thinking:  "🤔思考中 Thinking",
		Continued: "（接下条 / continued below）",
		Stop:      "停止 Stop",
		Again:     "重新回答 Again",
		Good:      "👍",
		Bad:       "👎",
		Yes:       "同意 Yes",
		No:        "拒绝 No",
	}
}
