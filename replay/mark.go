package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// self is the engine among the participants of a ladder.
const self = "vertigo"

// A markKind says how a mark looks.
type markKind int

const (
	markLine  markKind = iota // across the whole ladder
	markArrow                 // a message on its way
	markWord                  // what the engine says to itself, or into a transport without a column
	markNote                  // what became of a message
)

// A mark is one thing that a ladder shows. Ladders of all formats show the same
// marks, from the top down.
type mark struct {
	kind  markKind
	event *Event // nil where the capture ends
	sent  *Sent  // what goes out; nil for all else

	from, to string // participants, of an arrow
	text     string // the message's type, the rule's name, what happened
	detail   string // the one value of a message that says most, the change of state
	outcome  engine.Outcome
}

// A telling turns events into marks.
type telling struct {
	columns []string
	marks   []mark
	waiting map[*byte]bool // bodies of messages that were shown as they came, and waited for their call
}

// tell gives all marks of a ladder with these participants.
func (l *Ladder) tell(participants []string) []mark {
	t := &telling{columns: participants, waiting: map[*byte]bool{}}
	if len(l.events) == 0 || l.events[0].CaptureEnd {
		t.add(mark{kind: markLine, text: "no message of this capture is for the rules"})
	}
	over := false // the capture is, and nothing has happened since
	for i := range l.events {
		e := &l.events[i]
		if e.CaptureEnd {
			over = true
			continue
		}
		if over {
			over = false
			t.add(mark{kind: markLine, text: "the capture ends here; what follows is time alone"})
		}
		t.event(e)
	}
	return t.marks
}

func (t *telling) add(m mark) { t.marks = append(t.marks, m) }

// event tells one event: its message, what became of it and what was sent.
func (t *telling) event(e *Event) {
	ends := isCallEnd(&e.Message)
	switch {
	case e.Again:
	case ends:
		t.add(mark{kind: markLine, event: e, text: callEnds(e.Message.Body)})
	default:
		t.message(e)
	}
	if !ends || e.Trace.Outcome == engine.Failed || e.Trace.Outcome == engine.Fired && len(e.Sent) > 0 {
		t.outcome(e)
	}
	for i := range e.Sent {
		t.sent(e, &e.Sent[i])
	}
}

func isCallEnd(m *engine.Message) bool { return m.Transport == ownTransport && m.Type == "call.end" }

// callEnds says how a call ended.
func callEnds(body []byte) string {
	v := gjson.ParseBytes(body)
	text := "the call ends"
	if cause := v.Get("cause").String(); cause != "" {
		text += ": " + cause
	}
	return fmt.Sprintf("%s, after %s", text, time.Duration(v.Get("duration").Int())*time.Millisecond)
}

// message tells what arrived.
func (t *telling) message(e *Event) {
	m := &e.Message
	k := mark{kind: markArrow, event: e, from: m.Transport, to: self, text: m.Type, detail: detail(m.Body)}
	if k.text == "" {
		k.text = "(unreadable)"
	}
	body := start(m.Body)
	switch {
	case m.Transport == ownTransport:
		k.kind, k.detail = markWord, ""
	case t.waiting[body]:
		k.kind, k.detail = markWord, ""
		k.text += " that waited"
	}
	if e.Trace.Outcome == engine.Waiting {
		t.waiting[body] = true
	}
	t.add(k)
}

// start identifies a message by its body, which the engine keeps as it is.
func start(body []byte) *byte {
	if len(body) == 0 {
		return nil
	}
	return &body[0]
}

// outcome tells what became of a message.
func (t *telling) outcome(e *Event) {
	k := mark{kind: markNote, event: e, outcome: e.Trace.Outcome}
	switch e.Trace.Outcome {
	case engine.Fired:
		k.text, k.detail = e.Trace.Rule.Name, stateChange(&e.Trace)
		if isCallEnd(&e.Message) {
			k.detail = ""
		}
	case engine.Failed:
		k.text = "FAILED: " + e.Trace.Err.Error()
	case engine.Unmatched:
		k.text = "no rule is for it"
	case engine.Waiting:
		k.text = "it waits for its call to begin"
	case engine.Late:
		if strings.HasSuffix(e.Message.Type, ".ok") {
			return // that a goodbye was taken is as it should be
		}
		k.text = "too late: its call has ended"
	default:
		return
	}
	t.add(k)
}

// stateChange says what became of the call's state; "" if it is what it was.
func stateChange(t *engine.Trace) string {
	switch {
	case t.From == t.To || t.To == "":
		return ""
	case t.Connection != "" && t.From == "":
		return "the connection begins → " + t.To
	case t.Connection != "":
		return "the connection: " + t.From + " → " + t.To
	case t.From == "":
		return "a call begins → " + t.To
	}
	return t.From + " → " + t.To
}

func (t *telling) sent(e *Event, s *Sent) {
	if slices.Contains(t.columns, s.To) {
		t.add(mark{kind: markArrow, event: e, sent: s, from: self, to: s.To, text: s.Type, detail: detail(s.Body)})
		return
	}
	t.add(mark{kind: markWord, event: e, sent: s, text: "into " + s.To + ": " + s.Type})
}

// start is the time from which a ladder counts.
func (l *Ladder) start() time.Time {
	if len(l.events) == 0 {
		return time.Time{}
	}
	return l.events[0].Trace.Now
}

// participants are the columns: the engine stands after the first transport
// that has a part in the replay. Mute peers have none.
func (l *Ladder) participants() []string {
	seen := map[string]bool{}
	for _, e := range l.events {
		seen[e.Message.Transport] = true
		for _, s := range e.Sent {
			seen[s.To] = true
		}
	}
	var names []string
	for _, p := range l.peers {
		if seen[p.Name] && !p.Shape.Mute {
			names = append(names, p.Name)
		}
	}
	return slices.Insert(names, min(1, len(names)), self)
}

// manyCalls says whether marks have to say which call they are about.
func (l *Ladder) manyCalls() bool {
	var first engine.CallID
	for _, e := range l.events {
		switch call := e.Trace.Call; {
		case call == "" || call == first:
		case first == "":
			first = call
		default:
			return true
		}
	}
	return false
}

// tagLength is how much of a call's id tells calls apart.
const tagLength = 8

func callTag(id engine.CallID) string { return string(id[:min(len(id), tagLength)]) }

// tagOf tells conversations apart: a connection is called like its transport.
func tagOf(t *engine.Trace) string {
	if t.Connection != "" {
		return t.Connection[:min(len(t.Connection), tagLength)]
	}
	return callTag(t.Call)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
