package capture

import (
	"bytes"
	"encoding/json"
	"regexp"
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
	session                // "redacted-1", or 1 for a number: the same for the same value
	channel                // as session, if the value is known as one; else open
	created                // as session, in the answer that tells a new session's id; else open
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
	"pin":                secret,
	"auth":               secret,
	"sessid":             session,
	"session_id":         session, // whoever knows a Janus session's id can claim it
	"id":                 created, // "create" is answered with data.id
	"eventchannel":       channel, // mod_conference calls a member's own channel by the sessid
	"subscribedchannel":  channel,

	// Texts of Matrix messages, a PIN sent as one among them, of mod_verto's chat
	// (msg.body, txt.chars), and of SIP's MESSAGE and INFO as Janus tells of them
	// (content): keys that were pressed among these.
	"body":                    typed,
	"content":                 typed,
	"formatted_body":          typed,
	"m.text":                  typed,
	"org.matrix.msc1767.text": typed,
	"org.matrix.msc1767.html": typed,
	"chars":                   typed,
	"dtmf":                    typed,
	"digits":                  typed,
	"digit":                   typed,
}

// The ends of further keys whose values are secret: passwd, new_password,
// as_token, refreshToken, client_secret, x-api-key.
var keyEnds = []string{
	"passwd", "password", "passphrase", "secret", "token",
	"api_key", "api-key", "apikey", "access_key", "access-key", "accesskey", "private_key", "privatekey",
}

const (
	longestKey  = 32      // as much of a key, from its end, is looked at
	maxSessions = 1 << 10 // more session ids than that are not told apart
	maxDepth    = 3       // JSON within a string of JSON, so often
)

// A Redactor hides the secrets in messages, as [NewWriter] says. It remembers
// session ids so as to give each a name. The zero Redactor is ready; it must not
// be used by several goroutines at once.
type Redactor struct {
	sessions map[string]string // by the id, as it stands in JSON
	texts    int               // how many of them are texts
	own      bool              // nobody typed the message: texts in it stay
	creates  bool              // the message tells the id of a new session
}

// Message gives a message without its secrets; what is no JSON, likewise. dir is
// [In] or [Out].
func (r *Redactor) Message(dir string, data []byte) []byte {
	if !json.Valid(data) {
		return []byte(r.raw(string(data)))
	}
	return r.appendMessage(nil, dir, data)
}

// appendMessage is Message for what is JSON.
func (r *Redactor) appendMessage(dst []byte, dir string, data []byte) []byte {
	r.own, r.creates = dir == Out && isNotice(data), isCreated(data)
	return r.append(dst, data, 0)
}

// raw is Message for what is no JSON.
func (r *Redactor) raw(text string) string {
	r.own, r.creates = false, false
	return r.text(sdp.Redact(text), 0)
}

// IsSecret says whether the values of a key are secret.
func IsSecret(key string) bool { return secrecyOf([]byte(key)) == secret }

// Value gives a value, as JSON, without the secrets in it, by the names on the
// way to it: body.request.secret, sipSecrets["anna"]. What people typed stays.
func (r *Redactor) Value(path string, value []byte) []byte {
	r.own, r.creates = true, false
	kind := open
	for name := range strings.FieldsFuncSeq(path, betweenNames) {
		kind = secrecyOf([]byte(name))
		if kind == secret || secrecyOf([]byte(strings.TrimSuffix(name, "s"))) == secret {
			kind = secret
			break
		}
	}
	if kind == typed || kind == created {
		kind = open
	}
	return r.appendAs(nil, value, kind, 0)
}

// betweenNames says whether a character stands between the names of a path.
func betweenNames(c rune) bool {
	return c != '_' && c != '-' && !unicode.IsLetter(c) && !unicode.IsNumber(c)
}

// append appends src to dst without its secrets; every other byte stays. src may
// be any text: if it is JSON, the result is. level counts how many strings src
// stands in.
func (r *Redactor) append(dst, src []byte, level int) []byte {
	return r.appendAs(dst, src, open, level)
}

