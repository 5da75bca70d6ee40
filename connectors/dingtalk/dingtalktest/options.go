package dingtalktest

import (
	"net/http"
	"time"
)

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

	// MonthlyCalls and MonthlyPushes are what the organisation may use in a month:
	// API calls, and pushes with webhook sends. Default none, so that only tests of
	// quotas meet them; see StandardCalls and StandardPushes, and SetQuota.
	// Beyond it calls are refused with OutOfCallsStatus (default 403, UNVERIFIED),
	// robot messages come without content in the form of WithheldAs (default
	// WithheldNumber, UNVERIFIED), and webhook sends are refused with
	// OutOfPushesErrcode (default 0: they still go, UNVERIFIED; 90020 is what other
	// calls to oapi.dingtalk.com get).
	MonthlyCalls       int
	MonthlyPushes      int
	OutOfCallsStatus   int
	WithheldAs         Withheld
	OutOfPushesErrcode int

	// CodeTTL and FileTTL are how long a downloadCode and a downloadUrl are good;
	// default 2h and 15min (UNVERIFIED).
	CodeTTL time.Duration
	FileTTL time.Duration

	// Templates are the card templates there are, by cardTemplateId; default the
	// public ones.
	Templates map[string]Template

	// OnCard, when set, sees every card after every change. It is called from many
	// goroutines at once: Card.Changes tells which is newer. It must not call Close.
	OnCard func(Card)

	// RefuseCardReuse answers the creation of a card whose outTrackId is taken with
	// param.cardAlreadyExist; default: 200 and no new card. CardRepeats makes a
	// second delivery to the same place show the card a second time; default: the
	// same carrierId and nothing new. Both UNVERIFIED.
	RefuseCardReuse bool
	CardRepeats     bool

	// CardBytes is the longest value of a card's variable, by whichever call.
	// 1 KB is documented, clients stream 20000 characters (field): default 60000
	// (UNVERIFIED), negative for no limit.
	CardBytes int

	// FrameGap is the least time between two frames of one card; quicker ones are
	// throttled. Default none; a client's source speaks of about 500 ms.
	FrameGap time.Duration

	// CardFetch is how long clients need to fetch a card that appeared: one that
	// ends earlier is Broken until its next change. Default none; a client's source
	// waits 500 ms.
	CardFetch time.Duration

	// WrongStreamKey and WrongCardState are the answers to a frame for a variable
	// that is not the template's, and for a card that has ended or is not delivered
	// yet. Default 500 unknownError (field); 400 invalid.content "card streaming key
	// invalid" is documented, but not for which call.
	WrongStreamKey Problem
	WrongCardState Problem

	PressTimeout   time.Duration // how long Press waits for its answer; default 2s (documented)
	PressForm      PressForm     // where a press tells its button; default PressDocumented
	PressSpaceType string        // spaceType of a press; default "IM" (UNVERIFIED)

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
		{&o.CodeTTL, 2 * time.Hour},
		{&o.FileTTL, 15 * time.Minute},
		{&o.PressTimeout, 2 * time.Second},
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
		{&o.CardBytes, 60_000},
		{&o.OutOfCallsStatus, http.StatusForbidden},
	}
	for _, c := range counts {
		if *c.field == 0 {
			*c.field = c.value
		}
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.WithheldAs == WithheldNot {
		o.WithheldAs = WithheldNumber
	}
	return o.withCardDefaults()
}

// withCardDefaults does the same for the fields about cards.
func (o Options) withCardDefaults() Options {
	if o.PressSpaceType == "" {
		o.PressSpaceType = "IM"
	}
	if o.Templates == nil {
		o.Templates = publicTemplates()
	}
	for _, p := range []*Problem{&o.WrongStreamKey, &o.WrongCardState} {
		if *p == (Problem{}) {
			*p = unknownError()
		}
	}
	return o
}
