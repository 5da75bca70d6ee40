package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors"
)

// streamTalk is what a platform says on its stream.
type streamTalk struct {
	ping func(ws *websocket.Conn) error // asks for a sign of life
	// refused is given what comes: it refuses events, and reports whether this was the
	// sign of life, where that is no websocket pong.
	refused func(ws *websocket.Conn, raw []byte) (alive bool, err error)
	why     func(h http.Header) (verdict, bool) // nil, or what the headers of a refused upgrade mean
}

// maxFrame bounds what comes on a stream, in bytes.
const maxFrame = 16 << 20

// openStream opens a stream, waits for a sign of life and closes it. The URL carries a
// ticket, so it is in nothing that is shown.
func openStream(ctx context.Context, rawURL string, proxy connectors.Proxy, talk streamTalk, well *cause) verdict {
	host := hostOf(rawURL)
	ws, answer, err := dialStream(ctx, rawURL, proxy)
	if err != nil {
		return streamFailed(err, answer, talk, host)
	}
	defer func() { _ = ws.Close() }()
	ws.SetReadLimit(maxFrame)
	if deadline, ok := ctx.Deadline(); ok {
		_ = ws.SetReadDeadline(deadline)
		_ = ws.SetWriteDeadline(deadline)
	}
	ws.SetPongHandler(func(string) error { return errAlive })
	if err := talk.ping(ws); err != nil {
		return fail(streamSilent, host).seen(plainError(err))
	}
	for {
		_, raw, err := ws.ReadMessage()
		if errors.Is(err, errAlive) {
			break
		}
		alive := false
		if err == nil {
			alive, err = talk.refused(ws, raw)
		}
		if err != nil {
			return fail(streamSilent, host).seen(plainError(err))
		}
		if alive {
			break
		}
	}
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return good(well, host)
}

// errAlive ends the reading: a pong has come.
var errAlive = errors.New("pong")

// dialStream opens the websocket. The handshake itself does not look at ctx.
func dialStream(ctx context.Context, rawURL string, proxy connectors.Proxy) (*websocket.Conn, *http.Response, error) {
	unwatch := func() bool { return true }
	dialer := websocket.Dialer{
		Proxy: proxy,
		NetDialContext: func(limited context.Context, network, addr string) (net.Conn, error) {
			tcp, err := new(net.Dialer).DialContext(limited, network, addr)
			if err == nil {
				unwatch = context.AfterFunc(ctx, func() { _ = tcp.Close() })
			}
			return tcp, err
		},
	}
	ws, answer, err := dialer.DialContext(ctx, rawURL, nil)
	unwatch()
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	return ws, answer, err
}

// streamFailed is why no websocket was opened.
func streamFailed(err error, answer *http.Response, talk streamTalk, host string) verdict {
	if answer != nil {
		if talk.why != nil {
			if v, ok := talk.why(answer.Header); ok {
				return v
			}
		}
		return fail(streamRefused, host, answer.StatusCode)
	}
	at := stageAnswer
	var network *net.OpError
	switch text := err.Error(); {
	case strings.Contains(text, http.StatusText(http.StatusProxyAuthRequired)):
		return fail(proxyAuth).seen(text)
	case errors.As(err, &network) && network.Op == "dial":
		at = stageConnect
	}
	v := why(err, at, 0)
	if v.cause == answerNone {
		v = fail(streamSilent, host)
	}
	return v.seen(plainError(err))
}

// controlPing asks with the websocket's own ping.
func controlPing(ctx context.Context, ws *websocket.Conn) error {
	deadline, _ := ctx.Deadline() // every step has one
	return ws.WriteControl(websocket.PingMessage, []byte("longwire"), deadline)
}

// withTicket is where to dial.
func withTicket(endpoint, ticket string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // dialling says what is wrong with it
	}
	query := u.Query()
	query.Set("ticket", ticket)
	u.RawQuery = query.Encode()
	return u.String()
}
