package engine

import "errors"

// Messages that come before their call, such as candidates that overtook their
// invite, wait here for a rule that begins it.
type waiting struct {
	messages []early
	over     *deadline
}

// An early message came before its call.
type early struct {
	Message
	given Given
}

var errTooManyWait = errors.New("too many messages wait for a call that has not begun")

// wait keeps a message whose key no call has yet.
func (e *Engine) wait(key callKey, m *Message) {
	w := e.waiting[key]
	if e.waitCount >= e.limits.Waiting || e.waitBytes+len(m.Body) > e.limits.WaitingBytes ||
		w != nil && len(w.messages) >= e.limits.WaitingPer {
		e.tell(nil, Trace{Message: m, Outcome: Failed, Err: errTooManyWait})
		return
	}
	if w == nil {
		w = &waiting{over: &deadline{kind: waitingOver, key: key, index: -1}}
		e.waiting[key] = w
		e.deadlines.start(w.over, e.now.Add(e.limits.WaitFor))
	}
	w.messages = append(w.messages, early{*m, e.given})
	e.waitCount++
	e.waitBytes += len(m.Body)
	e.tell(nil, Trace{Message: m, Outcome: Waiting})
}

// takeWaiting returns what waits for a key and forgets it.
func (e *Engine) takeWaiting(key callKey) []early {
	w := e.waiting[key]
	if w == nil {
		return nil
	}
	delete(e.waiting, key)
	e.deadlines.stop(w.over)
	e.waitCount -= len(w.messages)
	for i := range w.messages {
		e.waitBytes -= len(w.messages[i].Body)
	}
	return w.messages
}

func (e *Engine) giveUpWaiting(key callKey) {
	e.waited = true
	defer func() { e.waited = false }()
	for _, m := range e.takeWaiting(key) {
		e.given = m.given
		e.tell(nil, Trace{Message: &m.Message, Outcome: Unmatched})
	}
}

// release handles the messages whose call has begun meanwhile.
func (e *Engine) release() {
	e.waited = true
	defer func() { e.waited = false }()
	for len(e.released) > 0 {
		m := e.released[0]
		e.released = e.released[1:]
		e.given = m.given
		e.receive(&m.Message)
	}
	e.released = nil
}
