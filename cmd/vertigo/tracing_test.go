package main

import (
	"cmp"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"vertigo/engine"
	"vertigo/tracing"
)

// Calls are traced to their end, that of the bridge too.
func TestCallsAreTraced(t *testing.T) {
	taken := make(chan []*otlp.Span, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var sent collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil {
			t.Error(err)
			return
		}
		taken <- sent.ResourceSpans[0].ScopeSpans[0].Spans
	}))
	defer receiver.Close()
	p := &program{cfg: &config{Traces: tracing.Config{Endpoint: receiver.URL}}, log: slog.New(slog.DiscardHandler)}
	tracer, closeTracer, err := p.tracer()
	if err != nil {
		t.Fatal(err)
	}
	b := newTestBridge(t, BridgeOptions{Tracer: tracer})
	stop := b.start(t)
	b.matrix.in <- []engine.Message{event("m.call.invite", "one", "")}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	closeTracer()
	close(taken)
	var spans []*otlp.Span
	for some := range taken {
		spans = append(spans, some...)
	}
	slices.SortStableFunc(spans, func(a, b *otlp.Span) int { return cmp.Compare(a.Name, b.Name) })
	var names []string
	for _, s := range spans {
		names = append(names, s.Name)
		if string(s.TraceId) != string(spans[0].TraceId) {
			t.Errorf("%s is of another trace", s.Name)
		}
	}
	if want := []string{"call", "engine call.stop", "matrix m.call.invite"}; !slices.Equal(names, want) {
		t.Errorf("spans %q, want %q", names, want)
	}
}

func TestADryRunSendsNoTraces(t *testing.T) {
	p := &program{cfg: &config{Traces: tracing.Config{Endpoint: "http://127.0.0.1:4318"}}, dryRun: true}
	tracer, closeTracer, err := p.tracer()
	if tracer != nil || err != nil {
		t.Errorf("%v, %v", tracer, err)
	}
	closeTracer()
}

// What is wrong with [traces] is said once, where it stands, and without secrets.
func TestTracesAreChecked(t *testing.T) {
	t.Setenv("VERTIGO_TEST_EMPTY", "")
	t.Setenv("VERTIGO_TEST_HEADER", "Bearer s3cret")
	dir := t.TempDir()
	for _, c := range []struct{ name, text, want string }{
		{"all is well", "endpoint = \"http://127.0.0.1:4318\"\nheaders = { Authorization = \"env:VERTIGO_TEST_HEADER\" }\none_in = 10\npersonal = true\n", ""},
		{"an unset variable", "endpoint = \"http://127.0.0.1:4318\"\n[traces.headers]\nAuthorization = \"env:VERTIGO_TEST_UNSET\"\n",
			"4:1: error: traces.headers.Authorization: the environment variable VERTIGO_TEST_UNSET is not set"},
		{"an empty variable", "endpoint = \"http://127.0.0.1:4318\"\n[traces.headers]\nAuthorization = \"env:VERTIGO_TEST_EMPTY\"\n",
			"4:1: error: traces: headers.Authorization is empty"},
		{"an address", "endpoint = \"127.0.0.1:4318\"\n", "2:1: error: traces: endpoint must be the base URL"},
		{"a header that is no text", "endpoint = \"http://127.0.0.1:4318\"\nheaders = { x = 1 }\n", "3:1: error: traces.headers.x must be text, not a whole number"},
		{"headers that are no table", "endpoint = \"http://127.0.0.1:4318\"\nheaders = \"s3cret\"\n", "3:1: error: traces.headers must be a table, not text"},
		{"an unknown key", "endpont = \"http://127.0.0.1:4318\"\n", "2:1: error: unknown key traces.endpont"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(dir, "vertigo.toml")
			if err := os.WriteFile(name, []byte("[traces]\n"+c.text+lonelyConfig), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := readConfig(name, withSecrets)
			if c.want == "" {
				if err != nil || cfg.Traces.Headers["Authorization"] != "Bearer s3cret" {
					t.Errorf("%v, %v", err, cfg)
				}
				return
			}
			if err == nil {
				t.Fatal("no fault")
			}
			got := strings.ReplaceAll(err.Error(), name+":", "")
			if !strings.HasPrefix(got, c.want) || strings.Count(got, "error:") != 1 || strings.Contains(got, "s3cret") {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	// Without secrets nothing is looked up, and nothing is missed.
	name := filepath.Join(dir, "vertigo.toml")
	if err := os.WriteFile(name, []byte("[traces]\nendpoint = \"env:VERTIGO_TEST_UNSET\"\n"+lonelyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readConfig(name, withoutSecrets); err != nil {
		t.Error(err)
	}
}
