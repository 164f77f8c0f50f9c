package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"vertigo/engine"
)

func TestTheLogSaysWhoseCallHasEnded(t *testing.T) {
	for _, tt := range []struct{ end, want string }{
		{`{"type":"call.end","state":"talking","rule":"over","cause":"USER_BUSY","duration":1500,"direction":"in","user":"@anna:hs1","number":"+442071234567"}`,
			`msg="call ended" call=c1 direction=in user=@anna:hs1 number=+442071234567 state=talking cause=USER_BUSY took=1.5s rule=over`},
		{`{"type":"call.end","state":"begun","rule":"over","duration":0}`,
			`msg="call ended" call=c1 state=begun cause="" took=0s rule=over`},
	} {
		var out bytes.Buffer
		s := &story{log: slog.New(slog.NewTextHandler(&out, nil)), counts: &counters{}}
		m := engine.Message{Transport: "engine", Type: "call.end", Body: []byte(tt.end)}
		for range 2 { // two rules act on it
			s.observe(engine.Trace{Message: &m, Call: "c1", Outcome: engine.Fired, Rule: &engine.Rule{Name: "record", Also: true}})
		}
		if strings.Count(out.String(), tt.want+"\n") != 1 {
			t.Errorf("logged %s, not %s", out.String(), tt.want)
		}
		if n := s.counts.ended.Load(); n != 1 || len(s.counts.causes.counts) != 1 {
			t.Errorf("%d ends and %d causes are counted", n, len(s.counts.causes.counts))
		}
	}
}
