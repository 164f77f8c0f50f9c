package tracing

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"vertigo/engine"
)

// traceID is that of a call: its UUID, so that whoever knows the call, from the
// log, a capture or a replay, finds its trace. It is invalid where the call is
// not traced.
func (t *Tracer) traceID(call engine.CallID) trace.TraceID {
	id, err := uuid.Parse(string(call))
	if err != nil {
		return trace.TraceID{}
	}
	// A UUID's version and variant are the same for all; the last seven bytes are
	// a hash's.
	if n := t.cfg.OneIn; n > 1 && binary.BigEndian.Uint64(id[8:])&(1<<56-1)%uint64(n) != 0 {
		return trace.TraceID{}
	}
	return trace.TraceID(id)
}

// rootID is that of a trace's first span. It follows from the trace, so that
// spans of messages can be sent before the call has ended.
func rootID(of trace.TraceID) (id trace.SpanID) {
	copy(id[:], of[8:])
	return id
}

// A rootOf in a context says which trace a span without parent begins.
type rootOf struct{}

// ids are what spans are called.
type ids struct{}

// NewIDs names the first span of a trace.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id := ctx.Value(rootOf{}).(trace.TraceID)
	return id, rootID(id)
}

// NewSpanID draws the id of another span.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// beginning is for the first span of a trace.
func beginning(of trace.TraceID) context.Context {
	return context.WithValue(context.Background(), rootOf{}, of)
}

// within is for the other spans of a trace.
func within(of trace.TraceID) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: of, SpanID: rootID(of), TraceFlags: trace.FlagsSampled,
	}))
}
