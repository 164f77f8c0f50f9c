// Package schematest holds the schemas of transports to captures of real peers.
package schematest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vertigo/capture"
	"vertigo/schema"
)

// Lines gives the lines of a transport in all captures that match the patterns,
// with the file that each is from.
func Lines(t *testing.T, transport string, patterns ...string) map[string][]capture.Line {
	t.Helper()
	lines := map[string][]capture.Line{}
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("there are no captures %s", pattern)
		}
		for _, name := range names {
			lines[name] = read(t, transport, name)
		}
	}
	return lines
}

func read(t *testing.T, transport, name string) []capture.Line {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []capture.Line
	for r := capture.NewReader(name, f); ; {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if l.Transport == transport && !l.Raw {
			lines = append(lines, l)
		}
	}
}

// Holds reports what is wrong with a message by its schema; a message without a
// schema is wrong as a whole.
func Holds(t *testing.T, what string, typ *schema.Type, data []byte) {
	t.Helper()
	if typ == nil {
		t.Errorf("%s: there is no schema", what)
		return
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, fault := range typ.Check(v) {
		t.Errorf("%s: %s", what, fault)
	}
}

// Explains reports messages and fields that do not say what they are.
func Explains(t *testing.T, s *schema.Set) {
	t.Helper()
	for _, m := range s.Messages {
		if !strings.HasSuffix(m.Doc, ".") || m.In == nil && m.Out == nil {
			t.Errorf("%s does not say what it is", m.Type)
		}
		for _, typ := range []*schema.Type{m.In, m.Out} {
			if typ == nil {
				continue
			}
			typ.Walk(func(path string, f *schema.Field) {
				if !strings.HasSuffix(f.Doc, ".") {
					t.Errorf("%s: %s: %q is no sentence", m.Type, path, f.Doc)
				}
			})
		}
	}
}
