package connectors

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Proxy says through which proxy a request goes; a nil URL means through none. A nil
// Proxy is http.ProxyFromEnvironment.
type Proxy = func(*http.Request) (*url.URL, error)

// NewTransport is the default HTTP transport, through proxy, with room for as many
// idle connections to one host as turns run at a time, so that parallel replies do not
// dial, and shake hands, each time. A connection of HTTP/2 has one of its own for all, so
// it is asked for a sign of life: behind a NAT that has forgotten it, calls would go into
// the hole until the operating system gives up, a quarter of an hour later.
func NewTransport(proxy Proxy) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if proxy != nil {
		t.Proxy = proxy
	}
	t.MaxIdleConns = 0 // no bound over all hosts: there are only a few
	t.MaxIdleConnsPerHost = 128
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second, WriteByteTimeout: 10 * time.Second}
	return t
}

// Stay is a CheckRedirect: a server may redirect only within itself, and with all of what
// was sent. Headers that are keys, and what people write, are for it alone.
func Stay(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme:
		return fmt.Errorf("it redirects to another place, %s://%s", next.URL.Scheme, next.URL.Host)
	case next.Method != first.Method:
		return errors.New("it redirects in a way that loses what was sent")
	case len(via) >= 5:
		return errors.New("it redirects without end")
	}
	return nil
}
