package feishutest

import (
	"encoding/json"
	"testing"
)

// FuzzCard holds that whatever a batch does to a card, a card that passes the
// check is JSON within its limits, and can be read.
func FuzzCard(f *testing.F) {
	card := `{"schema":"2.0","config":{"streaming_mode":true},"body":{"elements":[{"tag":"markdown","element_id":"md","content":"a"},` +
		`{"tag":"div","text":{"tag":"plain_text","element_id":"t","content":""}}]}}`
	for _, actions := range []string{
		`[{"action":"partial_update_setting","params":{"settings":{"config":{"streaming_mode":false},"card_link":{}}}}]`,
		`[{"action":"add_elements","params":{"type":"append","target_element_id":"md","elements":[{"tag":"hr"}]}}]`,
		`[{"action":"add_elements","params":{"type":"insert_after","target_element_id":"md","elements":[{"tag":"hr","element_id":"h"}]}}]`,
		`[{"action":"update_element","params":{"element_id":"t","element":{"tag":"hr"}}}]`,
		`[{"action":"partial_update_element","params":{"element_id":"md","partial_element":{"content":1,"element_id":[]}}}]`,
		`[{"action":"delete_elements","params":{"element_ids":["md","t",1]}}]`,
	} {
		f.Add(card, actions)
	}
	s := &Server{opts: Options{}.withDefaults()}
	f.Fuzz(func(t *testing.T, data, actions string) {
		tree, no := readCard(object{"type": json.RawMessage(`"card_json"`), "data": json.RawMessage(encode(data))}, 3)
		if no != nil {
			return
		}
		op := operation{name: "batch_update"}
		if s.readBatch(call{body: object{"actions": json.RawMessage(encode(actions))}}, &op) != nil {
			return
		}
		if _, no := op.apply(tree); no != nil || checkTree(tree, 3) != nil {
			return
		}
		if again, ok := decodeNode(encode(tree)); !ok || again["body"] == nil || len(encode(tree)) > maxCardSize {
			t.Fatalf("card %s", encode(tree))
		}
		var simple struct {
			Title    string             `json:"title"`
			Elements [][]map[string]any `json:"elements"`
		}
		if err := json.Unmarshal([]byte(s.simplify(encode(tree))), &simple); err != nil {
			t.Fatalf("simplified: %v", err)
		}
		readableCard(tree)
	})
}

// FuzzPlain holds that every paragraph that Markdown becomes has known tags only.
func FuzzPlain(f *testing.F) {
	f.Add("**b** [l](http://h) <at id=ou_1></at>\n```go\nf()\n```\n---")
	f.Fuzz(func(t *testing.T, text string) {
		var s shown
		for _, paragraph := range s.plain(text) {
			for _, element := range paragraph {
				if _, known := postTags[element["tag"].(string)]; !known || element["tag"] == "md" {
					t.Fatalf("element %v", element)
				}
			}
		}
	})
}
