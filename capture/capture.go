// Package capture reads and writes traffic captures: NDJSON, one message a
// line, in the order in which the messages happened.
//
//	{"ts":"2026-11-22T00:29:03.123456Z","transport":"matrix","dir":"in","data":{…}}
//	{"ts":"2026-11-22T00:29:03.223456Z","transport":"verto","dir":"out","data":{…}}
//
// It keeps a message byte for byte, apart from what it redacts when asked to.
// It does not know what the messages mean.
package capture

import (
	"encoding/json"
	"time"
)

// MaxLine is the most bytes that a line may have, its line end not counted.
const MaxLine = 16 << 20

// The directions: what came from the peer, and what went to it.
const (
	In  = "in"
	Out = "out"
)

// A Line is one message of a capture.
type Line struct {
	TS        time.Time       // when it happened
	Transport string          // the transport's name: "matrix"
	Dir       string          // [In] or [Out]
	Conn      string          // which connection of the transport; "" where it has but one
	Raw       bool            // the message was no JSON: Data is a JSON string that holds its text
	Data      json.RawMessage // the message

	// What replay adds; "" in a capture of traffic.
	At   string // where the cause stands
	Rule string // the rule that sent it
	Call string // the call that it belongs to
}

// Message gives the message as it was on the wire: the bytes of Data, or the
// text in it where Raw says that it was no JSON.
func (l Line) Message() []byte {
	var text string
	if l.Raw && json.Unmarshal(l.Data, &text) == nil {
		return []byte(text)
	}
	return l.Data
}
