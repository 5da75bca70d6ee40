// Package dingtalk answers people in DingTalk through a Stream connection, which
// needs no inbound port.
//
// The walk of a message:
//
//	endpoint.go   ask api.dingtalk.com where to dial (a ticket, used once), dial
//	frame.go      read a frame: a JSON object with type, headers and data
//	event.go      make a connectors.Event of a robot message: what it says is in
//	              content.go, what it quotes in quote.go
//	hello.go      make one of a chat that has taken the robot in
//	serve.go      deliver the event; ack the frame once it is stored
//	read.go       complete a quote of ours, when the event's turn begins
//	fetch.go      get a file that came with the message
//	reply.go      show the answer: on a card that grows (card.go, cardgrow.go,
//	              cardview.go, cardend.go), or as messages to the event's own webhook or by the
//	              robot API (plain.go, send.go)
//	emotion.go    a reaction to the question while its answer takes long
//	propose.go    ask in a card with two buttons whether something is to be done
//	press.go      do what a button says
//	departments.go
//	              ask which departments a person is in, and what is above them
//	api.go        one call to api.dingtalk.com, its token and its errors; which calls
//	              may be made is in gate.go, pace.go and purse.go
//
// The official SDK gives the models, topics and frame types. The calls and the socket
// (package socket) are ours, because the SDK's loop drops frames when it is busy and
// waits three seconds and more before it dials again.
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
	// Contacts is the base URL of the older API, which knows who is in which
	// department; default https://oapi.dingtalk.com, or Endpoint where that is not
	// DingTalk's own.
	Contacts string
	Proxy    connectors.Proxy // of every call and of the stream; nil: http.ProxyFromEnvironment

	Keepalive time.Duration  // how often the link is checked; default 30 s
	Backoff   socket.Backoff // between attempts

	// Shelf is shared with the connection's other replicas. Without one there are no
	// cards, no buttons and no budget: answers are messages.
	Shelf  connectors.Shelf
	Act    connectors.Act                              // does what buttons say; nil: cards have none
	Labels func(ev connectors.Event) connectors.Labels // our own words on a card; default in labels.go

	Reply   string          // ReplyAuto, ReplyCard or ReplyText; default ReplyAuto, without a Shelf ReplyText
	Card    Card            // what cards look like
	Budget  int64           // API calls a month; 0 is no limit
	Rate    connectors.Rate // of each API; the zero Rate is DefaultRate
	Mention bool            // answers in groups mention who asked

	Meter connectors.Meter // is told how the connection does; nil: nobody is

	now func() time.Time // what time it is for the budget; tests set it
}

// Connector is one DingTalk robot and the stream it holds.
type Connector struct {
	config Config
	link   *socket.Link
	intake *connectors.Intake
	api    *api
	log    *slog.Logger

	// reply.go and what it calls
	budget  *connectors.Budget
	cards   gate         // whether cards are open to the app; gate.go
	signs   gate         // the same for reactions
	asks    gate         // the same for the cards of proposals; propose.go
	calm    calm         // after a throttle; pace.go
	repeats atomic.Int64 // plain.go

	acting sync.WaitGroup // presses under way; press.go

	presses chan struct{} // one token per press that is not acked yet
	quota   withholding   // quota.go
	files   *http.Client  // fetch.go

	directOnly atomic.Bool // it was logged that only direct departments are told; departments.go
}

// New makes a connector that hands events to deliver. It does nothing until Run.
func New(config Config, deliver connectors.Deliver, log *slog.Logger) *Connector {
	if config.RobotCode == "" {
		config.RobotCode = config.ClientID
	}
	if config.Contacts == "" {
		config.Contacts = contactsOf(config.Endpoint)
	}
	if config.Meter == nil {
		config.Meter = connectors.Unmeasured{}
	}
	c := &Connector{
		config: config,
		intake: connectors.NewIntake(deliver, log),
		api:    newAPI(config),
		log:    log,

		presses: make(chan struct{}, maxPresses),
	}
	c.files = c.newFiles()
	c.prepare()
	c.link = socket.New(c, config.Backoff, config.Meter.Down, log)
	return c
}

// Run holds the stream until ctx ends. It is called once.
func (c *Connector) Run(ctx context.Context) {
	defer c.api.http.CloseIdleConnections()
	defer c.intake.Wait()
	defer c.acting.Wait()
	c.link.Run(ctx)
}

// Status is the truth about the connection now.
func (c *Connector) Status() connectors.Status {
	status := c.link.Status()
	if status.Problem == "" {
		status.Problem = c.quota.problem()
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
func (c *Connector) Counts() connectors.Counts {
	counts := c.intake.Counts()
	counts.Repeats = c.repeats.Load()
	counts.Withheld = c.quota.counted()
	return counts
}
