// Package tracing tells an OpenTelemetry receiver what the engine does: one trace
// a call, one span a message.
//
// It is an observer of the engine: it changes nothing and never makes it wait. A
// span says which message came, which rules fired, from which state to which, and
// what was sent; never what stood in the message, and who calls whom only where
// the configuration wants it.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"vertigo/engine"
)

const (
	queueLimit   = 8192             // spans that wait to be sent; what is too much is lost
	textLimit    = 256              // characters of one attribute
	requestTime  = 10 * time.Second // for one request
	patience     = 15 * time.Second // for one batch, with its retries
	firstPause   = time.Second
	longestPause = 5 * time.Second
)

// Options are what the program gives a tracer, beside its configuration.
type Options struct {
	Log     *slog.Logger // nil: nothing is logged
	Version string       // of the program
}

// A Tracer makes spans of what the engine does, and sends them. Observe and
// Stepped belong to the goroutine that steps the engine.
type Tracer struct {
	cfg      Config
	tracer   trace.Tracer
	provider *sdk.TracerProvider
	exporter *outage
	http     *http.Client

	message *engine.Message // that the span at hand is of; several traces may be about it
	call    engine.CallID
	span    messageSpan
}

// New returns a tracer that sends to cfg.Endpoint from now on, until [Tracer.Close].
// What the environment says in OTEL_RESOURCE_ATTRIBUTES is added to what is sent.
func New(cfg Config, o Options) (*Tracer, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx := context.Background()
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "vertigo"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	client := &http.Client{
		Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // headers are for one server
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(cfg.url()), otlptracehttp.WithHeaders(cfg.Headers), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: firstPause, MaxInterval: longestPause, MaxElapsedTime: patience,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	if cfg.inClear() {
		log.Warn("traces are sent over plain http: anyone in between can read them, and the headers", "endpoint", cfg.Endpoint)
	}
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit = textLimit
	t := &Tracer{cfg: cfg, exporter: &outage{SpanExporter: exporter, log: log.With("endpoint", cfg.Endpoint)}, http: client}
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(t.exporter, sdk.WithMaxQueueSize(queueLimit)),
		sdk.WithIDGenerator(ids{}), sdk.WithSampler(sdk.AlwaysSample()), // which calls are traced is decided before
		sdk.WithResource(about), sdk.WithRawSpanLimits(limits),
	)
	t.tracer = t.provider.Tracer("vertigo", trace.WithInstrumentationVersion(o.Version))
	return t, nil
}

// Close sends what is left, until ctx is done at the latest. It is called once,
// after the last step.
func (t *Tracer) Close(ctx context.Context) {
	t.Stepped()
	defer t.http.CloseIdleConnections()
	defer context.AfterFunc(ctx, t.exporter.giveUp)()
	_ = t.provider.Shutdown(context.WithoutCancel(ctx)) // what was not taken is in the log
}
