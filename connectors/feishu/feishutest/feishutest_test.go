package feishutest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

const (
	appID     = "cli_a1b2c3d4e5f60718"
	appSecret = "secret"
	group     = "oc_5ce6d572455d361153b7cb51da133945"
)

func TestMain(m *testing.M) {
	// The official websocket client starts a cache janitor per client that only
	// a finalizer stops.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/larksuite/oapi-sdk-go/v3/cache.(*cron).start"))
}

// start opens a cloud with one app, quick to redeliver, and closes it with t.
func start(t *testing.T, change func(*feishutest.Options)) *feishutest.Server {
	t.Helper()
	opts := feishutest.Options{
		Apps:       []feishutest.App{{AppID: appID, AppSecret: appSecret, BotName: "Longwire"}},
		AckTimeout: 5 * time.Second,
		Redeliver:  []time.Duration{10 * time.Millisecond, 10 * time.Millisecond},
	}
	if change != nil {
		change(&opts)
	}
	s, err := feishutest.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// soon bounds a wait that a correct program does not need.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	raw    string
	Code   int             `json:"code"`
	Msg    string          `json:"msg"`
	Data   json.RawMessage `json:"data"`
	Error  struct {
		LogID string `json:"log_id"`
	} `json:"error"`
	Token  string `json:"tenant_access_token"`
	Expire int    `json:"expire"`
	Bot    struct {
		OpenID string `json:"open_id"`
		Name   string `json:"app_name"`
	} `json:"bot"`
}

// request makes one HTTP request. body is a string as it is, or something to
// encode as JSON.
func request(t testing.TB, s *feishutest.Server, method, path, token string, body any) (answer, error) {
	t.Helper()
	raw, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		raw = string(b)
	}
	r, err := http.NewRequestWithContext(soon(t), method, s.URL()+path, strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Close = true // nothing stays idle behind the test
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	_ = json.Unmarshal(b, &a)
	return a, nil
}

// do is request where an answer must come.
func do(t testing.TB, s *feishutest.Server, method, path, token string, body any) answer {
	t.Helper()
	a, err := request(t, s, method, path, token, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fetchToken(t *testing.T, s *feishutest.Server) string {
	t.Helper()
	a := do(t, s, http.MethodPost, "/open-apis/auth/v3/tenant_access_token/internal", "",
		map[string]string{"app_id": appID, "app_secret": appSecret})
	if a.status != http.StatusOK || a.Code != 0 || a.Token == "" {
		t.Fatalf("token: %+v", a)
	}
	return a.Token
}

// dialInfo is the data of a bootstrap.
type dialInfo struct {
	URL          string
	ClientConfig *feishutest.ClientConfig
}

func bootstrap(t testing.TB, s *feishutest.Server) (answer, dialInfo) {
	t.Helper()
	a := do(t, s, http.MethodPost, "/callback/ws/endpoint", "",
		map[string]string{"AppID": appID, "AppSecret": appSecret, "ClientAssertion": ""})
	var d dialInfo
	if err := json.Unmarshal(a.Data, &d); err != nil {
		t.Fatalf("bootstrap: %v in %s", err, a.raw)
	}
	return a, d
}

// bot is a client as small as can be: it bootstraps, dials and speaks frames.
type bot struct {
	t  testing.TB
	ws *websocket.Conn
	u  *url.URL
}

// dial connects a bot and waits until the cloud has noticed.
func dial(t testing.TB, s *feishutest.Server) *bot {
	t.Helper()
	before := s.Connections()
	_, d := bootstrap(t, s)
	ws, resp, err := websocket.DefaultDialer.DialContext(soon(t), d.URL, nil)
	if err != nil {
		t.Fatalf("dial: %v, %v", err, resp)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	if err := s.WaitConnections(soon(t), before+1); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &bot{t, ws, u}
}

// read returns the next frame.
func (b *bot) read() pbbp2.Frame {
	b.t.Helper()
	f, err := b.tryRead()
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bot) tryRead() (pbbp2.Frame, error) {
	_ = b.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	kind, raw, err := b.ws.ReadMessage()
	if err != nil {
		return pbbp2.Frame{}, err
	}
	if kind != websocket.BinaryMessage {
		return pbbp2.Frame{}, fmt.Errorf("message of kind %d", kind)
	}
	return pbbp2.Unmarshal(raw)
}

func (b *bot) write(f pbbp2.Frame) {
	b.t.Helper()
	if err := b.ws.WriteMessage(websocket.BinaryMessage, f.Marshal()); err != nil {
		b.t.Fatal(err)
	}
}

// respond answers f as the platform wants it.
func (b *bot) respond(f pbbp2.Frame, code int) {
	b.t.Helper()
	f.Headers = append(f.Headers, pbbp2.Header{Key: pbbp2.HeaderBizRT, Value: "1"})
	f.Payload = fmt.Appendf(nil, `{"code":%d,"headers":null,"data":null}`, code)
	b.write(f)
}

func (b *bot) ping() {
	b.t.Helper()
	b.write(pbbp2.Frame{Service: 33554678, Headers: []pbbp2.Header{{Key: "type", Value: "ping"}}})
}

// event is what the tests look at in an event.
type event struct {
	Header struct {
		EventID string `json:"event_id"`
		Type    string `json:"event_type"`
		AppID   string `json:"app_id"`
	}
	Event struct {
		Sender struct {
			ID struct {
				OpenID string `json:"open_id"`
			} `json:"sender_id"`
			Type string `json:"sender_type"`
		}
		Message struct {
			ID       string `json:"message_id"`
			RootID   string `json:"root_id"`
			ParentID string `json:"parent_id"`
			ThreadID string `json:"thread_id"`
			ChatID   string `json:"chat_id"`
			ChatType string `json:"chat_type"`
			Type     string `json:"message_type"`
			Content  string `json:"content"`
			Mentions []struct {
				Key  string `json:"key"`
				Name string `json:"name"`
				Type string `json:"mentioned_type"`
				ID   struct {
					OpenID string `json:"open_id"`
				} `json:"id"`
			}
		}
	}
}

func decode(t *testing.T, payload []byte) event {
	t.Helper()
	var e event
	if err := json.NewDecoder(bytes.NewReader(payload)).Decode(&e); err != nil {
		t.Fatalf("event: %v in %s", err, payload)
	}
	return e
}
