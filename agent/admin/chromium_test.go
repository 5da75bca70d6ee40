package admin

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// browser is a Chromium without a window, spoken to over its DevTools protocol.
type browser struct {
	t  *testing.T
	ws *websocket.Conn

	mu      sync.Mutex
	next    int                            // guarded by mu, as all below
	waiting map[int]chan<- json.RawMessage // who waits for which answer
	said    []string                       // errors of the page and its console
}

// openBrowser starts one; without a Chromium on this machine it ends the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" && os.Getenv("CI") == "true" {
		t.Fatal("Chromium is needed in CI")
	}
	if path == "" || testing.Short() {
		t.Skip("needs Chromium")
	}
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-quic", "--disable-sync", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-US",
		"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its own process group
		reading.Wait()
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	reading.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, at, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
				address <- at
			}
		}
	})
	b := &browser{t: t, waiting: make(map[int]chan<- json.RawMessage)}
	select {
	case at := <-address:
		if b.ws, _, err = websocket.DefaultDialer.Dial(at, nil); err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the browser does not say where it listens")
	}
	reading.Go(b.read)
	t.Cleanup(func() { _ = b.ws.Close() })
	return b
}

// read takes what the browser says until the socket is closed.
func (b *browser) read() {
	for {
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  *struct{ Message string }
			Params json.RawMessage
		}
		if err := b.ws.ReadJSON(&m); err != nil {
			return
		}
		b.mu.Lock()
		if asker, ok := b.waiting[m.ID]; ok {
			delete(b.waiting, m.ID)
			if m.Error != nil {
				b.said = append(b.said, m.Error.Message)
			}
			asker <- m.Result
		}
		if m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" || m.Method == "Runtime.consoleAPICalled" {
			b.said = append(b.said, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// complaints are what went wrong in the page since it was asked last.
func (b *browser) complaints() (said []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	said, b.said = b.said, nil
	return said
}

type values map[string]any

// tab is a page in the browser.
type tab struct {
	*browser
	session string
}

// call calls a method of the protocol, and reads its result into into, unless nil.
func (p *tab) call(method string, params values, into any) {
	p.t.Helper()
	result := make(chan json.RawMessage, 1)
	p.mu.Lock()
	p.next++
	p.waiting[p.next] = result
	err := p.ws.WriteJSON(values{"id": p.next, "sessionId": p.session, "method": method, "params": params})
	p.mu.Unlock()
	if err != nil {
		p.t.Fatal(err)
	}
	select {
	case raw := <-result:
		if into == nil {
			return
		}
		if err := json.Unmarshal(raw, into); err != nil {
			p.t.Fatalf("%s: %v: %s", method, err, raw)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("%s: the browser does not answer", method)
	}
}

// open opens a tab, with cookies of its own, for a reader of a language on a screen so
// large who likes these colours.
func (b *browser) open(language string, width, height int, colours string) *tab {
	b.t.Helper()
	p := &tab{browser: b}
	var of struct{ BrowserContextID, TargetID, SessionID string }
	p.call("Target.createBrowserContext", values{}, &of)
	p.call("Target.createTarget", values{"url": "about:blank", "browserContextId": of.BrowserContextID}, &of)
	p.call("Target.attachToTarget", values{"targetId": of.TargetID, "flatten": true}, &of)
	p.session = of.SessionID
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable"} {
		p.call(domain, nil, nil)
	}
	p.call("Emulation.setFocusEmulationEnabled", values{"enabled": true}, nil)
	p.call("Emulation.setUserAgentOverride", values{"userAgent": "test", "acceptLanguage": language}, nil)
	p.call("Emulation.setDeviceMetricsOverride", values{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	p.call("Emulation.setEmulatedMedia", values{"features": []values{{"name": "prefers-color-scheme", "value": colours}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
	return p
}

// visit goes to an address.
func (p *tab) visit(address string) { p.call("Page.navigate", values{"url": address}, nil) }

// eval runs a script, and returns what it is worth, as a text.
func (p *tab) eval(script string) string {
	p.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	p.call("Runtime.evaluate", values{"expression": script, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", script, r.ExceptionDetails.Exception.Description)
	}
	return fmt.Sprint(r.Result.Value)
}

// until waits until a script is worth true. The page itself looks again at every
// change.
func (p *tab) until(what, script string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if p.eval(`new Promise(done => {
			const is = () => { try { return Boolean(`+script+`) } catch { return false } };
			const end = () => { seen.disconnect(); clearTimeout(late); done(is()) };
			const seen = new MutationObserver(() => is() && end()), late = setTimeout(end, 2000);
			if (document.documentElement) seen.observe(document.documentElement, {subtree: true, childList: true, attributes: true, characterData: true});
			if (is()) end();
		})`) == "true" {
			return
		}
	}
	p.t.Fatalf("not seen: %s; the page says %s", what, p.eval(`document.body.innerText`))
}

// shoot takes a picture of the whole page, into the folder that PAGE_SHOTS names.
func (p *tab) shoot(name string) {
	p.t.Helper()
	folder := os.Getenv("PAGE_SHOTS")
	if folder == "" {
		return
	}
	var shot struct{ Data string }
	p.call("Page.captureScreenshot", values{"format": "png", "captureBeyondViewport": true}, &shot)
	raw, err := base64.StdEncoding.DecodeString(shot.Data)
	if err = errors.Join(err, os.MkdirAll(folder, 0o755), os.WriteFile(folder+"/"+name+".png", raw, 0o644)); err != nil {
		p.t.Fatal(err)
	}
}
