// Package dingtalk answers people in DingTalk through a Stream connection, which
// needs no inbound port.
//
// The walk of a message:
//
//	endpoint.go   ask api.dingtalk.com where to dial (a ticket, used once), dial
//	frame.go      read a frame: a JSON object with type, headers and data
//	event.go      make a connectors.Event of a robot message
//	connector.go  deliver the event; ack the frame once it is stored
//	reply.go      send the answer to the event's own webhook, or by the robot API
//	api.go        one call to api.dingtalk.com, its token and its errors
//
// The official SDK gives the endpoint call, the topics and the frame types. The
// socket is ours (package socket), because the SDK's loop drops frames when it
// is busy and waits three seconds and more before it dials again.
//
// # What DingTalk promises
//
// A robot message that is not acked is sent again after about 60 s with another
// headers.messageId and the same msgId, once, as far as is known; the
// documentation says both that it is and that it is not. So messages are known by
// robot and msgId, and refusing an event is the last resort.
package dingtalk

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// Config says which robot to be and where.
type Config struct {
	Name         string // the connection's name
	ClientID     string
	ClientSecret string
	RobotCode    string // default ClientID, as for every app made since 2023
	Endpoint     string // base URL; https://api.dingtalk.com

	Keepalive time.Duration  // how often the link is checked; default 30 s
	Backoff   socket.Backoff // between attempts
}

// Connector is one DingTalk robot and the stream it holds.
type Connector struct {
	config Config
	link   *socket.Link
	intake *connectors.Intake
	api    *api
	log    *slog.Logger

	repeats atomic.Int64 // reply.go
}

// New makes a connector that hands events to deliver. It does nothing until Run.
func New(config Config, deliver connectors.Deliver, log *slog.Logger) *Connector {
	if config.RobotCode == "" {
		config.RobotCode = config.ClientID
	}
	c := &Connector{
		config: config,
		intake: connectors.NewIntake(deliver, log),
		api:    newAPI(config),
		log:    log,
	}
	c.link = socket.New(c, config.Backoff, log)
	return c
}

// Run holds the stream until ctx ends. It is called once.
func (c *Connector) Run(ctx context.Context) {
	defer c.api.http.CloseIdleConnections()
	defer http.DefaultClient.CloseIdleConnections() // the SDK's calls go by it
	defer c.intake.Wait()
	c.link.Run(ctx)
}

// Serve reads the frames of one socket; it is called by the link.
func (c *Connector) Serve(_ context.Context, conn *socket.Conn) error {
	var unacked sync.WaitGroup // frames of this socket that are being delivered
	defer unacked.Wait()
	for {
		_, raw, err := conn.Read()
		if errors.Is(err, socket.ErrTooLarge) {
			c.intake.Malformed(err)
			continue
		}
		if err != nil {
			return err
		}
		c.serveFrame(conn, raw, &unacked)
	}
}

// serveFrame settles one frame: at once if it is about the connection, after
// delivery if somebody wrote to the robot.
func (c *Connector) serveFrame(conn *socket.Conn, raw []byte, unacked *sync.WaitGroup) {
	defer c.intake.Contain("read frame", "bytes", len(raw))
	f, err := parseFrame(raw)
	if err != nil {
		c.intake.Malformed(err, "bytes", len(raw))
		return
	}
	switch {
	case f.is(systemType, pingTopic):
		c.ack(conn, f, f.Data)
	case f.is(systemType, disconnectTopic):
		c.log.Info("stream is about to be closed by the platform", "reason", reasonOf(f))
		c.ack(conn, f, "")
		conn.Retire()
	case f.is(callbackType, messageTopic):
		ev, err := parseEvent(f, c.config.Name)
		switch {
		case errors.Is(err, errNotForUs):
			c.log.Debug("message ignored", "frame", f.GetMessageId(), "reason", err)
			c.ack(conn, f, "")
		case err != nil:
			c.intake.Malformed(err, "frame", f.GetMessageId())
		default:
			unacked.Add(1)
			c.intake.Add(ev, func(err error) {
				defer unacked.Done()
				if err == nil {
					c.ack(conn, f, messageAck)
				}
			})
		}
	default:
		c.log.Debug("frame of no concern", "type", f.Type, "topic", f.GetTopic(), "frame", f.GetMessageId())
		c.ack(conn, f, eventAck)
	}
}

func (c *Connector) ack(conn *socket.Conn, f frame, data string) {
	if f.GetMessageId() == "" {
		return // an ack to nothing; the documentation's sample of a disconnect has no id
	}
	if err := conn.Write(socket.Text, f.ack(data)); err != nil {
		c.log.Warn("ack not sent, the platform will send the frame again", "frame", f.GetMessageId(), "err", err)
	}
}

// Status is the truth about the connection now.
func (c *Connector) Status() connectors.Status { return c.link.Status() }

// Counts is what the connection has seen.
func (c *Connector) Counts() connectors.Counts {
	counts := c.intake.Counts()
	counts.Repeats = c.repeats.Load()
	return counts
}
