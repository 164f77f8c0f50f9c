package phones

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"vertigo/transports/verto/vertotest"
)

const (
	rate  = 8000        // samples a second, of all sound here
	frame = rate / 50   // samples that are looked at together: those of a packet
	heard = "*-dec.wav" // files in which baresip keeps what it hears, one a call
	head  = 44          // bytes before the samples of a WAV file

	heardFrames = 10 // of a tone on end make one that is heard
)

// writeTone writes three minutes of a tone as a WAV file, which is longer than
// any call here.
func writeTone(file string, hz float64) error {
	samples := make([]int16, 180*rate)
	vertotest.NewTone(hz, rate).Read(samples)
	size := uint32(2 * len(samples))
	var b bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), head - 8 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), size, samples,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// A reader reads recordings while they grow.
type reader struct {
	dir  string
	read map[string]int64 // how far
}

// recordings reads what a phone hears from now on.
func (p *Phone) recordings() *reader {
	p.t.Helper()
	r := &reader{p.dir, map[string]int64{}}
	for len(r.more(p.t)) > 0 {
	}
	return r
}

// more are the frames that have come.
func (r *reader) more(t testing.TB) (frames [][]int16) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, heard))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := from(file, max(r.read[file], head))
		if err != nil {
			t.Fatal(err)
		}
		for len(raw) >= 2*frame {
			samples := make([]int16, frame)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
			}
			frames = append(frames, samples)
			raw = raw[2*frame:]
			r.read[file] = max(r.read[file], head) + 2*frame
		}
	}
	return frames
}

// from is what stands in a file from there on.
func from(file string, offset int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}
