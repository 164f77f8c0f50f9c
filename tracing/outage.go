package tracing

import (
	"context"
	"log/slog"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// An outage sends spans, and tells the log when the receiver does not take them:
// once, and once more when it does again. What was not taken is lost.
type outage struct {
	sdk.SpanExporter
	log  *slog.Logger
	lost int // spans since the receiver last took some; the SDK sends one batch at a time
}

// ExportSpans sends one batch. That it could not is told, so it is no error.
func (o *outage) ExportSpans(ctx context.Context, batch []sdk.ReadOnlySpan) error {
	err := o.SpanExporter.ExportSpans(ctx, batch)
	switch {
	case err != nil:
		if o.lost == 0 {
			o.log.Warn("traces are not taken", "err", short(err))
		}
		o.lost += len(batch)
	case o.lost > 0:
		o.log.Info("traces are taken again", "lost", o.lost)
		o.lost = 0
	}
	return nil
}

// giveUp ends what is under way, and lets nothing more go out.
func (o *outage) giveUp() { _ = o.Shutdown(context.Background()) }

// errorLimit is how much is logged of an error: it may hold a page that some
// server has answered with.
const errorLimit = 300

func short(err error) string {
	text := []rune(clean(err.Error()))
	if len(text) <= errorLimit {
		return string(text)
	}
	return string(text[:errorLimit]) + "…"
}
