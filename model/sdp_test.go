package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// creds are an ICE user name and its password.
type creds struct{ ufrag, pwd string }

// A description is what either side reads of an SDP.
type description struct {
	session  string // of the o= line
	version  int
	bundle   string // mids of the BUNDLE group
	sections []section
}

// A section is one m= line and what belongs to it.
type section struct {
	kind       string
	port       int
	protocol   string
	mid        string
	setup      string
	direction  string
	creds      creds
	print      string   // fingerprint
	candidates []string // addresses of those over UDP
}

func (s *section) rejected() bool { return s.port == 0 }

func readSDP(text string) *description {
	d := &description{}
	var s *section
	for line := range strings.SplitSeq(text, "\r\n") {
		key, value, _ := strings.Cut(line, "=")
		f := strings.Fields(value)
		switch key {
		case "o":
			d.session = f[1]
			d.version, _ = strconv.Atoi(f[2])
		case "m":
			port, _ := strconv.Atoi(f[1])
			d.sections = append(d.sections, section{kind: f[0], port: port, protocol: f[2], direction: "sendrecv"})
			s = &d.sections[len(d.sections)-1]
		case "a":
			d.attribute(s, value)
		}
	}
	return d
}

func (d *description) attribute(s *section, text string) {
	name, value, _ := strings.Cut(text, ":")
	switch {
	case name == "group":
		d.bundle = strings.TrimPrefix(value, "BUNDLE ")
	case s == nil:
	case slices.Contains([]string{"sendrecv", "sendonly", "recvonly", "inactive"}, name):
		s.direction = name
	case name == "mid":
		s.mid = value
	case name == "setup":
		s.setup = value
	case name == "ice-ufrag":
		s.creds.ufrag = value
	case name == "ice-pwd":
		s.creds.pwd = value
	case name == "fingerprint":
		s.print = value
	case name == "candidate":
		if f := strings.Fields(value); strings.EqualFold(f[2], "udp") {
			s.candidates = append(s.candidates, f[4]+":"+f[5])
		}
	}
}

// audio is the first section of sound, which each SDP of the model has.
func (d *description) audio() *section {
	for i := range d.sections {
		if d.sections[i].kind == "audio" && !d.sections[i].rejected() {
			return &d.sections[i]
		}
	}
	return nil
}

// answering is the direction in which an answer goes whose side wishes for mine,
// to an offer of theirs.
func answering(mine, theirs string) string {
	send := strings.HasPrefix(mine, "send") && (theirs == "sendrecv" || theirs == "recvonly")
	receive := (mine == "sendrecv" || mine == "recvonly") && strings.HasPrefix(theirs, "send")
	switch {
	case send && receive:
		return "sendrecv"
	case send:
		return "sendonly"
	case receive:
		return "recvonly"
	}
	return "inactive"
}

func candidateLine(address string) string {
	host, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf("candidate:1 1 udp 2122260223 %s %s typ host generation 0", host, port)
}

func lines(list ...string) string { return strings.Join(list, "\r\n") + "\r\n" }
