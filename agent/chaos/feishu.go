package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"longwire/connectors/feishu/feishutest"
)

// feishu is Feishu, which says itself how often it wants to be pinged. What is not
// answered within three seconds comes again as with the real one, only after
// seconds instead of minutes and hours.
type feishu struct {
	cloud    *feishutest.Server
	finished finished
}

// replyRoute is where replies are sent.
const replyRoute = "/open-apis/im/v1/messages/*/reply"

func startFeishu(b *book) (platform, error) {
	waits := []time.Duration{time.Second / 2, time.Second, 2 * time.Second, 4 * time.Second}
	for len(waits) < 20 {
		waits = append(waits, 8*time.Second)
	}
	cloud, err := feishutest.Start(feishutest.Options{
		Apps:         []feishutest.App{{AppID: appID, AppSecret: appSecret}},
		ClientConfig: feishutest.ClientConfig{ReconnectCount: -1, ReconnectInterval: 1, PingInterval: int(keepaliveTime / time.Second)},
		Redeliver:    waits,
		Unlimited:    true,
		OnSend: func(sent feishutest.Sent) {
			// Of a repetition nobody sees anything, and watch tells what a card says.
			if !sent.Duplicate && sent.CardID == "" {
				b.replied(sent.At, sent.InReplyTo, sent.ChatID, sent.Text)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	p := &feishu{cloud: cloud, finished: finished{seen: make(map[string]bool)}}
	p.finished.watching.Go(func() { p.watch(b) })
	return p, nil
}

func (p *feishu) connection(bool) string {
	return fmt.Sprintf("platform: feishu, app_id: %q, app_secret: %q, endpoint: %q", appID, appSecret, p.cloud.URL())
}

func (p *feishu) say(m message, twice bool) string {
	said := feishutest.Message{
		MessageID: m.id,
		From:      feishutest.Person{OpenID: fmt.Sprintf("ou_%032x", m.person.index+1), Name: m.person.id()},
		Chat:      m.person.group,
		Mention:   m.person.group != "",
		Text:      m.text,
	}
	p.cloud.Say(said)
	if twice {
		p.cloud.Say(said)
	}
	return p.cloud.ChatOf(m.id)
}

func (p *feishu) waitAck(ctx context.Context, id string) error { return p.cloud.WaitAck(ctx, id) }
func (p *feishu) waitUp(ctx context.Context, n int) error      { return p.cloud.WaitConnections(ctx, n) }
func (p *feishu) deliveries(id string) int                     { return p.cloud.Deliveries(id) }
func (p *feishu) redeliver(id string)                          { _ = p.cloud.Redeliver(id) } // nobody is connected now and then

func (p *feishu) close() {
	p.cloud.Close()
	p.finished.watching.Wait()
}

func (p *feishu) strike(f fault) {
	switch f.kind {
	case drop:
		p.cloud.Drop()
	case blackHole:
		p.cloud.Stall()
	case halfFrame:
		p.cloud.HalfFrame()
		p.awaitEnd()
	case bootstrap:
		p.cloud.RefuseBootstrap(1, "system busy", f.count)
		p.cloud.Drop()
	case handshake:
		p.cloud.RefuseHandshake(http.StatusServiceUnavailable, 0, 0, f.count)
		p.cloud.Drop()
	case api429:
		refusal := feishutest.APIError(99991400, "request trigger frequency limit")
		refusal.Times = f.count
		p.cloud.FailRoute(replyRoute, refusal)
	case api500:
		p.cloud.FailRoute(replyRoute, feishutest.Failure{Status: http.StatusBadGateway, Body: "bad gateway", Times: f.count})
	case lostAnswer:
		p.cloud.FailRoute(replyRoute, feishutest.Failure{LoseResponse: true, Times: f.count})
	case tokens:
		p.cloud.ExpireTokens()
	}
}

// awaitEnd waits until half-frames have gone out and their sockets with them, so
// that what comes up next is not mistaken for what is about to end.
func (p *feishu) awaitEnd() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.cloud.WaitConnections(ctx, 0) // a replica may be back already
}

// mend leaves refused endpoints alone: they end by being asked for.
func (p *feishu) mend(f fault) {
	switch f.kind {
	case blackHole:
		p.cloud.Unstall()
	case api429, api500, lostAnswer:
		p.cloud.ClearFailures()
	}
}
