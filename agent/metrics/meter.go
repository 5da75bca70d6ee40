package metrics

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// Meter is what one connection's connector tells; it is a connectors.Meter.
type Meter struct {
	m                    *Metrics
	connection, platform string
	ack                  prometheus.Observer
}

var _ connectors.Meter = (*Meter)(nil)

// Meter makes the Meter of a connection.
func (m *Metrics) Meter(connection, platform string) *Meter {
	return &Meter{m: m, connection: connection, platform: platform, ack: m.links.ack.WithLabelValues(connection, platform)}
}

// Acked implements connectors.Meter.
func (m *Meter) Acked(took time.Duration) { m.ack.Observe(took.Seconds()) }

// Called implements connectors.Meter.
func (m *Meter) Called(op, outcome string, took time.Duration) {
	op = m.m.codes.of(m.platform, op)
	code := m.m.codes.of(m.platform+"/"+op, outcome)
	m.m.api.calls.WithLabelValues(m.connection, m.platform, op, code).Inc()
	m.m.api.seconds.WithLabelValues(m.connection, m.platform, op).Observe(took.Seconds())
	if isCard(op) {
		m.m.api.cards.WithLabelValues(m.connection, m.platform, strconv.FormatBool(outcome == "ok")).Inc()
	}
}

// isCard reports whether a call makes or changes a card. Both platforms' calls that do
// are called so: "create card", "stream to card", "grow card".
func isCard(op string) bool { return strings.HasSuffix(op, " card") }

// Down is told that a stream has ended or that an attempt has failed, and why; nil is
// the platform's own wish to go on elsewhere.
func (m *Meter) Down(why error) {
	reason := m.m.codes.of(m.platform+"/ends", reason(why))
	m.m.links.reconnects.WithLabelValues(m.connection, m.platform, reason).Inc()
}

// reason is why a stream ended, in a few words that are the same each time.
func reason(why error) string {
	var refused *connectors.Error
	var handshake *socket.HandshakeError
	var closed *websocket.CloseError
	var name *net.DNSError
	var op *net.OpError
	var network net.Error
	switch {
	case why == nil:
		return "let go"
	case errors.As(why, &refused) && refused.Code != "":
		return "code " + strings.ToLower(refused.Code)
	case errors.As(why, &handshake):
		return "handshake " + strconv.Itoa(handshake.Status)
	case errors.As(why, &closed):
		return "closed " + strconv.Itoa(closed.Code)
	case errors.As(why, &name):
		return "name not found"
	case errors.As(why, &op) && op.Op == "dial":
		return "not reached"
	case errors.As(why, &network) && network.Timeout():
		return "timeout"
	case errors.Is(why, socket.ErrSilent):
		return "silent"
	case errors.Is(why, io.EOF), errors.Is(why, io.ErrUnexpectedEOF), errors.As(why, &op):
		return "broken off"
	}
	return other
}
