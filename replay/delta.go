package replay

import (
	"encoding/json"
	"fmt"
	"strings"

	"vertigo/capture"
)

// A Delta is what is not the same at one place of two messages: a value, or some
// lines of a text. Secrets are not in it.
type Delta struct {
	Path string
	Line int    // of a text, from 1; 0: the whole value
	Note string // in words, where the values do not say it

	was, is         []string // as they are shown
	wasJSON, isJSON any
}

// value is a delta of values; a side that is missing is nil.
func valueDelta(path string, was, is *any) Delta {
	var hide capture.Redactor
	d := Delta{Path: path}
	if was != nil {
		v := Hidden(&hide, path, *was)
		d.was, d.wasJSON = []string{show(v)}, v
	}
	if is != nil {
		v := Hidden(&hide, path, *is)
		d.is, d.isJSON = []string{show(v)}, v
	}
	return d
}

// textDelta is a delta of lines.
func textDelta(path string, c change) Delta {
	var hide capture.Redactor
	was, is := HiddenLines(&hide, path, c.removed), HiddenLines(&hide, path, c.added)
	return Delta{Path: path, Line: c.line, was: was, is: is, wasJSON: was, isJSON: is}
}

// String gives all on one line: params.cause: -"USER_BUSY" +"NO_ANSWER".
func (d Delta) String() string {
	return strings.Join(append([]string{d.head()}, d.sides()...), " ")
}

func (d Delta) head() string {
	switch {
	case d.Path == "":
		return d.Note
	case d.Note != "":
		return d.Path + ": " + d.Note
	case d.Line > 0:
		return fmt.Sprintf("%s: line %d:", d.Path, d.Line)
	}
	return d.Path + ":"
}

func (d Delta) sides() []string {
	var list []string
	for _, text := range d.was {
		list = append(list, "-"+clip(text))
	}
	for _, text := range d.is {
		list = append(list, "+"+clip(text))
	}
	return list
}

// lines gives the delta in lines of n columns: on one if there is room.
func (d Delta) lines(n int) []string {
	if one := d.String(); width(one) <= n {
		return []string{cut(one, n)}
	}
	list := []string{cut(d.head(), n)}
	for _, side := range d.sides() {
		list = append(list, "  "+cut(side, n-2))
	}
	return list
}

// MarshalJSON gives the values whole.
func (d Delta) MarshalJSON() ([]byte, error) {
	j := struct {
		Path string          `json:"path,omitempty"`
		Line int             `json:"line,omitempty"`
		Note string          `json:"note,omitempty"`
		Was  json.RawMessage `json:"was,omitempty"`
		Is   json.RawMessage `json:"is,omitempty"`
	}{Path: d.Path, Line: d.Line, Note: d.Note}
	for _, side := range []struct {
		shown []string
		value any
		into  *json.RawMessage
	}{{d.was, d.wasJSON, &j.Was}, {d.is, d.isJSON, &j.Is}} {
		if len(side.shown) == 0 {
			continue
		}
		text, err := marshal(side.value)
		if err != nil {
			return nil, err
		}
		*side.into = json.RawMessage(text)
	}
	return json.Marshal(j)
}
