// Package engine decides what to send when a signalling message arrives.
//
// It opens no sockets, reads no clock, draws no random numbers and starts no
// goroutines: [Engine.Step] takes what happened and returns what must now be
// sent, as values. The same rules, messages and times always give the same
// actions, byte for byte. It knows no protocol; what a message means stands in
// the rules it is given.
package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// A CallID names one call inside the engine. It is derived from the message
// that began the call, so a message handled twice names the same call.
type CallID string

// A Message is one thing that happened: a raw message of a peer, a reply to
// something that was sent, or a word of a transport about itself.
type Message struct {
	Transport string          // name of the transport it came through: "matrix", "pbx1"
	Type      string          // "m.call.invite", "verto.answer", "verto.invite.ok", "transport.up"
	Key       string          // the peer's own name for the call (call_id, callID); "" if it names none
	Keys      []string        // further names, for where Key is nobody's
	Scope     string          // what the key is unique within (a room id); "" where it is unique by itself. Without a key: the message is about all calls in it
	Answer    bool            // it answers something that was sent, so that it is never about all calls
	Heard     bool            // if it begins a call, the other calls in Scope hear of it afterwards, as of a message about all of them
	Call      CallID          // set where the call, or the connection, is known without a key: a reply to something sent for it. The key that it brings becomes one of the call's
	ID        string          // the peer's id of the message (an event id), "" where it has none
	At        time.Time       // when it arrived
	Body      json.RawMessage // as the peer sent it
}

// An Action is something that must now be sent. Actions are plain values, so a
// test can compare them and a dry run can print them.
type Action struct {
	To      string            // name of the transport that is to send it, never a group
	Type    string            // "verto.invite", "m.call.answer"
	Call    CallID            // "" where it belongs to no call
	Key     string            // the call's key on that side, the first found in Body; "" if it has none
	Scope   string            // the scope of Key: the address that the protocol names as scope
	Rule    string            // the rule that asked for it
	ID      string            // UUIDv5 of what caused it: the same cause gives the same id
	At      time.Time         // the time of the step that made it
	Address map[string]string // the address keys of the rule's send: "room"
	Body    json.RawMessage   // what the rule's body came to: event content, params
}

// A Protocol tells the engine how messages of one kind of transport are
// addressed. Each transport package declares its own.
type Protocol struct {
	Kind     string   // "matrix", "verto"
	Address  []string // address keys that a rule's send may carry beside to, type and body
	Key      []string // dotted paths of call keys in a sent body; those found become the call's
	Scope    string   // the address key that call keys are unique within; "" if they are unique by themselves
	Recur    bool     // a key names one call after the other, as a door's name does: each call has ids of its own
	Unscoped []string // patterns (path.Match) of the types that are sent without the scope address
}

// NeedsScope says whether a message of this type must carry the scope address.
func (p *Protocol) NeedsScope(typ string) bool {
	return p.Scope != "" && !slices.ContainsFunc(p.Unscoped, func(pattern string) bool { return globMatch(pattern, typ) })
}

// A Peer is one transport as rules may name it.
type Peer struct {
	Name     string // "pbx1"
	Group    string // "verto": rules may say the group instead of the name; "" for none
	Protocol Protocol
}

// ErrNotConnected is what a transport answers while it has no session.
var ErrNotConnected = errors.New("not connected")

// Types that every transport says for itself, as messages without a key.
const (
	TransportUp   = "transport.up"
	TransportDown = "transport.down"
)
