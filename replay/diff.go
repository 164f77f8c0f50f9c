package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"vertigo/capture"
)

// diff compares two JSON values and says, path by path, what is not the same.
// The order of keys and the way a number is written do not matter.
func diff(path string, was, is []byte) []Delta {
	a, errA := decode(was)
	b, errB := decode(is)
	if errA != nil || errB != nil {
		if bytes.Equal(was, is) {
			return nil
		}
		var hide capture.Redactor
		a, b := string(hide.Message(capture.In, was)), string(hide.Message(capture.In, is))
		return []Delta{{Path: path, was: []string{a}, is: []string{b}, wasJSON: a, isJSON: b}}
	}
	var d differ
	d.value(path, a, b)
	return d.found
}

func decode(data []byte) (any, error) {
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	var v any
	err := in.Decode(&v)
	return v, err
}

type differ struct{ found []Delta }

// add notes values that are not the same; one that is missing is nil.
func (d *differ) add(path string, was, is *any) { d.found = append(d.found, valueDelta(path, was, is)) }

func (d *differ) value(path string, a, b any) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			d.object(path, a, b)
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			d.list(path, a, b)
			return
		}
	case string:
		if b, ok := b.(string); ok {
			d.text(path, a, b)
			return
		}
	case json.Number:
		if b, ok := b.(json.Number); ok && sameNumber(a, b) {
			return
		}
	default:
		if a == b {
			return
		}
	}
	d.add(path, &a, &b)
}

func (d *differ) object(path string, a, b map[string]any) {
	var keys []string
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		at := path + "." + k
		va, inA := a[k]
		vb, inB := b[k]
		switch {
		case !inA:
			d.add(at, nil, &vb)
		case !inB:
			d.add(at, &va, nil)
		default:
			d.value(at, va, vb)
		}
	}
}

func (d *differ) list(path string, a, b []any) {
	for i := range max(len(a), len(b)) {
		at := fmt.Sprintf("%s.%d", path, i)
		switch {
		case i >= len(a):
			d.add(at, nil, &b[i])
		case i >= len(b):
			d.add(at, &a[i], nil)
		default:
			d.value(at, a[i], b[i])
		}
	}
}

// text compares an SDP, or any other text, line by line.
func (d *differ) text(path, a, b string) {
	if a == b {
		return
	}
	if !strings.Contains(a, "\n") && !strings.Contains(b, "\n") {
		was, is := any(a), any(b)
		d.add(path, &was, &is)
		return
	}
	list := changes(lines(a), lines(b))
	if len(list) == 0 {
		d.found = append(d.found, Delta{Path: path, Note: "only the line ends differ"})
	}
	for _, c := range list {
		d.found = append(d.found, textDelta(path, c))
	}
}

func lines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// A change is lines of one text in the place of lines of another.
type change struct {
	line           int // in the first text, from 1
	removed, added []string
}

// mostLines bounds the work of comparing two texts.
const mostLines = 2000

// changes compares two lists of lines by their longest common subsequence.
func changes(a, b []string) []change {
	a, b = a[:min(len(a), mostLines)], b[:min(len(b), mostLines)]
	// common[i][j] is how many lines a[i:] and b[j:] share in order.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var list []change
	var now *change
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j, now = i+1, j+1, nil
			continue
		}
		if now == nil {
			list = append(list, change{line: i + 1})
			now = &list[len(list)-1]
		}
		if j >= len(b) || i < len(a) && common[i+1][j] >= common[i][j+1] {
			now.removed = append(now.removed, a[i])
			i++
		} else {
			now.added = append(now.added, b[j])
			j++
		}
	}
	return list
}

// sameNumber compares two JSON numbers by value, whatever their size; very long
// exponents are compared as they are written.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	const long = 64
	if len(a) > long || len(b) > long || bytes.ContainsAny([]byte(a+b), "eE") {
		return false
	}
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) == 0
}

func show(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return clip(strings.TrimSuffix(out.String(), "\n"))
}

// clip shortens what would make a report unreadable.
func clip(text string) string {
	const longest = 120
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest-1]) + "…"
}
