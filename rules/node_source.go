package rules

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// A sourceText is a file with its lines indexed, so that places in it can be
// named and shown.
type sourceText struct {
	file   string
	text   string // without a byte order mark
	starts []int  // the offset at which each line begins
}

// byteOrderMark may begin a file; nothing needs it.
const byteOrderMark = "\ufeff"

func newSourceText(file string, src []byte) *sourceText {
	s := &sourceText{file: file, text: strings.TrimPrefix(string(src), byteOrderMark), starts: []int{0}}
	for i := range len(s.text) {
		if s.text[i] == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// lineAt gives the number of the line that holds the byte at off.
func (s *sourceText) lineAt(off int) int {
	return sort.SearchInts(s.starts, off+1)
}

// pos names the place of the byte at off.
func (s *sourceText) pos(off int) Pos {
	line := s.lineAt(off)
	return Pos{File: s.file, Line: line, Col: utf8.RuneCountInString(s.text[s.starts[line-1]:off]) + 1}
}

// line gives the text of a line, counted from 1; "" if there is no such line.
func (s *sourceText) line(n int) string {
	if n < 1 || n > len(s.starts) {
		return ""
	}
	end := len(s.text)
	if n < len(s.starts) {
		end = s.starts[n] - 1
	}
	return strings.TrimSuffix(s.text[s.starts[n-1]:end], "\r")
}

// finding makes a finding at the byte at off.
func (s *sourceText) finding(k *Kind, off int, msg, hint string) Finding {
	pos := s.pos(off)
	return Finding{Pos: pos, Severity: k.Severity, Code: k.Code, Msg: msg, Hint: hint, Source: s.line(pos.Line)}
}

// invalidUTF8 finds the first byte that is not UTF-8.
func (s *sourceText) invalidUTF8() (Finding, bool) {
	if utf8.ValidString(s.text) {
		return Finding{}, false
	}
	for i, r := range s.text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(s.text[i:]); size == 1 {
			return s.finding(notUTF8, i, fmt.Sprintf("the byte 0x%02x is not UTF-8 text", s.text[i]), "save the file as UTF-8"), true
		}
	}
	return Finding{}, false
}
