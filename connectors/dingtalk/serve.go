package dingtalk

import (
	"context"
	"errors"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/connectors/socket"
)

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
	read := time.Now()
	f, err := parseFrame(raw)
	if err != nil {
		c.intake.Malformed(err, "bytes", len(raw))
		return
	}
	f.read = read
	switch {
	case f.is(systemType, pingTopic):
		c.ack(conn, f, f.Data)
	case f.is(systemType, disconnectTopic):
		c.log.Info("stream is about to be closed by the platform", "reason", reasonOf(f))
		c.ack(conn, f, "")
		conn.Retire()
	case f.is(callbackType, messageTopic):
		c.serveMessage(conn, f, unacked)
	case f.is(callbackType, cardTopic) && c.buttons():
		c.servePress(conn, f, unacked)
	case f.Type == eventType:
		c.serveEvent(conn, f, unacked)
	default:
		c.log.Debug("frame of no concern", "type", f.Type, "topic", f.GetTopic(), "frame", f.GetMessageId())
		c.ack(conn, f, eventAck)
	}
}

// serveMessage delivers what somebody wrote to the robot.
func (c *Connector) serveMessage(conn *socket.Conn, f frame, unacked *sync.WaitGroup) {
	ev, err := parseEvent(f, c.config.Name)
	switch {
	case errors.Is(err, errNotForUs):
		c.log.Debug("message ignored", "frame", f.GetMessageId(), "reason", err)
		c.ack(conn, f, "")
		return
	case err != nil:
		c.intake.Malformed(err, "frame", f.GetMessageId())
		return
	}
	c.withheld(ev.Kind == connectors.KindQuota)
	unacked.Add(1)
	c.intake.Add(ev, func(err error) {
		defer unacked.Done()
		if err == nil {
			c.acked(f, c.ack(conn, f, messageAck))
		}
	})
}

// serveEvent delivers that a chat has taken the robot in. Whatever else happens in
// the organisation is acked, so that it does not come again.
func (c *Connector) serveEvent(conn *socket.Conn, f frame, unacked *sync.WaitGroup) {
	ev, err := parseHello(f, c.config.Name)
	if err != nil {
		switch {
		case errors.Is(err, errWithheld):
			c.withheld(true)
		case errors.Is(err, errNotForUs):
			c.log.Debug("event ignored", "type", f.Headers[eventTypeHeader], "frame", f.GetMessageId())
		default:
			c.intake.Malformed(err, "frame", f.GetMessageId())
		}
		c.ack(conn, f, eventAck) // also what cannot be read: it would come again as it is
		return
	}
	unacked.Add(1)
	c.intake.Add(ev, func(err error) {
		defer unacked.Done()
		if err != nil {
			c.ack(conn, f, eventLater)
			return
		}
		c.acked(f, c.ack(conn, f, eventAck))
	})
}

const (
	// pressTime bounds what a press does before it is answered. DingTalk waits 2 s
	// for the answer (developer documentation, "Card callback").
	pressTime = 1600 * time.Millisecond

	// maxPresses bounds how many presses are without an answer. Past that one is
	// answered at once, and nothing is done about it.
	maxPresses = 64
)

// buttons reports whether cards have buttons.
func (c *Connector) buttons() bool { return c.config.Act != nil && c.config.Shelf != nil }

// servePress answers the press of a button, without holding up the frames behind it.
// The answer goes out in time also when whatever the press is about does not.
func (c *Connector) servePress(conn *socket.Conn, f frame, unacked *sync.WaitGroup) {
	select {
	case c.presses <- struct{}{}:
	default:
		c.log.Warn("too many presses at once, one is left out", "frame", f.GetMessageId())
		c.ack(conn, f, noPress)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pressTime)
	answer := make(chan string, 1)
	c.acting.Go(func() {
		defer func() { <-c.presses }()
		defer close(answer)
		defer c.intake.Contain("press", "frame", f.GetMessageId())
		answer <- c.press(ctx, f)
	})
	unacked.Go(func() {
		defer cancel()
		data := noPress
		select {
		case given, ok := <-answer:
			if ok {
				data = given
			}
		case <-ctx.Done():
			c.log.Warn("a press was not seen to in time", "frame", f.GetMessageId())
		}
		c.ack(conn, f, data)
	})
}

// withheld notes whether a message came without its content, and tells the operator.
func (c *Connector) withheld(so bool) {
	if c.quota.saw(so, time.Now()) {
		c.log.Error(withheldProblem)
	}
}

// ack answers a frame, and reports whether the answer is on its way.
func (c *Connector) ack(conn *socket.Conn, f frame, data string) bool {
	if f.GetMessageId() == "" {
		return false // an ack to nothing; the documentation's sample of a disconnect has no id
	}
	if err := conn.Write(socket.Text, f.ack(data)); err != nil {
		c.log.Warn("ack not sent, the platform will send the frame again", "frame", f.GetMessageId(), "err", err)
		return false
	}
	return true
}

// acked tells the meter about a frame with an event, if its ack is on its way.
func (c *Connector) acked(f frame, written bool) {
	if written {
		c.config.Meter.Acked(time.Since(f.read))
	}
}
