package rules

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// A locator builds the tree of a TOML text with the place of every key and
// value, which the TOML library does not give. It relies on the library for
// refusing what the standard forbids: of a faulty text it says only where it
// lost its way.
type locator struct {
	src  *sourceText
	text string // the text of src, faulty sections blanked
	off  int

	statements []int          // where each header and each top-level key = value begins
	opened     []int          // the quotes and brackets that are still open
	defined    map[*node]bool // tables with a header or braces of their own
	last       struct {       // the last place asked for; places are asked for in order
		off, line, col int
	}
	fault *locatorFault
}

// A locatorFault is where and why a locator stopped.
type locatorFault struct {
	off   int
	open  int    // the innermost quote or bracket still open there, or -1
	msg   string // "" if the TOML library will say it
	hint  string
	fatal bool // not to be given to the TOML library at all
}

// Values nested deeper than this are refused, and keys of more parts: reading
// them takes a stack as deep.
const maxNesting = 100

// A keyPart is one part of a dotted key.
type keyPart struct {
	name string
	off  int
}

// document reads the whole text.
func (l *locator) document() *node {
	l.defined = make(map[*node]bool)
	l.last.line, l.last.col = 1, 1
	root := l.newNode(kindTable, 0)
	if strings.HasPrefix(l.text, byteOrderMark) { // the library passes over this one, and reads on
		l.refuse(`unexpected '\ufeff'`)
	}
	table := root
	for l.skipLines(); !l.end(); l.skipLines() {
		l.statements = append(l.statements, l.off)
		l.opened = l.opened[:0]
		if l.text[l.off] == '[' {
			table = l.header(root)
		} else {
			l.keyValue(table, 0)
		}
		l.skipBlanks()
		if !l.end() && !strings.ContainsRune("#\r\n", rune(l.text[l.off])) {
			l.stop(l.off, "", "")
		}
	}
	return root
}

// statementAt gives where the statement that holds off begins.
func (l *locator) statementAt(off int) int {
	i := sort.SearchInts(l.statements, off+1)
	if i == 0 {
		return 0
	}
	return l.statements[i-1]
}

// stop notes a fault, if it is the first, and goes to the end of the text.
func (l *locator) stop(off int, msg, hint string) {
	if l.fault == nil {
		l.fault = &locatorFault{off: off, open: -1, msg: msg, hint: hint}
		if n := len(l.opened); n > 0 {
			l.fault.open = l.opened[n-1]
		}
	}
	l.off = len(l.text)
}

// refuse stops at what the TOML library must not be given.
func (l *locator) refuse(msg string) {
	l.stop(l.off, msg, "")
	l.fault.fatal = true
}

func (l *locator) end() bool { return l.off >= len(l.text) }

// accept goes over s if it stands here.
func (l *locator) accept(s string) bool {
	if !strings.HasPrefix(l.text[l.off:], s) {
		return false
	}
	l.off += len(s)
	return true
}

func (l *locator) expect(s string) {
	if !l.accept(s) {
		l.stop(l.off, "", "")
	}
}

func (l *locator) skipBlanks() {
	for !l.end() && (l.text[l.off] == ' ' || l.text[l.off] == '\t') {
		l.off++
	}
}

// skipLines goes over white space, line ends and comments.
func (l *locator) skipLines() {
	for !l.end() {
		switch l.text[l.off] {
		case ' ', '\t', '\r', '\n':
			l.off++
		case '#':
			n := strings.IndexByte(l.text[l.off:], '\n')
			if n < 0 {
				n = len(l.text) - l.off
			}
			l.off += n
		default:
			return
		}
	}
}

// pos names the place of the byte at off, in a single pass over the text for
// places asked for in order.
func (l *locator) pos(off int) Pos {
	p := &l.last
	if line := l.src.lineAt(off); line != p.line || off < p.off {
		p.off, p.line, p.col = l.src.starts[line-1], line, 1
	}
	p.col += utf8.RuneCountInString(l.text[p.off:off])
	p.off = off
	return Pos{File: l.src.file, Line: p.line, Col: p.col}
}

