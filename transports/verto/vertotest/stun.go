package vertotest

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/stun/v3"
)

// stun handles one STUN message.
func (m *media) stun(packet []byte, from netip.AddrPort) {
	message := &stun.Message{Raw: slices.Clone(packet)}
	if message.Decode() != nil {
		return
	}
	switch message.Type {
	case stun.BindingRequest:
		m.checked(message, from)
	case stun.BindingSuccess:
		m.confirmed(message, from)
	}
}

// checked answers the client's check and follows it.
func (m *media) checked(request *stun.Message, from netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var name stun.Username
	_ = name.GetFrom(request)
	ufrag, _, _ := strings.Cut(name.String(), ":")
	i := slices.IndexFunc(m.known, func(e endpoint) bool { return e.ufrag == ufrag })
	if i < 0 || stun.NewShortTermIntegrity(m.known[i].password).Check(request) != nil {
		m.reply(from, request, stun.BindingError, stun.CodeUnauthorized)
		return
	}
	m.yield(request)
	m.reply(from, request, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
		stun.NewShortTermIntegrity(m.known[i].password), stun.Fingerprint)
	if m.known[i].ufrag != m.local.ufrag && !slices.Contains(m.peer.candidates, from) {
		return // from where it was before, or where it will be once it answers
	}
	if !slices.Contains(m.peer.candidates, from) {
		m.peer.candidates = append(m.peer.candidates, from)
	}
	if !m.controlling && request.Contains(stun.AttrUseCandidate) {
		m.connect(from)
	}
}

// yield gives way where both sides claim the same role.
func (m *media) yield(request *stun.Message) {
	switch {
	case request.Contains(stun.AttrICEControlling):
		m.controlling = false
	case request.Contains(stun.AttrICEControlled):
		m.controlling = true
	}
}

func (m *media) reply(to netip.AddrPort, request *stun.Message, t stun.MessageType, setters ...stun.Setter) {
	setters = append([]stun.Setter{stun.NewTransactionIDSetter(request.TransactionID), t}, setters...)
	if response, err := stun.Build(setters...); err == nil {
		_, _ = m.udp.WriteToUDPAddrPort(response.Raw, to)
	}
}

// confirmed takes the client's answer to a check.
func (m *media) confirmed(response *stun.Message, from netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to, ours := m.checks[response.TransactionID]
	if !ours || to != from || stun.NewShortTermIntegrity(m.peer.password).Check(response) != nil {
		return
	}
	clear(m.checks)
	if !m.connected {
		m.connect(from)
	}
}

// connect settles on an address of the client, and begins the DTLS handshake
// that is due. The caller holds mu.
func (m *media) connect(address netip.AddrPort) {
	m.connected, m.address = true, address
	if m.pipe != nil && !m.shaking {
		m.shaking = true
		p, client, peer := m.pipe, m.client, m.peer.fingerprint
		m.leg.srv.wg.Go(func() { m.shake(p, client, peer) })
	}
}

// sendChecks sends one check to each address that the client may have, or to
// the one that it has, and reports whether that is known.
func (m *media) sendChecks() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	targets := m.peer.candidates
	if m.connected {
		targets = []netip.AddrPort{m.address}
	}
	for _, to := range targets {
		role, other := stun.AttrICEControlled, stun.AttrUseCandidate
		if m.controlling {
			role = stun.AttrICEControlling
		}
		setters := []stun.Setter{
			stun.TransactionID, stun.BindingRequest,
			stun.NewUsername(m.peer.ufrag + ":" + m.local.ufrag),
			stun.RawAttribute{Type: stun.AttrPriority, Value: binary.BigEndian.AppendUint32(nil, 2130706431)},
			stun.RawAttribute{Type: role, Value: binary.BigEndian.AppendUint64(nil, m.tie)},
		}
		if m.controlling {
			setters = append(setters, stun.RawAttribute{Type: other})
		}
		setters = append(setters, stun.NewShortTermIntegrity(m.peer.password), stun.Fingerprint)
		request, err := stun.Build(setters...)
		if err != nil {
			continue
		}
		m.checks[request.TransactionID] = to
		_, _ = m.udp.WriteToUDPAddrPort(request.Raw, to)
	}
	return m.connected
}
