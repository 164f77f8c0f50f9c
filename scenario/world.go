package scenario

import (
	"maps"

	"vertigo/engine"
	"vertigo/replay"
)

// A world is what expressions can see of a run: kept up to date, so that a step
// costs the same however many came before it.
type world struct {
	peers   []replay.Peer
	none    map[string]any // call, before there is one
	byID    map[engine.CallID]map[string]any
	calls   []any
	tied    map[tie]bool
	taken   map[tie]bool      // the keys of all calls: of no call each
	current map[string]any    // what the last message that came was about
	sent    map[string]any    // the last one of each type
	count   int               // of messages that came
	conns   map[string]string // the states of connections, by transport
}

// A tie is a key that a call has on a transport.
type tie struct {
	call           engine.CallID
	transport, key string
}

func newWorld(peers []replay.Peer) *world {
	w := &world{peers: peers, byID: map[engine.CallID]map[string]any{}, tied: map[tie]bool{}, taken: map[tie]bool{}, sent: map[string]any{}, conns: map[string]string{}}
	w.none = w.newCall()
	w.current = w.none
	return w
}

func (w *world) newCall() map[string]any {
	call := map[string]any{"id": nil, "uuid": nil, "state": nil, "begun": nil}
	for _, p := range w.peers {
		for _, name := range []string{p.Name, p.Group, p.Protocol.Kind} {
			if name != "" {
				call[name] = map[string]any{"key": nil}
			}
		}
	}
	return call
}

// note learns from what the engine did.
func (w *world) note(e *replay.Event) {
	t := &e.Trace
	if t.Connection != "" && t.To != "" {
		w.conns[t.Connection] = t.To
	}
	if t.Call != "" && t.Connection == "" && (t.Outcome == engine.Fired || w.byID[t.Call] != nil) {
		m, begins := t.Message, w.byID[t.Call] == nil
		call := w.call(t)
		if begins {
			w.tie(call, t.Call, m.Transport, m.Key)
		}
		// A message with the key of another call is about that one, whoever hears it.
		if m.Transport != "engine" && (m.Key == "" || w.tied[tie{t.Call, m.Transport, m.Key}]) {
			w.current = call
		}
	}
	for _, s := range e.Sent {
		if call := w.byID[s.Call]; call != nil {
			w.tie(call, s.Call, s.To, s.Key)
		}
		w.sent[s.Type] = sentNames(&s)
	}
}

func (w *world) call(t *engine.Trace) map[string]any {
	call := w.byID[t.Call]
	if call == nil {
		call = w.newCall()
		call["id"], call["uuid"], call["begun"] = string(t.Call), string(t.Call), t.Now
		w.byID[t.Call] = call
		w.calls = append(w.calls, call)
	}
	if t.To != "" {
		call["state"] = t.To
	}
	return call
}

// connection gives the state of the connection that a step is about: of the
// transport of what it receives, else of the only one there is; "" if there is
// none.
func (w *world) connection(s *step) string {
	for _, m := range s.receive {
		if state := w.conns[m.peer.Name]; state != "" {
			return state
		}
	}
	if len(w.conns) == 1 {
		for _, state := range w.conns {
			return state
		}
	}
	return ""
}

// expect makes a message that names a call which nobody knows yet the one that
// further messages are about: they may come together with it.
func (w *world) expect(p *replay.Peer, data []byte) {
	key := replay.CallKey(*p, data)
	if key == "" || w.taken[tie{transport: p.Name, key: key}] {
		return
	}
	call := w.newCall()
	w.name(call, p.Name, key)
	w.current = call
}

// tie notes a key of a call on a transport. As in rules, the last one that the
// call got there is its key, and one that it has already is no new one.
func (w *world) tie(call map[string]any, id engine.CallID, transport, key string) {
	t := tie{id, transport, key}
	if key == "" || w.tied[t] {
		return
	}
	w.tied[t], w.taken[tie{transport: transport, key: key}] = true, true
	w.name(call, transport, key)
}

// name makes a key the one of a call on a transport.
func (w *world) name(call map[string]any, transport, key string) {
	for _, p := range w.peers {
		if p.Name != transport {
			continue
		}
		for _, name := range []string{p.Name, p.Group, p.Protocol.Kind} {
			if at, ok := call[name].(map[string]any); ok {
				at["key"] = key
			}
		}
	}
}

// sentNames is one of sent.
func sentNames(s *replay.Sent) map[string]any {
	m := map[string]any{"to": s.To, "type": s.Type, "id": s.ID, "rule": s.Rule, "key": nil, "body": loose(s.Body), "frame": loose(s.Frame)}
	if s.Key != "" {
		m["key"] = s.Key
	}
	for name, v := range s.Address {
		m[name] = v
	}
	return m
}

// loose gives JSON for expressions, nil for what is none.
func loose(data []byte) any {
	v, err := decodePlain(data)
	if err != nil {
		return nil
	}
	return v
}

// names are what an expression sees.
func (w *world) names(more map[string]any) map[string]any {
	names := map[string]any{"call": w.current, "calls": w.calls, "sent": w.sent, "n": w.count, "client": client, "pbx": pbx}
	maps.Copy(names, more)
	return names
}

// expecting are the names of an expectation: of matchers, too.
func (w *world) expecting(more map[string]any) map[string]any {
	names := w.names(more)
	for name, m := range matchers {
		names[name] = m
	}
	return names
}
