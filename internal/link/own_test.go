package link

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

func TestOwn(t *testing.T) {
	const said = "m.call.invite 12345 !room:example.org $event"
	m := engine.Message{Transport: "matrix", Type: said[:13], Key: said[14:19], Scope: said[20:37], ID: said[38:], Body: []byte("{}")}
	own := Own(m)
	if diff := cmp.Diff(m, own); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	for _, pair := range [][2]string{{m.Type, own.Type}, {m.Key, own.Key}, {m.Scope, own.Scope}, {m.ID, own.ID}} {
		if unsafe.StringData(pair[0]) == unsafe.StringData(pair[1]) {
			t.Errorf("%q is a piece of what was said", pair[1])
		}
	}
}
