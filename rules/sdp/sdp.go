// Package sdp has the functions over SDP text and ICE candidates that the rule
// language offers.
//
// They are pure, and they work on lines: what need not change goes over byte
// for byte, in the order and with the line ends that it had. The package
// negotiates nothing and knows no codec; it reads just what a bridge between a
// browser and mod_verto must know. Time and memory are linear in the input,
// and no input makes a function panic.
package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var (
	errNotSDP  = errors.New("not an SDP: it does not begin with v=0")
	errNoAudio = errors.New("SDP has no audio section that is not rejected")
)

// The directions of RFC 8866, section 6.7.
var directions = []string{"sendrecv", "sendonly", "recvonly", "inactive"}

// A description is an SDP cut at its m-lines. session and the text of each
// section, joined, are the SDP again.
type description struct {
	session   string
	sections  []section
	mids      map[string]int // the first section of each mid
	bundles   [][]string     // the mids of each a=group:BUNDLE
	ufrag     string         // ICE ufrag for sections without one of their own
	direction string         // direction for sections without one of their own
	ended     bool           // a=end-of-candidates stands before the first m-line
	eol       string         // the line end for lines that are added
}

// A section is an m-line with all that belongs to it.
type section struct {
	text       string
	kind       string // "audio"
	port       int
	protocol   string // "UDP/TLS/RTP/SAVPF"
	format     string // the first one: "111"
	mid        string // "" if it has none
	direction  string // "" if it has none of its own
	ufrag      string // "" if it has none of its own
	bundleOnly bool
	ended      bool
}

// rejected tells whether the section carries no media for good. A port of 0
// means that, except where a=bundle-only explains it (RFC 9143, section 6).
func (s *section) rejected() bool { return s.port == 0 && !s.bundleOnly }

// parse cuts sdp at its m-lines and reads the attributes that the package knows.
func parse(sdp string) (*description, error) {
	first, _ := cutLine(sdp)
	if first != "v=0" {
		return nil, errNotSDP
	}
	d := &description{mids: make(map[string]int), eol: "\r\n"}
	if strings.HasPrefix(sdp[len(first):], "\n") {
		d.eol = "\n"
	}
	var start, number int
	for rest := sdp; rest != ""; {
		at := len(sdp) - len(rest)
		var line string
		line, rest = cutLine(rest)
		number++
		if !strings.HasPrefix(line, "m=") {
			d.note(line)
			continue
		}
		s, ok := parseMLine(line)
		if !ok {
			return nil, fmt.Errorf("SDP line %d: malformed m-line %q", number, shorten(line))
		}
		d.close(sdp[start:at])
		d.sections = append(d.sections, s)
		start = at
	}
	d.close(sdp[start:])
	return d, nil
}

// close gives the part that ends its text.
func (d *description) close(text string) {
	if len(d.sections) == 0 {
		d.session = text
		return
	}
	d.sections[len(d.sections)-1].text = text
}

// note reads one line that is no m-line into the part it stands in.
func (d *description) note(line string) {
	name, value, ok := attribute(line)
	if !ok {
		return
	}
	if last := len(d.sections) - 1; last >= 0 {
		d.sections[last].note(name, value)
		if _, taken := d.mids[d.sections[last].mid]; name == "mid" && !taken {
			d.mids[d.sections[last].mid] = last
		}
		return
	}
	switch name {
	case "group":
		if mids := strings.Fields(value); len(mids) > 1 && mids[0] == "BUNDLE" {
			d.bundles = append(d.bundles, mids[1:])
		}
	case "ice-ufrag":
		d.ufrag = firstField(value)
	case "end-of-candidates":
		d.ended = true
	default:
		if slices.Contains(directions, name) {
			d.direction = name
		}
	}
}

func (s *section) note(name, value string) {
	switch name {
	case "mid":
		if s.mid == "" {
			s.mid = firstField(value)
		}
	case "ice-ufrag":
		s.ufrag = firstField(value)
	case "bundle-only":
		s.bundleOnly = true
	case "end-of-candidates":
		s.ended = true
	default:
		if slices.Contains(directions, name) {
			s.direction = name
		}
	}
}

