package engine_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"vertigo/engine"
)

// byHand translates what benchRules do, without rules.
type byHand struct {
	calls    map[handKey]*handCall
	routes   map[string]string
	callerID map[string]string
	causes   map[string]string
}

type handKey struct{ room, callID string }

type handCall struct {
	id            string
	caller, party []byte // inside the quotes
	offer         []byte
	room          []byte
	begun         time.Time
	expires       time.Time
}

func newByHand() *byHand {
	return &byHand{
		calls:    map[handKey]*handCall{},
		routes:   map[string]string{"!sales:example.org": "3001"},
		callerID: map[string]string{"@anna:example.org": "+442071234567"},
		causes:   map[string]string{"user_hangup": "NORMAL_CLEARING", "user_busy": "USER_BUSY"},
	}
}

var errNotForUs = errors.New("not for us")

// translate returns the params of the message that follows from m.
func (h *byHand) translate(now time.Time, m *engine.Message) ([]byte, error) {
	var f handFields
	if err := f.read(m.Body); err != nil {
		return nil, err
	}
	key := handKey{m.Scope, m.Key}
	if m.Type == "m.call.invite" {
		return h.invite(now, key, &f)
	}
	c := h.calls[key]
	if c == nil || !bytes.Equal(f.sender, c.caller) || !bytes.Equal(f.party, c.party) {
		return nil, errNotForUs
	}
	if m.Type == "m.call.candidates" {
		out := make([]byte, 0, len(f.candidates)+100)
		out = append(out, `{"dialogParams":{"callID":"`...)
		out = append(out, c.id...)
		out = append(out, `"},"candidates":`...)
		out = append(out, f.candidates...)
		return append(out, '}'), nil
	}
	delete(h.calls, key)
	cause := h.causes[string(f.reason)]
	if cause == "" {
		cause = "NORMAL_CLEARING"
	}
	out := make([]byte, 0, 128)
	out = append(out, `{"dialogParams":{"callID":"`...)
	out = append(out, c.id...)
	out = append(out, `"},"cause":"`...)
	out = append(out, cause...)
	return append(out, `"}`...), nil
}

func (h *byHand) invite(now time.Time, key handKey, f *handFields) ([]byte, error) {
	_, domain, _ := strings.Cut(string(f.sender), ":")
	lifetime, err := strconv.Atoi(string(f.lifetime))
	if err != nil || lifetime <= 0 || domain != "example.org" || h.calls[key] != nil {
		return nil, errNotForUs
	}
	c := &handCall{id: handID(key), caller: bytes.Clone(f.sender), party: bytes.Clone(f.party), room: bytes.Clone(f.room), offer: f.sdp, begun: now, expires: now.Add(time.Duration(lifetime) * time.Millisecond)}
	h.calls[key] = c
	number := h.routes[string(f.room)]
	if number == "" {
		number = "9196"
	}
	callerID := h.callerID[string(f.sender)]
	if callerID == "" {
		callerID = "anonymous"
	}
	out := make([]byte, 0, len(f.sdp)+256)
	out = append(out, `{"sdp":`...)
	out = append(out, f.sdp...)
	out = append(out, `,"dialogParams":{"callID":"`...)
	out = append(out, c.id...)
	out = append(out, `","destination_number":"`...)
	out = append(out, number...)
	out = append(out, `","caller_id_number":"`...)
	out = append(out, callerID...)
	return append(out, `"}}`...), nil
}

// handID derives a UUIDv5 of a call's key.
func handID(key handKey) string {
	sum := sha1.Sum([]byte("3d0c7a1e5c0f5d2b" + key.room + "\x00" + key.callID))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	var id [36]byte
	hex.Encode(id[:8], sum[:4])
	id[8] = '-'
	hex.Encode(id[9:13], sum[4:6])
	id[13] = '-'
	hex.Encode(id[14:18], sum[6:8])
	id[18] = '-'
	hex.Encode(id[19:23], sum[8:10])
	id[23] = '-'
	hex.Encode(id[24:], sum[10:16])
	return string(id[:])
}

// handFields are what a call event is read for. Text is what stands between the
// quotes; what holds an escape is not for us, but in an SDP, which is kept with
// its quotes.
type handFields struct {
	sender, room, party, reason []byte
	lifetime, candidates, sdp   []byte
}

