package tracing

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want []string // what each error begins with; none: it is well
	}{
		{"no traces", Config{}, nil},
		{"this machine", Config{Endpoint: "http://127.0.0.1:4318"}, nil},
		{"elsewhere", Config{Endpoint: "https://otlp.example.org/otlp/", Headers: map[string]string{"Authorization": "Basic x"}, OneIn: 10, Personal: true}, nil},
		{"no endpoint", Config{OneIn: 10}, []string{"endpoint is missing"}},
		{"no URL", Config{Endpoint: "127.0.0.1:4318"}, []string{"endpoint must be the base URL"}},
		{"gRPC", Config{Endpoint: "grpc://127.0.0.1:4317"}, []string{"endpoint must be the base URL"}},
		{"no host", Config{Endpoint: "http://:4318"}, []string{"endpoint must be the base URL"}},
		{"a password in it", Config{Endpoint: "https://me:pass@example.org"}, []string{"endpoint holds a user name"}},
		{"a query", Config{Endpoint: "https://example.org?key=1"}, []string{"endpoint has more than a path"}},
		{"headers", Config{Endpoint: "http://[::1]:4318", Headers: map[string]string{"a b": "1", "x-empty": "", "x-lines": "a\nb"}},
			[]string{`headers has "a b"`, "headers.x-empty is empty", "headers.x-lines has characters"}},
		{"a negative number", Config{Endpoint: "http://localhost:4318", OneIn: -1}, []string{"one_in is negative"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			if err := c.cfg.Check(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) || strings.Contains(got[i], "pass@") {
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
		})
	}
	if _, err := New(Config{Endpoint: "nowhere"}, Options{}); err == nil {
		t.Error("a tracer that cannot send")
	}
}

// Over a network spans and headers are for those alone who are meant.
func TestInClear(t *testing.T) {
	for endpoint, warns := range map[string]bool{
		"http://127.0.0.1:4318": false, "http://localhost:4318": false, "http://[::1]:4318": false, "https://example.org": false,
		"http://example.org": true, "http://192.0.2.1:4318": true,
	} {
		var log bytes.Buffer
		tracer, err := New(Config{Endpoint: endpoint}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		tracer.Close(t.Context())
		if strings.Contains(log.String(), "plain http") != warns {
			t.Errorf("%s: logged %q", endpoint, log.String())
		}
	}
}
