package phones

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

// A sipMessage is a request or a response (RFC 3261) as the programs here write
// them: with long header names, and one Via in a line.
type sipMessage struct {
	start   string // its first line
	headers []string
	body    string
}

func parseSIP(datagram []byte) (m sipMessage, ok bool) {
	head, body, ok := strings.Cut(string(datagram), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	return sipMessage{lines[0], lines[1:], body}, ok && strings.Contains(lines[0], "SIP/2.0")
}

func (m sipMessage) bytes() []byte {
	return []byte(m.start + "\r\n" + strings.Join(m.headers, "\r\n") + "\r\n\r\n" + m.body)
}

// isRequest tells a request from a response.
func (m sipMessage) isRequest() bool { return !strings.HasPrefix(m.start, "SIP/2.0 ") }

// method and uri are those of a request's first line.
func (m sipMessage) method() string { method, _, _ := strings.Cut(m.start, " "); return method }

func (m sipMessage) uri() string {
	_, rest, _ := strings.Cut(m.start, " ")
	uri, _, _ := strings.Cut(rest, " ")
	return uri
}

// index is where the first header of that name is, -1 if there is none.
func (m sipMessage) index(name string) int {
	for i, line := range m.headers {
		if field, _, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(field), name) {
			return i
		}
	}
	return -1
}

// header is the first header of that name, "" if there is none.
func (m sipMessage) header(name string) string {
	i := m.index(name)
	if i < 0 {
		return ""
	}
	_, value, _ := strings.Cut(m.headers[i], ":")
	return strings.TrimSpace(value)
}

// reply is a response to a request, with further headers.
func (m sipMessage) reply(status string, headers ...string) sipMessage {
	r := sipMessage{start: "SIP/2.0 " + status}
	for _, line := range m.headers {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to":
			if !strings.Contains(value, ";tag=") {
				line += ";tag=exchange"
			}
			fallthrough
		case "via", "from", "call-id", "cseq":
			r.headers = append(r.headers, line)
		}
	}
	r.headers = append(append(r.headers, headers...), "Content-Length: 0")
	return r
}

// parameter is what stands after name= in a header, without quotes.
func parameter(header, name string) string {
	for part := range strings.FieldsFuncSeq(header, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// address is the URI in a header like To: what stands between < and >, or all
// before the parameters.
func address(header string) string {
	if _, rest, ok := strings.Cut(header, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(header, ";")
	return strings.TrimSpace(uri)
}

// split takes a SIP URI apart.
func split(uri string) (user, host string) {
	uri, _, _ = strings.Cut(strings.TrimPrefix(uri, "sip:"), ";")
	if before, after, ok := strings.Cut(uri, "@"); ok {
		return before, after
	}
	return "", uri
}

// digest is what an account answers to a challenge without qop (RFC 2617,
// section 3.2.2.1).
func digest(user, realm, password, method, uri, nonce string) string {
	h := func(text string) string { sum := md5.Sum([]byte(text)); return hex.EncodeToString(sum[:]) }
	return h(fmt.Sprintf("%s:%s:%s", h(user+":"+realm+":"+password), nonce, h(method+":"+uri)))
}
