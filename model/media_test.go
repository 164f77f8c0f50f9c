package model

// A media is the sound of one call, as far as its two ends have agreed on it.
//
// ICE connects them if each has the credentials that the other one goes by. Then
// two ends that both want a DTLS handshake make it; an end that has made its own
// takes no part in another one (sdp-interop, section 7).
type media struct {
	client, pbx end
	pairs       int
	muted       bool // FreeSWITCH has stopped it: its socket was lost
	shaking     bool // a handshake is under way
	later       func(do func())
	connected   func()
}

// An end is one side of a media.
type end struct {
	local, remote creds
	print         string // of its own certificate
	peerPrint     string
	role          string // active, passive; "" before it is agreed on
	pair          int    // the handshake that it has made; 0: it waits for one
	failed        bool   // it has tried, and will not again
	address       string // own, of the client; of the client as FreeSWITCH knows it
}

// renew makes an end wait for a handshake.
func (e *end) renew() { e.pair, e.failed = 0, false }

// connects tells that the ends find each other.
func (m *media) connects() bool {
	return m.client.local.ufrag != "" && m.client.local == m.pbx.remote && m.pbx.local == m.client.remote
}

// settle lets happen what the last change has made possible.
func (m *media) settle() {
	if !m.connects() {
		return
	}
	m.pbx.address = m.client.address // it follows the client's own checks
	a, b := &m.client, &m.pbx
	if a.pair != 0 || b.pair != 0 || a.failed || b.failed || a.role == "" || b.role == "" {
		return
	}
	if m.later != nil && !m.shaking {
		m.shaking = true
		m.later(func() { m.shaking = false; m.shake() })
	}
}

// shake is the end of a handshake: each end looks at the other one's certificate.
func (m *media) shake() {
	a, b := &m.client, &m.pbx
	if !m.connects() || a.pair != 0 || b.pair != 0 || a.failed || b.failed {
		return
	}
	if a.role == b.role || a.peerPrint != b.print || b.peerPrint != a.print {
		a.failed, b.failed = true, true
		return
	}
	m.pairs++
	a.pair, b.pair = m.pairs, m.pairs
	if m.connected != nil {
		m.connected()
	}
}

// silence says why there is no sound; "" if there is.
func (m *media) silence() string {
	switch {
	case m.client.local != m.pbx.remote:
		return "FreeSWITCH has ICE credentials of the client that are not those in use"
	case m.client.remote != m.pbx.local:
		return "the client has ICE credentials of FreeSWITCH that are not those in use"
	case m.client.failed || m.pbx.failed:
		return "the DTLS handshake failed"
	case m.client.pair == 0 && m.pbx.pair == 0:
		return "no DTLS handshake"
	case m.client.pair == 0:
		return "the client wants a DTLS handshake, FreeSWITCH does not"
	case m.pbx.pair == 0:
		return "FreeSWITCH wants a DTLS handshake, the client does not"
	case m.client.pair != m.pbx.pair:
		return "client and FreeSWITCH have made different DTLS handshakes"
	case m.muted:
		return "FreeSWITCH has stopped RTP"
	}
	return ""
}
