package httpjson

import (
	"sync"

	"vertigo/engine"
)

// nobodyWaits is why an answer cannot be given.
const nobodyWaits = "nobody waits for this answer: a request is answered by the time that the rules are done with it, once"

// A request of the peer waits for the engine.
type request struct {
	seen   chan struct{} // closed when the engine has
	answer chan answer   // has room for one
}

// An answer is what a rule says to a request.
type answer struct {
	status int
	body   []byte
}

// requests are those that wait, by id. Any goroutine may use them.
type requests struct {
	mu   sync.Mutex
	byID map[string]*request
}

func (r *requests) add(id string) *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[string]*request{}
	}
	one := &request{seen: make(chan struct{}), answer: make(chan answer, 1)}
	r.byID[id] = one
	return one
}

func (r *requests) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}

// reply gives a request its answer. It reports false where nobody waits for one.
func (r *requests) reply(id string, with answer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byID[id]
	if one == nil {
		return false
	}
	select {
	case one.answer <- with:
		return true
	default:
		return false
	}
}

// seen tells the requests among these messages that the engine has seen them:
// what is said from now on comes too late.
func (r *requests) seen(batch []engine.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range batch {
		if one := r.byID[m.ID]; one != nil {
			delete(r.byID, m.ID)
			close(one.seen)
		}
	}
}

// reply answers a request of the peer.
func (t *Transport) reply(a engine.Action) {
	status, err := statusOf(a)
	if err != nil {
		t.refuse(a, err.Error())
		return
	}
	if !t.asked.reply(a.Address["request"], answer{status, a.Body}) {
		t.refuse(a, nobodyWaits)
		return
	}
	t.inbox.Record("out", "", t.codec.Frame(a))
}
