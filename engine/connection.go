package engine

import (
	"slices"
	"strconv"
)

// connectionStop is what the engine says to a connection when all ends.
const connectionStop = "conn.stop"

// connectionKey stands for the connection of a transport where a call has its
// key: calls have none that is empty.
func connectionKey(transport string) callKey { return callKey{transport: transport} }

func (k callKey) isConnection() bool { return k.key == "" }

// begins says whether the rule begins a call or a connection.
func (r *Rule) begins() bool { return r.New || r.NewConnection }

// Connections returns the connections that rules keep, in the order of their
// transports' names.
func (e *Engine) Connections() []CallInfo {
	var infos []CallInfo
	for _, c := range e.connections() {
		infos = append(infos, c.info())
	}
	return infos
}

func (e *Engine) connections() []*Call {
	list := make([]*Call, 0, len(e.conns))
	for _, c := range e.conns {
		list = append(list, c)
	}
	slices.SortFunc(list, byOrder)
	return list
}

// conversation gives the call, or the connection, of an id; nil if it is over.
func (e *Engine) conversation(id CallID) *Call {
	if c := e.calls[id]; c != nil {
		return c
	}
	for _, c := range e.conns {
		if c.id == id {
			return c
		}
	}
	return nil
}

// owner gives whose message it is: of the call, live or ended, or else of the
// connection that has the first of its keys that is known; nil if none is. What a
// connection has too outlasts a call that has ended. first says that it is known
// by its own key, and not by a further one.
func (e *Engine) owner(m *Message) (c *Call, first bool) {
	for i := -1; i < len(m.Keys); i++ {
		k := callKey{m.Transport, m.Scope, m.Key}
		if i >= 0 {
			k.key = m.Keys[i]
		}
		c := e.byKey[k]
		if c == nil || c.ended {
			if connection := e.connKeys[k]; connection != nil {
				return connection, i < 0
			}
		}
		if c != nil {
			return c, i < 0
		}
	}
	return nil, false
}

// liveOwner gives the live call that has the first known key of a message.
func (e *Engine) liveOwner(m *Message) *Call {
	if c, _ := e.owner(m); m.Key != "" && c != nil && c.connection == "" && !c.ended {
		return c
	}
	return nil
}

// beginOn lets a message begin a call, though one of its keys is known. It returns
// false if no rule does, nor fails.
func (e *Engine) beginOn(m *Message, key *callKey) bool {
	if en := e.entry(e.rules, m.Transport, m.Type); en == nil || en.begins.empty() {
		return false
	}
	e.shared = true // by no rule but one that begins a call
	defer func() { e.shared = false }()
	return e.handle(m, nil, key)
}

// handleOnLine handles a message of a call. What its rules leave alone is the
// connection's, if that has one of the keys too: a call is on its line.
func (e *Engine) handleOnLine(m *Message, c *Call) {
	connection := e.connectionWith(m)
	if connection == nil {
		e.handle(m, c, nil)
		return
	}
	e.quiet = true
	acted := e.handle(m, c, nil)
	e.quiet = false
	if acted {
		return
	}
	e.shared = true // by no rule but the connection's
	acted = e.handle(m, connection, nil)
	e.shared = false
	if !acted && e.observe != nil {
		t := Trace{Message: m, Outcome: Unmatched}
		e.whose(c, &t)
		e.observe(t)
	}
}

// connectionWith gives the connection that has a key of a message, and rules for
// its type.
func (e *Engine) connectionWith(m *Message) *Call {
	c := e.conns[m.Transport]
	if c == nil {
		return nil
	}
	if en := e.entry(c.rs, m.Transport, m.Type); en == nil || !en.forConns {
		return nil
	}
	for i := -1; i < len(m.Keys); i++ {
		k := callKey{m.Transport, m.Scope, m.Key}
		if i >= 0 {
			k.key = m.Keys[i]
		}
		if e.connKeys[k] == c {
			return c
		}
	}
	return nil
}

// bindConnection ties a key to a connection. It lasts, and lines come and go: of
// too many keys the oldest is forgotten.
func (e *Engine) bindConnection(c *Call, k callKey) {
	if e.connKeys[k] == c {
		return
	}
	if len(c.keys) >= e.limits.Keys {
		delete(e.connKeys, c.keys[0])
		c.keys, c.texts = slices.Delete(c.keys, 0, 1), slices.Delete(c.texts, 0, 1)
	}
	c.bind(k)
	e.connKeys[k] = c
}

// connectionOf gives the transport whose connection, live or the last that has
// ended, an id names; "" if it names none.
func (e *Engine) connectionOf(id CallID) string {
	for name, c := range e.conns {
		if c.id == id {
			return name
		}
	}
	for name, over := range e.connOver {
		if over == id {
			return name
		}
	}
	return ""
}

