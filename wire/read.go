package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// A Message is what a format finds in one raw message.
type Message struct {
	Type   string   // "" if it has none
	Keys   []string // in the order of their paths, each once; numbers as they stand
	Reply  string   // the id by which it answers; "" if it has none
	Failed bool     // it has what only a failed answer has
}

const (
	// longest bounds a type, a key and a reply id: each is kept, and stands in logs.
	longest = 256
	// deepest bounds the nesting of a message, as the engine does.
	deepest = 128
)

// Read finds type, keys and reply id in one raw message. Of fields that stand
// twice the first counts, and one of an odd type is as good as absent. The error
// says why a message cannot be used: it is no JSON object in UTF-8, is nested too
// deep, or names things too long.
func (f *Format) Read(data []byte) (Message, error) {
	top, err := parse(data)
	if err != nil {
		return Message{}, err
	}
	var m Message
	var words []string
	for _, path := range f.typePaths() {
		if text := textAt(top, path); text != "" {
			words = append(words, text)
		}
	}
	m.Type = strings.Join(words, ".")
	for _, path := range f.Key {
		if key := textAt(top, path); key != "" && !slices.Contains(m.Keys, key) {
			m.Keys = append(m.Keys, key)
		}
	}
	if f.Reply != "" {
		m.Reply = textAt(top, f.Reply)
	}
	failed := at(top, f.errorPath())
	m.Failed = failed.Exists() && failed.Type != gjson.Null
	return m, m.tooLong()
}

func (m *Message) tooLong() error {
	switch {
	case len(m.Type) > longest:
		return fmt.Errorf("its type has more than %d bytes", longest)
	case len(m.Reply) > longest:
		return fmt.Errorf("its reply id has more than %d bytes", longest)
	}
	for _, key := range m.Keys {
		if len(key) > longest {
			return fmt.Errorf("a key of it has more than %d bytes", longest)
		}
	}
	return nil
}

// parse reads data as the one object that a message is.
func parse(data []byte) (gjson.Result, error) {
	if !utf8.Valid(data) {
		return gjson.Result{}, errors.New("it is not UTF-8")
	}
	if tooDeep(data) {
		return gjson.Result{}, fmt.Errorf("it is nested more than %d deep", deepest)
	}
	// json.Valid, not gjson's own check, that recurses.
	if !json.Valid(data) {
		return gjson.Result{}, errors.New("it is not JSON")
	}
	top := gjson.ParseBytes(data)
	if !top.IsObject() {
		return gjson.Result{}, errors.New("it is JSON, but no object")
	}
	return top, nil
}

// tooDeep counts brackets outside of texts; of what is no JSON any answer will do.
func tooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > deepest {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}

// textAt gives the text or number at a path, the number as it stands; "" for
// anything else. It is no piece of top: whoever keeps a key does not keep all that
// was said.
func textAt(top gjson.Result, path string) string {
	switch v := at(top, path); v.Type {
	case gjson.String:
		return strings.Clone(v.Str)
	case gjson.Number:
		return strings.Clone(v.Raw)
	}
	return ""
}

// at gives the value at a path. gjson's own paths know wildcards and modifiers,
// which are right names of fields.
func at(v gjson.Result, path string) gjson.Result {
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		v = field(v, name)
	}
	return v
}

// field gives the first field of that name.
func field(object gjson.Result, name string) gjson.Result {
	var found gjson.Result
	if object.IsObject() {
		object.ForEach(func(key, value gjson.Result) bool {
			if key.Str == name {
				found = value
				return false
			}
			return true
		})
	}
	return found
}
