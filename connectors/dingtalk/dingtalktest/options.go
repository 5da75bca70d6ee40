package dingtalktest

import "time"

// App is one application as the developer console would show it: a client id
// with its secret and the robot that belongs to it.
type App struct {
	ClientID     string
	ClientSecret string
	RobotCode    string // default: ClientID, as for every internal app
}

// Options say how the cloud behaves. A zero field takes its default. Where the
// platform's own value could not be confirmed the field says UNVERIFIED.
type Options struct {
	Addr string // where to listen; default 127.0.0.1:0
	Apps []App  // who may connect

	// Forget drops what is known about a push as soon as it is acked or given
	// up, and about a reply as soon as OnSend has seen it, so that memory does
	// not grow with the number of messages. Acks, Deliveries, WaitAck, Redeliver
	// and Sent then know only what is still under way; Stats still counts.
	Forget bool

	// HoldOffline keeps messages that find no connection until one comes. The
	// platform documents robot messages as "fire-forgot", so the default is to
	// lose them.
	HoldOffline bool

	// OnSend, when set, sees every reply before its sender gets the answer. It
	// is called from many goroutines at once and must not call Close.
	OnSend func(Sent)

	TicketTTL  time.Duration // how long a ticket opens a socket; default 90s (documented)
	TokenTTL   time.Duration // how long an access token is good; default 7200s (documented)
	WebhookTTL time.Duration // how long a message can be replied to; default 90min (documented samples)

	// RedeliverAfter is how long a robot message waits for its ack before it is
	// pushed again, at most RedeliverMax times. Default 60s (Node SDK source, field
	// reports) and 1 (UNVERIFIED). A negative RedeliverMax never pushes again.
	RedeliverAfter time.Duration
	RedeliverMax   int

	// EventTimeout is the same for EVENT frames, and EventRedeliverMax how often
	// one is pushed again. Default 3s (documented) and 3 (UNVERIFIED); a negative
	// EventRedeliverMax never pushes again.
	EventTimeout      time.Duration
	EventRedeliverMax int

	// PingEvery is the interval of SYSTEM ping frames, default 30s (UNVERIFIED),
	// negative for none. A connection that leaves PingMisses of them in a row
	// unanswered is not chosen for pushes until it answers again; default 2
	// (UNVERIFIED), negative to never mind.
	PingEvery  time.Duration
	PingMisses int

	// DisconnectGrace is how long a connection lives after its disconnect frame;
	// default 10s (documented).
	DisconnectGrace time.Duration

	GroupParamBytes int // longest msgParam of groupMessages/send; default 15000 (documented)
	OTOUsers        int // most userIds of oToMessages/batchSend; default 20 (documented)
	CallsPerSecond  int // calls per app and API in one second; default 20 (documented), negative for no limit
}

// withDefaults returns o with every zero field set to its default.
func (o Options) withDefaults() Options {
	defaults := []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.TicketTTL, 90 * time.Second},
		{&o.TokenTTL, 7200 * time.Second},
		{&o.WebhookTTL, 90 * time.Minute},
		{&o.RedeliverAfter, 60 * time.Second},
		{&o.EventTimeout, 3 * time.Second},
		{&o.PingEvery, 30 * time.Second},
		{&o.DisconnectGrace, 10 * time.Second},
	}
	for _, d := range defaults {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	counts := []struct {
		field *int
		value int
	}{
		{&o.RedeliverMax, 1},
		{&o.EventRedeliverMax, 3},
		{&o.PingMisses, 2},
		{&o.GroupParamBytes, 15000},
		{&o.OTOUsers, 20},
		{&o.CallsPerSecond, 20},
	}
	for _, c := range counts {
		if *c.field == 0 {
			*c.field = c.value
		}
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	return o
}
