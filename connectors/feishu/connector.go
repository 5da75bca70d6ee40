// Package feishu answers people in Feishu and Lark through the long connection,
// which needs no inbound port. Lark is the same behind another endpoint.
//
// The walk of a message:
//
//	endpoint.go     ask the platform where to dial (a URL, used once), dial
//	frame.go        read a frame, put split ones together (parts.go)
//	event.go        make a connectors.Event of it: somebody wrote (content.go), or
//	                did something else (eventnotice.go)
//	eventtopic.go   find the topic of a group that a message belongs to
//	connector.go    deliver the event; answer the frame once it is stored
//	read.go         tell what a message quotes or forwards, once its turn begins, and
//	                who asks where several share a conversation
//	fetch.go        fetch its pictures and files
//	reply.go        reply to the message, at most once whatever happens: in a card
//	                that grows (card.go, grow.go) or in messages (post.go)
//	working.go      show meanwhile what goes on, and what the model thinks
//	propose.go      ask whether something is to be done
//	rate.go         keep the calls for that within the platform's rates
//	press.go        answer who presses a button below an answer
//	api.go          one call to the REST API, its token and its errors
//	identity.go     who the bot is: without its open_id no mention can be told
//	person.go       who somebody is, and where in the company (departments.go)
//	lookup.go       keep in mind what groups, people and departments are
//	meter.go        tell how long all of that takes
//
// The official SDK gives the REST calls and their models. The socket is ours
// (package socket) and so is the frame codec (pbbp2): the SDK's client loses split
// frames to a race, allocates whatever count of parts a frame claims, and ends for
// good on codes that are seen in transient trouble. So are the event types
// (event.go): the SDK's lose a message over a number where a text is documented.
//
// # What Feishu promises
//
// An event must be answered within 3 s. One that is refused or not answered comes
// again after 15 s, 5 min, 1 h and 6 h, and duplicates are possible besides; the
// message's id stays the same.
package feishu

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/pbbp2"
	"longwire/connectors/socket"
)

// Config says which app to be and where.
type Config struct {
	Name      string // the connection's name
	AppID     string
	AppSecret string
	Endpoint  string // base URL; https://open.feishu.cn, https://open.larksuite.com

	Keepalive time.Duration  // how often the link is checked, at the least as often as the platform asks; default 30 s
	Backoff   socket.Backoff // between attempts, also those to learn who the bot is

	Shelf  connectors.Shelf                            // what replicas share; nil: no cards, no budget and no paces
	Act    connectors.Act                              // does what buttons say; nil: no buttons
	Labels func(ev connectors.Event) connectors.Labels // the words on a card; nil: Chinese and English
	Reply  string                                      // how answers look: ReplyAuto, ReplyCard or ReplyText; "" is ReplyText without a Shelf, else ReplyAuto
	Budget int64                                       // API calls a month; 0: no limit
	Rate   connectors.Rate                             // of each API; the zero Rate is DefaultRate

	Proxy connectors.Proxy // for every call and for the stream; nil: http.ProxyFromEnvironment
	Meter connectors.Meter // is told how the connection does; nil: nobody is
}

// How answers look.
const (
	ReplyAuto = "auto" // in a card that grows, as far as the budget goes
	ReplyCard = "card" // in a card in any case
	ReplyText = "text" // as messages, once they are whole
)

// Connector is one Feishu app and the stream it holds.
type Connector struct {
	config   Config
	link     *socket.Link
	intake   *connectors.Intake
	api      *api
	identity *identity
	forms    *lookup[form]     // of groups, by chat id
	names    *lookup[string]   // of people, by open_id
	above    *lookup[[]string] // departments above one, by its open_department_id
	files    *http.Client      // what files are fetched with
	presses  chan struct{}     // holds one token for each press that is being answered
	counting sync.WaitGroup    // the counting of calls that goes on beside; eventtopic.go
	log      *slog.Logger
	cards

	directOnly atomic.Bool // it was logged that only direct departments are told; departments.go
}

// maxPresses bounds the presses that are answered at a time. Each waits for the store.
const maxPresses = 64

// New makes a connector that hands events to deliver. It does nothing until Run.
func New(config Config, deliver connectors.Deliver, log *slog.Logger) *Connector {
	if config.Meter == nil {
		config.Meter = connectors.Unmeasured{}
	}
	c := &Connector{
		config:  config,
		api:     newAPI(config, log),
		files:   newFiles(config.Proxy),
		presses: make(chan struct{}, maxPresses),
		log:     log,
	}
	c.intake = connectors.NewIntake(func(ctx context.Context, ev connectors.Event) error {
		return deliver(ctx, c.inTopic(ctx, ev))
	}, log)
	c.forms = newLookup(formRetry, c.groupForm)
	c.names = newLookup(nameRetry, c.personName)
	c.above = newLookup(aboveRetry, c.departmentsAbove)
	c.cards.configure(config, log)
	c.identity = newIdentity(c.api, config.Backoff, log)
	c.link = socket.New(c, config.Backoff, config.Meter.Down, log)
	return c
}

