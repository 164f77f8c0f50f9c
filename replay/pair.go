package replay

import (
	"slices"

	"github.com/tidwall/gjson"

	"vertigo/capture"
)

// callKey reads the call key out of a raw message that was sent.
func callKey(p Peer, data []byte) string {
	for _, path := range p.Protocol.Key {
		if v := gjson.GetBytes(data, p.Shape.Body+"."+path); v.Type == gjson.String && v.Str != "" {
			return v.Str
		}
	}
	return ""
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
	key   string // the call key in it
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
		typ := gjson.GetBytes(l.Message(), peer.Shape.Type).String()
		if typ == "" || slices.Contains(peer.Shape.Mechanics, typ) {
			continue
		}
		o := &outLine{line: l, key: callKey(peer.Peer, l.Message())}
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
	for _, o := range p.byType[pairKey{peer.Name, s.Type}] {
		if o.taken {
			continue
		}
		may, sure := n.may(o.key, s.Key)
		if !may || known && !sure {
			continue
		}
		if sure && len(n.diff(peer.Shape.Body, o.line.Message(), s.Frame)) == 0 {
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
