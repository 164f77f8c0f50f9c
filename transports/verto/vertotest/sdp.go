package vertotest

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A description is a client's SDP, read as leniently as sofia-sip does.
type description struct {
	attributes []string // session level, without "a="
	connection string
	sections   []section
}

type section struct {
	kind, proto string
	port        int
	formats     []string
	attributes  []string
	connection  string
}

var errSDP = errors.New("no usable SDP")

func parseSDP(text string) (*description, error) {
	d := &description{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			return nil, errSDP
		}
		var last *section
		if n := len(d.sections); n > 0 {
			last = &d.sections[n-1]
		}
		switch {
		case key == "m":
			s, err := parseSection(value)
			if err != nil {
				return nil, err
			}
			d.sections = append(d.sections, s)
		case key == "c" && last == nil:
			d.connection = value
		case key == "c":
			last.connection = value
		case key == "a" && last == nil:
			d.attributes = append(d.attributes, value)
		case key == "a":
			last.attributes = append(last.attributes, value)
		}
	}
	if len(d.sections) == 0 {
		return nil, errSDP
	}
	for _, s := range d.sections {
		if s.port != 0 && s.connection == "" && d.connection == "" {
			return nil, errSDP // sofia-sip refuses the whole of it
		}
	}
	return d, nil
}

func parseSection(line string) (section, error) {
	f := strings.Fields(line)
	if len(f) < 4 {
		return section{}, errSDP
	}
	port, err := strconv.Atoi(f[1])
	if err != nil {
		return section{}, errSDP
	}
	return section{kind: f[0], port: port, proto: f[2], formats: f[3:]}, nil
}

// section gives the first section of a kind that is not refused by port 0.
func (d *description) section(kind string) *section {
	for i := range d.sections {
		if s := &d.sections[i]; s.kind == kind && s.port != 0 {
			return s
		}
	}
	return nil
}

// attribute finds a=name or a=name:value, in the section first.
func (d *description) attribute(s *section, name string) (string, bool) {
	for _, list := range [][]string{s.attributes, d.attributes} {
		for _, a := range list {
			if key, value, _ := strings.Cut(a, ":"); key == name {
				return value, true
			}
		}
	}
	return "", false
}

// A codec is one payload type of a section.
type codec struct {
	payload    int
	name       string // as the peer spells it: "opus", "PCMU"
	clock      int
	channels   int
	parameters string // the fmtp line's value
}

func (c codec) is(name string) bool { return strings.EqualFold(c.name, name) }

// codecs lists what a section offers, in its order.
func (s *section) codecs() []codec {
	var list []codec
	for _, f := range s.formats {
		payload, err := strconv.Atoi(f)
		if err != nil {
			continue
		}
		c := codec{payload: payload, channels: 1}
		if payload == 0 {
			c.name, c.clock = "PCMU", 8000
		}
		for _, a := range s.attributes {
			if v, ok := strings.CutPrefix(a, "rtpmap:"+f+" "); ok {
				c.readMap(v)
			}
			if v, ok := strings.CutPrefix(a, "fmtp:"+f+" "); ok {
				c.parameters = v
			}
		}
		if c.name != "" {
			list = append(list, c)
		}
	}
	return list
}

func (c *codec) readMap(value string) {
	parts := strings.Split(value, "/")
	c.name = parts[0]
	if len(parts) > 1 {
		c.clock, _ = strconv.Atoi(parts[1])
	}
	if len(parts) > 2 {
		c.channels, _ = strconv.Atoi(parts[2])
	}
}

// candidates lists the addresses that FreeSWITCH would take: UDP, IPv4, no host names.
func (s *section) candidates() []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range s.attributes {
		v, ok := strings.CutPrefix(a, "candidate:")
		f := strings.Fields(v)
		if !ok || len(f) < 6 || !strings.EqualFold(f[2], "udp") {
			continue
		}
		addr, err := netip.ParseAddr(f[4])
		port, errPort := strconv.ParseUint(f[5], 10, 16)
		if err != nil || errPort != nil || !addr.Is4() {
			continue
		}
		if ap := netip.AddrPortFrom(addr, uint16(port)); !slices.Contains(list, ap) {
			list = append(list, ap)
		}
	}
	return list
}

// direction is what the section offers: sendrecv unless it says otherwise.
func (d *description) direction(s *section) string {
	for _, name := range []string{"sendonly", "recvonly", "inactive"} {
		if _, ok := d.attribute(s, name); ok {
			return name
		}
	}
	return "sendrecv"
}

var mirrored = map[string]string{"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
