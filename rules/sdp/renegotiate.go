package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var (
	errNoOrigin      = errors.New("SDP has no o= line")
	errNoFingerprint = errors.New("SDP has no fingerprint to alter")
)

// WithDirection sets the direction of every section that is not rejected:
// sendrecv, sendonly, recvonly or inactive. It fails for another word, or if
// sdp is no SDP.
//
// In a rule: sdpWithDirection(call.answer, "recvonly")
func WithDirection(sdp, direction string) (string, error) {
	if !slices.Contains(directions, direction) {
		return "", fmt.Errorf("unknown direction %q: use %s", direction, strings.Join(directions, ", "))
	}
	match := func(line string) bool {
		name, _, ok := attribute(line)
		return ok && slices.Contains(directions, name)
	}
	return eachSection(sdp, match, "a="+direction)
}

// WithSetup sets the DTLS role in every section that is not rejected: active,
// passive, actpass or holdconn. FreeSWITCH does not always write the role that
// it has, and a browser drops an answer that contradicts the role in use without
// a word. It fails for another word, or if sdp is no SDP.
//
// In a rule: sdpWithSetup(call.answer, "active")
func WithSetup(sdp, role string) (string, error) {
	switch role {
	case "active", "passive", "actpass", "holdconn":
	default:
		return "", fmt.Errorf("unknown DTLS role %q: use active, passive, actpass or holdconn", role)
	}
	return eachSection(sdp, is("setup"), "a=setup:"+role)
}

// eachSection sets one line in every section that is not rejected.
func eachSection(sdp string, match func(string) bool, line string) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	for i := range d.sections {
		if s := &d.sections[i]; !s.rejected() {
			s.text = setLine(s.text, match, line, d.eol)
		}
	}
	return d.String(), nil
}

// NextVersion raises the version in the o= line by one, as each new description
// of a session must. It fails if sdp is no SDP, or has no such number.
//
// In a rule: sdpNextVersion(sdpWithDirection(call.answer, "recvonly"))
func NextVersion(sdp string) (string, error) { return After(sdp, sdp) }

// After makes an SDP the one that follows last in the same session: it gets the
// o= line of last, with the version raised by one. So an offer of FreeSWITCH
// with a session id of its own, as in verto.attach, goes on where the browser
// is. It fails if either is no SDP, or last has no such number.
//
// In a rule: sdpAfter(sdpOffer(msg.params.sdp, "0"), call.sent)
func After(sdp, last string) (string, error) {
	d, err := parse(sdp)
	if err != nil {
		return "", err
	}
	l, err := parse(last)
	if err != nil {
		return "", fmt.Errorf("last SDP: %w", err)
	}
	origin, err := l.nextOrigin()
	if err != nil {
		return "", err
	}
	session, found := editLines(d.session, func(line string) (string, bool) {
		return origin, strings.HasPrefix(line, "o=")
	})
	if !found {
		return "", errNoOrigin
	}
	d.session = session
	return d.String(), nil
}

// nextOrigin gives the o= line that follows d's.
func (d *description) nextOrigin() (string, error) {
	for rest := d.session; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		if !strings.HasPrefix(line, "o=") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 6 {
			return "", fmt.Errorf("malformed origin %q", shorten(line))
		}
		version, err := strconv.ParseUint(f[2], 10, 63)
		if err != nil {
			return "", fmt.Errorf("version %q in the o= line is no number that can be raised", shorten(f[2]))
		}
		f[2] = strconv.FormatUint(version+1, 10)
		return strings.Join(f, " "), nil
	}
	return "", errNoOrigin
}

// WithFingerprintAltered changes the first hex pair of every fingerprint's
// digest and nothing else. A browser that is offered it makes a new DTLS
// handshake, which it does not do for a new ICE user alone: the first offer of
// two after a lost Verto socket. It fails if sdp is no SDP, or has no
// fingerprint to alter.
//
// In a rule: sdpWithFingerprintAltered(call.attach)
func WithFingerprintAltered(sdp string) (string, error) {
	if _, err := parse(sdp); err != nil {
		return "", err
	}
	var b strings.Builder
	altered := false
	for rest := sdp; rest != ""; {
		all := rest
		var line string
		line, rest = cutLine(rest)
		raw := all[:len(all)-len(rest)]
		if at, ok := digest(line); ok {
			altered = true
			pair := "00"
			if line[at:at+2] == pair {
				pair = "FF"
			}
			raw = raw[:at] + pair + raw[at+2:]
		}
		b.WriteString(raw)
	}
	if !altered {
		return "", errNoFingerprint
	}
	return b.String(), nil
}

// digest finds where the digest of an a=fingerprint line begins. It asks for two
// letters or digits, not for hex, so that a redacted capture can be replayed.
func digest(line string) (at int, ok bool) {
	if !is("fingerprint")(line) {
		return 0, false
	}
	at = skip(line, word(line, 0))
	return at, at+2 <= len(line) && isAlphanumeric(line[at]) && isAlphanumeric(line[at+1])
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
