package tomlfmt

import (
	"slices"
	"strings"
)

// indent is how far what stands in brackets on lines of its own is moved in.
const indent = 4

// A line is one line to be written, or several: a text may hold line ends.
type line struct {
	text    string
	comment *comment
	header  bool
	nested  bool // within brackets that are not closed yet
}

// A layout collects the lines of a file.
type layout struct {
	lines []line
	depth int // brackets that are open

	// The line at hand.
	text    strings.Builder
	comment *comment
	header  bool
	start   int // how far it is moved in
}

func layOut(items []item) []byte {
	l := &layout{}
	columns := equalSigns(items)
	spaceTables(items)
	for i, it := range items {
		if it.blank {
			l.end()
		}
		switch it.kind {
		case tableHeader:
			l.text.WriteString("[" + strings.Join(it.key, ".") + "]")
		case arrayHeader:
			l.text.WriteString("[[" + strings.Join(it.key, ".") + "]]")
		case entry:
			key := strings.Join(it.key, ".")
			l.text.WriteString(key + strings.Repeat(" ", columns[i]-width(key)) + "= ")
			l.value(it.value)
		}
		l.comment, l.header = it.comment, it.isHeader()
		l.end()
	}
	placeComments(l.lines)
	var out []byte
	for _, line := range l.lines {
		out = append(append(out, line.text...), '\n')
	}
	return out
}

// equalSigns gives the column of each entry's =. Entries with plain keys have
// it in common up to the next blank line or header.
func equalSigns(items []item) []int {
	columns := make([]int, len(items))
	for begin := 0; begin < len(items); {
		end, widest := begin, 0
		for ; end < len(items) && (end == begin || !items[end].blank && !items[end].isHeader()); end++ {
			if it := items[end]; len(it.key) == 1 && it.kind == entry {
				widest = max(widest, width(it.key[0])+1)
			}
		}
		for i := begin; i < end; i++ {
			if columns[i] = widest; len(items[i].key) > 1 {
				columns[i] = width(strings.Join(items[i].key, ".")) + 1
			}
		}
		begin = end
	}
	return columns
}

func (it item) isHeader() bool { return it.kind == tableHeader || it.kind == arrayHeader }

// spaceTables puts a blank line before each table, and the comments that stand
// right above it, unless the table is part of one that a header before began, or nothing stands
// in the one before.
func spaceTables(items []item) {
	var open [][]string // the tables that are not over
	for i, it := range items {
		if !it.isHeader() {
			continue
		}
		within := false
		for n := len(open) - 1; n >= 0 && !within; n-- {
			within = len(open[n]) < len(it.key) && slices.Equal(open[n], it.key[:len(open[n])])
			if !within {
				open = open[:n]
			}
		}
		open = append(open, it.key)
		first := i
		for !items[first].blank && first > 0 && items[first-1].kind == commentLine {
			first--
		}
		if first > 0 && !within && !items[first-1].isHeader() {
			items[first].blank = true
		}
	}
}

// end ends the line at hand.
func (l *layout) end() {
	l.lines = append(l.lines, line{text: l.text.String(), comment: l.comment, header: l.header, nested: l.depth > 0})
	l.text.Reset()
	l.comment, l.header, l.start = nil, false, 0
}

// begin begins a line that is moved in.
func (l *layout) begin(start int) {
	l.text.WriteString(strings.Repeat(" ", start))
	l.start = start
}

// column is where the next letter stands.
func (l *layout) column() int { return width(l.text.String()) }

func (l *layout) value(v *value) {
	if v.open == 0 {
		l.text.WriteString(v.text)
		return
	}
	closing, pad := "]", ""
	if v.open == '{' {
		closing, pad = "}", " "
	}
	l.text.WriteByte(v.open)
	outer := l.start
	l.depth++
	l.elements(v, pad)
	if v.broken {
		l.end()
		l.begin(outer)
	} else if len(v.elements) > 0 {
		l.text.WriteString(pad)
	}
	l.depth--
	l.text.WriteString(closing)
}