// tellUp lets rules that have just been set begin the connection of a transport
// that is up.
func (e *Engine) tellUp(key callKey) {
	m, up := e.ups[key.transport]
	if !up || e.conns[key.transport] != nil {
		return
	}
	m.At = e.now
	e.number()
	e.shared = true // by no rule but one that begins a connection
	defer func() { e.shared = false }()
	e.handle(&m, nil, &key)
}

// newConnection returns the connection that a rule may begin. Of one transport
// each has another id: what was sent for an earlier one is not its own.
func (e *Engine) newConnection(transport string, rs *Ruleset) *Call {
	return &Call{
		id:         CallID(deriveID("connection", transport, strconv.FormatInt(e.now.UnixNano(), 10))),
		connection: transport,
		remembers:  map[string]Value{},
		state:      stateBegun,
		begun:      e.now,
		rs:         rs,
		timers:     make([]*deadline, len(rs.Timers)),
		seen:       1,
	}
}

// prepareStores computes what the connection is to remember, and sets it; only
// variables change, and tx keeps what they were.
func (e *Engine) prepareStores(r *Rule) error {
	if len(r.Remember) == 0 {
		return nil
	}
	f, tx := &e.frame, &e.tx
	stores := make([]stored, 0, len(r.Remember))
	for _, s := range r.Remember {
		v, err := value(f, s.Expr)
		if err != nil {
			return err
		}
		stores = append(stores, stored{s.Name, f.keep(v)})
	}
	for i := range stores {
		f.call.remember(&stores[i])
	}
	tx.stores = stores
	return nil
}

// remember sets a variable, and puts what it was in the place of its value.
func (c *Call) remember(s *stored) {
	was := c.remembers[s.name]
	if s.v.IsNil() {
		delete(c.remembers, s.name)
	} else {
		c.remembers[s.name] = s.v
	}
	s.v = was
}

// endConnection forgets a connection. The next transport.up may begin another.
func (e *Engine) endConnection(c *Call) {
	c.ended, c.state = true, stateEnd
	delete(e.conns, c.connection)
	e.connOver[c.connection] = c.id
	for _, k := range c.keys {
		delete(e.connKeys, k)
	}
	for _, d := range c.timers {
		e.deadlines.stop(d)
	}
	c.remembers = nil
}

// follow has a connection go on by other rules: it lasts, and would never see
// them otherwise. Timers that these do not know are stopped; in a state that they
// do not know it ends.
func (e *Engine) follow(c *Call, rules *Ruleset) {
	if !rules.knowsConnection(c.state) {
		e.endConnection(c)
		return
	}
	timers := make([]*deadline, len(rules.Timers))
	for slot, d := range c.timers {
		if d == nil {
			continue
		}
		now := slices.Index(rules.Timers, c.rs.Timers[slot])
		if now < 0 {
			e.deadlines.stop(d)
			continue
		}
		d.slot, timers[now] = now, d
	}
	c.rs, c.timers = rules, timers
}

// stopConnections tells connections once that all ends.
func (e *Engine) stopConnections(reason string) {
	for _, c := range e.connections() {
		if !c.stopped {
			c.stopped = true
			m := e.own(c, connectionStop, []byte(`{"type":"conn.stop","reason":"`+reason+`"}`))
			e.handle(&m, c, nil)
		}
	}
}

// Conn returns a variable of a connection, or its "state"; nil if it was never
// set, or there is no connection. A rule of a connection sees its own; otherwise
// it is that of the transport that a message is made for, else that of the
// message's transport, else the last one that the call has a key on.
func (f *Frame) Conn(name string) any {
	v := f.ConnRaw(name)
	return v.get()
}

// ConnRaw returns what [Frame.Conn] does without decoding it.
func (f *Frame) ConnRaw(name string) Value {
	c := f.connection()
	if c == nil {
		return madeValue(nil)
	}
	if name == "state" {
		return madeValue(c.state)
	}
	if v, ok := c.remembers[name]; ok {
		if v.raw != nil {
			return rawValue(v.raw)
		}
		return v
	}
	return madeValue(nil)
}

func (f *Frame) connection() *Call {
	if f.call != nil && f.call.connection != "" {
		return f.call
	}
	for _, transport := range [...]string{f.to, f.peer} {
		if c := f.conns[transport]; c != nil {
			return c
		}
	}
	if f.call != nil {
		for _, k := range slices.Backward(f.call.keys) {
			if c := f.conns[k.transport]; c != nil {
				return c
			}
		}
	}
	return nil
}
