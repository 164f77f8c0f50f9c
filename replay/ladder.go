package replay

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

// Width is how wide a ladder is, in terminal columns.
const Width = 80

// self is the column of the engine among those of the transports.
const self = "vertigo"

// A Ladder draws a replay as a message sequence: a column for each transport,
// an arrow for each message, and under it the rule that acted on it.
type Ladder struct {
	events []Event
	peers  []Peer
}

// NewLadder returns a ladder for a replay with these peers.
func NewLadder(peers []Peer) *Ladder { return &Ladder{peers: peers} }

// Add adds an event; it is what [Play] calls.
func (l *Ladder) Add(e Event) { l.events = append(l.events, e) }

// Write draws all that was added under a title.
func (l *Ladder) Write(w io.Writer, title string) error {
	d := &drawing{out: bufio.NewWriter(w), started: l.start(), waiting: map[*byte]bool{}}
	d.place(l.participants(), l.manyCalls())
	d.line(cut(title, Width))
	d.header()
	if len(l.events) == 0 || l.events[0].CaptureEnd {
		d.rule("no message of this capture is for the rules")
	}
	for i := range l.events {
		d.event(&l.events[i])
	}
	d.line("")
	return d.out.Flush()
}

// start is the time from which the ladder counts.
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

// manyCalls says whether rows have to say which call they are about.
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

// A drawing is a ladder being written.
type drawing struct {
	out     *bufio.Writer
	started time.Time
	names   []string
	at      map[string]int // the columns of the life lines
	tags    bool           // each row says which call it is about
	time    string         // that was written last
	waiting map[*byte]bool // bodies of messages that were drawn as they came, and waited for their call

	captureOver bool // and nothing has been drawn since
}

const (
	timeWidth = 10
	tagWidth  = 9
	notesFrom = 3 // columns after the first life line
)

// place gives each participant its column.
func (d *drawing) place(names []string, tags bool) {
	d.names, d.tags, d.at = names, tags, map[string]int{}
	left := timeWidth + 4
	if tags {
		left += tagWidth
	}
	right := Width - 4
	for i, name := range names {
		x := left
		if len(names) > 1 {
			x += (right - left) * i / (len(names) - 1)
		}
		d.at[name] = x
	}
}

func (d *drawing) header() {
	row := newRow()
	before := 0
	for i, name := range d.names {
		room := Width - before
		if i+1 < len(d.names) {
			room = (d.at[d.names[i+1]] - d.at[name]) - 1
		}
		name = cut(name, max(room, 1))
		x := min(max(d.at[d.names[i]]-width(name)/2, before), Width-width(name))
		row.put(x, name)
		before = x + width(name) + 1
	}
	d.row(row)
	d.row(d.lifelines())
}

// event draws one event: its message, what became of it and what was sent.
func (d *drawing) event(e *Event) {
	if e.CaptureEnd {
		d.captureOver = true
		return
	}
	if d.captureOver {
		d.captureOver = false
		d.rule("the capture ends here; what follows is time alone")
	}
	t, m := &e.Trace, &e.Message
	if isCallEnd(m) {
		d.callEnd(e)
		return
	}
	if !e.Again {
		d.message(e)
	}
	switch t.Outcome {
	case engine.Fired:
		d.notes(t, fired(t)...)
	case engine.Failed:
		d.notes(t, wrap("!! FAILED: "+t.Err.Error(), d.noteRoom())...)
	case engine.Unmatched:
		d.notes(t, "?? no rule is for it")
	case engine.Waiting:
		d.notes(t, ".. it waits for its call to begin")
	case engine.Late:
		if !strings.HasSuffix(t.Message.Type, ".ok") { // that a goodbye was taken is as it should be
			d.notes(t, "-- too late: its call has ended")
		}
	}
	d.sent(e)
}

func isCallEnd(m *engine.Message) bool { return m.Transport == ownTransport && m.Type == "call.end" }

// message draws what arrived.
func (d *drawing) message(e *Event) {
	m := &e.Message
	label := m.Type
	if label == "" {
		label = "(unreadable)"
	}
	row := d.begin(&e.Trace)
	body := start(m.Body)
	switch {
	case m.Transport == ownTransport:
		d.self(row, label)
	case d.waiting[body]:
		d.self(row, label+" that waited")
	default:
		d.arrow(row, m.Transport, self, label, detail(m.Body))
	}
	if e.Trace.Outcome == engine.Waiting {
		d.waiting[body] = true
	}
	d.row(row)
}

// start identifies a message by its body, which the engine keeps as it is.
func start(body []byte) *byte {
	if len(body) == 0 {
		return nil
	}
	return &body[0]
}

// self draws what comes from the engine itself.
func (d *drawing) self(row *row, label string) {
	x := d.at[self]
	label = cut(label, Width-4)
	if x+2+width(label) > Width {
		x -= width(label) + 3
	}
	row.put(d.at[self], "*")
	row.put(x+2, label)
}

// fired says by which rule, and what became of the call.
func fired(t *engine.Trace) []string {
	name := "by: " + t.Rule.Name
	if t.From == t.To || t.To == "" {
		return []string{name}
	}
	state := t.From + " → " + t.To
	if t.From == "" {
		state = "a call begins → " + t.To
	}
	return []string{name, state}
}

