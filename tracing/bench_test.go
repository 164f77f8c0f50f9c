package tracing

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"vertigo/engine"
)

// BenchmarkObserve is what one message costs the engine, with its sending beside
// it.
func BenchmarkObserve(b *testing.B) {
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
	}))
	defer r.Close()
	tracer, err := New(Config{Endpoint: r.URL}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	of := engine.Trace{
		Now: time.Now(), Message: &engine.Message{Transport: "matrix", Type: "m.call.candidates", At: time.Now()},
		Outcome: engine.Fired, Rule: &engine.Rule{Name: "its ICE candidates trickle in"}, From: "talking", To: "talking",
		Call:    engine.CallID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("a call")).String()),
		Actions: []engine.Action{{To: "pbx", Type: "verto.info"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		tracer.Observe(of)
		tracer.Stepped()
	}
	over, cancel := context.WithCancel(b.Context())
	cancel()
	tracer.Close(over)
}
