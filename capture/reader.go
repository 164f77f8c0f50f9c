package capture

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// A LineError tells which line of a capture cannot be used, and why. The reader
// can go on with the next line.
type LineError struct {
	Name string // the capture's file name
	Line int    // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// A Reader reads a capture line by line; it holds one line at a time. It must
// not be used by several goroutines at once.
type Reader struct {
	name string
	in   *bufio.Reader
	line int
	buf  []byte
}

// NewReader reads the capture r; name is what errors call it.
func NewReader(name string, r io.Reader) *Reader {
	return &Reader{name: name, in: bufio.NewReaderSize(r, 64<<10)}
}

// Next gives the next line; empty lines are passed over. At the end of the
// capture it returns io.EOF. For a line that cannot be used it returns a
// [*LineError], after which Next may be called again; any other error is one
// of reading, and final. Data is the caller's to keep.
func (r *Reader) Next() (Line, error) {
	for {
		text, err := r.next()
		if err != nil {
			return Line{}, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		l, err := parse(text)
		if err != nil {
			return Line{}, r.fault(err)
		}
		return l, nil
	}
}

func (r *Reader) fault(err error) error { return &LineError{Name: r.name, Line: r.line, Err: err} }

// next gives the text of the next line. It is valid until the next call.
func (r *Reader) next() ([]byte, error) {
	r.line++
	r.buf = r.buf[:0]
	long, read := false, false
	for {
		part, err := r.in.ReadSlice('\n')
		read = read || len(part) > 0
		if long = long || len(r.buf)+len(bytes.TrimSuffix(part, []byte("\n"))) > MaxLine; !long {
			r.buf = append(r.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || !read):
			return nil, r.failure(err)
		case long:
			return nil, r.fault(fmt.Errorf("the line is longer than %d MiB", MaxLine>>20))
		}
		return r.buf, nil
	}
}

// failure names the place of an error in reading; io.EOF stays as it is.
func (r *Reader) failure(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("%s:%d: %w", r.name, r.line, err)
}

// envelope is a line as JSON has it.
type envelope struct {
	TS        *string         `json:"ts"`
	Transport string          `json:"transport"`
	Dir       *string         `json:"dir"`
	Conn      string          `json:"conn"`
	Raw       bool            `json:"raw"`
	At        string          `json:"at"`
	Rule      string          `json:"rule"`
	Call      string          `json:"call"`
	Data      json.RawMessage `json:"data"`
}

// parse reads one line.
func parse(text []byte) (Line, error) {
	if at := invalidUTF8(text); at >= 0 {
		return Line{}, fmt.Errorf("invalid UTF-8 at byte %d", at+1)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return Line{}, reword(err)
	}
	switch {
	case e.TS == nil:
		return Line{}, errors.New(`"ts" is missing`)
	case e.Transport == "":
		return Line{}, errors.New(`"transport" is missing`)
	case e.Dir == nil:
		return Line{}, errors.New(`"dir" is missing`)
	case *e.Dir != In && *e.Dir != Out:
		return Line{}, fmt.Errorf(`unknown "dir" %.40q: use "in" or "out"`, *e.Dir)
	case e.Data == nil:
		return Line{}, errors.New(`"data" is missing`)
	case e.Raw && e.Data[0] != '"':
		return Line{}, errors.New(`"data" must be a string where "raw" is true`)
	}
	ts, err := time.Parse(time.RFC3339Nano, *e.TS)
	if year := ts.UTC().Year(); err != nil || year < 0 || year > 9999 { // others cannot be written
		return Line{}, fmt.Errorf(`"ts" %.40q is not a time such as 2026-11-22T00:29:03.123456Z`, *e.TS)
	}
	return Line{
		TS: ts, Transport: e.Transport, Dir: *e.Dir, Conn: e.Conn, Raw: e.Raw, Data: e.Data,
		At: e.At, Rule: e.Rule, Call: e.Call,
	}, nil
}

// invalidUTF8 gives the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n <= 1 {
			return at
		}
		at += n
	}
}

// reword says what is wrong in the words of JSON, not of Go.
func reword(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON: %w (at byte %d)", err, syntax.Offset)
	}
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	if mismatch.Field == "" {
		return fmt.Errorf("the line is no JSON object but a JSON %s", mismatch.Value)
	}
	want := "a string"
	if mismatch.Field == "raw" {
		want = "true or false"
	}
	return fmt.Errorf("%q must be %s, not a JSON %s", mismatch.Field, want, mismatch.Value)
}
