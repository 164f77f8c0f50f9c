package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vertigo/engine"
	"vertigo/rules"
)

// A listener is a page that is told what happens.
type listener struct {
	t     *testing.T
	lines *bufio.Reader
}

// asksForEvents is what a browser asks for a stream.
func asksForEvents() *http.Request {
	request := httptest.NewRequest("GET", "/api/events", nil)
	request.Header.Set("Accept", eventStream)
	return request
}

// listen opens a stream of events.
func listen(t *testing.T, url string) *listener {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("it is %q", got)
	}
	l := &listener{t, bufio.NewReader(answer.Body)}
	if line := l.line(); line != ": welcome" {
		t.Errorf("it begins with %q", line)
	}
	l.line()
	return l
}

func (l *listener) line() string {
	l.t.Helper()
	text, err := l.lines.ReadString('\n')
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}

// next waits for an event, and reads it into v.
func (l *listener) next(name string, v any) {
	l.t.Helper()
	if got := l.line(); got != "event: "+name {
		l.t.Fatalf("%q in place of %s", got, name)
	}
	data, ok := strings.CutPrefix(l.line(), "data: ")
	if err := json.Unmarshal([]byte(data), v); err != nil || !ok || l.line() != "" {
		l.t.Fatalf("%s: %q: %v", name, data, err)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t, plainRules)
	invite := w.says("m.call.invite", "one", `,"number":"1"`)
	id := string(invite[0].Call)
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	l := listen(t, server.URL+"/api/events?call="+id)

	w.says("m.call.invite", "other", `,"number":"2"`)
	var calls struct{ Calls []Call }
	if l.next("calls", &calls); len(calls.Calls) != 1 || calls.Calls[0].Number != "2" {
		t.Errorf("%+v", calls)
	}
	w.answers("verto.answer", invite[0])
	var step struct {
		Call string
		Step Step
	}
	if l.next("step", &step); step.Call != id || step.Step.N != 1 || step.Step.Type != "verto.answer" || step.Step.To != "talking" {
		t.Errorf("%+v", step)
	}
	if l.next("calls", &calls); len(calls.Calls) != 1 || calls.Calls[0].ID != id || calls.Calls[0].State != "talking" {
		t.Errorf("%+v", calls)
	}
	w.recorder.Reloaded(false, rules.Findings{{Pos: rules.Pos{File: "rules.toml", Line: 1, Col: 2}, Msg: "no TOML"}})
	var reload reloadNews
	if l.next("rules", &reload); reload.Used || reload.Findings != "rules.toml:1:2: error: no TOML\n" {
		t.Errorf("%+v", reload)
	}
}

// Who asks for the state finds out that a transport is down, and so does everybody
// else.
func TestTransportsGoUpAndDown(t *testing.T) {
	w := newWorld(t, plainRules)
	up := false
	w.recorder.transports[1].Up = func() bool { return up }
	page, leave := w.recorder.join("")
	defer leave()
	up = true
	w.now = w.now.Add(time.Minute)
	w.step(w.now, engine.Message{Transport: "verto", Type: engine.TransportUp, At: w.now, Body: json.RawMessage(`{}`)})
	<-page.wake
	n := w.recorder.take(page, false)
	if len(n.transports) != 2 || !n.transports[1].Up || !n.transports[1].Since.Equal(w.now) {
		t.Errorf("%+v", n.transports)
	}
	up = false
	var s State
	w.get("/api/state", &s)
	<-page.wake
	n = w.recorder.take(page, false)
	if s.Transports[1].Up || len(n.transports) != 2 || n.transports[1].Up {
		t.Errorf("%+v, %+v", s.Transports, n.transports)
	}
	if n := w.recorder.take(page, true); n.transports != nil || n.rules != nil || n.calls != nil || n.steps != nil {
		t.Errorf("it is told again: %+v", n)
	}
}

