package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vertigo/engine"
)

// BenchmarkPage is what a second with an open page costs: 2,000 calls are under
// way, 200 messages come, and the page is told of what changed four times.
func BenchmarkPage(b *testing.B) {
	w := newWorld(b, plainRules)
	const calls, messages = 2000, 200
	var first engine.CallID
	for i := range calls {
		invite := w.says("m.call.invite", fmt.Sprint("call", i), `,"number":"+441632960001","sdp":"`+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\\r\\n", 50)+`"`)
		first = cmp.Or(first, invite[0].Call)
	}
	page, leave := w.recorder.join(first)
	defer leave()
	s := &stream{w: httptest.NewRecorder(), control: http.NewResponseController(&pipe{http.Header{}, func(string) error { return nil }})}
	at, told := 0, 0
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
			s.tell(string(page.call), w.recorder.take(page, true))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e7, "%-of-a-core")
	b.ReportMetric(float64(told)/float64(b.N), "bytes/s")
}
