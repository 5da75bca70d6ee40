package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

const ready = `document.querySelectorAll("#connections .card").length === 3`

// quietPage fails the test if the page has complained.
func quietPage(t *testing.T, b *browser) {
	t.Helper()
	for _, said := range b.complaints() {
		t.Errorf("the page complains: %s", said)
	}
}

// The page as strangers will see it: in both languages and colours, on a phone and on
// a desk, without an error and without a sideways scroll.
func TestPageInEveryDress(t *testing.T) {
	b := openBrowser(t)
	s, dead := demo(t, "", true)
	want := map[string][]string{
		"en": {"2 problems", "1 thing to mend", "support", "Connected", "Waiting to retry", "i/o timeout", "Turns a minute", "deepseek-chat", "8,460 of 10,000"},
		"zh": {"2 个问题", "1 项需要处理", "等待重连：拨号：tcp 203.0.113.9:443", "磁盘已满", "配置文件已修改，但没有生效", "连续失败 5 次（不可用）", "support", "已连接", "等待重连", "i/o timeout", "每分钟问答", "deepseek-chat", "8,460 / 10,000"},
	}
	for language, texts := range want {
		for device, size := range map[string][2]int{"phone": {390, 844}, "desktop": {1440, 900}} {
			for _, colours := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s-%s-%s", language, device, colours)
				p := b.open(language, size[0], size[1], colours)
				p.visit("http://" + s.Addr() + "/")
				p.until("the connections", ready)
				text := p.eval(`document.body.innerText`)
				for _, one := range texts {
					if !strings.Contains(text, one) {
						t.Errorf("%s: %q is not on the page", name, one)
					}
				}
				if got := p.eval(`document.documentElement.dataset.theme`); got != colours {
					t.Errorf("%s: the colours are %s", name, got)
				}
				// The width of the device: innerWidth grows with what is too wide for a phone.
				narrow := func(tab string) {
					if wide := p.eval(`document.documentElement.scrollWidth`); wide != fmt.Sprint(size[0]) {
						t.Errorf("%s: %s is %s wide, and scrolls sideways", name, tab, wide)
					}
				}
				narrow("overview")
				p.shoot(name + "-overview")
				for _, tab := range []string{"letters", "troubles", "settings"} {
					p.eval(`document.getElementById("tab-` + tab + `").click()`)
					p.until(tab, `!document.getElementById("`+tab+`").hidden && document.getElementById("`+tab+`").innerText.length > 20`)
					narrow(tab)
					p.shoot(name + "-" + tab)
				}
				p.eval(`act.life("` + dead[0] + `")`)
				p.until("the life", `document.querySelectorAll("dialog .life li").length === 3`)
				p.shoot(name + "-life")
				quietPage(t, b)
			}
		}
	}
}

const letters = `document.getElementById("tab-letters").click()`

// Without a token the page reads and does not change, whatever it tries.
func TestPageWithoutATokenIsReadOnly(t *testing.T) {
	b := openBrowser(t)
	s, dead := demo(t, "", false)
	p := b.open("en", 1200, 900, "light")
	p.visit("http://" + s.Addr() + "/")
	p.until("the connections", ready)
	p.eval(letters)
	p.until("the dead letters", `document.querySelectorAll("#letters .acts button:disabled").length === 4`)
	if text := p.eval(`document.getElementById("letters").innerText`); !strings.Contains(text, "set admin.token") || strings.Contains(text, "private words") {
		t.Errorf("the page says %s", text)
	}
	quietPage(t, b)
	got := p.eval(`fetch("/api/inbox/retry", {method: "POST", headers: {"Content-Type": "application/json", "X-Longwire-Command": "1"}, body: JSON.stringify({id: "` + dead[0] + `"})}).then(r => r.status)`)
	if got != "403" {
		t.Errorf("a script of the page has the letter put back: HTTP %s", got)
	}
}

