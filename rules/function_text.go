package rules

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// uuidNamespace sets what rules derive apart from the ids that the engine and
// others derive.
var uuidNamespace = uuid.MustParse("8f1d6a52-7c3e-4b0a-9d64-2e5b1c9f7a30")

// uuid5 derives a UUID from texts and whole numbers. Each part goes in with its
// length before it, so that ("ab", "c") and ("a", "bc") differ.
func uuid5(args ...any) (any, error) {
	const name = "uuid5"
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: takes at least 1 argument", name)
	}
	var data []byte
	for i, arg := range args {
		var part string
		switch v := arg.(type) {
		case string:
			part = v
		case int:
			part = strconv.Itoa(v)
		default:
			return nil, wrongArgument(name, i, "text or a whole number", arg)
		}
		data = append(strconv.AppendInt(data, int64(len(part)), 10), ':')
		data = append(data, part...)
	}
	return uuid.NewSHA1(uuidNamespace, data).String(), nil
}

// splitMXID takes a Matrix identifier apart: a sigil, the localpart, a colon,
// the server (Matrix specification, appendix "Common Identifier Format").
func splitMXID(id string) (local, server string, ok bool) {
	if id == "" || !strings.Contains("@#!", id[:1]) {
		return "", "", false
	}
	local, server, _ = strings.Cut(id[1:], ":")
	return local, server, local != "" && server != ""
}

func localpart(mxid string) (any, error) {
	if local, _, ok := splitMXID(mxid); ok {
		return local, nil
	}
	return nil, nil
}

func server(mxid string) (any, error) {
	if _, server, ok := splitMXID(mxid); ok {
		return server, nil
	}
	return nil, nil
}

// isLocalpart says whether a user id's localpart may hold a byte as it is.
func isLocalpart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || strings.IndexByte("-./+", b) >= 0
}

// mxidEscape maps text to a localpart (Matrix specification, appendix "Mapping
// from other character sets"), keeping upper and lower case apart.
func mxidEscape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case isLocalpart(c):
			b.WriteByte(c)
		case c == '_':
			b.WriteString("__")
		case c >= 'A' && c <= 'Z':
			b.WriteByte('_')
			b.WriteByte(c - 'A' + 'a')
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

// mxidUnescape undoes mxidEscape; it gives nil for what that never gives.
func mxidUnescape(text string) (any, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isLocalpart(c):
			b.WriteByte(c)
		case c == '_' && i+1 < len(text) && text[i+1] == '_':
			b.WriteByte('_')
			i++
		case c == '_' && i+1 < len(text) && text[i+1] >= 'a' && text[i+1] <= 'z':
			b.WriteByte(text[i+1] - 'a' + 'A')
			i++
		case c == '=' && i+2 < len(text):
			code, err := hex.DecodeString(text[i+1 : i+3])
			if err != nil {
				return nil, nil
			}
			b.Write(code)
			i += 2
		default:
			return nil, nil
		}
	}
	if plain := b.String(); utf8.ValidString(plain) && mxidEscape(plain) == text {
		return plain, nil
	}
	return nil, nil
}

// prefix finds the longest key that a number begins with, in a lookup table or
// in a table that is a value.
func prefix(args ...any) (any, error) {
	const name = "prefix"
	if err := takes(name, args, 2); err != nil {
		return nil, err
	}
	number, err := argument[string](name, args, 1)
	if err != nil {
		return nil, err
	}
	switch t := args[0].(type) {
	case *Table:
		v, _ := t.Prefix(number)
		return v, nil
	case map[string]any:
		for n := len(number); n > 0; n-- {
			if v, ok := t[number[:n]]; ok {
				return v, nil
			}
		}
		return nil, nil
	}
	return nil, wrongArgument(name, 0, "a table", args[0])
}

// A pattern of more bytes takes too long to read.
const maxPatternText = 1000

var patterns = newTextCache(func(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPatternText {
		return nil, fmt.Errorf("the pattern has more than %d bytes", maxPatternText)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern %q cannot be read: %s", pattern, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
})

// matchRegex gives the named groups that took part in the first match.
func matchRegex(pattern, text string) (any, error) {
	re, err := patterns.get(pattern)
	if err != nil {
		return nil, err
	}
	at := re.FindStringSubmatchIndex(text)
	if at == nil {
		return nil, nil
	}
	groups := map[string]any{"0": text[at[0]:at[1]]}
	for i, name := range re.SubexpNames() {
		if name != "" && at[2*i] >= 0 {
			groups[name] = text[at[2*i]:at[2*i+1]]
		}
	}
	return groups, nil
}

// urlEscape keeps the unreserved characters (RFC 3986, section 2.3) alone.
func urlEscape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
