package scenario_test

import (
	"testing"

	"go.uber.org/goleak"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var peers = []replay.Peer{
	{
		Peer:     engine.Peer{Name: "matrix", Protocol: matrix.Protocol},
		NewCodec: func(name string) replay.Codec { return matrix.NewCodec(name) },
		Shape:    replay.Shape{Type: "type", Body: "content", Echoes: true, IDs: []string{"content.call_id"}},
	},
	{
		Peer:     engine.Peer{Name: "verto", Protocol: verto.Protocol},
		NewCodec: func(name string) replay.Codec { return verto.NewCodec(name) },
		Shape:    replay.Shape{Type: "method", Body: "params", IDs: []string{"params.dialogParams.callID", "params.callID"}},
	},
	{
		Peer:     engine.Peer{Name: "calllog", Protocol: calllog.Protocol},
		NewCodec: func(name string) replay.Codec { return calllog.NewCodec(name) },
		Shape:    replay.Shape{Type: "type", Body: "content", Mute: true},
	},
}
