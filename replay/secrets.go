package replay

import (
	"bytes"
	"encoding/json"
	"slices"

	"vertigo/capture"
	"vertigo/engine"
)

// Rules act on messages as they are, and messages are compared as they are; what
// is shown of them has no secrets, whatever the capture and the rules hold.

// Hidden gives a value, of those that JSON has, without its secrets, by its path.
func Hidden(hide *capture.Redactor, path string, v any) any {
	text, err := engine.AppendJSON(nil, v)
	if err != nil {
		if text, err = json.Marshal(v); err != nil {
			return v // it is shown by its kind
		}
	}
	clean := hide.Value(path, text)
	if bytes.Equal(clean, text) {
		return v
	}
	made, err := decode(clean)
	if err != nil {
		return v
	}
	return made
}

// HiddenLines is [Hidden] for lines of a text.
func HiddenLines(hide *capture.Redactor, path string, lines []string) []string {
	clean := slices.Clone(lines)
	for i, line := range clean {
		if text, ok := Hidden(hide, path, line).(string); ok {
			clean[i] = text
		}
	}
	return clean
}

// WithoutSecrets gives an explanation whose values are without their secrets.
func WithoutSecrets(x *engine.Explanation) *engine.Explanation {
	var hide capture.Redactor
	clean := *x
	clean.Candidates = slices.Clone(x.Candidates)
	for i := range clean.Candidates {
		c := &clean.Candidates[i]
		c.Values = slices.Clone(c.Values)
		for j := range c.Values {
			c.Values[j].Value = Hidden(&hide, c.Values[j].Name, c.Values[j].Value)
		}
	}
	return &clean
}
