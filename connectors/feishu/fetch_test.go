package feishu

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

const (
	resourceRoute = "/open-apis/im/v1/messages/*/resources/*"
	enough        = 1 << 20
)

// sent is the event of a message with one file.
func sent(t testing.TB, s *feishutest.Server, in inbox, m feishutest.Message) (connectors.Event, connectors.File) {
	t.Helper()
	id := s.Say(m)
	ev := in.next(t)
	if ev.ID != id || len(ev.Files) != 1 {
		t.Fatalf("%+v of %s", ev, id)
	}
	return ev, ev.Files[0]
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	content := bytes.Repeat([]byte("0123456789"), 50_000)
	for name, m := range map[string]feishutest.Message{
		"image":           feishutest.Image(s.PutImage(content)),
		"picture of post": feishutest.Post("", row{feishutest.PostText("look")}, row{feishutest.PostImage(s.PutImage(content))}),
		"file":            feishutest.File(s.PutFile("a.pdf", content), "a.pdf"),
		"audio":           feishutest.Audio(s.PutFile("", content), time.Second),
		"video":           feishutest.Video(s.PutFile("a.mp4", content), "img_1", "a.mp4", time.Second),
		"length unknown":  feishutest.File(s.PutResource("file_v3_length", feishutest.Resource{Bytes: content, Length: -1}), "a"),
		"an error's JSON": feishutest.File(s.PutResource("file_v3_json", feishutest.Resource{Bytes: content, ContentType: "application/json"}), "a"),
	} {
		ev, f := sent(t, s, in, m)
		got, err := c.Fetch(soon(t), ev, f, int64(len(content)))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// The files of a quote are fetched from the message that is quoted.
func TestFetchOfQuote(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := c.Read(soon(t), quoting(t, s, in, feishutest.Image(s.PutImage([]byte("picture")))))
	if len(ev.Files) != 1 {
		t.Fatalf("%+v", ev)
	}
	if got, err := c.Fetch(soon(t), ev, ev.Files[0], enough); err != nil || string(got) != "picture" {
		t.Errorf("%q, %v", got, err)
	}
}

// Of what is too large no more is read than it takes to know.
func TestFetchTooLarge(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	const limit = 100_000
	for name, r := range map[string]feishutest.Resource{
		"told, and cut":          {Bytes: make([]byte, limit+1), CutAt: 10}, // nobody waits for the rest
		"told":                   {Bytes: make([]byte, limit+1)},
		"untold":                 {Bytes: make([]byte, limit+1), Length: -1},
		"endless":                {Bytes: make([]byte, limit), Endless: true},
		"as the platform has it": {Bytes: []byte("x"), Size: 101 << 20},
	} {
		ev, f := sent(t, s, in, feishutest.File(s.PutResource("file_"+strings.NewReplacer(" ", "", ",", "").Replace(name), r), "a"))
		got, err := c.Fetch(soon(t), ev, f, limit)
		if !connectors.Permanent(err) || got != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if own := name != "as the platform has it"; errors.Is(err, connectors.ErrTooLarge) != own {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.Downloads()); n != 4 {
		t.Errorf("%d downloads were begun", n) // not one of them twice
	}
}

// Trouble passes; what is left of a file is not a file.
func TestFetchInTrouble(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev, f := sent(t, s, in, feishutest.Image(s.PutImage([]byte("picture"))))
	for name, failure := range map[string]feishutest.Failure{
		"gateway": feishutest.BadGateway(), "internal": feishutest.Internal(), "cut": feishutest.Lost(),
		"rate": feishutest.RateLimited(time.Second), "timed out": {Status: http.StatusGatewayTimeout, Body: "{}"},
	} {
		s.FailRoute(resourceRoute, failure)
		if got, err := c.Fetch(soon(t), ev, f, enough); err != nil || string(got) != "picture" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	before := s.TokenRequests()
	s.ExpireTokens()
	if got, err := c.Fetch(soon(t), ev, f, enough); err != nil || string(got) != "picture" || s.TokenRequests() != before+1 {
		t.Errorf("after the token: %q, %v, %d tokens", got, err, s.TokenRequests()-before)
	}
	cut, f := sent(t, s, in, feishutest.File(s.PutResource("file_cut", feishutest.Resource{Bytes: make([]byte, 1000), CutAt: 500}), "a"))
	if got, err := c.Fetch(soon(t), cut, f, enough); err == nil || connectors.Permanent(err) || got != nil {
		t.Errorf("half a file: %d bytes, %v", len(got), err)
	}
}

// A slow platform costs no more time than there is.
func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev, f := sent(t, s, in, feishutest.File(s.PutResource("file_slow", feishutest.Resource{Bytes: []byte("x"), Endless: true, Piece: 1, Delay: time.Hour}), "a"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(ctx, ev, f, enough)
		done <- err
	}()
	until(t, "the download", func() bool { return len(s.Downloads()) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFetchRefusals(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev, f := sent(t, s, in, feishutest.Image(s.PutImage([]byte("picture"))))
	for code, reason := range fetchRefusals {
		failure := feishutest.Failure{Status: 400, Body: `{"code":` + code + `,"msg":"said so","error":{"log_id":"x"}}`}
		switch code { // the status says nothing that the code does not
		case "234002":
			failure.Status = http.StatusUnauthorized
		case "234043":
			failure.Status = http.StatusInternalServerError
		}
		s.FailRoute(resourceRoute, failure)
		got, err := c.Fetch(soon(t), ev, f, enough)
		var e *connectors.Error
		if got != nil || !errors.As(err, &e) || !e.Fatal || e.Code != code || !strings.Contains(e.Message, "said so") || !strings.Contains(e.Message, reason) {
			t.Errorf("%s: %v", code, err)
		}
	}
	// What the platform itself refuses.
	other, _ := sent(t, s, in, feishutest.Image("img_other"))
	for name, ref := range map[string]string{
		"another message's": refOf(other.ID, "image", strings.Split(f.Ref, "/")[2]), "of another type": strings.Replace(f.Ref, "image/", "file/", 1),
	} {
		if _, err := c.Fetch(soon(t), ev, connectors.File{Ref: ref}, enough); !connectors.Permanent(err) || !strings.Contains(err.Error(), "234003") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Recall(ev.ID)
	if _, err := c.Fetch(soon(t), ev, f, enough); !connectors.Permanent(err) || !strings.Contains(err.Error(), "230110") {
		t.Errorf("recalled: %v", err)
	}
}

func TestFetchWithoutScope(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in, j := logged(t, s)
	ev, f := sent(t, s, in, feishutest.Image(s.PutImage([]byte("picture"))))
	refused := feishutest.MissingScope("im:message:readonly", "im:message")
	refused.Times = -1
	s.FailRoute(resourceRoute, refused)
	for range 2 {
		if _, err := c.Fetch(soon(t), ev, f, enough); !connectors.Permanent(err) || !strings.Contains(err.Error(), "im:message:readonly") {
			t.Error(err)
		}
	}
	if n := strings.Count(j.String(), `scope="im:message:readonly or im:message"`); n != 1 {
		t.Errorf("named %d times:\n%s", n, j.String())
	}
}

// Whatever an event says, only the endpoint is asked.
func TestFetchStaysAtTheEndpoint(t *testing.T) {
	t.Parallel()
	visited := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.Header.Get("Authorization") }))
	defer elsewhere.Close()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev, f := sent(t, s, in, feishutest.Image(s.PutImage([]byte("picture"))))
	for _, ref := range []string{"", "image", "image/om_1/", "image//k", "image/om_1/k/x", "video/om_1/k", "image/../k", "image/om_1/..", "image/om_1/k?x=y", elsewhere.URL, "image/om_1/" + strings.Repeat("k", 5000)} {
		if _, err := c.Fetch(soon(t), ev, connectors.File{Ref: ref}, enough); !connectors.Permanent(err) || len(err.Error()) > 300 {
			t.Errorf("%.60q: %v", ref, err)
		}
	}
	if n := s.Calls("GET /open-apis/im/v1/messages/{message_id}/resources/{file_key}"); n > 0 {
		t.Errorf("asked %d times", n)
	}
	s.FailRoute(resourceRoute, feishutest.Failure{Status: http.StatusFound, Body: "{}", Header: http.Header{"Location": {elsewhere.URL}}, Times: -1})
	if got, err := c.Fetch(soon(t), ev, f, enough); err == nil {
		t.Errorf("%q", got)
	}
	if len(visited) > 0 {
		t.Errorf("another host was asked, with %q", <-visited)
	}
}
