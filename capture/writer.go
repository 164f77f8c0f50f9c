package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// A Writer writes lines to a capture. Any goroutine may use it.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	redact *Redactor // nil: everything is written as it is
	buf    []byte
	torn   bool // the last line was not written whole
}

// NewWriter writes a capture to w, each line by one call of w.Write as soon as
// it is known. With redact, secrets are replaced before they are written:
//
//   - the values of keys such as passwd, password, token, access_token, as_token,
//     secret, api_key, pin and auth become "redacted", at any depth and in any case;
//   - a session id (sessid, session_id, and data.id where Janus tells it) becomes
//     "redacted-1", "redacted-2" and so on, or 1, 2 if it is a number: the same for
//     the same id, so that a replay can still follow it;
//   - of what people wrote or dialled, the texts in body, formatted_body, content,
//     dtmf, digits and a few more, the kind is left: each digit becomes 0, each
//     letter x, and all else stays. The texts of an m.notice that was sent stay,
//     too: no person wrote them;
//   - within texts, what [sdp.Redact] hides: ICE passwords, DTLS fingerprints,
//     SDES keys.
//
// A text that is no JSON is not looked into for anything else.
func NewWriter(w io.Writer, redact bool) *Writer {
	out := &Writer{w: w}
	if redact {
		out.redact = &Redactor{}
	}
	return out
}

// Write writes one line. Data need not be JSON: what is none is written as a
// JSON string, and the line says raw. An error means that the line may be
// missing from the capture; the lines after it are not harmed by it.
func (w *Writer) Write(l Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = w.buf[:0]
	if w.torn {
		w.buf = append(w.buf, '\n')
	}
	start := len(w.buf)
	if err := w.add(l); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if len(w.buf)-start > MaxLine {
		w.buf = nil // do not keep so much
		return fmt.Errorf("capture: a line of %s would be longer than %d MiB", l.Transport, MaxLine>>20)
	}
	w.buf = append(w.buf, '\n')
	n, err := w.w.Write(w.buf)
	if n > 0 {
		w.torn = n < len(w.buf)
	}
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	return nil
}

// add appends the line, without its line end, to the buffer.
func (w *Writer) add(l Line) error {
	switch {
	case l.Transport == "":
		return errors.New("a line names no transport")
	case l.Dir != In && l.Dir != Out:
		return fmt.Errorf("a line has the unknown direction %q", l.Dir)
	}
	b := append(w.buf, `{"ts":"`...)
	b = l.TS.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","transport":`...)
	b = appendString(b, l.Transport)
	b = append(b, `,"dir":"`...)
	b = append(b, l.Dir...)
	b = append(b, '"')
	for _, f := range [...]struct{ name, value string }{
		{"conn", l.Conn}, {"at", l.At}, {"rule", l.Rule}, {"call", l.Call},
	} {
		if f.value != "" {
			b = append(b, `,"`...)
			b = append(b, f.name...)
			b = append(b, `":`...)
			b = appendString(b, f.value)
		}
	}
	w.buf = append(w.addData(b, l), '}')
	return nil
}

// addData appends the message, and raw if it is no JSON.
func (w *Writer) addData(b []byte, l Line) []byte {
	data := bytes.Trim(l.Data, " \t\r\n")
	if l.Raw || !utf8.Valid(data) || !json.Valid(data) {
		text := string(Line{Raw: l.Raw, Data: l.Data}.Message())
		if w.redact != nil {
			text = w.redact.raw(text)
		}
		return appendString(append(b, `,"raw":true,"data":`...), text)
	}
	b = append(b, `,"data":`...)
	if bytes.ContainsAny(data, "\r\n") { // between the tokens: a capture has one line a message
		var flat bytes.Buffer
		if json.Compact(&flat, data) == nil {
			data = flat.Bytes()
		}
	}
	if w.redact != nil {
		return w.redact.appendMessage(b, l.Dir, data)
	}
	return append(b, data...)
}

// isNotice says whether a message is a Matrix event that a program wrote.
func isNotice(data []byte) bool {
	return bytes.Contains(data, []byte(`"m.notice"`)) && gjson.GetBytes(data, "content.msgtype").String() == "m.notice"
}

// isCreated says whether a message is Janus's answer to "create": it says no
// session_id, for it is the one that tells it.
func isCreated(data []byte) bool {
	return bytes.Contains(data, []byte(`"janus"`)) && gjson.GetBytes(data, "janus").String() == "success" &&
		!gjson.GetBytes(data, "session_id").Exists()
}

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
