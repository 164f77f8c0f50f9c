package replay

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// A Shape says where things stand in the raw messages of a kind of transport,
// as gjson paths.
type Shape struct {
	Type string // the message's type
	// TypeOf, if not nil, finds the type where no one path says it.
	TypeOf func(data []byte) string
	Body   string // what an action's body becomes: call keys stand in it; "": the whole message
	// Reply is the path of an id that each message has for itself: it says nothing
	// of what was meant.
	Reply string
	// Word, if not nil, gives what the transport says of itself as a raw message. A
	// capture without such words was made by somebody else: its transport is up when
	// its first line comes.
	Word func(typ string) []byte
	// IDs are the ids that the sender of a message makes up, and by which later
	// messages refer to it.
	IDs []string
	// Mechanics are types of messages that a transport sends for itself.
	Mechanics []string
	// Echoes says that what is sent comes back, and that a capture may have it
	// come back before it was sent.
	Echoes bool
	// Mute says that nothing ever comes from it: it is written to.
	Mute bool
}

func (s *Shape) typeOf(data []byte) string {
	if s.TypeOf != nil {
		return s.TypeOf(data)
	}
	return gjson.GetBytes(data, s.Type).String()
}

// within gives the path of what stands at a path of the body.
func (s *Shape) within(path string) string {
	if s.Body == "" {
		return path
	}
	return s.Body + "." + path
}

// diff compares the bodies of two raw messages.
func (s *Shape) diff(was, is []byte) []Delta {
	return diff(s.Body, s.body(was), s.body(is))
}

// body gives the body of a raw message, without the id that it alone has.
func (s *Shape) body(data []byte) []byte {
	if s.Body != "" {
		if v := gjson.GetBytes(data, s.Body); v.Exists() {
			return []byte(v.Raw)
		}
		return []byte("null")
	}
	if s.Reply == "" {
		return data
	}
	return without(data, strings.Split(s.Reply, "."))
}

// without gives an object without what stands at a path of names.
func without(data []byte, path []string) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || fields[path[0]] == nil {
		return data
	}
	if len(path) == 1 {
		delete(fields, path[0])
	} else {
		fields[path[0]] = without(fields[path[0]], path[1:])
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return rest
}