func (l *locator) newNode(kind nodeKind, off int) *node {
	n := &node{kind: kind, pos: l.pos(off), src: l.src}
	n.keyPos = n.pos
	return n
}

// newTable gives the table that a header or a dotted key speaks of.
func (l *locator) newTable(key keyPart) *node {
	return l.newNode(kindTable, key.off)
}

// add sets a key that table does not have yet.
func add(table *node, key string, n *node) {
	if table.children == nil {
		table.children = make(map[string]*node)
	}
	table.keys = append(table.keys, key)
	table.children[key] = n
}

// header reads [a.b] or [[a.b]] and gives the table that it begins.
func (l *locator) header(root *node) *node {
	start := l.off
	open, shut := "[", "]"
	if l.accept("[[") {
		open, shut = "[[", "]]"
	} else {
		l.off++
	}
	path := l.key()
	l.expect(shut)
	if l.fault != nil {
		return root
	}
	parent := root
	for _, p := range path[:len(path)-1] {
		if parent = l.descend(parent, p); parent == nil {
			return root
		}
	}
	key := path[len(path)-1]
	there := parent.child(key.name)
	if open == "[" {
		switch {
		case there == nil:
			there = l.newTable(key)
			add(parent, key.name, there)
		case there.kind != kindTable || l.defined[there]:
			l.twice(key, there)
			return root
		}
		l.defined[there] = true
		there.pos, there.keyPos = l.pos(start), l.pos(key.off)
		return there
	}

	if there == nil {
		there = l.newNode(kindArray, start)
		there.keyPos = l.pos(key.off)
		add(parent, key.name, there)
	} else if there.kind != kindArray || l.defined[there] {
		l.twice(key, there)
		return root
	}
	item := l.newNode(kindTable, start)
	item.keyPos = l.pos(key.off)
	there.items = append(there.items, item)
	return item
}

// descend gives the table that a part of a key names within table, the last one
// of a list of tables; nil if it is something else.
func (l *locator) descend(table *node, key keyPart) *node {
	there := table.child(key.name)
	switch {
	case there == nil:
		there = l.newTable(key)
		add(table, key.name, there)
		return there
	case there.kind == kindTable:
		return there
	case there.kind == kindArray && !l.defined[there]:
		return there.items[len(there.items)-1]
	}
	l.stop(key.off, fmt.Sprintf("%s is not a table: it is %s, set on line %d", key.name, there.kind, there.keyPos.Line), "")
	return nil
}

// twice notes that a key is set which is set already.
func (l *locator) twice(key keyPart, first *node) {
	l.stop(key.off, fmt.Sprintf("%s is set twice, first on line %d", key.name, first.keyPos.Line), "")
}

// key reads a dotted key. It gives at least one part.
func (l *locator) key() []keyPart {
	var path []keyPart
	for {
		l.skipBlanks()
		part := keyPart{off: l.off}
		if !l.end() && (l.text[l.off] == '"' || l.text[l.off] == '\'') {
			part.name = l.quoted(false).text
		} else {
			for !l.end() && isBare(l.text[l.off]) {
				l.off++
			}
			part.name = l.text[part.off:l.off]
			if part.name == "" {
				l.stop(l.off, "", "")
			}
		}
		path = append(path, part)
		if len(path) > maxNesting {
			l.refuse(fmt.Sprintf("the key has more than %d parts", maxNesting))
			return path
		}
		l.skipBlanks()
		if !l.accept(".") {
			return path
		}
	}
}

