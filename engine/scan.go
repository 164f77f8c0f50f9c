package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a message may be nested; real ones stay below 10.
const maxDepth = 128

// A SyntaxError says where a message is not JSON.
type SyntaxError struct {
	Offset int    // bytes before the fault
	Msg    string // what was found there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not valid JSON at byte %d: %s", e.Offset+1, e.Msg)
}

// A pathTree holds the paths that a rule set reads of one message type. Its
// root stands for the whole message.
type pathTree struct {
	keys []string
	kids []*pathTree
	slot int // where the value goes; -1 if only something below it is read
	id   int // number in the tree
	size int // of the root: how many nodes there are
}

func newPathTree() *pathTree { return &pathTree{slot: -1, size: 1} }

func (t *pathTree) add(path []string, slot int) {
	root := t
	for _, name := range path {
		t = t.child(name, root)
	}
	t.slot = slot
}

func (t *pathTree) child(name string, root *pathTree) *pathTree {
	for i, k := range t.keys {
		if k == name {
			return t.kids[i]
		}
	}
	kid := &pathTree{slot: -1, id: root.size}
	root.size++
	t.keys = append(t.keys, name)
	t.kids = append(t.kids, kid)
	return kid
}

// find returns the subtree for a key as it stands in the message, quotes taken
// off, or nil if nothing below it is read.
func (t *pathTree) find(raw []byte) *pathTree {
	if t == nil {
		return nil
	}
	for i, k := range t.keys {
		if string(raw) == k {
			return t.kids[i]
		}
	}
	if bytes.IndexByte(raw, '\\') >= 0 && len(t.keys) > 0 {
		name := unquote(raw)
		for i, k := range t.keys {
			if name == k {
				return t.kids[i]
			}
		}
	}
	return nil
}

// A document is one message while the engine works on it: its text, and where
// the fields stand that the rules read. It is used again for the next message.
type document struct {
	raw   []byte
	gen   uint32   // fields and values of another generation are of an older message
	seen  []uint32 // by number in the tree: the generation that met the key last
	where []span   // by slot
	value []cached
}

type span struct {
	gen        uint32
	start, end int32
}

type cached struct {
	gen uint32
	v   any
}

// read checks that raw is one JSON value in UTF-8, and notes in the same pass
// where the fields of tree stand. Of a key that occurs twice the first counts,
// as FreeSWITCH's duplicated "message" wants it.
func (d *document) read(raw []byte, tree *pathTree, slots int) error {
	d.raw = raw
	d.gen++
	if d.gen == 0 { // wrapped: forget everything that could look current
		d.seen, d.where, d.value, d.gen = nil, nil, nil, 1
	}
	for len(d.where) < slots {
		d.where = append(d.where, span{})
		d.value = append(d.value, cached{})
	}
	for len(d.seen) < tree.size {
		d.seen = append(d.seen, 0)
	}
	if !utf8.Valid(raw) {
		return &SyntaxError{invalidUTF8(raw), "invalid UTF-8"}
	}
	s := scanner{raw: raw, doc: d}
	i, err := s.value(s.space(0), tree, 0)
	if err != nil {
		return err
	}
	if i = s.space(i); i < len(raw) {
		return &SyntaxError{i, "more text after the end of the message"}
	}
	return nil
}

func invalidUTF8(raw []byte) int {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(raw)
}

// field returns the raw JSON of a slot, nil if the message has no such field.
func (d *document) field(slot int) []byte {
	if w := d.where[slot]; w.gen == d.gen {
		return d.raw[w.start:w.end:w.end]
	}
	return nil
}

// get returns the decoded value of a slot, nil if the message has no such field.
func (d *document) get(slot int) any {
	c := &d.value[slot]
	if c.gen != d.gen {
		c.gen, c.v = d.gen, decode(d.field(slot))
	}
	return c.v
}

type scanner struct {
	raw []byte
	doc *document // nil: only check
}

