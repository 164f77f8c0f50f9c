package scenario_test

import (
	"regexp"
	"slices"
	"strings"
	"time"

	exprfile "github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// A place is a character of a rule file that means something, and what it is a
// part of: "key", "type", "state", "name", "expression", "literal" or "number".
type place struct {
	file, kind string
	off        int
}

// strictKinds are those of which no faulty character may go unnoticed.
var strictKinds = []string{"key", "type", "state", "name"}

// A marker goes over a rule file and marks what each of its characters is.
type marker struct {
	file, text string
	header     []string
	around     []string // the keys of the braces that are open
	key        []string // of the value at hand
	off        int
	list       []place
}

// placesIn marks a file that holds no fault.
func placesIn(file, text string) []place {
	m := &marker{file: file, text: text}
	for m.off < len(text) {
		m.next()
	}
	return m.list
}

var (
	bareWord = regexp.MustCompile(`^[A-Za-z0-9_.+-]+`)
	isKey    = regexp.MustCompile(`^(?:[A-Za-z0-9_.+-]+|"[^"]*")\s*=`)
	header   = regexp.MustCompile(`^\[{1,2}([^\[\]=]+)\]{1,2}[ \t]*(?:#.*)?\n`)
)

func (m *marker) next() {
	rest := m.text[m.off:]
	lineBegins := m.off == 0 || m.text[m.off-1] == '\n'
	switch {
	case rest[0] == '#':
		m.off += strings.IndexByte(rest+"\n", '\n')
	case lineBegins && header.MatchString(rest):
		name := header.FindStringSubmatch(rest)[1]
		m.header, m.around, m.key = strings.Split(name, "."), nil, nil
		m.mark(m.off+strings.Index(rest, name), len(name), "key")
		m.off += strings.IndexByte(rest, '\n')
	case isKey.MatchString(rest):
		name := strings.TrimRight(strings.TrimSuffix(isKey.FindString(rest), "="), " ")
		m.key = append(slices.Clone(m.around), strings.Split(name, ".")...)
		m.mark(m.off, len(name), "key")
		m.off += len(isKey.FindString(rest))
	case rest[0] == '{':
		m.around = m.key
		m.off++
	case rest[0] == '}':
		m.around = m.around[:max(0, len(m.around)-1)]
		m.off++
	case rest[0] == '"' || rest[0] == '\'':
		m.quoted(rest)
	case bareWord.MatchString(rest):
		word := bareWord.FindString(rest)
		m.mark(m.off, len(word), "number")
		m.off += len(word)
	default:
		m.off++
	}
}

// quoted marks text between quotes.
func (m *marker) quoted(rest string) {
	quote := rest[:1]
	if strings.HasPrefix(rest, "'''") {
		quote = "'''"
	}
	begin := m.off + len(quote)
	size := strings.Index(m.text[begin:], quote)
	m.off = begin + size + len(quote)
	path := append(slices.Clone(m.header), m.key...)
	if kind := kindOfText(path); kind != "" {
		m.mark(begin, size, kind)
		return
	}
	m.templates(begin, begin+size, isExpression(path))
}

// kindOfText gives what text is that stands at a path; "" if it has, or is, an
// expression.
func kindOfText(path []string) string {
	if isExpression(path) || slices.Contains(path, "body") {
		return ""
	}
	switch path[len(path)-1] {
	case "on", "to", "type":
		return "type"
	case "in":
		return "state"
	case "name", "include", "cancel", "limit", "beyond", "var":
		return "name"
	case "next":
		if slices.Contains(path, "rule") {
			return "state"
		}
	}
	return ""
}

func isExpression(path []string) bool {
	if slices.Contains(path, "body") || path[0] == "table" || path[0] == "vars" {
		return false
	}
	for _, key := range path[:len(path)-1] {
		if slices.Contains([]string{"let", "set", "push", "timer"}, key) {
			return true
		}
	}
	return slices.Contains([]string{"when", "that", "each", "complete", "key", "max"}, path[len(path)-1])
}

// templates marks text that may hold expressions.
func (m *marker) templates(from, to int, whole bool) {
	if whole {
		m.expression(from, to)
		return
	}
	for _, part := range split(m.text[from:to]) {
		if part.expression {
			m.expression(from+part.from, from+part.to)
		} else {
			m.mark(from+part.from, part.to-part.from, "literal")
		}
	}
}

// expression marks the tokens of an expression. Where a time may stand in its
// place, as in timer.wait = "5s", that is a literal.
func (m *marker) expression(from, to int) {
	if _, err := time.ParseDuration(m.text[from:to]); err == nil {
		m.mark(from, to-from, "literal")
		return
	}
	tokens, err := lexer.Lex(exprfile.NewSource(m.text[from:to]))
	if err != nil {
		panic(err) // the files hold no fault
	}
	for _, t := range tokens {
		kind := "expression"
		switch t.Kind {
		case lexer.Identifier:
			kind = "name"
		case lexer.String:
			kind = "literal"
		case lexer.Number:
			kind = "number"
		}
		m.mark(from+t.From, t.To-t.From, kind)
	}
}

func (m *marker) mark(off, size int, kind string) {
	for i := off; i < off+size; i++ {
		if c := m.text[i]; c > ' ' && c < 0x7f {
			m.list = append(m.list, place{m.file, kind, i})
		}
	}
}

// A span is a part of a template: literal, or what stands in ${ … }.
type span struct {
	from, to   int
	expression bool
}

// split takes a template apart, braces within quotes left alone.
func split(text string) []span {
	var list []span
	at := 0
	for {
		i := strings.Index(text[at:], "${")
		if i < 0 {
			return append(list, span{at, len(text), false})
		}
		begin := at + i + 2
		end := begin + closingBrace(text[begin:])
		list = append(list, span{at, begin, false}, span{begin, end, true})
		at = end
	}
}

func closingBrace(text string) int {
	deep, quote := 0, byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			deep++
		case c == '}':
			if deep == 0 {
				return i
			}
			deep--
		}
	}
	return len(text)
}