// A page that is too far behind is let go; it has to ask anew.
func TestAPageThatIsTooFarBehind(t *testing.T) {
	w := newWorld(t, plainRules)
	id := w.says("m.call.invite", "one", `,"number":"1"`)[0].Call
	page, leave := w.recorder.join(id)
	for range backlog {
		w.says("m.call.negotiate", "one", `,"party_id":"1"`)
	}
	if n := w.recorder.take(page, true); n.behind || len(n.steps) != backlog || len(n.calls) != 1 {
		t.Errorf("%d steps, %d calls, behind: %v", len(n.steps), len(n.calls), n.behind)
	}
	for range backlog + 1 {
		w.says("m.call.negotiate", "one", `,"party_id":"1"`)
	}
	if n := w.recorder.take(page, true); !n.behind || len(n.steps) != 0 {
		t.Errorf("%d steps, behind: %v", len(n.steps), n.behind)
	}
	leave()
	leave()
	if len(w.recorder.readers) != 0 {
		t.Error("it is still told")
	}
}

func TestTooManyPages(t *testing.T) {
	w := newWorld(t, plainRules)
	for range mostPages {
		_, leave := w.recorder.join("")
		defer leave()
	}
	answer := httptest.NewRecorder()
	w.api.ServeHTTP(answer, asksForEvents())
	if answer.Code != 503 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// However many calls change, one event tells of a bounded number.
func TestManyCallsChange(t *testing.T) {
	w := newWorld(t, plainRules)
	page, leave := w.recorder.join("")
	defer leave()
	for i := range mostChanged + 10 {
		w.says("m.call.invite", fmt.Sprint("call", i), `,"number":"1"`)
	}
	for _, want := range []int{mostChanged, 10, 0} {
		if n := w.recorder.take(page, true); len(n.calls) != want {
			t.Errorf("%d calls, want %d", len(n.calls), want)
		}
	}
}

// A pipe is an answer that somebody reads, or does not.
type pipe struct {
	header http.Header
	wrote  func(string) error
}

func (p *pipe) Header() http.Header              { return p.header }
func (p *pipe) WriteHeader(int)                  {}
func (p *pipe) Flush()                           {}
func (p *pipe) Write(text []byte) (int, error)   { return len(text), p.wrote(string(text)) }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// Calls are told of four times a second at most, and a page that hears nothing is
// told that it is connected.
func TestHowOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainRules)
		ctx, cancel := context.WithCancel(t.Context())
		texts := make(chan string, 100)
		over := make(chan struct{})
		go func() {
			defer close(over)
			request := asksForEvents().WithContext(ctx)
			w.api.ServeHTTP(&pipe{http.Header{}, func(text string) error {
				texts <- text
				return nil
			}}, request)
		}()
		synctest.Wait()
		for i := range 200 {
			w.says("m.call.invite", fmt.Sprint("call", i), `,"number":"1"`)
			time.Sleep(5 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(texts); n < 4 || n > 6 { // the welcome, and a second's worth
			t.Errorf("told %d times", n)
		}
		time.Sleep(aliveEvery)
		synctest.Wait()
		last := ""
		for len(texts) > 0 {
			last = <-texts
		}
		if last != ": alive\n\n" {
			t.Errorf("the last is %q", last)
		}
		cancel()
		<-over
	})
}

// A page that is gone is told nothing more.
func TestAPageThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plainRules)
		broken := &pipe{http.Header{}, func(text string) error {
			if strings.HasPrefix(text, "event") {
				return http.ErrAbortHandler
			}
			return nil
		}}
		over := make(chan struct{})
		go func() {
			defer close(over)
			w.api.ServeHTTP(broken, asksForEvents().WithContext(t.Context()))
		}()
		synctest.Wait()
		w.says("m.call.invite", "one", `,"number":"1"`)
		<-over
		if len(w.recorder.readers) != 0 {
			t.Error("it is still told")
		}
	})
}

// Whoever does not ask for a stream gets none: what a page takes for a picture
// would hold it open.
func TestAStreamIsAskedFor(t *testing.T) {
	w := newWorld(t, plainRules)
	for _, accept := range []string{"", "image/avif,image/webp,*/*;q=0.8"} {
		request := asksForEvents()
		request.Header.Set("Accept", accept)
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, request)
		if answer.Code != 406 {
			t.Errorf("%q: %d", accept, answer.Code)
		}
	}
}
