package replay

import (
	"slices"

	"github.com/tidwall/gjson"

	"vertigo/capture"
	"vertigo/engine"
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

// take finds the capture's own message for an action: the first of the same
// transport and type that is about the same call, else the first that can be.
func (p *pairs) take(peer *peer, a engine.Action, n *names) *Line {
	var first *outLine
	for _, o := range p.byType[pairKey{peer.Name, a.Type}] {
		if o.taken {
			continue
		}
		may, sure := n.may(o.key, a.Key)
		if sure {
			first = o
			break
		}
		if may && first == nil {
			first = o
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