// elements writes what stands in brackets. Where the first element stands behind
// the bracket, those on further lines stand below it.
func (l *layout) elements(v *value, pad string) {
	l.comment = v.comment
	inner := l.start + indent
	if len(v.elements) > 0 && v.elements[0].breaks == 0 {
		inner = l.column() + len(pad)
	}
	for i, e := range v.elements {
		switch {
		case e.breaks > 0:
			l.end()
			if e.breaks > 1 && i > 0 {
				l.end()
			}
			l.begin(inner)
		case i > 0:
			l.text.WriteByte(' ')
		default:
			l.text.WriteString(pad)
		}
		if e.value != nil {
			if v.open == '{' {
				l.text.WriteString(strings.Join(e.key, ".") + " = ")
			}
			l.value(e.value)
			if v.commaBehind(i) {
				l.text.WriteByte(',')
			}
		}
		l.comment = e.comment
	}
}

// commaBehind says whether a comma stands behind an element: between two, and
// behind the last of an array whose bracket closes on a line of its own.
func (v *value) commaBehind(i int) bool {
	return v.open == '[' && v.broken ||
		slices.ContainsFunc(v.elements[i+1:], func(e element) bool { return e.value != nil })
}

// placeComments puts the comments behind the texts of lines. Those on lines that
// follow each other stand below each other.
func placeComments(lines []line) {
	for begin := 0; begin < len(lines); {
		end := begin + 1
		for end < len(lines) && !lines[begin].alone() && lines[end-1].above(lines[end]) {
			end++
		}
		column := commentColumn(lines[begin:end])
		for i := begin; i < end; i++ {
			lines[i].writeComment(column)
		}
		begin = end
	}
}

// above says whether the comments of two lines stand below each other: both
// stand behind something, or the second goes on with what the first says.
func (l line) above(next line) bool {
	if l.comment == nil || next.comment == nil || l.header || next.header {
		return false
	}
	if next.alone() {
		return !next.nested && next.comment.column > 0 && next.comment.column == l.comment.column
	}
	return true
}

// alone says whether a line has a comment and nothing else.
func (l line) alone() bool { return strings.TrimSpace(l.text) == "" }

// near is how far comments may be moved to the right for the sake of a line that
// is too long for their column. A longer one has its comment right behind it.
const near = 16

// commentColumn gives the column of comments on lines that follow each other:
// that of most of them, where there is room for it.
func commentColumn(lines []line) int {
	if lines[0].comment == nil || lines[0].alone() {
		return 0
	}
	votes := map[int]int{}
	for _, l := range lines {
		votes[l.comment.column]++
	}
	column, fit, needed := 0, 0, 0
	for at, n := range votes {
		if n*2 > len(lines) {
			column = at
		}
	}
	shared := column > 0
	if !shared {
		column = slices.MinFunc(lines, byColumn).comment.column
	}
	// Comments that stood as close as they could stay close.
	tight, close := 0, false
	for _, l := range lines {
		needed = max(needed, l.room())
		if !shared || l.comment.column == column {
			tight = max(tight, l.room())
			close = close || !l.alone() && l.comment.gap <= 1
		}
	}
	if close {
		column = tight
	}
	for _, l := range lines {
		if l.room() <= column {
			fit++
		}
	}
	if !shared || fit*2 <= len(lines) || needed-column <= near {
		return max(column, needed)
	}
	return column
}

func byColumn(a, b line) int { return a.comment.column - b.comment.column }

// room is the first column that a comment can stand in.
func (l line) room() int {
	if l.alone() {
		return 0
	}
	return width(l.text) + 1
}

func (l *line) writeComment(column int) {
	switch {
	case l.comment == nil:
	case l.alone() && l.nested:
		l.text += l.comment.text
	default:
		l.text += strings.Repeat(" ", max(column, l.room())-width(l.text)) + l.comment.text
	}
}

const tabWidth = 8

// width is how many columns the last line of a text takes.
func width(text string) int {
	columns := 0
	for _, r := range text[strings.LastIndexByte(text, '\n')+1:] {
		if columns++; r == '\t' {
			columns = (columns + tabWidth - 1) / tabWidth * tabWidth
		}
	}
	return columns
}
