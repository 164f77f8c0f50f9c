package scenario

import (
	"encoding/json"
	"fmt"
	"strings"

	"vertigo/wire"
)

// A defaultJSON is what stands in a message of a peer whose protocol the rules
// declare, if the scenario says nothing else: what makes it one of its type.
type defaultJSON struct {
	format *wire.Format
	begins bool // it begins calls
	ofCall bool // it is one of a call's
}

// defaultJSON is nil for a peer of any other kind.
func (r *reader) defaultJSON(m *incoming) *defaultJSON {
	protocol := r.scenario.rules.ProtocolOf(m.peer.Name)
	if protocol == nil {
		return nil
	}
	d := &defaultJSON{format: &protocol.Format}
	for _, rule := range r.scenario.rules.Rules {
		for _, on := range rule.On {
			if (globMatch(on.Transport, m.peer.Name) || globMatch(on.Transport, m.peer.Group)) && globMatch(on.Type, m.typ) {
				d.begins = d.begins || rule.New
				d.ofCall = d.ofCall || !rule.OfConnection
			}
		}
	}
	return d
}

// replyTo is the type of the message that this one is a reply to; "" if it is
// none.
func (m *incoming) replyTo() string {
	if m.json != nil {
		sent, _, _ := m.json.format.Answered(m.typ)
		return sent
	}
	if isReply(m.typ) {
		return requestOf(m.typ)
	}
	return ""
}

// made gives the fields that the type asks for, and the key of the call that the
// message is about.
func (d *defaultJSON) made(m *incoming, w *world) any {
	whole := map[string]any{}
	if d == nil {
		return whole
	}
	of := m.replyTo()
	var request []byte
	if last, ok := w.sent[of].(map[string]any); ok && of != "" {
		request, _ = json.Marshal(last["frame"])
	}
	if made, ok := loose(d.format.Make(m.typ, request)).(map[string]any); ok {
		whole = made
	}
	key := d.key(m, w)
	if len(d.format.Key) == 0 || key == nil || of != "" || strings.HasPrefix(m.typ, "transport.") {
		return whole
	}
	return over(whole, at(d.format.Key[0], key))
}

// key is that of the call which the message begins or is about; nil for none.
func (d *defaultJSON) key(m *incoming, w *world) any {
	if d.begins {
		return fmt.Sprintf("call-%d", len(w.calls)+1)
	}
	if names, ok := w.current[m.peer.Name].(map[string]any); ok && d.ofCall {
		return names["key"]
	}
	return nil
}

// at gives an object that has a value at a path.
func at(path string, v any) any {
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		v = at(rest, v)
	}
	return map[string]any{name: v}
}
