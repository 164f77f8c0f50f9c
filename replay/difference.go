package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vertigo/engine"
)

// A Difference is one thing that two replays of a capture, or a replay and the
// capture itself, do not have in common.
type Difference struct {
	Place   string // file:line of the message that it is about
	What    What
	Type    string        // of the message that is sent, or that something else became of
	To      string        // the transport that it is sent to
	Call    engine.CallID // where two replays are compared; "" if it is of none
	Rule    string        // that sends it, or did
	OldRule string        // that sent it before, if it is another one
	Deltas  []Delta       // where the messages are not the same
	Was, Is engine.Outcome
	Time    time.Time

	text string
}

// What says what kind of difference there is.
type What string

// The kinds of differences. Between a capture and rules it is the rules that
// change, add and remove.
const (
	Changed What = "changed" // both send the message, not the same
	Added   What = "added"
	Removed What = "removed"
	Became  What = "became" // something else becomes of a message that came
)

func sentOnly(place string, what What, typ, to, rule string) Difference {
	return Difference{Place: place, What: what, Type: typ, To: to, Rule: rule}
}

func (d Difference) words(format string, args ...any) Difference {
	d.text = fmt.Sprintf(format, args...)
	return d
}

func (d Difference) at(t time.Time) Difference {
	d.Time = t
	return d
}

func (d Difference) about(s Sent) Difference {
	d.Call = s.Call
	return d.at(s.At)
}

// Text gives the difference on one line, without its place, and each delta on a
// line below.
func (d Difference) Text() string {
	lines := []string{d.text}
	for _, delta := range d.Deltas {
		lines = append(lines, "    "+delta.String())
	}
	return strings.Join(lines, "\n")
}

// String gives the place and the text.
func (d Difference) String() string { return d.Place + ": " + d.Text() }

// Write writes the difference for a terminal.
func (d Difference) Write(w io.Writer) error {
	lines := wrap(d.Place+": "+d.text, Width)
	for i, line := range lines {
		lines[i] = strings.Map(plain, line) // not cut: the place may be long, and is to be clicked on
	}
	for _, delta := range d.Deltas {
		for _, line := range delta.lines(Width - 4) {
			lines = append(lines, "    "+line)
		}
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// MarshalJSON leaves out what the kind of difference has no use for.
func (d Difference) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		At      string         `json:"at"`
		What    What           `json:"what"`
		Type    string         `json:"type"`
		To      string         `json:"to,omitempty"`
		Rule    string         `json:"rule,omitempty"`
		OldRule string         `json:"oldRule,omitempty"`
		Was     engine.Outcome `json:"was,omitempty"`
		Is      engine.Outcome `json:"is,omitempty"`
		Deltas  []Delta        `json:"deltas,omitempty"`
	}{d.Place, d.What, d.Type, d.To, d.Rule, d.OldRule, d.Was, d.Is, d.Deltas})
}

// WriteDifferences writes what was found for one capture as a line of JSON.
func WriteDifferences(w io.Writer, capture string, found []Difference) error {
	if found == nil {
		found = []Difference{}
	}
	text, err := marshal(struct {
		Capture     string       `json:"capture"`
		Differences []Difference `json:"differences"`
	}{capture, found})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text+"\n")
	return err
}
