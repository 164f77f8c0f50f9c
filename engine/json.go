package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// A Value is something that a call remembers: JSON as it came, decoded once if
// an expression asks for it, or a value that an expression made.
type Value struct {
	raw     []byte // nil where v was computed
	v       any
	decoded bool
}

func rawValue(raw []byte) Value { return Value{raw: raw} }
func madeValue(v any) Value     { return Value{v: v, decoded: true} }

func (v *Value) get() any {
	if !v.decoded {
		v.v, v.decoded = decode(v.raw), true
	}
	return v.v
}

// IsNil says whether there is no value, or null.
func (v *Value) IsNil() bool {
	if v.raw != nil {
		return v.raw[0] == 'n'
	}
	return v.v == nil
}

// SameText says whether two texts are the same, without decoding them; ok is
// false where they have to be.
func (v *Value) SameText(w *Value) (same, ok bool) {
	a, isText := v.Inside()
	b, isTextToo := w.Inside()
	if !isText || !isTextToo {
		return false, false
	}
	if bytes.Equal(a, b) {
		return true, true
	}
	return false, bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0
}

// Get returns the value as expressions see it.
func (v *Value) Get() any { return v.get() }

// Inside returns the JSON between the quotes of a text that was never decoded;
// ok is false for anything else.
func (v *Value) Inside() (inside []byte, ok bool) {
	if len(v.raw) >= 2 && v.raw[0] == '"' {
		return v.raw[1 : len(v.raw)-1], true
	}
	return nil, false
}

// AppendJSON appends the value, as it came if it came as JSON.
func (v *Value) AppendJSON(dst []byte) ([]byte, error) {
	if v.raw != nil {
		return append(dst, v.raw...), nil
	}
	return AppendJSON(dst, v.v)
}

// decode turns checked JSON into nil, bool, int, float64, string, []any or
// map[string]any. A whole number that an int can hold is an int, so that ids
// and times stay exact; any other number is a float64.
func decode(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		return unquote(raw[1 : len(raw)-1])
	case '{', '[':
		d := decoder{scanner{raw: raw}}
		v, _ := d.value(0)
		return v
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return decodeNumber(raw)
}

func decodeNumber(raw []byte) any {
	text := string(raw)
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range gives ±Inf, which no field means
	return f
}

// decoder decodes text that a scanner has found to be valid.
type decoder struct{ scanner }

func (d *decoder) value(i int) (any, int) {
	switch d.raw[i] {
	case '{':
		return d.object(i)
	case '[':
		return d.array(i)
	}
	end, _ := d.scanner.value(i, nil, 0)
	return decode(d.raw[i:end]), end
}

func (d *decoder) object(i int) (any, int) {
	m := map[string]any{}
	for i = d.space(i + 1); d.raw[i] != '}'; {
		end, _ := d.str(i)
		key := unquote(d.raw[i+1 : end-1])
		v, next := d.value(d.space(d.space(end) + 1))
		if _, twice := m[key]; !twice {
			m[key] = v
		}
		if i = d.space(next); d.raw[i] == ',' {
			i = d.space(i + 1)
		}
	}
	return m, i + 1
}

func (d *decoder) array(i int) (any, int) {
	list := []any{}
	for i = d.space(i + 1); d.raw[i] != ']'; {
		v, next := d.value(i)
		list = append(list, v)
		if i = d.space(next); d.raw[i] == ',' {
			i = d.space(i + 1)
		}
	}
	return list, i + 1
}

// elements splits a checked JSON array into its items, raw.
func elements(raw []byte) []Value {
	s := scanner{raw: raw}
	var items []Value
	for i := s.space(1); raw[i] != ']'; {
		end, _ := s.value(i, nil, 0)
		items = append(items, rawValue(raw[i:end:end]))
		if i = s.space(end); raw[i] == ',' {
			i = s.space(i + 1)
		}
	}
	return items
}

// Show words a value for an error. What peers send goes into logs only so far:
// text is quoted and cut short, and lists and tables are only counted.
func Show(v any) string {
	const most = 40
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		if runes := []rune(v[:min(len(v), 4*most)]); len(runes) > most {
			return strconv.Quote(string(runes[:most]) + "…")
		}
		return strconv.Quote(v)
	case bool, int, float64, time.Duration, time.Time:
		return fmt.Sprint(v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("a table of %d", len(v))
	}
	return fmt.Sprintf("a %T", v)
}

// AppendJSON appends v as JSON. It takes what expressions can make: nil, bool,
// numbers, text, lists and maps of those, and json.RawMessage as it stands.
// Text that is not valid UTF-8 and numbers that JSON lacks are errors.
func AppendJSON(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return dst, fmt.Errorf("%v is no JSON number", v)
		}
		return AppendNumber(dst, v), nil
	case string:
		if !utf8.ValidString(v) {
			return dst, fmt.Errorf("text that is not valid UTF-8")
		}
		return AppendText(append(dst, '"'), v, true), nil
	case json.RawMessage:
		return append(dst, v...), nil
	case []any:
		return appendList(dst, v)
	case map[string]any:
		return appendMap(dst, v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return appendList(dst, list)
	case time.Duration, time.Time:
		return dst, fmt.Errorf("a %T has no JSON form; make it text or a number first", v)
	}
	return dst, fmt.Errorf("a value of type %T has no JSON form", v)
}

// AppendNumber appends a finite number in its shortest form, without an exponent
// where it has fewer than 22 digits: homeservers take no other whole numbers.
func AppendNumber(dst []byte, n float64) []byte {
	format := byte('f')
	if abs := math.Abs(n); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, n, format, -1, 64)
}

func appendList(dst []byte, list []any) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = AppendJSON(dst, item); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendMap writes keys in sorted order: the same value, the same bytes.
func appendMap(dst []byte, m map[string]any) (_ []byte, err error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = AppendJSON(dst, k); err != nil {
			return dst, err
		}
		dst = append(dst, ':')
		if dst, err = AppendJSON(dst, m[k]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

const hexDigits = "0123456789abcdef"

// AppendText appends the inside of a JSON string for s, and the closing quote
// too if closed. s must be valid UTF-8.
func AppendText(dst []byte, s string, closed bool) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	if closed {
		dst = append(dst, '"')
	}
	return dst
}
