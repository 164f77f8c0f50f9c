package wire

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// Number puts id where the format has the reply id, as text. set is false, and
// body as it was, if the format has none, or if one stands there already: then
// body is an answer to the peer, and none comes of it.
func (f *Format) Number(body []byte, id string) (numbered []byte, set bool) {
	if f.Reply == "" {
		return body, false
	}
	return put(body, f.Reply, quote(id))
}

// Word gives a message of the transport itself, such as "transport.up", so that
// the type stands where the peer's own have theirs.
func (f *Format) Word(typ string) []byte {
	word, _ := put(nil, f.typePaths()[0], quote(typ))
	return word
}

// Failure gives the answer that the peer did not give to the message of that id;
// "" for one that never went out.
func (f *Format) Failure(id, reason string) []byte {
	body, _ := put(nil, f.errorPath(), append(append([]byte(`{"code":-1,"reason":`), quote(reason)...), '}'))
	if id != "" {
		body, _ = f.Number(body, id)
	}
	return body
}

// Make gives the fields by which a message of the peer is of that type. If the
// type says what came of a message that was sent, request is that message, whose
// id it repeats; nil for none.
func (f *Format) Make(typ string, request []byte) []byte {
	var body []byte
	if sent, answer, ok := f.Answered(typ); ok && request != nil {
		body, _ = f.Number(nil, textAt(gjson.ParseBytes(request), f.Reply))
		if typ == sent+".error" && answer == "" {
			body, _ = put(body, f.errorPath(), []byte("{}"))
		}
		typ = answer
	}
	paths := f.typePaths()
	for i := 0; i < len(paths) && typ != ""; i++ {
		word, rest := typ, ""
		if i < len(paths)-1 {
			word, rest, _ = strings.Cut(typ, ".")
		}
		body, _ = put(body, paths[i], quote(word))
		typ = rest
	}
	if body == nil {
		return []byte("{}")
	}
	return body
}

// put sets the value at a path of an object, or of nothing. set is false if
// something stands there, or in the way.
func put(body []byte, path string, value []byte) (with []byte, set bool) {
	name, rest, deeper := strings.Cut(path, ".")
	top := gjson.ParseBytes(body)
	if top.IsObject() {
		if there := field(top, name); there.Exists() {
			if !deeper || !there.IsObject() {
				return body, false
			}
			inner, set := put([]byte(there.Raw), rest, value)
			if !set {
				return body, false
			}
			return replace(body, there, inner), true
		}
	}
	if deeper {
		value, _ = put(nil, rest, value)
	}
	return extend(top, name, value), true
}

// replace puts value in the place of a field of body.
func replace(body []byte, field gjson.Result, value []byte) []byte {
	with := make([]byte, 0, len(body)-len(field.Raw)+len(value))
	with = append(with, body[:field.Index]...)
	with = append(with, value...)
	return append(with, body[field.Index+len(field.Raw):]...)
}

// extend adds a field at the end of an object, or begins one.
func extend(object gjson.Result, name string, value []byte) []byte {
	head := "{"
	if object.IsObject() {
		head = strings.TrimRight(object.Raw, " \t\r\n")
		head = strings.TrimRight(head[:len(head)-1], " \t\r\n")
	}
	with := make([]byte, 0, len(head)+len(name)+len(value)+8)
	with = append(with, head...)
	if head != "{" {
		with = append(with, ',')
	}
	with = append(with, quote(name)...)
	with = append(with, ':')
	with = append(with, value...)
	return append(with, '}')
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