// parseMLine reads "m=audio 9 UDP/TLS/RTP/SAVPF 111 63".
func parseMLine(line string) (section, bool) {
	f := strings.Fields(strings.TrimPrefix(line, "m="))
	if len(f) < 4 {
		return section{}, false
	}
	number, _, _ := strings.Cut(f[1], "/") // "9/2" asks for two ports
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return section{}, false
	}
	return section{kind: f[0], port: int(port), protocol: f[2], format: f[3]}, true
}

// audio gives the section that goes to FreeSWITCH: the first audio section
// that is not rejected. It gives -1 if there is none.
func (d *description) audio() int {
	return slices.IndexFunc(d.sections, func(s section) bool { return s.kind == "audio" && !s.rejected() })
}

// directionOf gives the direction that holds for section i.
func (d *description) directionOf(i int) string {
	switch {
	case d.sections[i].direction != "":
		return d.sections[i].direction
	case d.direction != "":
		return d.direction
	}
	return "sendrecv"
}

// bundle gives the mids of the BUNDLE group that mid is in; none if it is in none.
func (d *description) bundle(mid string) []string {
	for _, mids := range d.bundles {
		if mid != "" && slices.Contains(mids, mid) {
			return mids
		}
	}
	return nil
}

// String joins the parts.
func (d *description) String() string {
	size := len(d.session)
	for _, s := range d.sections {
		size += len(s.text)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(d.session)
	for _, s := range d.sections {
		b.WriteString(s.text)
	}
	return b.String()
}

// cutLine gives the first line of text without its line end, and what follows.
// However many CRs precede the LF, they are the line end.
func cutLine(text string) (line, rest string) {
	i := strings.IndexByte(text, '\n')
	if i < 0 {
		return strings.TrimRight(text, "\r"), ""
	}
	return strings.TrimRight(text[:i], "\r"), text[i+1:]
}

// attribute takes "a=mid:0" apart.
func attribute(line string) (name, value string, ok bool) {
	line, ok = strings.CutPrefix(line, "a=")
	name, value, _ = strings.Cut(line, ":")
	return name, value, ok
}

// is makes a test for the attribute lines of one name.
func is(name string) func(line string) bool {
	return func(line string) bool {
		n, _, ok := attribute(line)
		return ok && n == name
	}
}

// setLine puts line in the place of the first line that matches and leaves out
// all further ones; where none matches, line is added at the end.
func setLine(text string, match func(string) bool, line, eol string) string {
	changed, found := editLines(text, func(old string) (string, bool) {
		return line, match(old)
	})
	if !found {
		return addLines(text, eol, line)
	}
	return changed
}

// dropLines leaves out the lines that match.
func dropLines(text string, match func(string) bool) string {
	var b strings.Builder
	b.Grow(len(text))
	for rest := text; rest != ""; {
		all := rest
		var line string
		line, rest = cutLine(rest)
		if !match(line) {
			b.WriteString(all[:len(all)-len(rest)])
		}
	}
	return b.String()
}

// editLines replaces the first line for which edit says so, leaves out all
// further ones, and tells whether there was one.
func editLines(text string, edit func(line string) (string, bool)) (string, bool) {
	var b strings.Builder
	b.Grow(len(text) + 32)
	found := false
	for rest := text; rest != ""; {
		all := rest
		var line string
		line, rest = cutLine(rest)
		raw := all[:len(all)-len(rest)]
		with, ok := edit(line)
		switch {
		case !ok:
			b.WriteString(raw)
		case !found:
			found = true
			b.WriteString(with)
			b.WriteString(raw[len(line):])
		}
	}
	return b.String(), found
}

// addLines adds lines after the last line of text that is not empty.
func addLines(text, eol string, lines ...string) string {
	body := strings.TrimRight(text, "\r\n")
	tail := text[len(body):]
	if !strings.HasSuffix(tail, "\n") {
		tail = eol
	}
	return body + eol + strings.Join(lines, eol) + tail
}

func firstField(text string) string {
	f := strings.Fields(text)
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// shorten keeps an error readable whatever the line was.
func shorten(line string) string {
	const most = 60
	if len(line) <= most {
		return line
	}
	return line[:most] + "…"
}
