package jsonschema

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"vertigo/schema"
)

// A value is a JSON value, and where it stands.
type value struct {
	at      int         // offset in the text
	kind    schema.Kind // 0: null
	text    string      // of text
	is      bool        // of true or false
	members []member    // of an object, in order
	items   []*value    // of a list
}

type member struct {
	name  string
	at    int // offset of the name
	value *value
}

// member gives what stands under a name; nil if nothing does.
func (v *value) member(name string) *value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// A syntaxError is what makes a text no JSON.
type syntaxError struct {
	at  int
	msg string
}

// deepest is how deep objects and lists may stand in each other.
const deepest = 200

// parse reads a text that is one JSON value.
func parse(text string) (*value, *syntaxError) {
	p := &parser{text: text, tokens: json.NewDecoder(strings.NewReader(text))}
	p.tokens.UseNumber()
	v, err := p.value(0)
	if err == nil {
		at := p.next()
		if _, end := p.tokens.Token(); !errors.Is(end, io.EOF) {
			err = &syntaxError{at, "something stands behind its end"}
		}
	}
	return v, err
}

type parser struct {
	text   string
	tokens *json.Decoder
}

// next gives the offset of the next token.
func (p *parser) next() int { return p.skip(int(p.tokens.InputOffset()), " \t\r\n,:") }

func (p *parser) skip(at int, what string) int {
	for at < len(p.text) && strings.IndexByte(what, p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *parser) token() (json.Token, int, *syntaxError) {
	at := p.next()
	token, err := p.tokens.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at = max(0, min(int(syntax.Offset)-1, len(p.text)))
		return nil, 0, &syntaxError{p.skip(at, " \t\r\n"), syntax.Error()}
	case err != nil:
		return nil, 0, &syntaxError{len(p.text), "it ends too early"}
	}
	return token, at, nil
}

func (p *parser) value(depth int) (*value, *syntaxError) {
	token, at, err := p.token()
	if err != nil {
		return nil, err
	}
	v := &value{at: at}
	switch token := token.(type) {
	case string:
		v.kind, v.text = schema.Text, token
	case bool:
		v.kind, v.is = schema.Bool, token
	case json.Number:
		v.kind = schema.Fraction
		if !strings.ContainsAny(token.String(), ".eE") {
			v.kind = schema.Integer
		}
	case json.Delim:
		if depth == deepest {
			return nil, &syntaxError{at, "too many objects stand in each other"}
		}
		if token == '{' {
			v.kind, err = schema.Object, p.members(v, depth+1)
		} else {
			v.kind, err = schema.List, p.items(v, depth+1)
		}
	}
	return v, err
}

func (p *parser) members(v *value, depth int) *syntaxError {
	seen := map[string]bool{}
	for p.tokens.More() {
		name, at, err := p.token()
		if err != nil {
			return err
		}
		text := name.(string) // the decoder has seen to that
		if seen[text] {
			return &syntaxError{at, "the name " + text + " stands there twice"}
		}
		seen[text] = true
		of, err := p.value(depth)
		if err != nil {
			return err
		}
		v.members = append(v.members, member{text, at, of})
	}
	_, _, err := p.token()
	return err
}

func (p *parser) items(v *value, depth int) *syntaxError {
	for p.tokens.More() {
		item, err := p.value(depth)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, _, err := p.token()
	return err
}

// place gives the line and the column of an offset, from 1, and that line.
func place(text string, at int) (line, col int, source string) {
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	source, _, _ = strings.Cut(text[begin:], "\n")
	return strings.Count(text[:begin], "\n") + 1, utf8.RuneCountInString(text[begin:at]) + 1, strings.TrimSuffix(source, "\r")
}
