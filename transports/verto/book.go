package verto

import (
	"encoding/json"
	"slices"
	"sync"

	"vertigo/engine"
)

// queueLimit is how many requests may wait on one socket.
const queueLimit = 256

// Why a request was not sent, or not answered, as its .error message words it.
const (
	notConnected   = "not connected"
	connectionLost = "connection lost"
	queueFull      = "too many requests are waiting on this connection"
)

// A phase is how far an account's socket is.
type phase int

const (
	down  phase = iota
	open        // logged in: for the calls that are on it
	ready       // for new calls too
)

// An account is one login and what waits for its socket. All but Account and
// wake belong to the book.
type account struct {
	Account
	index int
	wake  chan struct{} // capacity 1: something was queued

	phase phase
	life  int // counts its sockets
	live  int // calls on it that were not ended from here
	queue []queuedAction
}

type queuedAction struct {
	engine.Action
	own bool // asked by the transport itself
}

// A dialog is a call at the server, as far as the transport must know it: on
// which account it is, so that all its requests keep to one socket in order,
// and whether the server has to be told of its end yet.
type dialog struct {
	account  *account
	life     int             // the socket that it was last known to be on
	known    bool            // the server has said that it exists
	bye      json.RawMessage // params of the bye it was sent or is owed; nil while it lives
	doubtful bool            // its invite or bye found no answer in time
	lost     bool            // with its socket; the server has not given it back yet
}

// A book says which call is on which account's socket. It never waits, and any
// goroutine may use it.
type book struct {
	accounts []*account

	mu      sync.Mutex
	dialogs map[string]*dialog // by callID
	ready   int                // accounts that are ready
	retried uint64             // byes that a lost socket left owing, and the next one took
}

func newBook(accounts []Account) *book {
	b := &book{dialogs: make(map[string]*dialog)}
	for i, a := range accounts {
		b.accounts = append(b.accounts, &account{Account: a, index: i, wake: make(chan struct{}, 1)})
	}
	return b
}

func (b *book) up() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready > 0
}

// route puts a in the queue of the socket that it belongs to. It returns why
// it could not.
func (b *book) route(a engine.Action) (problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.dialogs[a.Key]
	if d == nil {
		return b.routeNew(a)
	}
	// A bye is remembered until the server has answered it: a call that it
	// brings back after a lost socket would go on, silent and paid for. Being
	// one a call, it needs no room in the queue's limit.
	bye := a.Type == "verto.bye" && d.bye == nil
	if bye {
		b.end(d, byeBody(a))
	}
	switch {
	case d.account.phase == down:
		return notConnected
	case !bye && len(d.account.queue) >= queueLimit:
		return queueFull
	}
	d.account.push(queuedAction{Action: a})
	return ""
}

// routeNew queues a request that is about no call on any socket. An invite
// begins one, on the socket that has the fewest.
func (b *book) routeNew(a engine.Action) (problem string) {
	var to *account
	for _, one := range b.accounts {
		if one.phase == ready && (to == nil || one.live < to.live) {
			to = one
		}
	}
	switch {
	case to == nil:
		return notConnected
	case len(to.queue) >= queueLimit:
		return queueFull
	}
	if a.Type == "verto.invite" && a.Key != "" {
		b.begin(a.Key, to)
	}
	to.push(queuedAction{Action: a})
	return ""
}

func (b *book) begin(key string, a *account) *dialog {
	d := &dialog{account: a, life: a.life}
	b.dialogs[key] = d
	a.live++
	return d
}

// end notes that the call is over for the rules; the server is to hear it.
func (b *book) end(d *dialog, bye json.RawMessage) {
	d.bye = bye
	d.account.live--
}

func (b *book) forget(key string) {
	d := b.dialogs[key]
	if d == nil {
		return
	}
	if d.bye == nil {
		d.account.live--
	}
	delete(b.dialogs, key)
}

