package sdp

import (
	"strconv"
	"strings"
)

// redacted stands where a secret was.
const redacted = "redacted"

// Redact replaces what must not reach a log or a capture by the word
// "redacted": the ICE password (a=ice-pwd), the digest of a DTLS fingerprint
// (a=fingerprint; the hash's name stays) and what an SDES line says (a=crypto;
// its tag stays). The text may be anything that holds SDP, also within a JSON
// string or a quoted log value, where a line ends in \r\n written out. Applied
// twice it gives the same as applied once.
//
// In a rule: redact(msg.content.offer.sdp)
func Redact(text string) string {
	var b strings.Builder
	done := 0 // up to here text has been taken over
	for at := 0; ; {
		i := strings.Index(text[at:], "a=")
		if i < 0 {
			break
		}
		at += i + len("a=")
		from, to := secret(text, at)
		if from < to {
			b.WriteString(text[done:from])
			b.WriteString(redacted)
			done, at = to, to
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// secret finds the secret of the attribute whose name begins at the given
// place; from == to if it has none.
func secret(text string, at int) (from, to int) {
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "ice-pwd:"):
		from = at + len("ice-pwd:")
		return from, word(text, from)
	case strings.HasPrefix(rest, "fingerprint:"):
		from = skip(text, head(text, at+len("fingerprint:"))) // the hash
		return from, word(text, from)
	case strings.HasPrefix(rest, "crypto:"):
		from = skip(text, head(text, at+len("crypto:"))) // the tag
		to = word(text, from)
		for next := skip(text, to); word(text, next) > next; next = skip(text, to) {
			to = word(text, next)
		}
		return from, to
	}
	return at, at
}

// head gives the end of the short word before a secret: a hash's name, a tag. It
// gives up on a long one, so that a text of nothing but names is read once.
func head(text string, at int) int {
	const most = 32
	return word(text[:min(len(text), at+most)], at)
}

// skip gives the place after the blanks at the given one.
func skip(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	return at
}

// word gives the end of the word at the given place: at a blank, a control
// character, a quotation mark, or an escape that stands for one. The escapes
// of characters that a word may have (\/ and \u002b) do not end it, however
// often the text was escaped.
func word(text string, at int) int {
	for at < len(text) {
		switch c := text[at]; {
		case c <= ' ' || c == '"':
			return at
		case c == '\\':
			end, ok := escaped(text, at)
			if !ok {
				return at
			}
			at = end
		default:
			at++
		}
	}
	return at
}

// escaped reads a run of backslashes and what it escapes. It gives the place
// after it, if that is a character that can stand in a word.
func escaped(text string, at int) (end int, ok bool) {
	for at < len(text) && text[at] == '\\' {
		at++
	}
	switch {
	case at < len(text) && text[at] == '/':
		return at + 1, true
	case at+5 <= len(text) && text[at] == 'u':
		r, err := strconv.ParseUint(text[at+1:at+5], 16, 16)
		return at + 5, err == nil && r > ' ' && r != '"' && r != '\\'
	}
	return at, false
}
