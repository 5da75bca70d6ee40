package connectors

import (
	"net/http"
	"net/url"
)

// Proxy says through which proxy a request goes; a nil URL means through none. A nil
// Proxy is http.ProxyFromEnvironment.
type Proxy = func(*http.Request) (*url.URL, error)

// NewTransport is the default HTTP transport, through proxy, with room for as many
// idle connections to one host as turns run at a time, so that parallel replies do not
// dial, and shake hands, each time.
func NewTransport(proxy Proxy) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if proxy != nil {
		t.Proxy = proxy
	}
	t.MaxIdleConns = 0 // no bound over all hosts: there are only a few
	t.MaxIdleConnsPerHost = 128
	return t
}