// of gives the calls on a, in an order that is always the same.
func (b *book) of(a *account) []string {
	var keys []string
	for key, d := range b.dialogs {
		if d.account == a {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// asked notes a request of the server about a call.
func (b *book) asked(a *account, method, key string) {
	if key == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.dialogs[key]
	switch {
	case method == "verto.bye":
		b.forget(key)
		return
	case d == nil && method != "verto.invite" && method != "verto.attach":
		return
	case d == nil:
		d = b.begin(key, a)
	}
	d.known, d.lost = true, false
}

// answered notes a response to a request of ours. A failed invite of a call
// that exists leaves it as it is: that is what mod_verto says of a callID that
// is in use.
func (b *book) answered(r sentRequest, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.dialogs[r.key]
	if d == nil {
		return
	}
	switch {
	case r.method == "verto.bye", r.method == "verto.invite" && failed && !d.known:
		b.forget(r.key)
	case r.method == "verto.invite":
		d.known = true
	}
}

// unsent notes a request that could not go out on a socket that is up.
func (b *book) unsent(a engine.Action) {
	b.answered(sentRequest{a.Type, a.Key}, true)
}

// unanswered notes a request that found no response in time.
func (b *book) unanswered(r sentRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.dialogs[r.key]; d != nil && (r.method == "verto.bye" || r.method == "verto.invite") {
		d.doubtful = true
	}
}

// alive notes that a probe was answered. The server answers in order, so it
// has done with the requests before it that found no response.
func (b *book) alive(a *account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range b.of(a) {
		if d := b.dialogs[key]; d.doubtful && (d.bye != nil || !d.known) {
			b.forget(key)
		}
	}
}

// opened notes that a has logged in on a new socket.
func (b *book) opened(a *account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.life++
	a.phase = open
}

// reattached notes which of a's earlier calls the server still has, and gives
// those that it has not and that the rules don't know to be over. A call that
// is back but has been ended meanwhile gets its bye now.
func (b *book) reattached(a *account, keys []string) (gone []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range b.of(a) {
		d := b.dialogs[key]
		switch {
		case d.life == a.life:
		case !slices.Contains(keys, key):
			if d.bye == nil {
				gone = append(gone, key)
			}
			b.forget(key)
		default:
			d.life, d.known, d.doubtful, d.lost = a.life, true, false, false
			if d.bye != nil {
				b.retried++
				a.push(queuedAction{engine.Action{Type: "verto.bye", Key: key, Body: d.bye}, true})
			}
		}
	}
	return gone
}

// becameReady notes that new calls may go to a, and calls first if no account
// was ready before.
func (b *book) becameReady(a *account, first func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.phase = ready
	b.ready++
	if b.ready == 1 {
		first()
	}
}

// lost notes that a's socket is gone, calls last if no account is ready any
// more, and gives what was still queued. The calls stay: the server may give
// them back. unanswered are the requests that were under way.
func (b *book) lost(a *account, unanswered []*sentAction, last func()) []queuedAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.phase == ready {
		b.ready--
		if b.ready == 0 {
			last()
		}
	}
	a.phase = down
	queue := a.queue
	a.queue = nil
	for _, r := range unanswered {
		b.dropInvite(r.sentRequest)
	}
	for _, q := range queue {
		b.dropInvite(sentRequest{q.Type, q.Key})
	}
	return queue
}

// suspended gives the calls that a's socket takes with it and that the server
// may bring back: those that it has said to exist and that the rules don't know
// to be over.
func (b *book) suspended(a *account) (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range b.of(a) {
		if d := b.dialogs[key]; d.known && d.bye == nil && !d.lost {
			d.lost = true
			keys = append(keys, key)
		}
	}
	return keys
}

// dropInvite forgets a call of which the server never said that it exists. It
// ends such calls with their socket.
func (b *book) dropInvite(r sentRequest) {
	if d := b.dialogs[r.key]; r.method == "verto.invite" && d != nil && !d.known {
		b.forget(r.key)
	}
}

// giveUp gives the calls on a that the rules don't know to be over, and counts
// them as gone. If the server brings one back all the same, it gets a bye.
func (b *book) giveUp(a *account) (gone []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range b.of(a) {
		d := b.dialogs[key]
		if d.life == a.life && a.phase != down {
			continue // begun on a socket that is up
		}
		if d.bye == nil {
			gone = append(gone, key)
			b.end(d, byeParams(key))
		}
	}
	return gone
}

// abandon forgets all calls on a, whose session is no longer ours, and gives
// those that the rules don't know to be over.
func (b *book) abandon(a *account) (gone []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range b.of(a) {
		if b.dialogs[key].bye == nil {
			gone = append(gone, key)
		}
		b.forget(key)
	}
	return gone
}

// has reports whether any call is on a.
func (b *book) has(a *account) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.of(a)) > 0
}

// pop takes the next request from a's queue.
func (b *book) pop(a *account) (queuedAction, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(a.queue) == 0 {
		a.queue = nil
		return queuedAction{}, false
	}
	q := a.queue[0]
	a.queue[0] = queuedAction{}
	a.queue = a.queue[1:]
	return q, true
}

// waiting reports whether a's queue holds anything.
func (b *book) waiting(a *account) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(a.queue) > 0
}

// stats says how many requests wait on all sockets, and how many had to be sent
// again.
func (b *book) stats() (queued int, retried uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.accounts {
		queued += len(a.queue)
	}
	return queued, b.retried
}

// push is called with the book locked.
func (a *account) push(q queuedAction) {
	a.queue = append(a.queue, q)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// byeBody is what a says, which is never nil.
func byeBody(a engine.Action) json.RawMessage {
	if len(a.Body) == 0 {
		return byeParams(a.Key)
	}
	return a.Body
}
