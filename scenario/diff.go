package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vertigo/capture"
	"vertigo/replay"
)

// A Difference is one value that is not as expected. Secrets are not in it.
type Difference struct {
	Path string `json:"path"`
	Want string `json:"want"` // as JSON, or what a matcher says; "" where nothing was expected
	Got  string `json:"got"`  // as JSON; "" where there is nothing
	// Lines says of long texts, such as an SDP, which lines are not the same: "- " and "+ ".
	Lines []string `json:"lines,omitempty"`
}

// differences compares what was expected with what there is. In tables keys that
// nobody expected are let be unless exact is true.
type differences struct {
	exact bool
	list  []Difference
	hide  capture.Redactor
}

func (d *differences) compare(path string, want, got any, there bool) {
	switch want := want.(type) {
	case Matcher:
		if !want.match(got, there) {
			d.add(path, want.Says, got, there)
		}
		return
	case nil:
		if there && got != nil {
			d.add(path, "nothing", got, there)
		}
		return
	case map[string]any:
		if got, ok := got.(map[string]any); ok && there {
			d.table(path, want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok && there {
			d.listed(path, want, got)
			return
		}
	case string:
		if got, ok := got.(string); ok && there {
			d.text(path, want, got)
			return
		}
	case int, float64, json.Number:
		if got, ok := got.(json.Number); ok && there && sameNumber(want, got) {
			return
		}
	default:
		if there && want == got {
			return
		}
	}
	d.add(path, d.show(path, want), got, there)
}

func (d *differences) add(path, want string, got any, there bool) {
	one := Difference{Path: path, Want: want}
	if there {
		one.Got = d.show(path, got)
	}
	d.list = append(d.list, one)
}

func (d *differences) table(path string, want, got map[string]any) {
	keys := make([]string, 0, len(want))
	for key := range want {
		keys = append(keys, key)
	}
	if d.exact {
		for key := range got {
			if _, both := want[key]; !both {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		w, expected := want[key]
		g, there := got[key]
		if !expected {
			d.list = append(d.list, Difference{Path: join(path, key), Got: d.show(join(path, key), g)})
			continue
		}
		d.compare(join(path, key), w, g, there)
	}
}

func (d *differences) listed(path string, want, got []any) {
	for i := range max(len(want), len(got)) {
		at := join(path, fmt.Sprint(i))
		switch {
		case i >= len(want):
			d.list = append(d.list, Difference{Path: at, Got: d.show(at, got[i])})
		case i >= len(got):
			d.compare(at, want[i], nil, false)
		default:
			d.compare(at, want[i], got[i], true)
		}
	}
}

func (d *differences) text(path, want, got string) {
	if want == got {
		return
	}
	one := Difference{Path: path, Want: d.show(path, want), Got: d.show(path, got)}
	if strings.Contains(want, "\n") || strings.Contains(got, "\n") {
		one.Lines = replay.TextChanges(want, got)
		if len(one.Lines) == 0 {
			one.Lines = []string{"only the line ends differ"}
		}
		one.Lines = replay.HiddenLines(&d.hide, path, one.Lines)
	}
	d.list = append(d.list, one)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func decode(data []byte) (any, error) {
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	var v any
	err := in.Decode(&v)
	return v, err
}

// show is show for a value at a path, without its secrets.
func (d *differences) show(path string, v any) string {
	if m, ok := v.(Matcher); ok {
		return m.Says
	}
	return show(replay.Hidden(&d.hide, path, v))
}

// show gives a value as JSON; a matcher says what it wants.
func show(v any) string {
	if m, ok := v.(Matcher); ok {
		return m.Says
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// decodePlain decodes JSON as expressions see it.
func decodePlain(data []byte) (any, error) {
	var v any
	err := json.Unmarshal(data, &v)
	return v, err
}
