package main

import (
	"slices"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/httpjson"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
	"vertigo/wire"
)

// A kind is a protocol that transports can speak.
type kind struct {
	name     string
	group    string // what rules may call a transport of this kind, whatever its name
	protocol engine.Protocol
	schema   *schema.Set // what its messages look like
	codec    func(transport string) replay.Codec
	shape    replay.Shape

	// formatted reads and writes what a declared protocol says, and shaped says what
	// that looks like, for kinds that speak any: these have no codec, schema or shape
	// of their own.
	formatted func(transport string, f wire.Format) replay.Codec
	shaped    func(f *wire.Format) replay.Shape
}

// speaksAny says whether rule files declare what transports of the kind speak.
func (k *kind) speaksAny() bool { return k.formatted != nil }

var kinds = []kind{
	{
		name: "matrix", group: "matrix", protocol: matrix.Protocol, schema: matrix.Schema,
		codec: func(transport string) replay.Codec { return matrix.NewCodec(transport) },
		shape: replay.Shape{
			Type: "type", Body: "content", Echoes: true,
			IDs: []string{"content.call_id", "content.party_id", "txn_id"},
		},
	},
	{
		name: "verto", group: "verto", protocol: verto.Protocol, schema: verto.Schema,
		codec: func(transport string) replay.Codec { return verto.NewCodec(transport) },
		shape: replay.Shape{
			Type: "method", Body: "params",
			IDs:       []string{"params.dialogParams.callID", "params.callID"},
			Mechanics: []string{"login", "verto.clientReady", "verto.ping"},
		},
	},
	{
		name: "ws-json", protocol: engine.Protocol{Kind: "ws-json", Recur: true},
		formatted: func(transport string, f wire.Format) replay.Codec { return wsjson.NewCodec(transport, f) },
		shaped:    messageShape,
	},
	{
		name: "http-json", protocol: httpjson.Protocol,
		formatted: func(transport string, f wire.Format) replay.Codec { return httpjson.NewCodec(transport, f) },
		shaped:    requestShape,
	},
}

// kindNamed returns nil for an unknown name.
func kindNamed(name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// peer is a transport of this kind as rules and captures know it.
func (k *kind) peer(name, group string) replay.Peer {
	if group == "" && name != k.group {
		group = k.group
	}
	return replay.Peer{
		Peer:     engine.Peer{Name: name, Group: group, Protocol: k.protocol},
		NewCodec: k.codec,
		Shape:    k.shape,
	}
}

// callLogPeer is the call log as rules and captures know it. It is always there,
// and of no kind that a transport can have.
var callLogPeer = replay.Peer{
	Peer:     engine.Peer{Name: calllog.Name, Protocol: calllog.Protocol},
	NewCodec: func(transport string) replay.Codec { return calllog.NewCodec(transport) },
	Shape:    replay.Shape{Type: "type", Body: "content", IDs: []string{"content.call"}, Mute: true},
}

// plainPeers are the transports where no configuration names any: one of each
// kind that knows its protocol, called like it, and the call log. To these come
// those that rule files declare.
func plainPeers() []replay.Peer {
	var peers []replay.Peer
	for i := range kinds {
		if !kinds[i].speaksAny() {
			peers = append(peers, kinds[i].peer(kinds[i].name, ""))
		}
	}
	return append(peers, callLogPeer)
}

// unnamed is what a transport is like that no configuration names and rule files
// declare: of the first kind that speaks any protocol, with what can be said to
// any of these.
func unnamed() *engine.Protocol {
	protocol := &engine.Protocol{}
	for i := range kinds {
		k := &kinds[i]
		if !k.speaksAny() {
			continue
		}
		if protocol.Kind == "" {
			*protocol = k.protocol
		}
		for _, key := range k.protocol.Address {
			if !slices.Contains(protocol.Address, key) {
				protocol.Address = append(slices.Clip(protocol.Address), key)
			}
		}
	}
	return protocol
}

// withProtocols gives the transports with what rule files say of their messages,
// those too that only rule files name.
func withProtocols(peers []replay.Peer, set *rules.Set) []replay.Peer {
	all := make([]replay.Peer, 0, len(set.Peers))
	for _, p := range set.Peers {
		if declared := set.ProtocolOf(p.Name); declared != nil {
			all = append(all, declaredPeer(p, declared))
			continue
		}
		i := slices.IndexFunc(peers, func(known replay.Peer) bool { return known.Name == p.Name })
		all = append(all, peers[i])
	}
	return all
}

// declaredPeer is a transport whose protocol rule files declare, as captures know
// it.
func declaredPeer(p engine.Peer, declared *rules.Protocol) replay.Peer {
	k := kindNamed(p.Protocol.Kind)
	return replay.Peer{
		Peer:     p,
		NewCodec: func(transport string) replay.Codec { return k.formatted(transport, declared.Format) },
		Shape:    k.shaped(&declared.Format),
	}
}

// messageShape is what messages look like that are sent as they are.
func messageShape(f *wire.Format) replay.Shape {
	s := replay.Shape{Reply: f.Reply, Word: f.Word, IDs: f.Key, TypeOf: func(data []byte) string { return typeBy(f, data) }}
	if f.Reply != "" {
		s.IDs = append(slices.Clip(f.Key), f.Reply)
	}
	return s
}

// requestShape is what requests look like, and what comes of them: those of the
// peer alone do not say how rules call them.
func requestShape(f *wire.Format) replay.Shape {
	s := replay.Shape{Body: "body", Word: httpjson.Word, IDs: []string{"id"}}
	for _, key := range f.Key {
		s.IDs = append(s.IDs, s.Body+"."+key)
	}
	s.TypeOf = func(data []byte) string {
		if typ := gjson.GetBytes(data, "type"); typ.Exists() {
			return typ.String()
		}
		return typeBy(f, data)
	}
	return s
}

func typeBy(f *wire.Format, data []byte) string {
	m, err := f.Read(data)
	if err != nil {
		return ""
	}
	return m.Type
}

// schemas are those of all kinds, by the name of their protocol's.
func schemas() map[string]*schema.Set {
	all := map[string]*schema.Set{calllog.Protocol.Kind: calllog.Schema}
	for _, k := range kinds {
		if !k.speaksAny() {
			all[k.protocol.Kind] = k.schema
		}
	}
	return all
}

func enginePeers(peers []replay.Peer) []engine.Peer {
	list := make([]engine.Peer, len(peers))
	for i, p := range peers {
		list[i] = p.Peer
	}
	return list
}
