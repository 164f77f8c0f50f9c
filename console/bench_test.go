package console

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vertigo/engine"
)

// BenchmarkSecond is what a second takes in which 2,000 calls are under way and 200
// messages come: of an engine that nobody watches, of one that is recorded, and of
// one with an open page, which is told of what changed four times.
func BenchmarkSecond(b *testing.B) {
	const calls, messages = 2000, 200
	for _, name := range []string{"plain", "recorded", "with-page"} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, plainRules)
			if name == "plain" {
				w.engine = engine.New(w.recorder.followed().Ruleset, engine.Options{Observe: func(engine.Trace) {}})
			}
			var first engine.CallID
			for i := range calls {
				invite := w.says("m.call.invite", fmt.Sprint("call", i), `,"number":"+441632960001","sdp":"`+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\\r\\n", 50)+`"`)
				first = cmp.Or(first, invite[0].Call)
			}
			var page *reader
			if name == "with-page" {
				one, leave := w.recorder.join(first)
				defer leave()
				page = one
			}
			told := 0
			s := &stream{control: http.NewResponseController(&pipe{http.Header{}, func(string) error { return nil }})}
			at := 0
			for b.Loop() {
				s.w = &pipe{http.Header{}, func(text string) error {
					told += len(text)
					return nil
				}}
				for range 4 {
					for range messages / 4 {
						w.says("m.call.negotiate", fmt.Sprint("call", at%calls), `,"party_id":"1"`)
						at += 7
					}
					if page != nil {
						s.tell(string(first), w.recorder.take(page, true))
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e7, "%-of-a-core")
			b.ReportMetric(float64(told)/float64(b.N), "bytes/s")
		})
	}
}
