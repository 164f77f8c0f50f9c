// Package tomlfmt lays out TOML files in one style, and changes nothing else:
// comments, the order of keys, and every text, number and date stay as they were
// written.
//
// The style is that of the rule sets that Vertigo ships. Keys of a block, which
// ends at a blank line, have their = below each other; a dotted key has it right
// behind itself. A table begins behind a blank line, but for one within the
// table before it. Line breaks within brackets stay where they are. Comments
// behind a value stay in their column, as long as there is room, and below each
// other.
package tomlfmt

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// errMeaning cannot happen, and is looked for nevertheless: the file belongs to
// somebody else.
var errMeaning = errors.New("the layout would change what the file says; it is left as it was")

// errEncoding is for files that the TOML library would read all the same.
var errEncoding = errors.New("the file is not UTF-8 text")

// Format lays out a file. Its error is a [toml.ParseError] if the text is no
// TOML. What it returns, Format returns unchanged.
func Format(src []byte) ([]byte, error) {
	if !utf8.Valid(src) {
		return nil, errEncoding
	}
	before, err := decode(src)
	if err != nil {
		return nil, err
	}
	out := settled(src)
	after, err := decode(out)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errMeaning, err)
	}
	if !slices.EqualFunc(before.keys, after.keys, slices.Equal) || !same(before.root, after.root) {
		return nil, errMeaning
	}
	return out, nil
}

// settleRounds is more than any file is known to need: two, where a comment goes
// on below itself and the column of what stands above it moves.
const settleRounds = 8

// settled lays out until nothing moves any more.
func settled(src []byte) []byte {
	out := layOut(parse(string(src)))
	for range settleRounds {
		again := layOut(parse(string(out)))
		if bytes.Equal(out, again) {
			break
		}
		out = again
	}
	return out
}

// decoded is what a file says: its values, and its keys in their order.
type decoded struct {
	root map[string]any
	keys []toml.Key
}

func decode(src []byte) (decoded, error) {
	var d decoded
	meta, err := toml.Decode(string(src), &d.root)
	d.keys = meta.Keys()
	return d, err
}

// same compares values as reflect.DeepEqual does, but for a nan, which equals
// itself here.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, v := range a {
			if w, ok := b[key]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case []map[string]any:
		b, ok := b.([]map[string]any)
		return ok && slices.EqualFunc(a, b, func(v, w map[string]any) bool { return same(v, w) })
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || a != a && b != b)
	}
	return reflect.DeepEqual(a, b)
}
