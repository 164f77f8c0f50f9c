package tomlfmt

import (
	"regexp"
	"strings"
)

// An item is a line of a file, or the lines of one value.
type item struct {
	kind    itemKind
	blank   bool     // a blank line stands before it
	key     []string // of a header or an entry, each part as it was written
	value   *value   // of an entry
	comment *comment // the line's own, or what stands behind it
}

type itemKind int

const (
	commentLine itemKind = iota
	tableHeader          // [table]
	arrayHeader          // [[table]]
	entry                // key = value
)

// A comment reaches to the end of its line.
type comment struct {
	text   string // from the # on
	column int    // where it stood
	gap    int    // the blanks before it
}

// A value is a scalar, or what stands in brackets.
type value struct {
	text     string   // of a scalar, as it was written
	open     byte     // '[', '{', or 0 for a scalar
	comment  *comment // behind the opening bracket
	elements []element
	broken   bool // the closing bracket stands on a line of its own
}

// An element is an item of an array, an entry of an inline table, or a comment
// on a line of its own among them.
type element struct {
	breaks  int      // line ends before it
	key     []string // in an inline table
	value   *value   // nil for a comment
	comment *comment // its own, or what stands behind it
}

// A parser takes a text apart that is known to be TOML.
type parser struct {
	src string
	at  int
}

// byteOrderMark may begin a file; nothing needs it.
const byteOrderMark = "\ufeff"

func parse(src string) []item {
	p := &parser{src: strings.TrimPrefix(src, byteOrderMark)}
	var items []item
	for {
		breaks := p.space()
		if p.at == len(p.src) {
			return items
		}
		// The first line end is that of the item before.
		items = append(items, p.item(breaks > 1 && len(items) > 0))
	}
}

// space passes over blanks and line ends, and counts the latter.
func (p *parser) space() (breaks int) {
	for ; p.at < len(p.src); p.at++ {
		switch p.src[p.at] {
		case '\n':
			breaks++
		case ' ', '\t', '\r':
		default:
			return breaks
		}
	}
	return breaks
}

func (p *parser) blanks() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\t') {
		p.at++
	}
}

func (p *parser) peek() byte {
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

func (p *parser) item(blank bool) item {
	it := item{blank: blank}
	switch {
	case p.peek() == '#':
		it.comment = p.comment()
		return it
	case strings.HasPrefix(p.src[p.at:], "[["):
		it.kind = arrayHeader
		p.at += 2
		it.key = p.key()
		p.at += 2
	case p.peek() == '[':
		it.kind = tableHeader
		p.at++
		it.key = p.key()
		p.at++
	default:
		it.kind = entry
		it.key = p.key()
		p.at++
		p.blanks()
		it.value = p.value()
	}
	p.blanks()
	if p.peek() == '#' {
		it.comment = p.comment()
	}
	return it
}

// comment reads to the end of the line.
func (p *parser) comment() *comment {
	line := p.src[strings.LastIndexByte(p.src[:p.at], '\n')+1 : p.at]
	c := &comment{column: width(line), gap: width(line) - width(strings.TrimRight(line, " \t"))}
	text, _, _ := strings.Cut(p.src[p.at:], "\n")
	p.at += len(text)
	c.text = strings.TrimRight(text, " \t\r")
	return c
}

// key reads a dotted key and what is blank around it.
func (p *parser) key() []string {
	var parts []string
	for {
		p.blanks()
		parts = append(parts, p.keyPart())
		p.blanks()
		if p.peek() != '.' {
			return parts
		}
		p.at++
	}
}

func (p *parser) keyPart() string {
	if q := p.peek(); q == '"' || q == '\'' {
		return p.quoted()
	}
	begin := p.at
	for p.at < len(p.src) && !strings.ContainsRune(" \t.=]", rune(p.src[p.at])) {
		p.at++
	}
	return p.src[begin:p.at]
}

func (p *parser) value() *value {
	switch p.peek() {
	case '[', '{':
		return p.bracketed()
	case '"', '\'':
		return &value{text: p.quoted()}
	}
	begin := p.at
	if date := blankInDate.FindString(p.src[p.at:]); date != "" {
		p.at += len(date)
	}
	for p.at < len(p.src) && !strings.ContainsRune(" \t\r\n,]}#", rune(p.src[p.at])) {
		p.at++
	}
	return &value{text: p.src[begin:p.at]}
}

// blankInDate is the only scalar with a blank in it.
var blankInDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:`)

// quoted reads text in quotes of any kind, quotes included.
func (p *parser) quoted() string {
	begin := p.at
	quote := p.src[p.at : p.at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(p.src[p.at:], triple) {
		quote = triple
	}
	p.at += len(quote)
	for !strings.HasPrefix(p.src[p.at:], quote) {
		if p.src[p.at] == '\\' && quote[0] == '"' {
			p.at++
		}
		p.at++
	}
	p.at += len(quote)
	for len(quote) == 3 && p.peek() == quote[0] { // quotes that the text ends with
		p.at++
	}
	return p.src[begin:p.at]
}

// bracketed reads an array or an inline table. Where its commas stand makes no
// difference.
func (p *parser) bracketed() *value {
	v := &value{open: p.src[p.at]}
	p.at++
	breaks := 0
	for {
		breaks += p.space()
		switch p.peek() {
		case ',':
			p.at++
			continue
		case ']', '}':
			p.at++
			v.broken = breaks > 0
			return v
		case '#':
			v.remark(p.comment(), breaks)
		default:
			e := element{breaks: breaks}
			if v.open == '{' {
				e.key = p.key()
				p.at++
				p.blanks()
			}
			e.value = p.value()
			v.elements = append(v.elements, e)
		}
		breaks = 0
	}
}

// remark adds a comment: behind what stands on the same line, or on a line of
// its own.
func (v *value) remark(c *comment, breaks int) {
	last := len(v.elements) - 1
	switch {
	case breaks > 0:
		v.elements = append(v.elements, element{breaks: breaks, comment: c})
	case last < 0:
		v.comment = c
	default:
		v.elements[last].comment = c
	}
}
