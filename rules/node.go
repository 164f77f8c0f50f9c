package rules

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// A nodeKind is a kind of TOML value.
type nodeKind int

const (
	kindTable nodeKind = iota
	kindArray          // a list of values, [[…]] tables among them
	kindString
	kindInteger
	kindFloat
	kindBool
	kindDatetime
)

// String names the kind as messages do.
func (k nodeKind) String() string {
	return [...]string{"a table", "a list", "text", "a whole number", "a number", "true or false", "a date"}[k]
}

// A node is a TOML value that knows where it stands.
type node struct {
	kind   nodeKind
	pos    Pos // of the value; of a [table], of its header
	keyPos Pos // of its key, the last part of a dotted one; of an item in a list, that of pos

	keys     []string         // of a table, as they first appear
	children map[string]*node // of a table
	items    []*node          // of a list

	value any    // string, int, float64, bool or time.Time
	text  string // of a string: as decoded
	raw   string // of a string: as written, with its quotes

	src *sourceText
}

func (n *node) isNumber() bool { return n.kind == kindInteger || n.kind == kindFloat }

// child gives the value of a key of a table; nil if it is not set.
func (n *node) child(key string) *node { return n.children[key] }

// listed gives the items of a list, or the value itself where one stands for a
// list of one.
func (n *node) listed() []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == kindArray:
		return n.items
	}
	return []*node{n}
}

// plain gives the value as Go values: map[string]any, []any and scalars.
func (n *node) plain() any {
	switch n.kind {
	case kindTable:
		m := make(map[string]any, len(n.children))
		for k, c := range n.children {
			m[k] = c.plain()
		}
		return m
	case kindArray:
		list := make([]any, len(n.items))
		for i, c := range n.items {
			list[i] = c.plain()
		}
		return list
	}
	return n.value
}

// at gives the place in the file of the rune at an offset in text. An offset
// beyond the text gives the place where the text ends.
func (n *node) at(runeOffset int) Pos {
	r := readText(n.raw)
	off, _, ok := r.next()
	for i := 0; ok && i < runeOffset; i++ {
		off, _, ok = r.next()
	}
	before := n.raw[:off]
	pos := n.pos
	if nl := strings.LastIndexByte(before, '\n'); nl >= 0 {
		pos.Line += strings.Count(before, "\n")
		pos.Col = 1
		before = before[nl+1:]
	}
	pos.Col += utf8.RuneCountInString(before)
	return pos
}

// finding makes a finding at a place in the node's file.
func (n *node) finding(k *Kind, pos Pos, msg, hint string) Finding {
	return Finding{Pos: pos, Severity: k.Severity, Code: k.Code, Msg: msg, Hint: hint, Source: n.src.line(pos.Line)}
}

// A file with more faulty sections than this is not read to its end.
const maxFaultySections = 20

// parseTOML reads a TOML file, of version 1.1. A section with a fault (from one
// header to the next) is reported and left out, so that faults of other
// sections are seen as well; the table that comes back holds the rest. It is
// never nil.
func parseTOML(file string, src []byte) (*node, []Finding) {
	s := newSourceText(file, src)
	var findings []Finding
	text := s.text
	if f, bad := s.invalidUTF8(); bad {
		findings = append(findings, f)
		text = replaceInvalid(text)
	}
	for {
		l := &locator{src: s, text: text}
		root := l.document()
		off, f, bad := firstFault(l)
		if !bad {
			return root, findings
		}
		findings = append(findings, f)
		rest, ok := withoutSection(text, l.statementAt(off))
		if !ok || len(findings) >= maxFaultySections {
			return root, findings
		}
		text = rest
	}
}

// replaceInvalid puts a question mark for each byte that is not UTF-8.
func replaceInvalid(text string) string {
	b := []byte(text)
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			b[i] = '?'
		}
		i += size
	}
	return string(b)
}

// firstFault asks the TOML library whether the text is as the standard wants
// it, and words what it says for the author of the file.
func firstFault(l *locator) (off int, f Finding, bad bool) {
	if l.fault != nil && l.fault.fatal {
		return l.fault.off, l.src.finding(notTOML, l.fault.off, l.fault.msg, l.fault.hint), true
	}
	var discard map[string]any
	_, err := toml.Decode(l.text, &discard)
	perr, isParse := err.(toml.ParseError)
	switch {
	case err == nil && l.fault == nil:
		return 0, Finding{}, false
	case err != nil && !isParse:
		return 0, l.src.finding(notTOML, 0, err.Error(), ""), true
	case err != nil:
		off = faultOffset(l.text, perr)
		if l.fault == nil || l.fault.msg == "" || l.statementAt(off) < l.statementAt(l.fault.off) {
			return l.word(off, perr.Message)
		}
	}
	if l.fault.msg == "" { // the library takes it
		c, _ := utf8.DecodeRuneInString(l.text[l.fault.off:])
		l.fault.msg = fmt.Sprintf("unexpected %q", c)
	}
	return l.fault.off, l.src.finding(notTOML, l.fault.off, l.fault.msg, l.fault.hint), true
}

// faultOffset gives where the fault of an error is. The library names the place
// where the token began that it was reading.
func faultOffset(text string, err toml.ParseError) int {
	start := min(max(err.Position.Start, 0), len(text))
	end := min(start+err.Position.Len, len(text))
	switch {
	case strings.Contains(err.Message, "but got '"): // the last one of what it read
		_, size := utf8.DecodeLastRuneInString(text[start:end])
		return max(start, end-size)
	case strings.HasPrefix(err.Message, "invalid escape in string"):
		return max(start, strings.LastIndexByte(text[:end], '\\'))
	case strings.HasPrefix(err.Message, "TOML files cannot contain control characters"):
		return min(start+1, len(text))
	}
	return start
}

