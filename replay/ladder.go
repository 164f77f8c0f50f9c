package replay

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"vertigo/engine"
)

// Width is how wide a ladder is, in terminal columns.
const Width = 80

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

// Write draws all that was added under a title, for a terminal.
func (l *Ladder) Write(w io.Writer, title string) error {
	d := &drawing{out: bufio.NewWriter(w), started: l.start()}
	d.place(l.participants(), l.manyCalls())
	d.line(cut(title, Width))
	d.header()
	marks := l.tell(d.names)
	for i := range marks {
		d.mark(&marks[i])
	}
	d.line("")
	return d.out.Flush()
}

// A drawing is a ladder being written.
type drawing struct {
	out     *bufio.Writer
	started time.Time
	names   []string
	at      map[string]int // the columns of the life lines
	tags    bool           // each row says which call it is about
	time    string         // that was written last
}

const (
	timeWidth = 10
	tagWidth  = tagLength + 1
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

func (d *drawing) mark(m *mark) {
	switch m.kind {
	case markLine:
		text := m.text
		if d.tags && m.event != nil {
			text = tagOf(&m.event.Trace) + " " + text
		}
		d.rule(text)
	case markArrow:
		row := d.begin(&m.event.Trace)
		d.arrow(row, m.from, m.to, m.text, m.detail)
		d.row(row)
	case markWord:
		row := d.begin(&m.event.Trace)
		d.self(row, m.text)
		d.row(row)
	case markNote:
		d.notes(m)
	}
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
		row.put(timeWidth+1, tagOf(t))
	}
	return row
}

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

// leads are what notes begin with.
var leads = map[engine.Outcome]string{
	engine.Fired: "by: ", engine.Failed: "!! ", engine.Unmatched: "?? ", engine.Waiting: ".. ", engine.Late: "-- ",
}

// notes writes what became of a message, on a line if it has room there.
func (d *drawing) notes(m *mark) {
	texts := []string{leads[m.outcome] + m.text}
	switch {
	case m.outcome == engine.Failed:
		texts = wrap(texts[0], d.noteRoom())
	case m.detail != "" && width(texts[0])+width(m.detail)+3 <= d.noteRoom():
		texts[0] += "   " + m.detail
	case m.detail != "":
		texts = append(texts, m.detail)
	}
	for _, text := range texts {
		row := d.begin(&m.event.Trace)
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
