package config

import (
	"reflect"
	"strings"
	"testing"
)

// changeable is good, with more in it that can be changed.
const changeable = good + `store: redis://h:6379
spool: file:a
inbox: {waiting: 5}
conversation: {turns: 9}
admin: {listen: "127.0.0.1:1"}
`

func TestWhatAChangedFileAsksFor(t *testing.T) {
	second := "  - {name: two, platform: feishu, app_id: x, app_secret: y}\n"
	for _, test := range []struct {
		name, old, new string
		want           Changes
	}{
		{"nothing", "", "", Changes{}},
		{"another connection", "model:\n", second + "model:\n", Changes{Added: []string{"two"}}},
		{"another name", "name: desk", "name: shop", Changes{Added: []string{"shop"}, Removed: []string{"desk"}}},
		{"another secret", "hush", "hash", Changes{Stream: []string{"desk"}}},
		{"another account", "ding1", "ding2", Changes{Stream: []string{"desk"}}},
		{"another platform", "platform: dingtalk\n    client_id: ding1\n    client_secret: hush", "platform: feishu\n    app_id: ding1\n    app_secret: hush", Changes{Stream: []string{"desk"}}},
		{"a default that is written out", "client_secret: hush", "client_secret: hush\n    workers: 64\n    budget: {api_calls: 5000}", Changes{}},
		{"a proxy", "client_secret: hush", "client_secret: hush\n    proxy: http://u:p@x.example:1", Changes{Stream: []string{"desk"}}},
		{"within a section", "client_secret: hush", "client_secret: hush\n    rate: {per_second: 3}", Changes{Stream: []string{"desk"}}},
		{"what the next turn takes up", "client_secret: hush", "client_secret: hush\n    system_prompt: P\n    access: closed\n    admins: [a]\n    welcome: Hi", Changes{}},
		{"the model", "name: m1", "name: m2", Changes{}},
		{"the store", "redis://h:6379", "redis://:p@h:6379", Changes{Fixed: []string{"store"}}},
		{"its prefix", "spool: file:a", "spool: file:a\nstore_prefix: x", Changes{Fixed: []string{"store_prefix"}}},
		{"what cannot change", "spool: file:a\ninbox: {waiting: 5}\nconversation: {turns: 9}\nadmin: {listen: \"127.0.0.1:1\"}", "spool: file:b\nconversation: {late: 1m}", Changes{Fixed: []string{"conversation.turns", "spool", "inbox", "admin.listen"}}},
	} {
		if !strings.Contains(changeable, test.old) {
			t.Fatalf("%s: nothing to change", test.name)
		}
		got := Changed(parsed(t, changeable), parsed(t, strings.Replace(changeable, test.old, test.new, 1)))
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// What makes a stream needs a new one, and nothing else does.
func TestWhichKeysNeedANewStream(t *testing.T) {
	stream := map[string]bool{}
	for _, key := range strings.Fields("platform endpoint workers keepalive proxy reply budget rate client_id client_secret robot_code card mention app_id app_secret") {
		stream[key] = true
	}
	for _, f := range fieldsOf(reflect.TypeFor[Connection]()) {
		if (f.reload == "stream") != stream[f.key] {
			t.Errorf("%s: reload %q", f.key, f.reload)
		}
		delete(stream, f.key)
	}
	if len(stream) > 0 {
		t.Errorf("no such keys: %v", stream)
	}
}
