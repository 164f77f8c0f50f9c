package main

import (
	"vertigo/engine"
	"vertigo/replay"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// A kind is a protocol that transports can speak.
type kind struct {
	name     string
	group    string // what rules may call a transport of this kind, whatever its name
	protocol engine.Protocol
	schema   *schema.Set // what its messages look like
	codec    func(transport string) replay.Codec
	shape    replay.Shape
}

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
// kind, called like it, and the call log.
func plainPeers() []replay.Peer {
	var peers []replay.Peer
	for i := range kinds {
		peers = append(peers, kinds[i].peer(kinds[i].name, ""))
	}
	return append(peers, callLogPeer)
}

// schemas are those of all kinds, by the name of their protocol's.
func schemas() map[string]*schema.Set {
	all := map[string]*schema.Set{calllog.Protocol.Kind: calllog.Schema}
	for _, k := range kinds {
		all[k.protocol.Kind] = k.schema
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
