package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"longwire/agent/config"
	"longwire/connectors"
)

// host is somebody whom the configuration names, and the way there.
type host struct {
	url     *url.URL
	through string // the proxy as it is written, to tell two ways apart
	proxy   connectors.Proxy
	reach   *reach
	last    *step // "answer", on which everything rests that talks to it
}

// DingTalk's own API, and where it wants replies to be sent: each message names an
// address there.
const (
	dingtalkOwn     = "https://api.dingtalk.com"
	dingtalkReplies = "https://oapi.dingtalk.com"
)

// network adds a chain of checks for every host and the way there.
func (p *planner) network() {
	for _, c := range p.cfg.Connections {
		p.host(c.Endpoint, c.Proxy)
		if c.Endpoint == dingtalkOwn {
			p.host(dingtalkReplies, c.Proxy)
		}
	}
	for _, e := range endpoints(p.cfg) {
		p.host(e.Endpoint, e.Proxy)
	}
	for _, t := range p.cfg.Tools {
		if !t.URL.IsZero() {
			p.host(t.URL.Reveal(), config.Proxy{})
		}
	}
	if p.cfg.Trace.Endpoint != "" {
		p.host(p.cfg.Trace.Endpoint, config.Proxy{})
	}
}

// host adds the checks of one host, once.
func (p *planner) host(raw string, proxy config.Proxy) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || p.known(u, proxy) != nil {
		return // the configuration was loaded, so it can be read
	}
	h := &host{url: u, through: proxy.Reveal(), proxy: proxy.Func()}
	h.reach = newReach(u, h.proxy, p.on.now)
	subject := u.Host
	if h.reach.through != nil {
		subject += " (" + h.reach.through.Host + ")"
	}
	for _, stage := range h.reach.stages() {
		var base []*step
		if h.last != nil {
			base = []*step{h.last}
		}
		h.last = p.add(Check{Network, string(stage), subject}, func(ctx context.Context) verdict { return h.reach.verdict(ctx, stage) }, base...)
	}
	p.hosts = append(p.hosts, h)
}

func (p *planner) known(u *url.URL, proxy config.Proxy) *host {
	for _, h := range p.hosts {
		if h.url.Host == u.Host && h.url.Scheme == u.Scheme && h.through == proxy.Reveal() {
			return h
		}
	}
	return nil
}

// reached is the step that says that a host answers.
func (p *planner) reached(raw string, proxy config.Proxy) *step {
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	if h := p.known(u, proxy); h != nil {
		return h.last
	}
	return nil
}

// endpoints are all endpoints of models that may be asked on the connections, each
// once, in the order in which the file has them.
func endpoints(cfg *config.Config) (all []config.ModelEndpoint) {
	seen := map[string]bool{}
	add := func(e config.ModelEndpoint) {
		id := fmt.Sprint(e.Endpoint, "\x00", e.Name, "\x00", e.APIVersion, "\x00", e.Proxy.Reveal(), "\x00", e.APIKeyFile)
		for _, key := range e.Keys() {
			id += "\x00" + key.Reveal()
		}
		if !seen[id] {
			seen[id] = true
			all = append(all, e)
		}
	}
	for _, c := range cfg.Connections {
		for _, choice := range cfg.Choices(c) {
			add(choice.ModelEndpoint)
			for _, fallback := range choice.Fallbacks {
				add(fallback)
			}
		}
	}
	return all
}

// hostOf is the host of a URL, for people.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Host, ":443")
}