// isBare says whether a byte can stand in a key without quotes.
func isBare(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

// keyValue reads key = value into table.
func (l *locator) keyValue(table *node, depth int) {
	path := l.key()
	l.expect("=")
	l.skipBlanks()
	if l.fault != nil {
		return
	}
	for _, p := range path[:len(path)-1] {
		if table = l.descend(table, p); table == nil {
			return
		}
	}
	key := path[len(path)-1]
	if there := table.child(key.name); there != nil {
		l.twice(key, there)
		return
	}
	keyPos := l.pos(key.off)
	if n := l.value(depth + len(path) - 1); n != nil {
		n.keyPos = keyPos
		add(table, key.name, n)
	}
}

// value reads a value; it gives nil if none stands here.
func (l *locator) value(depth int) *node {
	if l.end() {
		l.stop(l.off, "", "")
		return nil
	}
	switch c := l.text[l.off]; c {
	case '"', '\'':
		return l.quoted(true)
	case '[', '{':
		if depth >= maxNesting {
			l.refuse(fmt.Sprintf("values are nested more than %d deep", maxNesting))
			return nil
		}
		if c == '[' {
			return l.list(depth + 1)
		}
		return l.inlineTable(depth + 1)
	}
	return l.scalar()
}

func (l *locator) list(depth int) *node {
	n := l.newNode(kindArray, l.off)
	l.defined[n] = true
	l.opened = append(l.opened, l.off)
	l.off++
	for l.skipLines(); !l.accept("]"); l.skipLines() {
		item := l.value(depth)
		if item == nil {
			return n
		}
		n.items = append(n.items, item)
		l.skipLines()
		if !l.accept(",") && !strings.HasPrefix(l.text[l.off:], "]") {
			l.stop(l.off, "", "")
			return n
		}
	}
	l.opened = l.opened[:len(l.opened)-1]
	return n
}

func (l *locator) inlineTable(depth int) *node {
	n := l.newNode(kindTable, l.off)
	l.defined[n] = true
	l.opened = append(l.opened, l.off)
	l.off++
	for l.skipLines(); !l.accept("}"); l.skipLines() {
		l.keyValue(n, depth)
		l.skipLines()
		if !l.accept(",") && !strings.HasPrefix(l.text[l.off:], "}") {
			l.stop(l.off, "", "")
			return n
		}
	}
	l.opened = l.opened[:len(l.opened)-1]
	return n
}

// quoted reads text in quotes; three of them only where long is true.
func (l *locator) quoted(long bool) *node {
	n := l.newNode(kindString, l.off)
	start := l.off
	quote := l.text[start : start+1]
	l.opened = append(l.opened, start)
	if three := strings.Repeat(quote, 3); long && l.accept(three) {
		l.skipText(quote, "")
		l.expect(three)
		// Up to two more quotes end the text itself.
		for range 2 {
			if l.fault == nil {
				l.accept(quote)
			}
		}
	} else {
		l.off++
		l.skipText(quote, "\r\n")
		l.expect(quote)
	}
	if l.fault != nil {
		return n
	}
	l.opened = l.opened[:len(l.opened)-1]
	n.raw = l.text[start:l.off]
	n.text = decodeText(n.raw)
	n.value = n.text
	return n
}

// skipText goes to the quotes that end a text, or to one of the bytes in ends:
// with none given, to three quotes.
func (l *locator) skipText(quote, ends string) {
	shut := quote
	if ends == "" {
		shut = strings.Repeat(quote, 3)
	}
	for !l.end() && !strings.HasPrefix(l.text[l.off:], shut) && strings.IndexByte(ends, l.text[l.off]) < 0 {
		if quote == `"` && l.text[l.off] == '\\' && l.off+1 < len(l.text) {
			l.off++
		}
		l.off++
	}
}

var (
	datetimeStart = regexp.MustCompile(`^(?:\d{4}-|\d\d:)`)
	datetimeText  = regexp.MustCompile(`^[0-9TtZz:.+\- ]+`)
	scalarText    = regexp.MustCompile(`^[0-9A-Za-z_.+\-]+`)
)

// scalar reads a number, a date, true or false.
func (l *locator) scalar() *node {
	rest := l.text[l.off:]
	if datetimeStart.MatchString(rest) {
		return l.datetime(strings.TrimRight(datetimeText.FindString(rest), " "))
	}
	text := scalarText.FindString(rest)
	n := l.newNode(kindInteger, l.off)
	var err error
	digits := strings.ReplaceAll(text, "_", "")
	switch {
	case text == "true" || text == "false":
		n.kind, n.value = kindBool, text == "true"
	case strings.HasPrefix(text, "0x") || !strings.ContainsAny(text, ".eEin"):
		n.value, err = strconv.Atoi(strings.TrimPrefix(digits, "+"))
		if strings.HasPrefix(text, "0") {
			n.value, err = parseBased(digits)
		}
	default:
		n.kind = kindFloat
		// TOML gives nan a sign, which Go does not read.
		if d := strings.TrimLeft(digits, "+-"); d == "nan" {
			digits = d
		}
		n.value, err = strconv.ParseFloat(digits, 64)
	}
	if err != nil {
		l.stop(l.off, "", "")
		return nil
	}
	l.off += len(text)
	return n
}

// parseBased reads an integer that may begin with 0x, 0o or 0b.
func parseBased(text string) (int, error) {
	i, err := strconv.ParseInt(text, 0, strconv.IntSize)
	return int(i), err
}

// datetime reads a date or time, which the TOML library knows best.
func (l *locator) datetime(text string) *node {
	var doc struct{ V any }
	if _, err := toml.Decode("v = "+text, &doc); err != nil {
		l.stop(l.off, "", "")
		return nil
	}
	n := l.newNode(kindDatetime, l.off)
	n.value = doc.V
	l.off += len(text)
	return n
}

// decodeText gives what a text as written, with its quotes, stands for.
func decodeText(raw string) string {
	r := readText(raw)
	if !r.escapes || strings.IndexByte(raw, '\\') < 0 {
		return r.raw[r.off:]
	}
	var b strings.Builder
	b.Grow(len(raw))
	for {
		_, c, ok := r.next()
		if !ok {
			return b.String()
		}
		b.WriteRune(c)
	}
}

// A textReader goes over a text as written and gives it rune by rune.
type textReader struct {
	raw     string // up to the closing quotes
	off     int
	escapes bool // in double quotes a backslash begins an escape
}

// readText begins reading a text with its quotes.
func readText(raw string) *textReader {
	r := &textReader{escapes: raw[0] == '"'}
	quotes := 1
	if len(raw) >= 6 && raw[1] == raw[0] {
		quotes = 3
	}
	r.raw, r.off = raw[:len(raw)-quotes], quotes
	if quotes == 3 {
		// The line end right after the opening quotes is no part of the text.
		for _, nl := range []string{"\n", "\r\n"} {
			if strings.HasPrefix(r.raw[r.off:], nl) {
				r.off += len(nl)
				break
			}
		}
	}
	return r
}

// next gives a rune and where it is written; at the end, where that is and
// false.
func (r *textReader) next() (at int, c rune, ok bool) {
	for r.escapes && r.off+1 < len(r.raw) && r.raw[r.off] == '\\' && strings.IndexByte(" \t\r\n", r.raw[r.off+1]) >= 0 {
		// A backslash at the end of a line takes the white space after it away.
		r.off++
		r.off += len(r.raw[r.off:]) - len(strings.TrimLeft(r.raw[r.off:], " \t\r\n"))
	}
	at = r.off
	if at >= len(r.raw) {
		return len(r.raw), 0, false
	}
	if r.escapes && r.raw[at] == '\\' {
		return at, r.escape(), true
	}
	c, size := utf8.DecodeRuneInString(r.raw[at:])
	r.off += size
	return at, c, true
}

// escape reads the escape that begins here.
func (r *textReader) escape() rune {
	r.off++
	if r.off >= len(r.raw) {
		return utf8.RuneError
	}
	c := r.raw[r.off]
	r.off++
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		if i := strings.IndexByte(`btnfre"\`, c); i >= 0 {
			return rune("\b\t\n\f\r\x1b\"\\"[i])
		}
		return utf8.RuneError
	}
	hex := r.raw[r.off:min(r.off+digits, len(r.raw))]
	r.off += len(hex)
	code, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return utf8.RuneError
	}
	return rune(code)
}