func (d *drawing) sent(e *Event) {
	for _, s := range e.Sent {
		row := d.begin(&e.Trace)
		if _, speaks := d.at[s.To]; speaks {
			d.arrow(row, self, s.To, s.Type, detail(s.Body))
		} else {
			d.self(row, "into "+s.To+": "+s.Type)
		}
		d.row(row)
	}
}

// callEnd draws the line under a call, and what rules made of its end.
func (d *drawing) callEnd(e *Event) {
	if !e.Again {
		d.callEnds(e)
	}
	switch {
	case e.Trace.Outcome == engine.Fired && len(e.Sent) > 0:
		d.notes(&e.Trace, "by: "+e.Trace.Rule.Name)
	case e.Trace.Outcome == engine.Failed:
		d.notes(&e.Trace, wrap("!! FAILED: "+e.Trace.Err.Error(), d.noteRoom())...)
	}
	d.sent(e)
}

func (d *drawing) callEnds(e *Event) {
	body := gjson.ParseBytes(e.Message.Body)
	text := "the call ends"
	if cause := body.Get("cause").String(); cause != "" {
		text += ": " + cause
	}
	took := time.Duration(body.Get("duration").Int()) * time.Millisecond
	text += fmt.Sprintf(", after %s", took)
	tag := ""
	if d.tags {
		tag = callTag(e.Trace.Call) + " "
	}
	d.rule(tag + text)
}

// begin starts a row with the time, if it is another one than before, and the
// call.
func (d *drawing) begin(t *engine.Trace) *row {
	row := d.lifelines()
	text := seconds(t.Now.Sub(d.started))
	if text != d.time {
		d.time = text
		row.put(timeWidth-width(text), text)
	}
	if d.tags && t.Call != "" {
		row.put(timeWidth+1, callTag(t.Call))
	}
	return row
}

// callTag is enough of a call's id to tell calls apart.
func callTag(id engine.CallID) string { return string(id[:min(len(id), tagWidth-1)]) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// lifelines is a row with nothing but the life lines.
func (d *drawing) lifelines() *row {
	row := newRow()
	for _, name := range d.names {
		row.put(d.at[name], "│")
	}
	return row
}

// arrow draws a message on its way, with as much of the label as there is room
// for.
func (d *drawing) arrow(row *row, from, to, label, detail string) {
	a, b := d.at[from], d.at[to]
	left, right := min(a, b), max(a, b)
	for x := left + 1; x < right; x++ {
		row.put(x, "─")
	}
	if a < b {
		row.put(right-1, ">")
	} else {
		row.put(left+1, "<")
	}
	room := right - left - 7
	if full := label + " " + detail; detail != "" && width(full) <= room {
		label = full
	}
	if room > 0 {
		row.put(left+3, " "+cut(label, room)+" ")
	}
}

// notes writes lines under a message.
func (d *drawing) notes(t *engine.Trace, texts ...string) {
	if len(texts) == 2 && width(texts[0])+width(texts[1])+3 <= d.noteRoom() {
		texts = []string{texts[0] + "   " + texts[1]}
	}
	for _, text := range texts {
		row := d.begin(t)
		row.put(d.at[d.names[0]]+notesFrom-1, " "+cut(text, d.noteRoom())+" ")
		d.row(row)
	}
}

func (d *drawing) noteRoom() int { return Width - d.at[d.names[0]] - notesFrom - 1 }

// rule draws a line across all columns.
func (d *drawing) rule(text string) {
	row := newRow()
	for x := timeWidth + 1; x < Width; x++ {
		row.put(x, "─")
	}
	row.put(timeWidth+3, " "+cut(text, Width-timeWidth-6)+" ")
	d.row(row)
}

func (d *drawing) row(r *row) { d.line(r.String()) }

func (d *drawing) line(text string) { fmt.Fprintln(d.out, text) }

// A row is one line of a terminal.
type row [Width]rune

func newRow() *row {
	var r row
	for i := range r {
		r[i] = ' '
	}
	return &r
}

// put writes text from column x on; what has no room is lost.
func (r *row) put(x int, text string) {
	for _, c := range text {
		if x >= 0 && x < Width {
			r[x] = c
		}
		x++
	}
}

func (r *row) String() string { return strings.TrimRight(string(r[:]), " ") }

// cut shortens text to n columns. What may not stand in a terminal, or is not
// one column wide, becomes "?": names and causes come from rules and peers.
func cut(text string, n int) string {
	runes := []rune(strings.Map(plain, text))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:max(n-1, 0)]) + "…"
}

func plain(r rune) rune {
	switch {
	case r == '→' || r == '…' || r == '│' || r == '─':
		return r
	case r == '\n' || r == '\t':
		return ' '
	case r < 0x300 && unicode.IsPrint(r):
		return r
	case r >= 0x370 && r < 0x530 && unicode.IsLetter(r): // Greek and Cyrillic: one column each
		return r
	}
	return '?'
}

func width(text string) int { return len([]rune(text)) }

// wrap breaks text at spaces into lines of n columns.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && width(line)+1+width(word) > n {
			lines = append(lines, line)
			line = "   " + word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
