package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
)

// BenchmarkStep compares steps of an engine whose observer does nothing (a bridge
// always has one, for its log) with those of one that is recorded, with no page
// open and with one, in turns, so that what else the machine does strikes all: the
// medians of many turns. The messages are those of the captures, the rules those
// that are shipped.
func BenchmarkStep(b *testing.B) {
	w := newWorld(b, ownRules)
	set := w.recorder.followed().Ruleset
	var list []came
	for _, name := range captures(b) {
		list = append(list, capturedCalls(b, name)...)
	}
	slices.SortStableFunc(list, func(a, b came) int { return a.at.Compare(b.at) })
	play := func(observe func(engine.Trace)) time.Duration {
		e := engine.New(set, engine.Options{Observe: observe})
		began := time.Now()
		for _, one := range list {
			e.Step(one.at, one.message)
		}
		return time.Since(began)
	}
	recorded := func(page bool) time.Duration {
		r := NewRecorder(RecorderOptions{})
		r.SetRules(w.recorder.followed(), w.now)
		if page {
			_, leave := r.join("")
			defer leave()
		}
		return play(r.Observe)
	}
	var plain, more, withPage, times []float64
	for b.Loop() {
		without, closed, open := play(func(engine.Trace) {}), recorded(false), recorded(true)
		perMessage := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(len(list)) }
		plain = append(plain, perMessage(without))
		more, withPage = append(more, perMessage(closed-without)), append(withPage, perMessage(open-without))
		times = append(times, closed.Seconds()/without.Seconds())
	}
	b.ReportMetric(median(plain), "ns/message")
	b.ReportMetric(median(times), "times-recorded")
	b.ReportMetric(median(more), "more-ns/message")
	b.ReportMetric(median(withPage), "more-ns/message-with-page")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkPage is what a second with an open page costs: 2,000 calls are under
// way, 200 messages come, and the page is told of what changed four times.
func BenchmarkPage(b *testing.B) {
	w := newWorld(b, plainRules)
	const calls, messages = 2000, 200
	for i := range calls {
		w.says("m.call.invite", fmt.Sprint("call", i), `,"number":"+441632960001","sdp":"`+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\\r\\n", 50)+`"`)
	}
	page, leave := w.recorder.join(w.recorder.all[0].id)
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
