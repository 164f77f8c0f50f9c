package calllog

import (
	"errors"
	"time"

	"vertigo/engine"
)

// A Codec makes the raw messages of the log for a replay: a capture shows a
// record as {"type":…,"content":…}, the file has the content alone.
type Codec struct{}

// NewCodec returns a codec; it is the same for a log of any name.
func NewCodec(string) Codec { return Codec{} }

var errSpeaks = errors.New("nothing comes from a call log")

// In refuses whatever it is given.
func (Codec) In(time.Time, string, []byte) ([]engine.Message, error) { return nil, errSpeaks }

// Out does nothing: no reply will come.
func (Codec) Out(string, []byte) {}

// Frame gives the raw message for a.
func (Codec) Frame(a engine.Action) []byte { return frame(a) }

func frame(a engine.Action) []byte {
	b := engine.AppendText([]byte(`{"type":"`), a.Type, true)
	b = append(b, `,"content":`...)
	return append(append(b, a.Body...), '}')
}
