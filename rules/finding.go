package rules

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// A Pos is a place in a file. Line and Col count from 1, Col in runes; a Line
// of 0 stands for the file as a whole.
type Pos struct {
	File string
	Line int
	Col  int
}

// String gives file:line:col, or as much of it as is known.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// A Severity says whether rules with a finding can be used.
type Severity int

const (
	Error   Severity = iota // the rules cannot be used
	Warning                 // the rules work, but probably not as meant
)

// String gives the word that stands in a report.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// A Finding is a fault in a rule file, or in a file that one names, worded for
// the person who wrote the file.
type Finding struct {
	Pos      Pos
	Severity Severity
	Code     string // stable name of this kind of fault ("V001"); may be ""
	Msg      string
	Hint     string // what to try next; "" when there is nothing useful to say
	Rule     string // the name of the rule it was found in; "" outside of rules
	Source   string // the line of the file at Pos; "" if there is none
}

// Error gives the finding on one line that can be searched for and clicked on:
// rules.toml:3:21: error: unknown field msg.content.ofer.
func (f Finding) Error() string {
	line := fmt.Sprintf("%s: %s: %s", f.Pos, f.Severity, f.Msg)
	if f.Code != "" {
		line += " [" + f.Code + "]"
	}
	return line
}

// Format writes each finding as Finding.Error words it, then the source line
// with a caret under the column, and the hint, in lines of at most 80 columns as
// far as its words are not longer.
func Format(w io.Writer, findings []Finding) error {
	out := bufio.NewWriter(w)
	for _, f := range findings {
		fmt.Fprintln(out, f.Error())
		if f.Source != "" && f.Pos.Col > 0 {
			line, caret := snippet(f.Source, f.Pos.Col)
			fmt.Fprintf(out, "    %s\n    %s\n", line, caret)
		}
		if f.Hint != "" {
			fmt.Fprintln(out, wrapHint(f.Hint))
		}
	}
	return out.Flush()
}

// wrapHint breaks a hint into lines, the further ones below its first word. The
// blanks between its words stay as they are: it may quote what is to be written.
func wrapHint(hint string) string {
	const first, further, columns = "    hint: ", "          ", 80
	var b strings.Builder
	b.WriteString(first)
	room, blanks := columns-len(first), ""
	for i, word := range strings.SplitAfter(hint, " ") {
		text := strings.TrimSuffix(word, " ")
		size := utf8.RuneCountInString(text)
		if i > 0 && len(blanks)+size > room && size > 0 {
			b.WriteString("\n" + further)
			room, blanks = columns-len(further), ""
		}
		b.WriteString(blanks + text)
		room -= len(blanks) + size
		blanks = word[len(text):]
	}
	return b.String()
}

// A longer line is cut to this many runes around its caret.
const snippetWidth = 160

// snippet gives a source line fit for a terminal, and the line below it whose
// caret stands under the column col.
func snippet(source string, col int) (line, caret string) {
	runes := []rune(strings.TrimRight(source, "\r\n"))
	for i, r := range runes {
		if unicode.IsControl(r) && r != '\t' {
			runes[i] = utf8.RuneError
		}
	}
	at := min(col-1, len(runes))
	head, tail := "", ""
	if len(runes) > snippetWidth {
		start := min(max(at-snippetWidth/2, 0), len(runes)-snippetWidth)
		end := start + snippetWidth
		if start > 0 {
			head = "…"
		}
		if end < len(runes) {
			tail = "…"
		}
		runes, at = runes[start:end], at-start
	}

	var pad strings.Builder
	for _, r := range head + string(runes[:at]) {
		pad.WriteString(blank(r))
	}
	return head + string(runes) + tail, pad.String() + "^"
}

// blank gives white space as wide as r is on a terminal.
func blank(r rune) string {
	switch {
	case r == '\t':
		return "\t"
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return ""
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return "  "
	}
	return " "
}

// Findings are all the faults that were found, as one error.
type Findings []Finding

// Error lists all findings, one a line.
func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// HasErrors says whether one of the findings is more than a warning.
func (fs Findings) HasErrors() bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == Error })
}

// Sort orders the findings as a reader meets them: by file, in the order given
// (others after these, in order of appearance), then by line and column. What
// was found at the same place stays in its order.
func (fs Findings) Sort(files ...string) {
	rank := make(map[string]int)
	for _, file := range files {
		if _, ok := rank[file]; !ok {
			rank[file] = len(rank)
		}
	}
	for _, f := range fs {
		if _, ok := rank[f.Pos.File]; !ok {
			rank[f.Pos.File] = len(rank)
		}
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank[a.Pos.File], rank[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
		)
	})
}

// DidYouMean gives the hint for an unknown name: the known name that was
// probably meant, else all of them if they are few, else nothing.
func DidYouMean(name string, known []string) string {
	const few = 8
	if near := Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 || len(known) > few {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}

// Nearest gives the known name that name is probably a misspelling of, the
// first of several that are as near, or "" if none is near.
func Nearest(name string, known []string) string {
	folded := []rune(strings.ToLower(name))
	best, limit := "", min(max(len(folded)/3, 1), 3)
	for _, k := range known {
		d := distance(folded, []rune(strings.ToLower(k)), limit)
		if d <= limit && d < len(folded) {
			best, limit = k, d-1
		}
		if limit < 0 {
			break
		}
	}
	return best
}

// distance counts the letters to insert, delete, change or swap with their
// neighbour to make a into b (the optimal string alignment distance). It may
// give any number above limit once it is known to be above.
func distance(a, b []rune, limit int) int {
	if d := len(a) - len(b); max(d, -d) > limit {
		return limit + 1
	}
	before := make([]int, len(b)+1) // the row before prev
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			change := prev[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, prev[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		if slices.Min(row) > limit && slices.Min(prev) > limit {
			return limit + 1
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
