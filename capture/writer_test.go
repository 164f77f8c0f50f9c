package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written gives what a writer makes of the lines.
func written(t testing.TB, redact bool, lines ...Line) string {
	t.Helper()
	var out strings.Builder
	w := NewWriter(&out, redact)
	for _, l := range lines {
		if err := w.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// message makes a line of data.
func message(data string) Line {
	return Line{TS: t0, Transport: "verto", Dir: In, Data: []byte(data)}
}

// messages gives the data of the lines in a capture.
func messages(t testing.TB, capture string) []Line {
	t.Helper()
	var all []Line
	for r := NewReader("written", strings.NewReader(capture)); ; {
		l, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

func TestWriterWritesTheFormat(t *testing.T) {
	got := written(t, false,
		Line{TS: t0, Transport: "matrix", Dir: In, Data: []byte(`{"a" : 1.50}`)},
		Line{TS: t0, Transport: "pbx 1", Dir: Out, Conn: "A", Data: []byte(`1`), At: "rules.toml:3", Rule: "a <b> \"c\"", Call: "é"},
		Line{TS: t0, Transport: "verto", Dir: Out, Data: []byte(`{"jsonrpc":`)},
		Line{TS: t0, Transport: "verto", Dir: Out, Raw: true, Data: []byte(`"hello"`)},
		Line{TS: t0, Transport: "verto", Dir: Out},
		Line{TS: t0, Transport: "verto", Dir: In, Data: []byte(" {\r\n \"a\": \"b c\"\n}\n")},
		Line{TS: t0, Transport: "verto", Dir: In, Data: []byte("\"\xff\"")},
	)
	want := `{"ts":"2026-11-22T00:29:03.123456Z","transport":"matrix","dir":"in","data":{"a" : 1.50}}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"pbx 1","dir":"out","conn":"A","at":"rules.toml:3","rule":"a <b> \"c\"","call":"é","data":1}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"out","raw":true,"data":"{\"jsonrpc\":"}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"out","raw":true,"data":"hello"}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"out","raw":true,"data":""}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"in","data":{"a":"b c"}}
{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"in","raw":true,"data":"\"\ufffd\""}
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWriterRefusesWhatNoReaderTakes(t *testing.T) {
	w := NewWriter(io.Discard, true)
	for _, tt := range []struct {
		line Line
		want string
	}{
		{Line{TS: t0, Dir: In, Data: []byte("1")}, "capture: a line names no transport"},
		{Line{TS: t0, Transport: "verto", Dir: "IN", Data: []byte("1")}, `capture: a line has the unknown direction "IN"`},
		{message(`"` + strings.Repeat("x", MaxLine) + `"`), "capture: a line of verto would be longer than 16 MiB"},
	} {
		if err := w.Write(tt.line); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	if err := w.Write(message("1")); err != nil {
		t.Error(err)
	}
}

// tearing is a file on a disk that is full for a while.
type tearing struct {
	bytes.Buffer
	room int
}

func (f *tearing) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n, _ := f.Buffer.Write(p[:f.room])
		return n, errors.New("no space left")
	}
	return f.Buffer.Write(p)
}

func TestTornLineDoesNotHarmTheNext(t *testing.T) {
	f := &tearing{room: 10}
	w := NewWriter(f, false)
	if err := w.Write(message("1")); err == nil || err.Error() != "capture: no space left" {
		t.Errorf("got %v", err)
	}
	f.room = 0
	if err := w.Write(message("2")); err == nil {
		t.Error("a line that was not written is no error")
	}
	f.room = 1 << 20
	if err := w.Write(message("3")); err != nil {
		t.Error(err)
	}
	lines := strings.SplitN(f.String(), "\n", 2)
	if got := messages(t, lines[1]); len(lines[0]) != 10 || len(got) != 1 || string(got[0].Data) != "3" {
		t.Errorf("got %q", f.String())
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	const writers, each = 8, 50
	var out strings.Builder
	w := NewWriter(&out, true)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				if err := w.Write(message(fmt.Sprintf(`{"sessid":"s%d","n":%d}`, i, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(messages(t, out.String())); got != writers*each {
		t.Errorf("%d lines, want %d", got, writers*each)
	}
}

// captures gives the paths of all captures of real peers.
func captures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/captures/*/*.ndjson")
	if err != nil || len(paths) < 100 {
		t.Fatalf("only %d captures, %v", len(paths), err)
	}
	return paths
}

func TestCapturesAreCopiedByteForByte(t *testing.T) {
	for _, path := range captures(t) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := messages(t, string(raw))
		if len(lines) != bytes.Count(raw, []byte("\n")) {
			t.Errorf("%s: %d lines", path, len(lines))
		}
		copied := written(t, false, lines...)
		if !reflect.DeepEqual(messages(t, copied), lines) {
			t.Errorf("%s: the copy reads otherwise", path)
		}
		for i, line := range strings.Split(strings.TrimSuffix(copied, "\n"), "\n") {
			if !strings.HasSuffix(line, `"data":`+string(lines[i].Data)+"}") {
				t.Errorf("%s:%d: data were changed: %s", path, i+1, line)
			}
		}
		once := written(t, true, lines...)
		if again := written(t, false, messages(t, once)...); again != once {
			t.Errorf("%s: a redacted capture cannot be copied", path)
		}
	}
}
