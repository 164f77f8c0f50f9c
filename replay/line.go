package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"vertigo/capture"
)

// A Line is one line of a capture, and where it stands.
type Line struct {
	capture.Line
	File   string
	Number int // from 1
}

// Place gives file:line.
func (l Line) Place() string { return fmt.Sprintf("%s:%d", l.File, l.Number) }

// Read reads a whole capture. bad, if not nil, is told of each line that cannot
// be used, which is then left out; otherwise such a line is the error.
func Read(name string, r io.Reader, bad func(error)) ([]Line, error) {
	counted := &lineAtATime{in: bufio.NewReaderSize(r, 64<<10)}
	in := capture.NewReader(name, counted)
	var lines []Line
	for {
		l, err := in.Next()
		var fault *capture.LineError
		switch {
		case err == nil:
			lines = append(lines, Line{l, name, counted.number})
		case errors.Is(err, io.EOF):
			return lines, nil
		case errors.As(err, &fault) && bad != nil:
			bad(err)
		default:
			return nil, err
		}
	}
}

// A lineAtATime gives no more than the rest of one line to each Read, so that
// whoever reads through it knows the number of the line that was read last.
type lineAtATime struct {
	in     *bufio.Reader
	rest   []byte
	inside bool
	number int
}

func (r *lineAtATime) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		part, err := r.in.ReadSlice('\n')
		if len(part) == 0 {
			return 0, err
		}
		if !r.inside {
			r.number++
		}
		r.inside = part[len(part)-1] != '\n'
		r.rest = part
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