// read checks the syntax of an event and finds its fields, in one pass.
func (f *handFields) read(raw []byte) error {
	if !utf8.Valid(raw) {
		return errSyntax
	}
	s := &handScanner{raw: raw}
	s.space()
	s.object(func(key []byte) {
		switch string(key) {
		case "sender":
			f.sender = s.text()
		case "room_id":
			f.room = s.text()
		case "content":
			s.object(func(key []byte) {
				switch string(key) {
				case "party_id":
					f.party = s.text()
				case "reason":
					f.reason = s.text()
				case "lifetime":
					f.lifetime = s.any()
				case "candidates":
					f.candidates = s.any()
				case "offer":
					s.object(func(key []byte) {
						if string(key) == "sdp" {
							f.sdp = s.any()
						} else {
							s.any()
						}
					})
				default:
					s.any()
				}
			})
		default:
			s.any()
		}
	})
	s.space()
	if s.bad || s.i != len(raw) {
		return errSyntax
	}
	return nil
}

var errSyntax = errors.New("not JSON")

// handScanner reads JSON; once it is bad it stays so, at the end of the text.
type handScanner struct {
	raw   []byte
	i     int
	depth int
	bad   bool
}

func (s *handScanner) fail() { s.bad, s.i = true, len(s.raw) }

func (s *handScanner) peek() byte {
	if s.i < len(s.raw) {
		return s.raw[s.i]
	}
	return 0
}

func (s *handScanner) space() {
	for s.i < len(s.raw) && (s.raw[s.i] == ' ' || s.raw[s.i] == '\n' || s.raw[s.i] == '\r' || s.raw[s.i] == '\t') {
		s.i++
	}
}

// object calls each with every key; it is to read the value.
func (s *handScanner) object(each func(key []byte)) {
	if s.peek() != '{' || s.depth > 100 {
		s.fail()
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	s.i++
	s.space()
	if s.peek() == '}' {
		s.i++
		return
	}
	for !s.bad {
		key := s.text()
		s.space()
		if s.peek() != ':' {
			s.fail()
			return
		}
		s.i++
		s.space()
		each(key)
		s.space()
		switch s.peek() {
		case ',':
			s.i++
			s.space()
		case '}':
			s.i++
			return
		default:
			s.fail()
		}
	}
}

// text reads a string and returns what stands between its quotes.
func (s *handScanner) text() []byte {
	if s.peek() != '"' {
		s.fail()
		return nil
	}
	begin := s.i + 1
	s.str()
	if s.bad {
		return nil
	}
	return s.raw[begin : s.i-1]
}

func (s *handScanner) str() {
	raw, i := s.raw, s.i+1
	for i < len(raw) {
		for i+8 <= len(raw) { // eight bytes in which nothing ends
			const lo, hi = 0x0101010101010101, 0x8080808080808080
			w := binary.LittleEndian.Uint64(raw[i:])
			quote, escape := w^(lo*'"'), w^(lo*'\\')
			if ((quote-lo)&^quote|(escape-lo)&^escape|(w-lo*0x20)&^w)&hi != 0 {
				break
			}
			i += 8
		}
		if i >= len(raw) {
			break
		}
		switch c := raw[i]; {
		case c == '"':
			s.i = i + 1
			return
		case c < 0x20:
			s.fail()
			return
		case c == '\\' && i+1 < len(raw):
			switch raw[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if i+6 > len(raw) || !hexDigits(raw[i+2:i+6]) {
					s.fail()
					return
				}
				i += 6
			default:
				s.fail()
				return
			}
		default:
			i++
		}
	}
	s.fail()
}

func hexDigits(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// any reads any value and returns it as it stands.
func (s *handScanner) any() []byte {
	begin := s.i
	switch c := s.peek(); c {
	case '"':
		s.str()
	case '{':
		s.object(func([]byte) { s.any() })
	case '[':
		s.array()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
	if s.bad {
		return nil
	}
	return s.raw[begin:s.i]
}

func (s *handScanner) array() {
	if s.depth > 100 {
		s.fail()
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	s.i++
	s.space()
	if s.peek() == ']' {
		s.i++
		return
	}
	for !s.bad {
		s.any()
		s.space()
		switch s.peek() {
		case ',':
			s.i++
			s.space()
		case ']':
			s.i++
			return
		default:
			s.fail()
		}
	}
}

func (s *handScanner) word(w string) {
	if !bytes.HasPrefix(s.raw[s.i:], []byte(w)) {
		s.fail()
		return
	}
	s.i += len(w)
}

func (s *handScanner) number() {
	if s.peek() == '-' {
		s.i++
	}
	lead := s.peek()
	n := s.digits()
	if n == 0 || lead == '0' && n > 1 {
		s.fail()
		return
	}
	if s.peek() == '.' {
		s.i++
		if s.digits() == 0 {
			s.fail()
			return
		}
	}
	if s.peek()|0x20 == 'e' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if s.digits() == 0 {
			s.fail()
		}
	}
}

func (s *handScanner) digits() (n int) {
	for s.peek() >= '0' && s.peek() <= '9' {
		s.i++
		n++
	}
	return n
}
