package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"longwire/connectors"
)

// health is what a running program tells of itself.
type health struct {
	Status      string   `json:"status"`
	Version     string   `json:"version"`
	Problems    []string `json:"problems"`
	Warnings    []string `json:"warnings"`
	Connections []struct {
		Name  string           `json:"name"`
		State connectors.State `json:"state"`
	} `json:"connections"`
}

// connected reports whether the program holds the stream of a connection.
func (h *health) connected(name string) bool {
	if h == nil {
		return false
	}
	for _, c := range h.Connections {
		if c.Name == name {
			return c.State == connectors.Connected
		}
	}
	return false
}

// program adds the checks of the admin listener, and of the program behind it.
func (p *planner) program() {
	p.admin = p.add(Check{Program, "admin listener", p.cfg.Admin.Listen}, p.listener)
	if p.cfg.Admin.TLS.Cert != "" {
		p.add(Check{Program, "certificate", p.cfg.Admin.TLS.Cert}, func(context.Context) verdict { return p.certificate() })
	}
}

// listener tries the address. Where somebody listens, it asks who.
func (p *planner) listener(ctx context.Context) verdict {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.Admin.Listen)
	switch {
	case err == nil:
		_ = l.Close()
		return good(adminFree)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fail(adminNotOurs).seen(err)
	case !errors.Is(err, syscall.EADDRINUSE):
		return fail(adminRefused).seen(err)
	}
	h, status := p.askHealth(ctx)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return warn(adminToken)
	case h == nil:
		return fail(adminTaken)
	}
	p.health = h
	if amiss := append(h.Problems, h.Warnings...); len(amiss) > 0 {
		return warn(programUnwell, oneLine(h.Version)).seen(strings.Join(amiss, "; "))
	}
	return good(programRuns, oneLine(h.Version))
}

// askHealth asks whoever listens there how it is; nil is an answer that no longwire
// gives. The token goes to nobody who has not our certificate, where there is one.
func (p *planner) askHealth(ctx context.Context) (h *health, status int) {
	transport := &http.Transport{DisableKeepAlives: true} // through no proxy
	scheme := "http"
	if cert := p.cfg.Admin.TLS.Cert; cert != "" {
		scheme, transport.TLSClientConfig = "https", pinned(cert, p.cfg.Admin.TLS.Key)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+dialable(p.cfg.Admin.Listen)+"/api/health", nil)
	if err != nil {
		return nil, 0
	}
	if token := p.cfg.Admin.Token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return nil, 0
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var told health
	if err != nil || json.Unmarshal(raw, &told) != nil || told.Status == "" || told.Connections == nil {
		return nil, resp.StatusCode
	}
	return &told, resp.StatusCode
}

// pinned trusts exactly one certificate: ours. Its names do not matter on our own
// machine.
func pinned(cert, key string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(cert, key)
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection looks closer
		VerifyConnection: func(state tls.ConnectionState) error {
			if err == nil && len(pair.Certificate) > 0 && string(state.PeerCertificates[0].Raw) == string(pair.Certificate[0]) {
				return nil
			}
			return errors.New("this is not our certificate")
		},
	}
}

// dialable is where a listener that listens everywhere can be found.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

// certificate looks at the listener's own certificate.
func (p *planner) certificate() verdict {
	pair, err := tls.LoadX509KeyPair(p.cfg.Admin.TLS.Cert, p.cfg.Admin.TLS.Key)
	if err != nil || pair.Leaf == nil {
		return fail(adminCertBad).seen(err)
	}
	until := pair.Leaf.NotAfter.Format(time.DateOnly)
	switch left := pair.Leaf.NotAfter.Sub(p.on.now()); {
	case left <= 0:
		return fail(adminCertEnded, until)
	case left < endsSoon:
		return warn(adminCertEnded, until)
	}
	return good(adminCertGood, until)
}
