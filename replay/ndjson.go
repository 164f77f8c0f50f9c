package replay

import (
	"io"

	"vertigo/capture"
)

// WriteLines writes what was sent as a capture: each line says which rule sent
// it, for which call, and at which line of the capture or word of the engine. Its
// secrets are left out, as of any capture, unless it is to be raw.
func WriteLines(w io.Writer, sent []Sent, raw bool) error {
	out := capture.NewWriter(w, !raw)
	for _, s := range sent {
		err := out.Write(capture.Line{
			TS: s.At, Transport: s.To, Dir: capture.Out, Data: s.Frame,
			At: s.Place, Rule: s.Rule, Call: string(s.Call),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