// appendAs is append for the value of a key.
func (r *Redactor) appendAs(dst, src []byte, next secrecy, level int) []byte {
	var (
		depth  int // of objects and arrays
		hidden int // the depth of the secret object or array that we are in; 0 for none
	)
	for i := 0; i < len(src); {
		kind := next
		if hidden > 0 && kind != session {
			kind = secret
		}
		end := i + 1
		switch c := src[i]; c {
		case '"':
			end = stringEnd(src, i)
			if colon := skipBlanks(src, end); colon < len(src) && src[colon] == ':' {
				next = r.secrecyWithin(src[i:end])
				end = colon + 1
				dst = append(dst, src[i:end]...)
				break
			}
			dst = r.appendValue(dst, src[i:end], kind, level)
			next = open
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end = numberEnd(src, i)
			switch kind {
			case secret:
				dst = appendString(dst, redacted)
			case session:
				dst = append(dst, r.number(string(src[i:end]))...)
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
func (r *Redactor) text(s string, level int) string {
	if !strings.Contains(s, `"`) || level > maxDepth {
		return s
	}
	return string(r.append(nil, []byte(s), level))
}

// statusLine is what a far end says of a transfer: nobody typed it (RFC 3515,
// section 2.4.5).
var statusLine = regexp.MustCompile(`^SIP/2\.0 [1-6][0-9][0-9] [A-Za-z ]*\s*$`)

// appendValue appends a string value, given with its quotation marks.
func (r *Redactor) appendValue(dst, quoted []byte, kind secrecy, level int) []byte {
	if text := string(quoted); text == `""` || text == `"` {
		return append(dst, quoted...)
	}
	switch kind {
	case secret:
		return appendString(dst, redacted)
	case session:
		return appendString(dst, r.session(unquote(quoted)))
	case channel:
		if name, ok := r.sessions[textID+unquote(quoted)]; ok {
			return appendString(dst, name)
		}
	case typed:
		text := unquote(quoted)
		if statusLine.MatchString(text) {
			break
		}
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
func (r *Redactor) appendText(dst, quoted []byte, level int) []byte {
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

// Ids that are texts are remembered with this before them, so that none is taken
// for a number.
const textID = `"`

// session gives the name of a session id.
func (r *Redactor) session(id string) string {
	return r.named(textID+id, redacted, func() string {
		r.texts++
		return redacted + "-" + strconv.Itoa(r.texts)
	})
}

// number gives the number that stands for a session id which is one: rules that
// were written for numbers take it as they took the id.
func (r *Redactor) number(id string) string {
	return r.named(id, "0", func() string { return strconv.Itoa(len(r.sessions) - r.texts + 1) })
}

// named gives the name of an id, and makes one if it has none yet; without room
// for more they are all called the same.
func (r *Redactor) named(id, same string, make func() string) string {
	name, ok := r.sessions[id]
	switch {
	case ok:
		return name
	case len(r.sessions) >= maxSessions:
		return same
	case r.sessions == nil:
		r.sessions = map[string]string{}
	}
	name = make()
	r.sessions[id] = name
	return name
}

// secrecyWithin looks up a key of the message at hand, given with its quotation
// marks.
func (r *Redactor) secrecyWithin(quoted []byte) secrecy {
	kind := keySecrecy(quoted)
	switch {
	case kind == typed && r.own:
		return open
	case kind == created && r.creates:
		return session
	case kind == created:
		return open
	}
	return kind
}

// keySecrecy looks a key up, given with its quotation marks.
func keySecrecy(quoted []byte) secrecy {
	name := bytes.Trim(quoted, `"`)
	if bytes.IndexByte(quoted, '\\') >= 0 {
		name = []byte(unquote(quoted))
	}
	return secrecyOf(name)
}

// secrecyOf looks a key up.
func secrecyOf(name []byte) secrecy {
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
