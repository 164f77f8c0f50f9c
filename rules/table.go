package rules

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Table looks up what rules know beforehand: the extension of a room, the
// owner of a number. It never changes, so any goroutine may use it.
type Table struct {
	entries  map[string]any
	byPrefix bool
	lengths  []int // of the keys, in bytes, longest first
}

func newTable(entries map[string]any, byPrefix bool) *Table {
	lengths := make(map[int]bool)
	for key := range entries {
		lengths[len(key)] = true
	}
	t := &Table{entries: entries, byPrefix: byPrefix, lengths: slices.Sorted(maps.Keys(lengths))}
	slices.Reverse(t.lengths)
	return t
}

// Len gives the number of entries.
func (t *Table) Len() int { return len(t.entries) }

// Lookup gives the value for key, as the table says: of the same key, or of the
// longest one that key begins with (match = "prefix").
func (t *Table) Lookup(key string) (any, bool) {
	if t.byPrefix {
		return t.Prefix(key)
	}
	return t.Get(key)
}

// Get gives the value of an entry.
func (t *Table) Get(key string) (any, bool) {
	v, ok := t.entries[key]
	return v, ok
}

// Prefix gives the value of the longest entry that key begins with, as dial
// plans route.
func (t *Table) Prefix(key string) (any, bool) {
	for _, n := range t.lengths {
		if n > len(key) {
			continue
		}
		if v, ok := t.entries[key[:n]]; ok {
			return v, true
		}
	}
	return nil, false
}

// lookupText is Lookup for the bytes of a key.
func (t *Table) lookupText(key []byte) any {
	if !t.byPrefix {
		return t.entries[string(key)]
	}
	for _, n := range t.lengths {
		if n > len(key) {
			continue
		}
		if v, ok := t.entries[string(key[:n])]; ok {
			return v
		}
	}
	return nil
}

// Keys of a [table.NAME] that are no entries.
const (
	tableFile    = "file"
	tableMatch   = "match"
	tableEntries = "entries"
)

// loadTable reads a [table.NAME]: its entries stand in the table itself, below
// entries, or in the CSV file that it names, relative to dir. read gives the
// content of a file.
func loadTable(read func(name string) ([]byte, error), dir string, n *node) (*Table, []Finding) {
	byPrefix, findings := tableByPrefix(n)
	own, found := ownEntries(n)
	findings = append(findings, found...)

	file := n.child(tableFile)
	if file == nil {
		return newTable(own, byPrefix), findings
	}
	if file.kind != kindString {
		return newTable(own, byPrefix), append(findings, file.finding(badTable, file.pos,
			fmt.Sprintf("file must be text, not %s", file.kind), "an entry that is called file can stand in [table.NAME.entries]"))
	}
	if len(own) > 0 {
		findings = append(findings, file.finding(badTable, file.keyPos, "the table has both a file and entries of its own", "put all entries in one of them"))
	}
	name := file.text
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	src, err := read(name)
	if err != nil {
		return newTable(own, byPrefix), append(findings, file.finding(unreadableTable, file.pos, fmt.Sprintf("the table's file cannot be read: %v", err), ""))
	}
	entries, found := readCSV(name, src)
	return newTable(entries, byPrefix), append(findings, found...)
}

// tableByPrefix reads the key match.
func tableByPrefix(n *node) (bool, []Finding) {
	match := n.child(tableMatch)
	switch {
	case match == nil || match.text == "exact":
		return false, nil
	case match.text == "prefix":
		return true, nil
	case match.kind != kindString:
		return false, []Finding{match.finding(badTable, match.pos, fmt.Sprintf("match must be text, not %s", match.kind),
			"an entry that is called match can stand in [table.NAME.entries]")}
	}
	return false, []Finding{match.finding(badTable, match.pos, fmt.Sprintf("unknown match %q", match.text), DidYouMean(match.text, []string{"exact", "prefix"}))}
}

// ownEntries reads the entries that stand in the table itself.
func ownEntries(n *node) (map[string]any, []Finding) {
	var findings []Finding
	entries := make(map[string]any)
	add := func(key string, v *node) {
		switch first, twice := entries[key]; {
		case key == "":
			findings = append(findings, v.finding(badEntry, v.keyPos, "the key is empty", ""))
		case twice:
			findings = append(findings, v.finding(badEntry, v.keyPos, fmt.Sprintf("%q has a value already: %v", key, first), ""))
		default:
			entries[key] = v.plain()
		}
	}
	for _, key := range n.keys {
		v := n.child(key)
		if meant := meantSetting(key, v); meant != "" {
			findings = append(findings, v.finding(unknownKey, v.keyPos, "unknown key "+key,
				fmt.Sprintf("did you mean %s? An entry that is called %s can stand in [table.NAME.entries]", meant, key)))
			continue
		}
		switch {
		case key == tableFile || key == tableMatch:
		case key == tableEntries && v.kind == kindTable:
			for _, k := range v.keys {
				add(k, v.child(k))
			}
		default:
			add(key, v)
		}
	}
	return entries, findings
}

// meantSetting gives the setting that an entry was probably meant to be, by its
// key and its value; "" if it is an entry.
func meantSetting(key string, v *node) string {
	setting := Nearest(key, []string{tableFile, tableMatch, tableEntries})
	switch {
	case setting == key:
	case setting == tableFile && v.kind == kindString && strings.HasSuffix(strings.ToLower(v.text), ".csv"),
		setting == tableMatch && v.kind == kindString && slices.Contains([]string{"exact", "prefix"}, v.text),
		setting == tableEntries && v.kind == kindTable:
		return setting
	}
	return ""
}