// With a token it changes what somebody wants changed who has logged in.
func TestPageRetriesAndDropsAfterALogin(t *testing.T) {
	b := openBrowser(t)
	s, dead := demo(t, "s3cret", false)
	p := b.open("en", 1200, 900, "light")
	p.visit("http://" + s.Addr() + "/#letters")
	p.until("the dead letters", `document.querySelectorAll("#letters .acts button:disabled").length === 4`)
	p.eval(`document.querySelector("#letters .notice button").click()`)
	submit := func(token string) {
		p.eval(`document.querySelector("dialog [type=password]").value = "` + token + `"; document.querySelector("dialog form").requestSubmit()`)
	}
	submit("wrong")
	p.until("that it is wrong", `document.querySelector("dialog .wrong").textContent === "This is not the token."`)
	submit("s3cret")
	p.until("buttons that work", `document.querySelectorAll("#letters .acts button:not(:disabled)").length === 4`)
	p.shoot("en-letters-may-change")
	p.eval(`document.querySelector("[aria-label='Retry ` + dead[0] + `']").click()`)
	p.until("that it is put back", `document.querySelector("dialog").innerText.includes("Put back")`)
	p.eval(`document.querySelector("dialog button").click()`)
	p.until("one dead letter", `document.querySelectorAll("#letters .acts").length === 1`)
	p.eval(`document.querySelector("[aria-label='Drop ` + dead[1] + `']").click()`)
	p.until("a question", `document.querySelector("dialog").innerText.includes("Drop this message?")`)
	p.eval(`document.querySelector("dialog button.risky").click()`)
	p.until("none", `document.getElementById("letters").innerText.includes("No dead letters")`)
	items, err := s.now().Desk.Inbox(t.Context(), "engineering", 10)
	if err != nil || len(items) != 1 || items[0].State != "waiting" {
		t.Errorf("in the store is %+v, %v", items, err)
	}
	p.eval(`document.querySelector("dialog button").click(); document.getElementById("enter").click()`)
	p.until("that it is read-only again", `document.getElementById("letters").innerText.includes("Read-only")`)
	for _, said := range b.complaints() {
		if !strings.Contains(said, "401") { // of the wrong token
			t.Errorf("the page complains: %s", said)
		}
	}
}

// From elsewhere there is nothing to see before the login.
func TestPageAsksStrangersForTheToken(t *testing.T) {
	b := openBrowser(t)
	s, _ := demo(t, "s3cret", false)
	s.loopback = false
	for _, language := range []string{"en", "zh-CN"} {
		p := b.open(language, 390, 844, "dark")
		p.visit("http://" + s.Addr() + "/")
		p.until("the login", `document.querySelector("dialog[open] input")`)
		if text := p.eval(`document.body.innerText`); strings.Contains(text, "support") || strings.Contains(text, "v1.4.0") {
			t.Errorf("a stranger sees %s", text)
		}
		p.shoot(language + "-login")
		p.eval(`document.querySelector("dialog").close()`) // as some browsers let people do
		p.until("the login again", `document.querySelector("dialog[open] input")`)
		was := p.eval(`document.documentElement.lang`)
		p.eval(`document.querySelector("dialog .quiet").click()`)
		p.until("the other language", `document.documentElement.lang !== "`+was+`" && document.querySelector("dialog[open] input")`)
		p.eval(`document.querySelector("dialog .quiet").click()`)
		p.eval(`document.querySelector("dialog [type=password]").value = "s3cret"; document.querySelector("dialog form").requestSubmit()`)
		p.until("the connections", ready)
		if cookies := p.eval(`document.cookie`); cookies != "" {
			t.Errorf("a script can read %s", cookies)
		}
		p.shoot(language + "-all-well")
	}
}

// The charts can be read by keyboard and by whoever does not see them.
func TestChartsAreReadByKeyboard(t *testing.T) {
	b := openBrowser(t)
	s, _ := demo(t, "", false)
	p := b.open("en", 1440, 900, "light")
	p.visit("http://" + s.Addr() + "/")
	p.until("the connections", ready)
	const plot = `document.querySelector("#chart-first .plot")`
	label := p.eval(plot + `.getAttribute("aria-label")`)
	if !strings.HasPrefix(label, "Time to the first word, last hour: p50 ") || strings.Contains(label, "undefined") {
		t.Errorf("the chart is called %q", label)
	}
	p.eval(plot + `.focus()`)
	p.call("Input.dispatchKeyEvent", values{"type": "keyDown", "key": "ArrowLeft"}, nil)
	p.until("a minute", `/first word, \d\d:\d\d: p50 /.test(`+plot+`.getAttribute("aria-label"))`)
	p.eval(`[...document.querySelectorAll("#choice button")].find(b => b.textContent === "engineering").click()`)
	p.until("another connection", `document.querySelector("#choice [aria-pressed=true]").textContent === "engineering"`)
	p.eval(`document.getElementById("theme").click(); document.getElementById("language").click()`)
	if got := p.eval(`document.documentElement.lang + " " + document.documentElement.dataset.theme`); got != "zh-CN dark" {
		t.Errorf("the switches make it %s", got)
	}
	p.eval(`window.old = 1`)
	p.call("Page.reload", nil, nil)
	p.until("the choices kept", `!window.old && document.documentElement.lang === "zh-CN" && document.documentElement.dataset.theme === "dark"`)
	quietPage(t, b)
}

