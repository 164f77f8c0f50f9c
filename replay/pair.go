package replay

import (
	"slices"

	"github.com/tidwall/gjson"

	"vertigo/capture"
)

// callKey reads the first call key out of a raw message that was sent; "" if it
// has none.
func callKey(p Peer, data []byte) string { return callKeys(p, data)[0] }

// callKeys reads all of them; where there is none, "" stands for it.
func callKeys(p Peer, data []byte) []string {
	var keys []string
	for _, path := range p.Protocol.Key {
		switch v := gjson.GetBytes(data, p.Shape.within(path)); {
		case v.Type == gjson.String && v.Str != "":
			keys = append(keys, v.Str)
		case v.Type == gjson.Number:
			keys = append(keys, v.Raw)
		}
	}
	if len(keys) == 0 {
		return []string{""}
	}
	return keys
}

// pairs are the messages that the capture itself sent, until an action of the
// engine stands for them.
type pairs struct {
	byType map[pairKey][]*outLine
	all    []*outLine
}

type pairKey struct{ transport, typ string }

type outLine struct {
	line  *Line
	keys  []string // the call keys in it
	taken bool
}

func newPairs(lines []Line, peers map[string]*peer) *pairs {
	p := &pairs{byType: map[pairKey][]*outLine{}}
	for i := range lines {
		l := &lines[i]
		peer := peers[l.Transport]
		if l.Dir != capture.Out || peer == nil {
			continue
		}
		typ := peer.Shape.typeOf(l.Message())
		if typ == "" || slices.Contains(peer.Shape.Mechanics, typ) {
			continue
		}
		o := &outLine{line: l, keys: callKeys(peer.Peer, l.Message())}
		key := pairKey{l.Transport, typ}
		p.byType[key] = append(p.byType[key], o)
		p.all = append(p.all, o)
	}
	return p
}

// take finds the capture's own message for what is sent: the first of the same
// transport and type that is about the same call, else the first that can be. Of
// several about the same call, one that says the same goes before: who sends to
// many at once may do so in any order.
func (p *pairs) take(peer *peer, s Sent, n *names) *Line {
	var first *outLine
	known := false
	typ := s.Type
	if peer.Shape.TypeOf != nil {
		typ = peer.Shape.TypeOf(s.Frame)
	}
	keys := callKeys(peer.Peer, s.Frame)
	for _, o := range p.byType[pairKey{peer.Name, typ}] {
		if o.taken {
			continue
		}
		may, sure := n.mayAny(o.keys, keys)
		if !may || known && !sure {
			continue
		}
		if sure && len(n.diff(o.line.Message(), s.Frame)) == 0 {
			first = o
			break
		}
		if first == nil || sure && !known {
			first, known = o, sure
		}
	}
	if first == nil {
		return nil
	}
	first.taken = true
	return first.line
}

func (p *pairs) missing() []Line {
	var lines []Line
	for _, o := range p.all {
		if !o.taken {
			lines = append(lines, *o.line)
		}
	}
	return lines
}
