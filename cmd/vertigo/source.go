package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"vertigo/rules"
)

// A source is the text of a configuration, and where its keys stand. The TOML
// library does not tell; this reads the text line by line, which is exact for
// keys that stand on lines of their own. For a key within an inline table it
// gives the place of that table's key.
type source struct {
	file  string
	lines []string
	keys  map[string]rules.Pos // by dotted path, items of lists by number
}

var (
	headerLine = regexp.MustCompile(`^\s*(\[\[?)\s*([^\]]+?)\s*\]`)
	keyLine    = regexp.MustCompile(`^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.\s-])+?)\s*=`)
)

func newSource(file string, text []byte) *source {
	s := &source{file: file, lines: strings.Split(string(text), "\n"), keys: map[string]rules.Pos{}}
	prefix := ""
	counts := map[string]int{}
	for i, line := range s.lines {
		if m := headerLine.FindStringSubmatchIndex(line); m != nil {
			prefix = plainKey(line[m[4]:m[5]])
			if m[3]-m[2] == 2 { // [[...]]
				n := counts[prefix]
				counts[prefix]++
				prefix += "." + strconv.Itoa(n)
			}
			s.note(prefix, i, m[4])
			prefix += "."
		} else if m := keyLine.FindStringSubmatchIndex(line); m != nil {
			s.note(prefix+plainKey(line[m[2]:m[3]]), i, m[2])
		}
	}
	return s
}

// note keeps the first place of a key.
func (s *source) note(key string, line, off int) {
	if _, twice := s.keys[key]; !twice {
		s.keys[key] = rules.Pos{File: s.file, Line: line + 1, Col: utf8.RuneCountInString(s.lines[line][:off]) + 1}
	}
}

// plainKey writes a dotted key without quotes and blanks.
func plainKey(key string) string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t\"'")
	}
	return strings.Join(parts, ".")
}

// pos gives the place of a key, or of the nearest table around it.
func (s *source) pos(path []string) rules.Pos {
	for n := len(path); n > 0; n-- {
		if p, ok := s.keys[strings.Join(path[:n], ".")]; ok {
			return p
		}
	}
	return rules.Pos{File: s.file}
}

// finding is an error at the place of a key.
func (s *source) finding(path []string, msg, hint string) rules.Finding {
	at := s.pos(path)
	return rules.Finding{Pos: at, Msg: msg, Hint: hint, Source: s.keyLine(at.Line)}
}

// keyLine gives a line as it may be shown: without its value, which may be a
// secret.
func (s *source) keyLine(line int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	key, _, isKey := strings.Cut(s.lines[line-1], "=")
	if isKey {
		return key + "= …"
	}
	return key
}

// beside is a path in the configuration as seen from here.
func (s *source) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(s.file), path)
}