// A page whose program has gone says so, and does not go on as if nothing were.
func TestPageSaysThatTheProgramIsGone(t *testing.T) {
	b := openBrowser(t)
	s, _ := demo(t, "", false)
	p := b.open("en", 1200, 900, "light")
	p.visit("http://" + s.Addr() + "/")
	p.until("the connections", ready)
	quietPage(t, b)
	p.call("Network.enable", nil, nil)
	p.call("Network.emulateNetworkConditions", values{"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}, nil)
	p.until("that it is gone", `document.getElementById("stale").innerText.includes("does not answer") && document.getElementById("pill").classList.contains("bad")`)
	p.call("Network.emulateNetworkConditions", values{"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}, nil)
	p.until("that it is back", `document.getElementById("stale").hidden && document.getElementById("pill").classList.contains("good")`)
}

// Names that people gave their groups stay texts.
func TestPageTakesNothingForHTML(t *testing.T) {
	b := openBrowser(t)
	s, _ := demo(t, "", false)
	s.Report(Turn{Connection: "support", Trace: `<img src=x onerror="window.taken=1">`, How: "failed", Reason: `<script>window.taken=1</script>`})
	p := b.open("en", 1200, 900, "light")
	p.visit("http://" + s.Addr() + "/#troubles")
	p.until("the error", `document.getElementById("troublelist").innerText.includes("<script>")`)
	if got := p.eval(`String(window.taken) + document.querySelectorAll("#troublelist img, #troublelist script").length`); got != "undefined0" {
		t.Errorf("it is %s", got)
	}
	if got := p.eval(`Object.keys(words.en).filter(k => typeof words.en[k] !== typeof words.zh[k]).concat(Object.keys(words.zh).filter(k => !(k in words.en))).join()`); got != "" {
		t.Errorf("only one of the languages has %s", got)
	}
	quietPage(t, b)
}

// What nobody knows is no zero, the one minute in which somebody asked can be seen, and
// letters that only wait are no alarm.
func TestPageShowsWhatItDoesNotKnow(t *testing.T) {
	b := openBrowser(t)
	d := &desk{Desk: newStore(t), err: errors.New("out of reach")}
	away := pinger(func(context.Context) error { return errors.New("out of reach") })
	s := start(t, Config{Store: unknown{away}, Desk: d, Connections: []Connection{{Name: "c1", Link: &link{}}}, Models: func() []Model {
		return []Model{{"default", true, []model.EndpointState{{Endpoint: "llm.example", Model: "qwen-max"}}}}
	}})
	s.Report(Turn{Connection: "c1", How: conversation.Answered, FirstWord: time.Second, Took: 2 * time.Second})
	p := b.open("en", 1200, 900, "light")
	p.visit("http://" + s.Addr() + "/")
	p.until("the figures", `document.querySelectorAll("#figures .figure").length === 6`)
	p.shoot("en-unknown")
	for figure, want := range map[string]string{"Waiting": "–", "Dead letters": "–", "Answered": "1"} {
		if got := p.eval(`[...document.querySelectorAll("#figures .figure")].find(f => f.innerText.includes("` + figure + `")).querySelector("b").innerText`); got != want {
			t.Errorf("%s: %s, want %s", figure, got, want)
		}
	}
	if got := p.eval(`document.querySelectorAll("#chart-first circle").length`); got != "3" {
		t.Errorf("the lone minute has %s dots", got)
	}
	if got := p.eval(`document.querySelector("#machinery .list strong").innerText`); got != "qwen-max" {
		t.Errorf("the model is called %s", got)
	}
	p.eval(letters)
	if got := p.eval(`document.getElementById("letters").innerText`); !strings.Contains(got, "not complete: out of reach") || strings.Contains(got, "No dead letters") {
		t.Errorf("the inbox says %s", got)
	}
	quietPage(t, b)

	d.set(nil)
	store := d.Desk.(conversation.Store)
	if _, err := store.Accept(t.Context(), connectors.Event{ID: "e", Connection: "c1", Kind: connectors.KindText, Received: time.Now()}); err != nil {
		t.Fatal(err)
	}
	p.until("the letter that waits", `document.querySelector("#tab-letters .count")?.innerText === "1"`)
	if got := p.eval(`document.querySelectorAll("#tab-letters .count.bad").length`); got != "0" {
		t.Error("the letter that waits is an alarm")
	}
}

// unknown is a store that cannot say what waits.
type unknown struct{ pinger }

func (unknown) Waiting(context.Context, string) (int, error) { return 0, errors.New("out of reach") }
