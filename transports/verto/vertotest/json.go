package vertotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An object is a JSON object as FreeSWITCH's cJSON keeps it: in order, with
// duplicate keys, looked up without regard to case, the first match winning.
type object []field

type field struct {
	key   string
	value any // nil, bool, float64, int, string, object, []any, []string
}

// maxDepth is where cJSON stops reading nested values.
const maxDepth = 1000

func (o object) get(key string) (any, bool) {
	for _, f := range o {
		if strings.EqualFold(f.key, key) {
			return f.value, true
		}
	}
	return nil, false
}

// text gives the string under key, "" if there is none or it is no string.
func (o object) text(key string) string {
	v, _ := o.get(key)
	s, _ := v.(string)
	return s
}

// object gives the object under key, nil if there is none or it is no object.
func (o object) object(key string) object {
	v, _ := o.get(key)
	sub, _ := v.(object)
	return sub
}

func (o object) with(key string, value any) object {
	return append(o, field{key, value})
}

var errDepth = errors.New("nested too deeply")

// decode reads the first JSON value of data; like cJSON it does not look at
// what stands behind it.
func decode(data []byte) (any, error) {
	return decodeValue(json.NewDecoder(bytes.NewReader(data)), 0)
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return decodeObject(d, depth)
		}
		return decodeArray(d, depth)
	case string:
		return cString(t), nil
	default:
		return t, nil
	}
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		o = append(o, field{cString(key.(string)), value})
	}
	_, err := d.Token()
	return o, err
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	a := []any{}
	for d.More() {
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		a = append(a, value)
	}
	_, err := d.Token()
	return a, err
}

// cString cuts s at its first NUL, where a C string ends.
func cString(s string) string {
	before, _, _ := strings.Cut(s, "\x00")
	return before
}

func encode(v any) []byte { return appendValue(nil, v) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case string:
		return appendString(b, v)
	case object:
		b = append(b, '{')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, f.key), ':')
			b = appendValue(b, f.value)
		}
		return append(b, '}')
	case []any:
		return appendArray(b, v)
	case []string:
		return appendArray(b, v)
	default:
		panic(fmt.Sprintf("vertotest: no JSON for %T", v))
	}
}

func appendArray[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return append(b, ']')
}

// appendString quotes s as cJSON does: only what must be escaped is.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < ' ':
			b = fmt.Appendf(b, "\\u%04x", r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// plain turns what encoding/json takes into an object.
func plain(params map[string]any) object {
	data, err := json.Marshal(params)
	if err != nil {
		panic(fmt.Sprintf("vertotest: %v", err))
	}
	v, err := decode(data)
	if err != nil {
		panic(fmt.Sprintf("vertotest: %v", err))
	}
	o, _ := v.(object)
	return append(object{}, o...)
}
