package matrixtest

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// canonical checks and rewrites the content of an event as Canonical JSON does
// (Matrix specification, "Canonical JSON"): keys sorted, no spaces, and of
// numbers only integers that a double holds.
func canonical(data []byte) (json.RawMessage, error) {
	if !json.Valid(data) || !utf8.Valid(data) {
		return nil, bad("M_NOT_JSON", "the body is not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var content map[string]any
	if err := dec.Decode(&content); err != nil && err != io.EOF || content == nil {
		return nil, bad("M_BAD_JSON", "the body is no object")
	}
	if err := checkNumbers(content); err != nil {
		return nil, err
	}
	return encode(content), nil
}

const maxInteger = 1<<53 - 1

func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || n > maxInteger || n < -maxInteger || strings.HasPrefix(v.String(), "-0") {
			return bad("M_BAD_JSON", "%s is no integer that an event may have", v)
		}
	case []any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	}
	return nil
}
