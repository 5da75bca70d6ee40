package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"longwire/connectors"
)

// stage is how far a request has come.
type stage string

// The stages, in their order. Where there is a proxy, it is its name that we look up,
// and it that we connect to.
const (
	stageDNS     stage = "dns"
	stageConnect stage = "connect"
	stageProxy   stage = "proxy"
	stageTLS     stage = "tls"
	stageAnswer  stage = "answer"
)

// reach is one request to a host, made as the program makes its own, and how far it
// came. Each stage has a line of its own in the report.
type reach struct {
	url     *url.URL
	through *url.URL // the proxy; nil: none
	proxy   connectors.Proxy
	now     func() time.Time

	once sync.Once // guards the request
	err  error     // why there was no answer
	at   stage     // where it ended, if there was none

	mu        sync.Mutex // the hooks may still be called when the request has ended
	addresses []string
	connected string
	proxied   int // the HTTP status with which the proxy answered; 0: it was not asked for a tunnel
	cert      *x509.Certificate
	status    int
	away      time.Duration // how far our clock is ahead of the host's
	dated     bool          // the host told its time
}

func newReach(u *url.URL, proxy connectors.Proxy, now func() time.Time) *reach {
	r := &reach{url: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}, proxy: proxy, now: now}
	if via, err := proxy(&http.Request{Method: http.MethodHead, URL: r.url}); err == nil {
		r.through = via
	}
	return r
}

// stages are the ones that there are on this way.
func (r *reach) stages() []stage {
	list := []stage{stageDNS, stageConnect}
	if r.through != nil {
		list = append(list, stageProxy)
	}
	if r.url.Scheme == "https" {
		list = append(list, stageTLS)
	}
	return append(list, stageAnswer)
}

// verdict is what there is to say about one stage. Those before it were well: a step
// rests on the one before.
func (r *reach) verdict(ctx context.Context, s stage) verdict {
	r.once.Do(func() { r.ask(ctx) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil && r.at == s {
		return why(r.err, s, r.proxied).seen(plainError(r.err))
	}
	switch s {
	case stageDNS:
		if len(r.addresses) == 0 {
			return good(dnsNone)
		}
		return good(dnsGood, strings.Join(r.addresses, ", "))
	case stageConnect:
		return good(connectGood, r.connected)
	case stageProxy:
		return good(proxyGood)
	case stageTLS:
		return r.certificate()
	}
	return good(answerGood, r.status)
}

// endsSoon is how long a certificate has to be good for.
const endsSoon = 14 * 24 * time.Hour

func (r *reach) certificate() verdict {
	if r.cert == nil {
		return good(tlsGood, "?", "?")
	}
	by, until := r.cert.Issuer.CommonName, r.cert.NotAfter.Format(time.DateOnly)
	if r.cert.NotAfter.Sub(r.now()) < endsSoon {
		return warn(tlsEndsSoon, until)
	}
	return good(tlsGood, by, until)
}

// ask makes the request.
func (r *reach) ask(ctx context.Context) {
	transport := connectors.NewTransport(r.proxy)
	transport.DisableKeepAlives = true
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
		r.note(func() { r.proxied = answer.StatusCode })
		return nil
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, r.trace()), http.MethodHead, r.url.String(), nil)
	if err != nil {
		r.err, r.at = err, stageAnswer
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		r.ended(err)
		return
	}
	_ = resp.Body.Close()
	now := r.now()
	r.note(func() {
		r.status = resp.StatusCode
		if resp.StatusCode == http.StatusProxyAuthRequired && r.through != nil {
			r.proxied, r.at, r.err = resp.StatusCode, stageProxy, errors.New(resp.Status)
		}
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			r.away, r.dated = now.Sub(date), true
		}
	})
}

func (r *reach) note(what func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what()
}

func (r *reach) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			r.note(func() {
				for _, a := range info.Addrs {
					r.addresses = append(r.addresses, a.String())
				}
			})
		},
		ConnectDone: func(_, addr string, err error) {
			if err == nil {
				r.note(func() { r.connected = addr })
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil && len(state.PeerCertificates) > 0 {
				r.note(func() { r.cert = state.PeerCertificates[0] })
			}
		},
	}
}

// ended notes where the request ended.
func (r *reach) ended(err error) {
	r.note(func() {
		r.err = err
		var name *net.DNSError
		var network *net.OpError
		switch {
		case errors.As(err, &name), r.connected == "" && len(r.addresses) == 0 && net.ParseIP(r.dialled()) == nil:
			r.at = stageDNS
		case r.connected == "":
			r.at = stageConnect
		case errors.As(err, &network) && strings.HasPrefix(network.Op, "socks"),
			r.through != nil && r.proxied != http.StatusOK && r.url.Scheme == "https" && r.through.Scheme == "http":
			r.at = stageProxy
		case r.cert == nil && r.url.Scheme == "https":
			r.at = stageTLS
		default:
			r.at = stageAnswer
		}
	})
}

// dialled is whose name is looked up and who is connected to.
func (r *reach) dialled() string {
	if r.through != nil {
		return r.through.Hostname()
	}
	return r.url.Hostname()
}

// why is what an error of the network means.
func why(err error, at stage, proxied int) verdict {
	var name *net.DNSError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return fail(dnsUnknown, name.Name)
	case errors.As(err, &name):
		return fail(dnsFailed, name.Name)
	case at == stageDNS: // no name server has answered in time
		return fail(dnsFailed, "")
	case at == stageProxy && (proxied == http.StatusProxyAuthRequired || strings.Contains(err.Error(), "authentication")):
		return fail(proxyAuth)
	case at == stageProxy:
		return fail(proxyRefused)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(connectRefused)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fail(connectNoWay)
	case at == stageConnect:
		return fail(connectSilent)
	}
	if v, ok := certificateWrong(err); ok {
		return v
	}
	if at == stageTLS {
		return fail(tlsFailed)
	}
	return fail(answerNone)
}

// certificateWrong is what is wrong with a certificate, where that is the matter.
func certificateWrong(err error) (verdict, bool) {
	var expired x509.CertificateInvalidError
	var other x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &other):
		return fail(tlsHost), true
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return fail(tlsExpired), true
	case errors.As(err, &unknown):
		return fail(tlsInspected, issuer(unknown.Cert)), true
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fail(tlsPlain), true
	}
	return verdict{}, false
}

// issuer is who has signed a certificate.
func issuer(cert *x509.Certificate) string {
	switch {
	case cert == nil:
		return "?"
	case cert.Issuer.CommonName != "":
		return cert.Issuer.CommonName
	}
	return cert.Issuer.String()
}

// plainError is an error without the URL that it came from, which may be a secret.
func plainError(err error) string { return fmt.Sprint(connectors.WithoutURL(err)) }

// offset is how far our clock is ahead of the host's, if it told its time.
func (h *host) offset() (time.Duration, bool) {
	h.reach.mu.Lock()
	defer h.reach.mu.Unlock()
	return h.reach.away, h.reach.dated
}