// A CSV file with more faults than this is not read to its end.
const maxFaultyRows = 20

// A csvTable reads a CSV file row by row.
type csvTable struct {
	src      *sourceText
	rows     *csv.Reader
	header   []string
	entries  map[string]any
	lines    map[string]int // where each key stands
	findings []Finding
}

// readCSV reads a table's file. Its first row names the columns. The first
// column holds the key; the value is the text of the second if there are two,
// else the columns by name. Lines that are blank or begin with # do not count,
// nor does white space around a field.
func readCSV(file string, src []byte) (map[string]any, []Finding) {
	t := &csvTable{src: newSourceText(file, src), entries: make(map[string]any), lines: make(map[string]int)}
	if f, bad := t.src.invalidUTF8(); bad {
		return t.entries, []Finding{f}
	}
	t.rows = csv.NewReader(strings.NewReader(t.src.text))
	t.rows.Comment = '#'
	t.rows.FieldsPerRecord = -1
	t.rows.TrimLeadingSpace = true
	t.rows.ReuseRecord = true
	for {
		row, err := t.rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var perr *csv.ParseError
		switch {
		case errors.As(err, &perr):
			t.fault(badEntry, perr.Line, perr.Column, csvMessage(perr), "a field that holds quotes or commas stands in double quotes, a quote in it doubled")
		case err != nil:
			t.fault(unreadableTable, 1, 1, err.Error(), "")
			return t.entries, t.findings
		case len(row) == 1 && strings.TrimSpace(row[0]) == "":
		case t.header == nil:
			if !t.readHeader(row) {
				return t.entries, t.findings
			}
		default:
			t.readRow(row)
		}
		if len(t.findings) >= maxFaultyRows {
			line, col := t.rows.FieldPos(0)
			t.fault(badEntry, line, col, "the rest of the file is not read, since so much of it is faulty", "")
			return t.entries, t.findings
		}
	}
	if t.header == nil && len(t.findings) == 0 {
		t.findings = append(t.findings, Finding{Pos: Pos{File: file}, Code: unreadableTable.Code, Msg: "the table's file is empty", Hint: "its first row names the columns, the first of them the key"})
	}
	return t.entries, t.findings
}

// csvMessage words an error of the CSV library.
func csvMessage(err *csv.ParseError) string {
	switch err.Err {
	case csv.ErrBareQuote:
		return "a quote within a field that does not begin with one"
	case csv.ErrQuote:
		return "a quote that neither closes its field nor is doubled"
	}
	return err.Err.Error()
}

// fault notes a finding at a line and a column in bytes.
func (t *csvTable) fault(k *Kind, line, col int, msg, hint string) {
	source := t.src.line(line)
	before := source[:min(max(col-1, 0), len(source))]
	pos := Pos{File: t.src.file, Line: line, Col: utf8.RuneCountInString(before) + 1}
	t.findings = append(t.findings, Finding{Pos: pos, Severity: k.Severity, Code: k.Code, Msg: msg, Hint: hint, Source: source})
}

// faultIn notes a finding in a field of the last row.
func (t *csvTable) faultIn(k *Kind, field int, msg, hint string) {
	line, col := t.rows.FieldPos(field)
	t.fault(k, line, col, msg, hint)
}

// readHeader reads the names of the columns; it says whether rows can be read.
func (t *csvTable) readHeader(row []string) bool {
	if len(row) < 2 {
		hint := ""
		if strings.ContainsAny(row[0], ";\t") {
			hint = "separate columns by commas"
		}
		t.faultIn(badHeader, 0, "a table has at least two columns: the key, and a value", hint)
		return false
	}
	for i, field := range row {
		name := strings.TrimSpace(field)
		switch {
		case i == 0 && looksLikeNumber(name):
			t.faultIn(numberHeader, 0, fmt.Sprintf("the first row names the columns, so %q has no entry", name), "put a row such as number,value before it")
		case len(row) > 2 && name == "":
			t.faultIn(badHeader, i, "the column has no name", "")
		case len(row) > 2 && slices.Contains(t.header, name):
			t.faultIn(badHeader, i, fmt.Sprintf("two columns have the name %q", name), "")
		}
		t.header = append(t.header, name)
	}
	return true
}

// looksLikeNumber says whether a text could be a telephone number.
func looksLikeNumber(text string) bool {
	digits := strings.TrimPrefix(text, "+")
	return digits != "" && strings.IndexFunc(digits, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

func (t *csvTable) readRow(row []string) {
	if len(row) != len(t.header) {
		t.faultIn(badEntry, min(len(row)-1, len(t.header)), fmt.Sprintf("the row has %s, the first row names %d", count(len(row), "column"), len(t.header)), "")
		return
	}
	key := strings.TrimSpace(row[0])
	if key == "" {
		t.faultIn(badEntry, 0, "the key is empty", "")
		return
	}
	if first, twice := t.lines[key]; twice {
		t.faultIn(badEntry, 0, fmt.Sprintf("%q has an entry already, on line %d", key, first), "")
		return
	}
	t.lines[key], _ = t.rows.FieldPos(0)
	if len(row) == 2 {
		t.entries[key] = strings.TrimSpace(row[1])
		return
	}
	value := make(map[string]any, len(row)-1)
	for i, name := range t.header[1:] {
		value[name] = strings.TrimSpace(row[i+1])
	}
	t.entries[key] = value
}

// count gives a number and what it counts: 1 column, 2 columns.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
