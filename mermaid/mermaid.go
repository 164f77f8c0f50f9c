// Package mermaid writes text so that a Mermaid diagram shows it and nothing in
// it means anything. It knows no kind of diagram.
package mermaid

import (
	"fmt"
	"strings"
	"unicode"
)

// Break is a line break within text.
const Break = "<br/>"

// Text writes one line of text. What could mean something to Mermaid, or to the
// HTML that it makes, becomes a character number, which Mermaid knows as #NUMBER;.
func Text(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(",.'-_/?=+→…·", r):
			b.WriteRune(r)
		case unicode.IsPrint(r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}

// Title writes the head of a diagram that has a title.
func Title(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || !unicode.IsPrint(r) {
			return ' ' // YAML and its readers do not agree on how to escape it
		}
		return r
	}, text)
	return "---\ntitle: \"" + text + "\"\n---\n"
}