func (s *scanner) space(i int) int {
	for i < len(s.raw) {
		switch s.raw[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads the value that begins at i and returns where it ends.
func (s *scanner) value(i int, tree *pathTree, depth int) (int, error) {
	if i >= len(s.raw) {
		return i, &SyntaxError{i, "the message ends in the middle"}
	}
	if tree != nil {
		if s.doc.seen[tree.id] == s.doc.gen {
			tree = nil // the key came before
		} else {
			s.doc.seen[tree.id] = s.doc.gen
		}
	}
	start := i
	var err error
	switch c := s.raw[i]; {
	case c == '"':
		i, err = s.str(i)
	case (c == '{' || c == '[') && depth == maxDepth:
		return i, &SyntaxError{i, fmt.Sprintf("nested more than %d deep", maxDepth)}
	case c == '{':
		i, err = s.object(i, tree, depth)
	case c == '[':
		i, err = s.array(i, depth)
	case c == '-' || c >= '0' && c <= '9':
		i, err = s.number(i)
	case c == 't':
		i, err = s.word(i, "true")
	case c == 'f':
		i, err = s.word(i, "false")
	case c == 'n':
		i, err = s.word(i, "null")
	default:
		r, _ := utf8.DecodeRune(s.raw[i:])
		return i, &SyntaxError{i, fmt.Sprintf("a value expected, found %q", r)}
	}
	if err != nil {
		return i, err
	}
	if tree != nil && tree.slot >= 0 {
		s.doc.where[tree.slot] = span{s.doc.gen, int32(start), int32(i)}
	}
	return i, nil
}

func (s *scanner) object(i int, tree *pathTree, depth int) (int, error) {
	i = s.space(i + 1)
	if i < len(s.raw) && s.raw[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(s.raw) || s.raw[i] != '"' {
			return i, s.expected(i, "a key in quotes")
		}
		end, err := s.str(i)
		if err != nil {
			return end, err
		}
		key := s.raw[i+1 : end-1]
		if i = s.space(end); i >= len(s.raw) || s.raw[i] != ':' {
			return i, s.expected(i, "':'")
		}
		if i, err = s.value(s.space(i+1), tree.find(key), depth+1); err != nil {
			return i, err
		}
		i = s.space(i)
		switch {
		case i < len(s.raw) && s.raw[i] == ',':
			i = s.space(i + 1)
		case i < len(s.raw) && s.raw[i] == '}':
			return i + 1, nil
		default:
			return i, s.expected(i, "',' or '}'")
		}
	}
}

func (s *scanner) array(i int, depth int) (int, error) {
	i = s.space(i + 1)
	if i < len(s.raw) && s.raw[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = s.value(i, nil, depth+1); err != nil {
			return i, err
		}
		i = s.space(i)
		switch {
		case i < len(s.raw) && s.raw[i] == ',':
			i = s.space(i + 1)
		case i < len(s.raw) && s.raw[i] == ']':
			return i + 1, nil
		default:
			return i, s.expected(i, "',' or ']'")
		}
	}
}

func (s *scanner) expected(i int, what string) error {
	if i >= len(s.raw) {
		return &SyntaxError{i, "the message ends in the middle"}
	}
	r, _ := utf8.DecodeRune(s.raw[i:])
	return &SyntaxError{i, fmt.Sprintf("%s expected, found %q", what, r)}
}

// str reads the string whose opening quote is at i.
func (s *scanner) str(i int) (int, error) {
	raw := s.raw
	i++
	for {
		if i+8 <= len(raw) {
			// Eight bytes at a time: in found, the lowest bit set stands for the
			// first quote, backslash or control character among them (the usual
			// "has a byte equal to / less than" trick).
			const lo, hi = 0x0101010101010101, 0x8080808080808080
			w := binary.LittleEndian.Uint64(raw[i:])
			q, b := w^(lo*'"'), w^(lo*'\\')
			found := ((q-lo)&^q | (b-lo)&^b | (w-lo*0x20)&^w) & hi
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) >> 3
		}
		if i >= len(raw) {
			return i, &SyntaxError{i, "the message ends inside a string"}
		}
		switch c := raw[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			j, err := s.escape(i)
			if err != nil {
				return j, err
			}
			i = j
		case c < 0x20:
			return i, &SyntaxError{i, "a control character inside a string"}
		default:
			i++
		}
	}
}

func (s *scanner) escape(i int) (int, error) {
	if i+1 < len(s.raw) {
		switch s.raw[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return i + 2, nil
		case 'u':
			if i+6 <= len(s.raw) && isHex(s.raw[i+2:i+6]) {
				return i + 6, nil
			}
		}
	}
	return i, &SyntaxError{i, "a backslash that begins no escape"}
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

func (s *scanner) number(i int) (int, error) {
	start, raw := i, s.raw
	digits := func() bool {
		from := i
		for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
			i++
		}
		return i > from
	}
	if raw[i] == '-' {
		i++
	}
	lead := i
	ok := digits() && (raw[lead] != '0' || i == lead+1)
	if ok && i < len(raw) && raw[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(raw) && raw[i]|0x20 == 'e' {
		i++
		if i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		return i, &SyntaxError{start, "a number that is none"}
	}
	return i, nil
}

func (s *scanner) word(i int, word string) (int, error) {
	if strings.HasPrefix(string(s.raw[i:min(len(s.raw), i+len(word))]), word) {
		return i + len(word), nil
	}
	return i, &SyntaxError{i, fmt.Sprintf("%q expected", word)}
}

// unquote decodes the inside of a JSON string that was already checked. A lone
// surrogate becomes U+FFFD, as everywhere in Go.
func unquote(inside []byte) string {
	i := bytes.IndexByte(inside, '\\')
	if i < 0 {
		return string(inside)
	}
	text := make([]byte, 0, len(inside))
	for {
		text = append(text, inside[:i]...)
		inside = inside[i:]
		if len(inside) == 0 {
			return string(text)
		}
		switch c := inside[1]; c {
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r, n := unquoteRune(inside)
			text, inside = utf8.AppendRune(text, r), inside[n-2:]
		default: // a quote, a slash or a backslash
			text = append(text, c)
		}
		inside = inside[2:]
		if i = bytes.IndexByte(inside, '\\'); i < 0 {
			i = len(inside)
		}
	}
}

// unquoteRune decodes the \u escape, or the pair of them, that s begins with,
// and says how long it is.
func unquoteRune(s []byte) (r rune, n int) {
	r = hex4(s[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(s[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(digits []byte) (r rune) {
	for _, c := range digits {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
