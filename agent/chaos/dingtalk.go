package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"longwire/connectors/dingtalk/dingtalktest"
)

// dingtalk is DingTalk. It is kinder than the real one in two ways, or a run would
// count its losses and not the program's: what finds no stream is kept until one
// comes (the real one calls robot messages "fire-forgot"), and what is not acked
// comes again without end, after two seconds instead of a minute.
type dingtalk struct {
	cloud    *dingtalktest.Server
	finished finished
}

func startDingTalk(b *book) (platform, error) {
	cloud, err := dingtalktest.Start(dingtalktest.Options{
		Apps:           []dingtalktest.App{{ClientID: clientID, ClientSecret: clientSecret}},
		HoldOffline:    true,
		RedeliverAfter: 2 * time.Second,
		RedeliverMax:   1 << 30,
		PingEvery:      time.Second,
		CallsPerSecond: -1,
		OnSend: func(sent dingtalktest.Sent) {
			if sent.Via == dingtalktest.ViaCard {
				return // watch tells what it says in the end
			}
			place := sent.ChatID
			if sent.Via == dingtalktest.ViaOTO {
				place = fmt.Sprintf("to %s", sent.StaffIDs[0])
			}
			b.replied(sent.At, sent.InReplyTo, place, sent.Text)
		},
	})
	if err != nil {
		return nil, err
	}
	d := &dingtalk{cloud: cloud, finished: finished{seen: make(map[string]bool)}}
	d.finished.watching.Go(func() { d.watch(b) })
	return d, nil
}

func (d *dingtalk) connection(quick bool) string {
	entry := fmt.Sprintf("platform: dingtalk, client_id: %q, client_secret: %q, endpoint: %q", clientID, clientSecret, d.cloud.URL())
	if quick {
		entry += ", keepalive: " + keepaliveTime.String()
	}
	return entry
}

func (d *dingtalk) say(m message, twice bool) string {
	_, body := d.cloud.Callback(dingtalktest.Message{
		ID:      m.id,
		From:    dingtalktest.Person{StaffID: m.person.id()},
		Chat:    m.person.group,
		Title:   m.person.group,
		Mention: m.person.group != "",
		Text:    m.text,
	})
	var where struct {
		ID string `json:"conversationId"`
	}
	_ = json.Unmarshal(body, &where) // our own
	d.cloud.PushData(clientID, body)
	if twice {
		d.cloud.PushData(clientID, body)
	}
	return where.ID
}

func (d *dingtalk) waitAck(ctx context.Context, id string) error { return d.cloud.WaitAck(ctx, id) }
func (d *dingtalk) waitUp(ctx context.Context, n int) error      { return d.cloud.WaitConnections(ctx, n) }
func (d *dingtalk) deliveries(id string) int                     { return d.cloud.Deliveries(id) }
func (d *dingtalk) redeliver(id string)                          { d.cloud.Redeliver(id) }

func (d *dingtalk) close() {
	_ = d.cloud.Close()
	d.finished.watching.Wait()
}

func (d *dingtalk) strike(f fault) {
	switch f.kind {
	case drop:
		d.cloud.Drop()
	case blackHole:
		d.cloud.Stall()
	case halfFrame:
		d.cloud.HalfFrame()
	case disconnect:
		d.cloud.Disconnect("persistent connection is timeout")
	case bootstrap:
		d.cloud.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: http.StatusServiceUnavailable, Times: f.count})
		d.cloud.Drop()
	case handshake:
		d.cloud.FailRoute(dingtalktest.PathConnect, dingtalktest.Failure{Status: http.StatusBadGateway, Times: f.count})
		d.cloud.Drop()
	case api429:
		d.cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: http.StatusTooManyRequests, Times: f.count})
	case api500:
		d.cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Status: http.StatusBadGateway, Times: f.count})
	case lostAnswer:
		d.cloud.FailRoute(dingtalktest.PathWebhook, dingtalktest.Failure{Commit: true, Cut: true, Times: f.count})
	case tokens: // of use only where no webhook is
		d.cloud.ExpireWebhooks()
		d.cloud.ExpireTokens()
	case webhooks:
		d.cloud.ExpireWebhooks()
	}
}

// mend leaves refused endpoints alone: they end by being asked for.
func (d *dingtalk) mend(f fault) {
	switch f.kind {
	case blackHole:
		d.cloud.Unstall()
	case api429, api500, lostAnswer:
		d.cloud.Heal(dingtalktest.PathWebhook)
	}
}