// rewordings put what the TOML library says into the words of this package.
var rewordings = []struct {
	library   *regexp.Regexp
	msg, hint string
}{
	{regexp.MustCompile(`^expected '\.' or '=', but got ('[^\\'" A-Za-z0-9]') instead$`), "expected = after the key, not $1", "a key that holds more than letters A-Z, digits, _ and - stands in quotes"},
	{regexp.MustCompile(`^expected '\.' or '=', but got (.+) instead$`), "expected = after the key, not $1", ""},
	{regexp.MustCompile(`^expected value but found (".+") instead$`), "expected a value, not $1", "text stands in quotes"},
	{regexp.MustCompile(`^expected value but found (.+) instead$`), "expected a value, not $1", ""},
	{regexp.MustCompile(`^expected a top-level item to end with a newline, comment, or EOF, but got (.+) instead$`), "expected the end of the line, not $1", ""},
	{regexp.MustCompile(`^expected a comma \(','\) or array terminator \('\]'\), but got (.+)$`), "expected , or ] in the list, not $1", ""},
	{regexp.MustCompile(`^expected a comma or an inline table terminator '}', but got (.+) instead$`), "expected , or } in the table, not $1", ""},
	{regexp.MustCompile(`^Key '(.+)' has already been defined\.$`), "$1 is set twice", ""},
	{regexp.MustCompile(`^Key '(.+)' was already created (?:as a hash|and cannot be used as an array)\.$`), "$1 is already something else", ""},
	{regexp.MustCompile(`^TOML files cannot contain control characters: '(.+)'$`), "the control character $1 cannot stand here", ""},
	{regexp.MustCompile(`^invalid escape in string '(.*)'$`), "$1 means nothing in text in double quotes", `write \\ for a backslash, or put the text in single quotes`},
	{regexp.MustCompile(`^unexpected '=': key name appears blank$`), "the key before = is missing", ""},
	{regexp.MustCompile(`^expected end of table array name delimiter '\]', but got (.+) instead$`), "expected ]] after the name, not $1", ""},
	{regexp.MustCompile(`^expected '\.' or '\]' to end table name, but got (.+) instead$`), "expected ] after the name, not $1", ""},
	{regexp.MustCompile(`^unexpected end of table name .*$`), "the name between the brackets is missing", ""},
}

// word turns a message of the TOML library into a finding. Where something was
// opened and never closed, the finding stands where it was opened.
func (l *locator) word(off int, msg string) (int, Finding, bool) {
	for _, runes := range [][2]string{{`'\n'`, "the end of the line"}, {`'\r'`, "the end of the line"}, {`'\x00'`, "the end of the file"}, {"end of file", "the end of the file"}} {
		msg = strings.ReplaceAll(msg, runes[0], runes[1])
	}
	hint := ""
	for _, w := range rewordings {
		if w.library.MatchString(msg) {
			msg, hint = w.library.ReplaceAllString(msg, w.msg), w.hint
			break
		}
	}

	statement := l.statementAt(off)
	if l.fault != nil && l.fault.open >= 0 && l.statementAt(l.fault.open) == statement {
		open := l.fault.open
		switch {
		case msg == "strings cannot contain newlines":
			return statement, l.src.finding(notTOML, open, "the text that begins here is not closed on its line", "close the quote, or use ''' for text of several lines"), true
		case strings.HasPrefix(msg, "unexpected EOF") || strings.HasSuffix(msg, "the end of the file"):
			return statement, l.src.finding(notTOML, open, "what "+l.text[open:open+1]+" begins here is never closed", ""), true
		case l.src.lineAt(open) < l.src.lineAt(off):
			hint = fmt.Sprintf("it belongs to what %s begins on line %d", l.text[open:open+1], l.src.lineAt(open))
		}
	}
	if hint == "" && off > 0 && l.text[off-1] == '\'' && strings.HasPrefix(msg, "expected the end of the line") {
		hint = "a ' ends text that ' began: put ''' around text that holds one"
	}
	if hint == "" && l.src.lineAt(statement) < l.src.lineAt(off) {
		hint = fmt.Sprintf("it belongs to what begins on line %d", l.src.lineAt(statement))
	}
	return statement, l.src.finding(notTOML, off, msg, hint), true
}

// header matches a line that begins a section, also if it is not quite right.
var header = regexp.MustCompile(`(?m)^[ \t]*\[{1,2}[^\[\]=,{}\n]+\]{1,2}[ \t\r]*(?:#.*)?$`)

// withoutSection puts spaces for the section that the statement at off stands
// in, and for the sections below it ([[rule.send]] goes with its [[rule]]). It
// says whether that left less text than before.
func withoutSection(text string, off int) (string, bool) {
	headers := header.FindAllStringIndex(text, -1)
	next := sort.Search(len(headers), func(i int) bool { return headers[i][0] > off })
	start := 0
	if off < len(text) && text[off] == '[' {
		start = off
	} else if next > 0 {
		start = headers[next-1][0]
	}
	name := sectionName(text[start:])
	for name != "" && next < len(headers) && strings.HasPrefix(sectionName(text[headers[next][0]:]), name+".") {
		next++
	}
	end := len(text)
	if next < len(headers) {
		end = headers[next][0]
	}
	blanked := []byte(text)
	for i := start; i < end; i++ {
		if blanked[i] != '\n' {
			blanked[i] = ' '
		}
	}
	return string(blanked), string(blanked) != text
}

// sectionName gives the name in the header that text begins with, "" if it
// begins with none.
func sectionName(text string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(text, " \t"), "\n")
	if !strings.HasPrefix(line, "[") {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
	return strings.TrimSpace(name)
}
