package replay

import (
	"bytes"
	"encoding/json"

	"github.com/tidwall/gjson"

	"vertigo/capture"
)

// ids are the names that things have in the capture and in the replay, by
// transport. Whoever made the capture drew ids of its own; what the engine sends
// in its place has others, and the peer's answers have to name those.
type ids map[string]*names

// names are the ids that were exchanged with one peer.
type names struct {
	shape   Shape
	ours    map[string]string // the capture's id: ours for the same thing
	drawn   map[string]bool   // ids that the capture's sender made up
	peers   map[string]bool   // call keys that the peer made up
	sent    map[string]bool   // ids in what the engine sent
	differs bool              // some id of ours is another one
}

// newIDs finds out who made up which id: whoever named it first.
func newIDs(lines []Line, peers []Peer) ids {
	d := ids{}
	codecs := map[string]Codec{}
	for _, p := range peers {
		codecs[p.Name] = p.NewCodec(p.Name)
		d[p.Name] = &names{
			shape: p.Shape,
			ours:  map[string]string{}, drawn: map[string]bool{}, peers: map[string]bool{}, sent: map[string]bool{},
		}
	}
	for _, l := range lines {
		if n := d[l.Transport]; n != nil && n.shape.Echoes && l.Dir == capture.Out {
			codecs[l.Transport].Out(l.Conn, l.Message())
		}
	}
	for _, l := range lines {
		n := d[l.Transport]
		if n == nil {
			continue
		}
		if l.Dir == capture.Out {
			codecs[l.Transport].Out(l.Conn, l.Message())
			n.draw(l.Message())
			continue
		}
		messages, _ := codecs[l.Transport].In(l.TS, l.Conn, l.Message()) // an error shows when the line is played
		for _, m := range messages {
			if m.Key != "" && !n.drawn[m.Key] {
				n.peers[m.Key] = true
			}
		}
	}
	return d
}

// draw notes the ids in a message that the capture sent.
func (n *names) draw(data []byte) {
	for _, path := range n.shape.IDs {
		if v := gjson.GetBytes(data, path); v.Type == gjson.String && v.Str != "" && !n.peers[v.Str] {
			n.drawn[v.Str] = true
		}
	}
}

// tie takes the ids of the capture's own message, theirs, for those in ours.
func (n *names) tie(theirs, ours []byte) {
	for _, path := range n.shape.IDs {
		from, to := gjson.GetBytes(theirs, path), gjson.GetBytes(ours, path)
		if from.Type != gjson.String || to.Type != gjson.String || from.Str == "" || to.Str == "" {
			continue
		}
		if _, tied := n.ours[from.Str]; tied {
			continue
		}
		n.ours[from.Str] = to.Str
		n.differs = n.differs || from.Str != to.Str
	}
}

// noteSent notes the ids in a message that the engine sends.
func (n *names) noteSent(frame []byte) {
	for _, path := range n.shape.IDs {
		if v := gjson.GetBytes(frame, path); v.Type == gjson.String {
			n.sent[v.Str] = true
		}
	}
}

// may says whether the capture's call key theirs can name the call that the
// engine calls ours; sure if it is known to.
func (n *names) may(theirs, ours string) (may, sure bool) {
	if theirs == "" || ours == "" {
		return theirs == ours, false
	}
	if tied, ok := n.ours[theirs]; ok {
		return tied == ours, tied == ours
	}
	if theirs == ours {
		return true, true
	}
	return n.drawn[theirs] && !n.peers[ours], false
}

// mayAny is may for a message with several keys: one that can be the same will do.
func (n *names) mayAny(theirs, ours []string) (may, sure bool) {
	for _, a := range theirs {
		for _, b := range ours {
			can, is := n.may(a, b)
			may, sure = may || can, sure || is
		}
	}
	return may, sure
}

// unsent says that an id was made up by the capture's sender, and that the
// engine has sent nothing in its place, so far.
func (n *names) unsent(id string) bool {
	_, tied := n.ours[id]
	return n.drawn[id] && !tied && !n.sent[id]
}

// namesUnsent says whether a message names such an id.
func (n *names) namesUnsent(data []byte) bool {
	if len(n.drawn) == 0 {
		return false
	}
	for start, end := range texts(data) {
		if n.unsent(string(data[start+1 : end-1])) {
			return true
		}
	}
	return false
}

// translate gives the id that we use for an id of the capture.
func (n *names) translate(id string) string {
	if ours, ok := n.ours[id]; ok {
		return ours
	}
	return id
}

// rewrite gives a raw message with our ids: each JSON string that is an id of
// the capture, and nothing else, becomes ours. data itself stays as it is.
func (n *names) rewrite(data []byte) []byte {
	if !n.differs {
		return data
	}
	var out []byte
	done := 0
	for start, end := range texts(data) {
		ours, ok := n.ours[string(data[start+1:end-1])]
		if !ok {
			continue
		}
		quoted, err := json.Marshal(ours)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		out = append(append(out, data[done:start]...), quoted...)
		done = end
	}
	if done == 0 {
		return data
	}
	return append(out, data[done:]...)
}

// texts gives where each JSON string of data begins and ends, quotes included.
func texts(data []byte) func(yield func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		for i := 0; i < len(data); {
			n := bytes.IndexByte(data[i:], '"')
			if n < 0 {
				return
			}
			start := i + n
			end := textEnd(data, start)
			if end < 0 || !yield(start, end) {
				return
			}
			i = end
		}
	}
}

// textEnd gives the place after the JSON string that begins at i, -1 if it does
// not end.
func textEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}