// Run holds the stream until ctx ends. It is called once.
func (c *Connector) Run(ctx context.Context) {
	defer c.files.CloseIdleConnections()
	defer c.api.http.CloseIdleConnections()
	defer c.counting.Wait() // nobody begins any more once the intake is empty
	defer c.intake.Wait()
	var learning sync.WaitGroup
	defer learning.Wait()
	learning.Go(func() { c.identity.learn(ctx) })
	c.link.Run(ctx)
}

// Serve reads the frames of one socket; it is called by the link.
func (c *Connector) Serve(_ context.Context, conn *socket.Conn) error {
	var unanswered sync.WaitGroup // frames of this socket that are being delivered
	defer unanswered.Wait()
	parts := newParts()
	for {
		_, raw, err := conn.Read()
		if errors.Is(err, socket.ErrTooLarge) {
			c.intake.Malformed(err)
			continue
		}
		if err != nil {
			return err
		}
		c.serveFrame(conn, raw, parts, &unanswered)
	}
}

// serveFrame settles one frame: at once if it is about the connection or is a
// part that others belong to, after delivery if somebody wrote to the bot.
func (c *Connector) serveFrame(conn *socket.Conn, raw []byte, parts *parts, unanswered *sync.WaitGroup) {
	defer c.intake.Contain("read frame", "bytes", len(raw))
	arrived := time.Now()
	f, err := parseFrame(raw)
	if err != nil {
		c.intake.Malformed(err, "bytes", len(raw))
		return
	}
	if f.Method != pbbp2.MethodData || f.Header(pbbp2.HeaderType) != eventType {
		return // a pong has done its work by coming; nothing else is answered by anybody
	}
	payload, whole, err := parts.add(f, arrived)
	if err != nil {
		c.intake.Malformed(err, "frame", f.id())
		return
	}
	if !whole {
		return
	}
	e, err := parseEnvelope(payload)
	if err != nil {
		c.intake.Malformed(err, "frame", f.id())
		c.answer(conn, f, arrived, settled(err))
		return
	}
	if e.Header.Type == cardAction {
		c.servePress(conn, f, arrived, payload, unanswered)
		return
	}
	c.serveEvent(conn, f, arrived, e, unanswered)
}

// serveEvent settles the frame of an event.
func (c *Connector) serveEvent(conn *socket.Conn, f frame, arrived time.Time, e envelope, unanswered *sync.WaitGroup) {
	ev, err := e.event(c.config.Name, c.identity.openID())
	switch {
	case errors.Is(err, errNotForUs):
		c.log.Debug("event ignored", "frame", f.id(), "reason", err)
		c.answer(conn, f, arrived, accepted)
	case errors.Is(err, errWhoAmI):
		c.log.Warn("group message refused, the platform will send it again", "frame", f.id(), "err", err)
		c.answer(conn, f, arrived, refused)
	case err != nil:
		c.intake.Malformed(err, "frame", f.id())
		c.answer(conn, f, arrived, refused)
	default:
		unanswered.Add(1)
		c.intake.Add(ev, func(err error) {
			defer unanswered.Done()
			if c.answer(conn, f, arrived, settled(err)) && err == nil {
				c.api.meter.Acked(time.Since(arrived))
			}
		})
	}
}

// servePress answers the frame of a press, beside the frames that come after it: it
// waits for the store, and they must not.
func (c *Connector) servePress(conn *socket.Conn, f frame, arrived time.Time, payload []byte, unanswered *sync.WaitGroup) {
	select {
	case c.presses <- struct{}{}:
	default:
		c.log.Warn("press refused, too many are being answered", "frame", f.id())
		c.answer(conn, f, arrived, refused)
		return
	}
	unanswered.Go(func() {
		defer func() { <-c.presses }()
		defer c.intake.Contain("answer press", "frame", f.id())
		// Like a delivery in hand, it is finished while the stream ends.
		data, err := c.press(context.Background(), payload)
		if err != nil {
			c.intake.Malformed(err, "frame", f.id())
			c.answer(conn, f, arrived, refused)
			return
		}
		c.answer(conn, f, arrived, answered(data))
	})
}

// answer reports whether the answer to f was written.
func (c *Connector) answer(conn *socket.Conn, f frame, arrived time.Time, payload []byte) bool {
	if err := conn.Write(socket.Binary, f.response(arrived, payload)); err != nil {
		c.log.Warn("ack not sent, the platform will send the frame again", "frame", f.id(), "err", err)
		return false
	}
	return true
}

// Status is the truth about the connection now. A bot that does not know itself
// yet hears everybody and answers nobody in groups, which is a problem.
func (c *Connector) Status() connectors.Status {
	status := c.link.Status()
	if status.Problem == "" {
		status.Problem = c.identity.problem()
	}
	if status.Problem == "" {
		status.Problem = c.api.scopes.problem()
	}
	return status
}

// Budget is the month's budget of API calls, and how many are used; calls 0 is no
// budget.
func (c *Connector) Budget(ctx context.Context) (calls, used int64, err error) {
	used, err = c.budget.Used(ctx)
	return c.budget.Calls, used, err
}

// Counts is what the connection has seen.
func (c *Connector) Counts() connectors.Counts { return c.intake.Counts() }
