package connectors

import "net/http"

// NewTransport is the default HTTP transport with room for as many idle
// connections to one host as turns run at a time, so that parallel replies do not
// dial, and shake hands, each time.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = 0 // no bound over all hosts: there are only a few
	t.MaxIdleConnsPerHost = 128
	return t
}
