package wire

import (
	"regexp"

	"github.com/tidwall/gjson"
)

// placeholder is a text that is nothing but a field of the message.
var placeholder = regexp.MustCompile(`^\$\{\s*msg\.([^\s{}]+)\s*\}$`)

// Acknowledgement gives what is to be said at once to a message that [Format.Read]
// found to be m: nil for nothing. Only a message with a type that answers nothing
// is acknowledged, so that two of this kind never thank each other for ever.
func (f *Format) Acknowledgement(m Message, data []byte) []byte {
	if len(f.Acknowledge) == 0 || m.Type == "" || f.isAnswer(m.Type) {
		return nil
	}
	ack, ok := fill(nil, gjson.ParseBytes(f.Acknowledge), gjson.ParseBytes(data))
	if !ok {
		return nil
	}
	return ack
}

// fill appends a template with fields of a message in it, as they stand there;
// ok is false if one is not there.
func fill(dst []byte, template, msg gjson.Result) (_ []byte, ok bool) {
	if !template.IsObject() && !template.IsArray() {
		named := placeholder.FindStringSubmatch(template.Str)
		if named == nil {
			return append(dst, template.Raw...), true
		}
		v := at(msg, named[1])
		return append(dst, v.Raw...), v.Exists()
	}
	ok = true
	open, end := byte('['), byte(']')
	if template.IsObject() {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	first := true
	template.ForEach(func(key, value gjson.Result) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if key.Exists() && template.IsObject() {
			dst = append(append(dst, key.Raw...), ':')
		}
		dst, ok = fill(dst, value, msg)
		return ok
	})
	return append(dst, end), ok
}
