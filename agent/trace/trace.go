// Package trace tells an OpenTelemetry collector of each message's whole way, over OTLP
// and HTTP. It is off unless the operator names a collector.
//
// One message is one trace. Its id is made of the event, so a redelivery, a second
// attempt and another replica all add to the same trace:
//
//	accept                   from the frame to the ack, each time that it comes (Accepted)
//	message                  from the frame to the end of an attempt (Turn)
//	  wait                   until its turn
//	  invoke_agent NAME      the turn; "answer" where no model was asked
//	    chat MODEL           a request to a model
//	    execute_tool NAME    a tool that it called
//	    …                    the other steps of a turn, as they are called there
//
// The names and attributes of what models do are those of OpenTelemetry's semantic
// conventions for generative AI, version 1.41; our own begin with "longwire.".
//
// What it promises:
//
//   - Nothing that anybody said is in a span, and no id of a person or a chat. The
//     short id of the event is, which is in the log, too.
//   - Telling never waits. Spans are sent in batches, beside. What a collector does not
//     take within a few tries is lost, and so is what comes while 2048 spans wait; the
//     log says so once a minute at most.
//
// All methods of a nil Tracer do nothing.
//
// Goroutines: the SDK's one, which sends; Stop waits for it.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"longwire/connectors"
)

// Config says where spans go.
type Config struct {
	Endpoint string            // base URL of the collector, as http://127.0.0.1:4318; empty: nowhere
	Headers  map[string]string // sent with every request; secret
	Sample   float64           // the share of messages that are traced, from 0 to 1
	Version  string            // of the program
	Proxy    connectors.Proxy  // nil: as the environment says
}

const (
	sendEvery = 5 * time.Second  // how long a span waits for others at most
	sendTime  = 10 * time.Second // for one request
	tryTime   = 15 * time.Second // for a batch that the collector does not take at once
	stopTime  = 2 * time.Second  // for what is left when the program stops
)

// Tracer tells of messages. All methods may be called at the same time.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	sender   *sender
	http     *http.Client
	patience time.Duration // stopTime; tests have less
}

// New makes a Tracer, or nil where the configuration names no collector. Nothing is
// dialled before there is something to tell.
func New(ctx context.Context, config Config, log *slog.Logger) (*Tracer, error) {
	if config.Endpoint == "" {
		return nil, nil
	}
	to, err := url.Parse(config.Endpoint)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, fmt.Errorf("trace: the endpoint is no URL like http://127.0.0.1:4318") // without it: it may hold a password
	}
	client := &http.Client{Transport: connectors.NewTransport(config.Proxy), CheckRedirect: connectors.Stay, Timeout: sendTime}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(to.JoinPath("v1", "traces").String()),
		otlptracehttp.WithHeaders(config.Headers),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: sendEvery, MaxElapsedTime: tryTime}),
	)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", connectors.WithoutURL(err))
	}
	t := &Tracer{sender: newSender(exporter, log), http: client, patience: stopTime}
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(t.sender, sdk.WithBatchTimeout(sendEvery), sdk.WithExportTimeout(2*tryTime)),
		sdk.WithSampler(sdk.TraceIDRatioBased(config.Sample)),
		sdk.WithIDGenerator(ids{}),
		sdk.WithResource(resource.NewWithAttributes(semconv.SchemaURL,
			semconv.ServiceName("longwire"), semconv.ServiceVersion(config.Version))),
	)
	t.tracer = t.provider.Tracer("longwire", trace.WithInstrumentationVersion(config.Version), trace.WithSchemaURL(semconv.SchemaURL))
	return t, nil
}

// Stop sends what is left, for two seconds at most, and lets the collector go. It is
// called when nothing is told any more.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	defer t.http.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	defer context.AfterFunc(ctx, t.sender.giveUp)()
	// Without ctx: Shutdown would leave its goroutine behind when that ends. It ends
	// with the sender.
	if err := t.provider.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("trace: %w", connectors.WithoutURL(err))
	}
	return nil
}
