package capture

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 22, 0, 29, 3, 123456000, time.UTC)

func TestReaderReadsEveryField(t *testing.T) {
	r := NewReader("call.ndjson", strings.NewReader(
		`{"ts":"2026-11-22T00:29:03.123456Z","transport":"verto","dir":"in","conn":"A","data":{"a" : [1.50,"\u00e9"]},"new":1}`+"\r\n"+
			"\n \t\n"+
			`{"ts":"2026-11-22T01:29:03.123456+01:00","transport":"pbx","dir":"out","raw":true,"data":"\u0000 x","at":"rules.toml:3","rule":"r","call":"c"}`))
	for _, want := range []Line{
		{TS: t0, Transport: "verto", Dir: In, Conn: "A", Data: []byte(`{"a" : [1.50,"\u00e9"]}`)},
		{TS: t0, Transport: "pbx", Dir: Out, Raw: true, Data: []byte(`"\u0000 x"`), At: "rules.toml:3", Rule: "r", Call: "c"},
	} {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	for range 2 {
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
}

func TestMessageIsWhatWasOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		line Line
		want string
	}{
		{Line{Data: []byte(`{"a":1}`)}, `{"a":1}`},
		{Line{Data: []byte(`"hello"`)}, `"hello"`},
		{Line{Raw: true, Data: []byte(`"{\"a\":"`)}, `{"a":`},
		{Line{Raw: true, Data: []byte(`hello`)}, `hello`},
	} {
		if got := string(tt.line.Message()); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestReaderNamesWhatIsWrongAndGoesOn(t *testing.T) {
	const good = `{"ts":"2026-11-22T00:29:03Z","transport":"verto","dir":"in","data":1}`
	for _, tt := range []struct{ name, line, want string }{
		{"no JSON", `{"ts":}`, "not valid JSON: invalid character '}' looking for beginning of value (at byte 7)"},
		{"a cut line", good[:40], "not valid JSON: unexpected end of JSON input"},
		{"two objects", good + good, "not valid JSON: invalid character '{' after top-level value"},
		{"an array", `[1]`, "the line is no JSON object but a JSON array"},
		{"no time", strings.Replace(good, `"ts"`, `"t"`, 1), `"ts" is missing`},
		{"another time", strings.Replace(good, "2026-11-22T", "2026-11-22 ", 1), `"ts" "2026-11-22 00:29:03Z" is not a time such as 2026-11-22T00:29:03.123456Z`},
		{"a time before the year 0", strings.Replace(good, "2026-11-22T00:29:03Z", "0000-01-01T00:00:00+01:00", 1), `"ts" "0000-01-01T00:00:00+01:00" is not a time such as 2026-11-22T00:29:03.123456Z`},
		{"a time after the year 9999", strings.Replace(good, "2026-11-22T00:29:03Z", "9999-12-31T23:00:00-01:00", 1), `"ts" "9999-12-31T23:00:00-01:00" is not a time such as 2026-11-22T00:29:03.123456Z`},
		{"a time that is a number", `{"ts":1795311539}`, `"ts" must be a string, not a JSON number`},
		{"no transport", strings.Replace(good, `"verto"`, `""`, 1), `"transport" is missing`},
		{"no direction", strings.Replace(good, `"dir"`, `"dirs"`, 1), `"dir" is missing`},
		{"another direction", strings.Replace(good, `"in"`, `"received"`, 1), `unknown "dir" "received": use "in" or "out"`},
		{"no data", strings.Replace(good, `"data"`, `"body"`, 1), `"data" is missing`},
		{"raw that is no boolean", strings.Replace(good, `"data"`, `"raw":1,"data"`, 1), `"raw" must be true or false, not a JSON number`},
		{"raw data that is no string", strings.Replace(good, `"data"`, `"raw":true,"data"`, 1), `"data" must be a string where "raw" is true`},
		{"text that is not UTF-8", strings.Replace(good, "verto", "vert\xff", 1), "invalid UTF-8 at byte 47"},
		{"a very long line", `{"data":"` + strings.Repeat("x", MaxLine) + `"}`, "the line is longer than 16 MiB"},
		{"a very deep line", strings.Repeat("[", 1<<20), "not valid JSON: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader("call.ndjson", strings.NewReader(good+"\n"+tt.line+"\n"+good+"\n"+tt.line))
			for n := 1; n <= 4; n++ {
				l, err := r.Next()
				if n%2 == 1 {
					if err != nil || l.Transport != "verto" || string(l.Data) != "1" {
						t.Fatalf("line %d: %+v, %v", n, l, err)
					}
					continue
				}
				var bad *LineError
				if !errors.As(err, &bad) || bad.Line != n || bad.Name != "call.ndjson" || bad.Unwrap() == nil {
					t.Fatalf("line %d: %#v", n, err)
				}
				prefix := map[int]string{2: "call.ndjson:2: ", 4: "call.ndjson:4: "}[n]
				if !strings.HasPrefix(err.Error(), prefix+tt.want) {
					t.Errorf("got  %s\nwant %s", err, prefix+tt.want)
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

func TestReaderTakesALineOfTheGreatestLength(t *testing.T) {
	const rest = `{"ts":"2026-11-22T00:29:03Z","transport":"verto","dir":"in","data":""}`
	data := `"` + strings.Repeat("x", MaxLine-len(rest)) + `"`
	r := NewReader("call.ndjson", strings.NewReader(strings.Replace(rest, `""`, data, 1)+"\n"))
	l, err := r.Next()
	if err != nil || string(l.Data) != data {
		t.Errorf("%d bytes of data, %v", len(l.Data), err)
	}
}

func TestReaderReturnsAnErrorOfReading(t *testing.T) {
	broken := errors.New("disk on fire")
	r := NewReader("call.ndjson", io.MultiReader(strings.NewReader("\n{"), iotest.ErrReader(broken)))
	_, err := r.Next()
	var bad *LineError
	if !errors.Is(err, broken) || errors.As(err, &bad) || err.Error() != "call.ndjson:2: disk on fire" {
		t.Errorf("got %v", err)
	}
}
