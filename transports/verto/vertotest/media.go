package vertotest

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// media is the sound of one leg: one UDP port for as long as the call lives,
// whatever becomes of the client's end. FreeSWITCH is no full ICE agent, so
// this one is none either: it answers checks, goes where the client's checks
// come from, and keeps its own credentials when the client restarts. DTLS and
// SRTP are pion's.
//
// It never calls its leg with mu held.
type media struct {
	leg  *Leg
	udp  *net.UDPConn
	cert certificate
	ctx  context.Context
	stop context.CancelFunc
	kick chan struct{} // asks for a round of checks at once

	mu          sync.Mutex
	known       []endpoint // own credentials that the client may use: the newest, and those before
	local       endpoint   // own credentials of the checks sent
	peer        remote
	checks      map[[12]byte]netip.AddrPort // sent and unanswered
	controlling bool
	tie         uint64
	connected   bool           // the client's present end is known to be reachable
	address     netip.AddrPort // where it was last met
	said        netip.AddrPort // where its last description says it is
	client      bool           // own DTLS role
	pipe        *pipe          // of the DTLS session that is wanted
	shaking     bool           // and has been begun
	in, out     *srtp.Context  // nil until DTLS is done

	paused   bool
	audio    agreed
	sink     func(*rtp.Packet)
	ssrc     uint32
	sequence uint16
	event    uint32 // timestamp of the last telephone-event
	events   bool   // there was one
	packets  struct{ in, out, dropped int }
}

func newMedia(l *Leg) (*media, error) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	m := &media{
		leg: l, udp: udp, cert: l.srv.dtls,
		kick: make(chan struct{}, 1), checks: map[[12]byte]netip.AddrPort{},
		tie: rand.Uint64(), sequence: uint16(rand.Uint32()),
	}
	m.ctx, m.stop = context.WithCancel(context.Background())
	return m, nil
}

func (m *media) port() int { return m.udp.LocalAddr().(*net.UDPAddr).Port }

// close ends everything without waiting for it.
func (m *media) close() {
	m.stop()
	_ = m.udp.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pipe != nil {
		m.pipe.close()
	}
}

// begin starts towards the client's first description.
func (m *media) begin(own endpoint, peer remote, audio agreed, controlling bool) {
	m.mu.Lock()
	m.known, m.local, m.ssrc = []endpoint{own}, own, own.ssrc
	m.controlling = controlling
	m.client = audio.setup == "active"
	m.peer, m.said, m.audio = peer, peer.candidates[0], audio
	m.renewDTLS()
	m.mu.Unlock()
	wg := &m.leg.srv.wg
	wg.Go(m.read)
	wg.Go(m.check)
}

// expect lets the client use new credentials, and the last ones still.
func (m *media) expect(own endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = append([]endpoint{own}, m.known[:1]...)
}

// meet takes a client's later description. DTLS begins anew if the client has
// another certificate, or if reattached is set and says that it is elsewhere than
// it said before: so does FreeSWITCH once a verto.attach was answered on the leg.
func (m *media) meet(peer remote, reattached bool) {
	if len(peer.candidates) == 0 {
		return // plain RTP, of which there is none here
	}
	m.mu.Lock()
	old, moved := m.peer, peer.candidates[0] != m.said
	m.said = peer.candidates[0]
	m.peer, m.local = peer, m.known[0]
	m.connected = false
	clear(m.checks)
	if peer.fingerprint != old.fingerprint || reattached && moved {
		switch peer.setup {
		case "passive":
			m.client = true
		case "active":
			m.client = false
		}
		m.renewDTLS()
	}
	m.mu.Unlock()
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// speak sets what is spoken from now on.
func (m *media) speak(audio agreed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.audio = audio
}

// pause stops or resumes the sound in both directions.
func (m *media) pause(paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = paused
}

func (m *media) counts() (in, out, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.packets.in, m.packets.out, m.packets.dropped
}

// read takes packets off the port until it is closed (RFC 7983 tells them apart).
func (m *media) read() {
	buf := make([]byte, 2048)
	for {
		n, from, err := m.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if m.ctx.Err() != nil {
				return
			}
			continue // an ICMP error of something sent before
		}
		if n == 0 {
			continue
		}
		packet := buf[:n]
		switch first := packet[0]; {
		case first < 4:
			m.stun(packet, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case first >= 20 && first < 64:
			m.dtls(packet)
		case first >= 128 && first < 192:
			m.rtp(packet)
		}
	}
}

// check sends ICE checks: quickly until the client answers, then to keep alive.
func (m *media) check() {
	const quick, patient, alive = 50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second
	for round := 0; ; round++ {
		connected := m.sendChecks()
		pause := quick
		switch {
		case connected:
			pause = alive
			round = 0
		case round > 40:
			pause = patient
		}
		select {
		case <-time.After(pause):
		case <-m.kick:
			round = 0
		case <-m.ctx.Done():
			return
		}
	}
}
