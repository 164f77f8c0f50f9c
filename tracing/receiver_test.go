package tracing

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A receiver takes spans by OTLP/HTTP.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	refuse   int // the status to answer with; 0: spans are taken
	spans    []*otlp.Span
	about    map[string]string // the resource
	requests []*http.Request
	bodies   [][]byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var sent collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &sent)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.bodies = append(r.requests, req), append(r.bodies, body)
	if r.refuse != 0 {
		http.Error(w, "no room for spans", r.refuse)
		return
	}
	for _, of := range sent.ResourceSpans {
		r.about = texts(of.Resource.Attributes)
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// answer sets what the receiver answers from now on.
func (r *receiver) answer(refuse int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

// all are the spans that were taken, in the order in which they began, the whole
// call first.
func (r *receiver) all() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans := slices.Clone(r.spans)
	slices.SortStableFunc(spans, func(a, b *otlp.Span) int {
		return cmp.Or(len(a.ParentSpanId)-len(b.ParentSpanId), cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano))
	})
	return spans
}

// written puts spans down as lines, each with its attributes in order of their
// names and without the call's id.
func written(spans []*otlp.Span) string {
	var out strings.Builder
	for _, s := range spans {
		out.WriteString(s.Name)
		has := texts(s.Attributes)
		for _, a := range s.Attributes {
			if name := strings.TrimPrefix(a.Key, "vertigo."); name != "call" {
				fmt.Fprintf(&out, " %s=%s", name, has[a.Key])
			}
		}
		for _, e := range s.Events {
			out.WriteString(" +" + e.Name)
		}
		if s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
			out.WriteString(" ! " + s.Status.Message)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func texts(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		text := a.Value.GetStringValue()
		if list := a.Value.GetArrayValue(); list != nil {
			var parts []string
			for _, v := range list.Values {
				parts = append(parts, v.GetStringValue())
			}
			text = fmt.Sprintf("%q", parts)
		}
		all[a.Key] = text
	}
	return all
}

// lines are what a tracer logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start gives a tracer, and what it logs. The test closes it.
func start(t *testing.T, cfg Config) (*Tracer, *lines) {
	t.Helper()
	log := &lines{}
	tracer, err := New(cfg, Options{Version: "v1", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return tracer, log
}
