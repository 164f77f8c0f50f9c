package capture

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"vertigo/rules/sdp"
)

const redacted = "redacted"

// A secrecy says what becomes of the value of a key.
type secrecy int

const (
	open    secrecy = iota // a text in it may still hold secrets
	secret                 // "redacted"
	session                // "redacted-1", the same for the same value
	channel                // as session, if the value is known as one; else open
	typed                  // what somebody wrote or dialled: its kind alone, "xxx 000"
)

// The keys whose values are secret, in lower case: mod_verto takes them in any.
var keys = map[string]secrecy{
	"token":              secret,
	"pwd":                secret,
	"user_supplied_pass": secret,
	"a1-hash":            secret,
	"authorization":      secret,
	"credential":         secret,
	"session_key":        secret,
	"sessid":             session,
	"eventchannel":       channel, // mod_conference calls a member's own channel by the sessid
	"subscribedchannel":  channel,

	// Texts of Matrix messages, a PIN sent as one among them, and of mod_verto's
	// chat (msg.body, txt.chars).
	"body":                    typed,
	"formatted_body":          typed,
	"m.text":                  typed,
	"org.matrix.msc1767.text": typed,
	"org.matrix.msc1767.html": typed,
	"chars":                   typed,
	"dtmf":                    typed,
	"digits":                  typed,
}

// The ends of further keys whose values are secret: passwd, new_password,
// access_token, as_token, client_secret.
var keyEnds = []string{"passwd", "password", "secret", "_token"}

const (
	longestKey  = 32      // as much of a key, from its end, is looked at
	maxSessions = 1 << 10 // more session ids than that are not told apart
	maxDepth    = 3       // JSON within a string of JSON, so often
)

// A redactor hides the secrets in messages. It remembers session ids so as to
// give each a name.
type redactor struct {
	sessions map[string]string
	own      bool // the message is a notice of our own: texts in it stay
}

// append appends src to dst without its secrets; every other byte stays. src may
// be any text: if it is JSON, the result is. level counts how many strings src
// stands in.
func (r *redactor) append(dst, src []byte, level int) []byte {
	var (
		next   secrecy // of the value that follows
		depth  int     // of objects and arrays
		hidden int     // the depth of the secret object or array that we are in; 0 for none
	)
	for i := 0; i < len(src); {
		kind := next
		if hidden > 0 && (kind == open || kind == typed) {
			kind = secret
		}
		end := i + 1
		switch c := src[i]; c {
		case '"':
			end = stringEnd(src, i)
			if colon := skipBlanks(src, end); colon < len(src) && src[colon] == ':' {
				if next = keySecrecy(src[i:end]); next == typed && r.own {
					next = open
				}
				end = colon + 1
				dst = append(dst, src[i:end]...)
				break
			}
			dst = r.appendValue(dst, src[i:end], kind, level)
			next = open
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end = numberEnd(src, i)
			switch kind {
			case secret, session:
				dst = appendString(dst, redacted)
			case typed:
				dst = append(dst, '0')
			default:
				dst = append(dst, src[i:end]...)
			}
			next = open
		case '{', '[':
			depth++
			if hidden == 0 && (kind == secret || kind == session) {
				hidden = depth
			}
			next = open
			dst = append(dst, c)
		case '}', ']':
			if depth == hidden {
				hidden = 0
			}
			depth--
			next = open
			dst = append(dst, c)
		case ',':
			next = open
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
		i = end
	}
	return dst
}

// text is append for a text.
func (r *redactor) text(s string, level int) string {
	if !strings.Contains(s, `"`) || level > maxDepth {
		return s
	}
	return string(r.append(nil, []byte(s), level))
}

// appendValue appends a string value, given with its quotation marks.
func (r *redactor) appendValue(dst, quoted []byte, kind secrecy, level int) []byte {
	if text := string(quoted); text == `""` || text == `"` {
		return append(dst, quoted...)
	}
	switch kind {
	case secret:
		return appendString(dst, redacted)
	case session:
		return appendString(dst, r.session(unquote(quoted)))
	case channel:
		if name, ok := r.sessions[unquote(quoted)]; ok {
			return appendString(dst, name)
		}
	case typed:
		text := unquote(quoted)
		if kept := strings.Map(kindOf, text); kept != text {
			return appendString(dst, kept)
		}
		return append(dst, quoted...)
	}
	return r.appendText(dst, quoted, level)
}

// kindOf gives a character for all of its kind. Signs stay: * and # are keys of
// a telephone.
func kindOf(c rune) rune {
	switch {
	case unicode.IsNumber(c):
		return '0'
	case unicode.IsLetter(c), unicode.IsMark(c):
		return 'x'
	}
	return c
}

// appendText appends a string that may hold an SDP, or JSON with secrets of its
// own. As a rule it can be worked on as it is escaped; where the escapes could
// hide a secret it is decoded, and encoded anew only if it held one.
func (r *redactor) appendText(dst, quoted []byte, level int) []byte {
	if !bytes.Contains(quoted, []byte(`\u`)) && !bytes.Contains(quoted, []byte(`\"`)) {
		if !bytes.Contains(quoted, []byte("a=")) {
			return append(dst, quoted...)
		}
		return append(dst, sdp.Redact(string(quoted))...)
	}
	text := unquote(quoted)
	if clean := r.text(sdp.Redact(text), level+1); clean != text {
		return appendString(dst, clean)
	}
	return append(dst, quoted...)
}

// session gives the name of a session id.
func (r *redactor) session(id string) string {
	name, ok := r.sessions[id]
	switch {
	case ok:
		return name
	case len(r.sessions) >= maxSessions:
		return redacted
	case r.sessions == nil:
		r.sessions = make(map[string]string)
	}
	name = redacted + "-" + strconv.Itoa(len(r.sessions)+1)
	r.sessions[id] = name
	return name
}

// keySecrecy looks a key up, given with its quotation marks.
func keySecrecy(quoted []byte) secrecy {
	name := bytes.Trim(quoted, `"`)
	if bytes.IndexByte(quoted, '\\') >= 0 {
		name = []byte(unquote(quoted))
	}
	name = name[max(0, len(name)-longestKey):]
	var lower [longestKey]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	name = lower[:len(name)]
	if kind, ok := keys[string(name)]; ok {
		return kind
	}
	for _, end := range keyEnds {
		if len(name) >= len(end) && string(name[len(name)-len(end):]) == end {
			return secret
		}
	}
	return open
}

// unquote decodes a JSON string; of what is none it gives the text as it stands.
func unquote(quoted []byte) string {
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return strings.Trim(string(quoted), `"`)
	}
	return s
}

// stringEnd gives the place after the string that begins at i.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(src)
}

// numberEnd gives the place after the number that begins at i.
func numberEnd(src []byte, i int) int {
	for i++; i < len(src) && strings.IndexByte("0123456789+-.eE", src[i]) >= 0; i++ {
	}
	return i
}

func skipBlanks(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\t' || src[i] == '\r' || src[i] == '\n') {
		i++
	}
	return i
}
