package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vertigo/engine"
)

// How often a page is told of calls at most, how often it hears that it is still
// connected, and how long it may take to read.
const (
	callsEvery  = 250 * time.Millisecond
	aliveEvery  = 15 * time.Second
	readsWithin = 10 * time.Second
)

const eventStream = "text/event-stream"

// events tells one page what happens, as server-sent events (HTML standard,
// section 9.2), until it goes or is too slow.
func (a *API) events(w http.ResponseWriter, r *http.Request) {
	// Whoever takes it for a picture or a script gets no stream that never ends.
	if !strings.Contains(r.Header.Get("Accept"), eventStream) {
		http.Error(w, "this is a stream of events: ask for "+eventStream, http.StatusNotAcceptable)
		return
	}
	call := engine.CallID(r.FormValue("call"))
	page, leave := a.recorder.join(call)
	if page == nil {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	stream := &stream{w: w, control: http.NewResponseController(w)}
	_, before, _, _ := a.recorder.story(call)
	stream.teller.meet(before)
	_ = stream.control.SetReadDeadline(time.Time{}) // that of the server is for requests that end; one without deadlines has none
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("X-Accel-Buffering", "no") // a proxy is to hold nothing back
	stream.comment("welcome")
	calls, alive := time.NewTicker(callsEvery), time.NewTicker(aliveEvery)
	defer calls.Stop()
	defer alive.Stop()
	for stream.err == nil {
		tick := false
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			stream.comment("alive")
			continue
		case <-page.wake:
		case <-calls.C:
			tick = true
		}
		n := a.recorder.take(page, tick)
		if n.behind {
			return
		}
		stream.tell(string(page.call), n)
	}
}

// A stream writes events until one of them cannot be written.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	teller  teller
	err     error
}

func (s *stream) tell(call string, n news) {
	for _, one := range n.steps {
		s.event("step", struct {
			Call string `json:"call"`
			Step Step   `json:"step"`
		}{call, s.teller.step(one)})
	}
	if len(n.calls) > 0 {
		s.event("calls", struct {
			Calls []Call `json:"calls"`
		}{n.calls})
	}
	if n.rules != nil {
		s.event("rules", n.rules)
	}
	if n.transports != nil {
		s.event("transports", n.transports)
	}
}

func (s *stream) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // all that is told marshals
	}
	s.write(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data))
}

func (s *stream) comment(text string) { s.write([]byte(": " + text + "\n\n")) }

func (s *stream) write(text []byte) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(readsWithin)) // a writer that has none never blocks
	if _, s.err = s.w.Write(text); s.err == nil {
		s.err = s.control.Flush()
	}
}
