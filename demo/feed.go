package demo

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"vertigo/engine"
)

// A step is one thing that the engine did, as the page shows it.
type step struct {
	At        time.Time `json:"at"`
	Transport string    `json:"transport"`
	Type      string    `json:"type"`
	Outcome   string    `json:"outcome"`
	Call      string    `json:"call,omitempty"`
	Rule      string    `json:"rule,omitempty"`
	Place     string    `json:"place,omitempty"` // file and line of the rule
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Began     bool      `json:"began,omitempty"`
	Ended     bool      `json:"ended,omitempty"`
	Error     string    `json:"error,omitempty"`
	Body      any       `json:"body,omitempty"`
	Sent      []sent    `json:"sent,omitempty"`
}

// sent is a message that a rule asked for.
type sent struct {
	To      string            `json:"to"`
	Type    string            `json:"type"`
	Address map[string]string `json:"address,omitempty"`
	Body    any               `json:"body,omitempty"`
}

func stepOf(t engine.Trace) step {
	m := t.Message
	s := step{
		At: t.Now, Transport: m.Transport, Type: m.Type, Outcome: string(t.Outcome), Call: string(t.Call),
		From: t.From, To: t.To, Ended: t.Ended, Body: readable(m.Body),
	}
	if t.Rule != nil {
		s.Rule, s.Place = t.Rule.Name, t.Rule.Pos
		s.Began = t.Outcome == engine.Fired && t.Rule.New && t.From == "" && t.To != ""
	}
	if t.Err != nil {
		s.Error = t.Err.Error()
	}
	for _, a := range t.Actions {
		s.Sent = append(s.Sent, sent{a.To, a.Type, a.Address, readable(a.Body)})
	}
	return s
}

// readable is JSON as it is, and what is none as text.
func readable(body json.RawMessage) any {
	switch {
	case len(body) == 0:
		return nil
	case json.Valid(body):
		return body
	}
	return string(body)
}

// backlog is how many messages a page may be behind.
const backlog = 512

// A feed tells open pages what happens, as server-sent events. It keeps nothing
// for those that come later.
type feed struct {
	open  atomic.Int32 // pages
	mu    sync.Mutex
	pages map[chan []byte]struct{}
}

// tell tells all open pages of what make gives, under that name. It waits for
// none of them: one that is too far behind is let go, and asks anew. While no page
// is open make is not called.
func (f *feed) tell(name string, make func() any) {
	if f.open.Load() == 0 {
		return
	}
	data, err := json.Marshal(make())
	if err != nil {
		panic(err) // all that is told marshals
	}
	message := fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
	f.mu.Lock()
	defer f.mu.Unlock()
	for page := range f.pages {
		select {
		case page <- message:
		default:
			f.remove(page)
		}
	}
}

// join gives what happens from now on, until leave is called; the channel is
// closed where the page is let go.
func (f *feed) join() (messages <-chan []byte, leave func()) {
	page := make(chan []byte, backlog)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pages == nil {
		f.pages = map[chan []byte]struct{}{}
	}
	f.pages[page] = struct{}{}
	f.open.Add(1)
	return page, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.remove(page)
	}
}

// remove lets a page go, once. The caller holds mu.
func (f *feed) remove(page chan []byte) {
	if _, there := f.pages[page]; there {
		delete(f.pages, page)
		f.open.Add(-1)
		close(page)
	}
}
