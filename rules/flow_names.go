package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// eachName finds the names in an expression without parsing it, so that a faulty
// one tells as well what it meant to read. It gives each name that is no field
// of another one, with the field that is read of it: call.room and call["room"]
// are both "call", "room". field is "" where none is named.
func eachName(text string, found func(root, field string)) {
	scanNames(text, found, func(string) {})
}

// scanNames is eachName, and gives the fields that stand further down, too.
func scanNames(text string, found func(root, field string), below func(field string)) {
	s := nameScanner{rest: text}
	for s.rest != "" {
		r, size := utf8.DecodeRuneInString(s.rest)
		switch {
		case isNameStart(r):
			name := s.name()
			if s.afterDot {
				below(name)
			} else {
				found(name, s.field())
			}
			s.afterDot = false
		case strings.HasPrefix(s.rest, "//"):
			s.skipPast("\n")
		case strings.HasPrefix(s.rest, "/*"):
			s.skipPast("*/")
		case r == '"' || r == '\'' || r == '`':
			s.text()
			s.afterDot = false
		case unicode.IsDigit(r): // 0x1f and 1e3 hold no names
			s.name()
			s.afterDot = false
		case unicode.IsSpace(r):
			s.rest = s.rest[size:]
		default:
			s.afterDot = r == '.' && !strings.HasPrefix(s.rest, "..")
			if !s.afterDot && r == '.' {
				size = 2
			}
			s.rest = s.rest[size:]
		}
	}
}

// A nameScanner goes over the text of an expression.
type nameScanner struct {
	rest     string
	afterDot bool // what comes next is a field
}

func isNameStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }

// name takes letters and digits.
func (s *nameScanner) name() string {
	end := strings.IndexFunc(s.rest, func(r rune) bool { return !isNameStart(r) && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(s.rest)
	}
	name := s.rest[:end]
	s.rest = s.rest[end:]
	return name
}

// field takes .name, ?.name or ["name"], if one of them comes next.
func (s *nameScanner) field() string {
	rest := strings.TrimLeft(s.rest, " \t\r\n")
	after, dot := strings.CutPrefix(strings.TrimPrefix(rest, "?"), ".")
	after = strings.TrimLeft(after, " \t\r\n")
	if r, _ := utf8.DecodeRuneInString(after); dot && isNameStart(r) {
		s.rest = after
		return s.name()
	}
	inside, bracket := strings.CutPrefix(after, "[")
	inside = strings.TrimLeft(inside, " \t\r\n")
	if !bracket || inside == "" || strings.IndexByte("\"'`", inside[0]) < 0 {
		return ""
	}
	s.rest = inside
	quoted := s.text()
	return strings.Trim(quoted, quoted[:1])
}

// text takes a text in quotes.
func (s *nameScanner) text() string {
	whole, quote := s.rest, s.rest[0]
	i := 1
	for ; i < len(whole) && whole[i] != quote; i++ {
		if whole[i] == '\\' && quote != '`' {
			i++
		}
	}
	end := min(i+1, len(whole))
	s.rest = whole[end:]
	return whole[:end]
}

func (s *nameScanner) skipPast(end string) {
	_, s.rest, _ = strings.Cut(s.rest, end)
}

// insides gives what stands in the ${ … } of a template.
func insides(text string) []string {
	var list []string
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return list
		}
		if i > 0 && text[i-1] == '$' {
			text = text[i+2:]
			continue
		}
		text = text[i:]
		end := closing(text)
		if end < 0 {
			return append(list, text[2:])
		}
		list = append(list, text[2:end])
		text = text[end+1:]
	}
}
