package vertotest

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// rtp takes one RTP packet: digits go to the leg, sound to whoever listens.
func (m *media) rtp(packet []byte) {
	if len(packet) < 12 || packet[1] >= 192 && packet[1] < 224 {
		return // RTCP, which nobody here needs
	}
	m.mu.Lock()
	p := m.decrypt(packet)
	if p == nil {
		m.mu.Unlock()
		m.leg.counted()
		return
	}
	sink := m.sink
	digit, isDigit := m.digit(p)
	isAudio := int(p.PayloadType) == m.audio.codec.payload
	m.mu.Unlock()
	if isDigit {
		m.leg.pressDigit(digit)
	}
	if isAudio && sink != nil {
		sink(p)
	}
	m.leg.counted()
}

// decrypt opens a packet and counts it; nil if it is dropped. The caller holds mu.
func (m *media) decrypt(packet []byte) *rtp.Packet {
	if m.in != nil && !m.paused {
		p := &rtp.Packet{}
		if plain, err := m.in.DecryptRTP(nil, packet, nil); err == nil && p.Unmarshal(plain) == nil {
			m.packets.in++
			return p
		}
	}
	m.packets.dropped++
	return nil
}

// digit reads a telephone-event (RFC 4733); the repeats of one, which have its
// timestamp, are none. The caller holds mu.
func (m *media) digit(p *rtp.Packet) (byte, bool) {
	if m.audio.events == nil || int(p.PayloadType) != m.audio.events.payload || len(p.Payload) < 4 {
		return 0, false
	}
	if m.events && p.Timestamp == m.event {
		return 0, false
	}
	m.events, m.event = true, p.Timestamp
	const names = "0123456789*#ABCD"
	if int(p.Payload[0]) >= len(names) {
		return 0, false
	}
	return names[p.Payload[0]], true
}

// send puts sound on the wire, if there is someone to hear it.
func (m *media) send(timestamp uint32, marker bool, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	silent := m.audio.direction == "recvonly" || m.audio.direction == "inactive"
	if m.out == nil || m.paused || silent {
		return
	}
	m.sequence++
	plain, err := (&rtp.Packet{
		Header: rtp.Header{
			Version: 2, PayloadType: uint8(m.audio.codec.payload), SequenceNumber: m.sequence,
			Timestamp: timestamp, Marker: marker, SSRC: m.ssrc,
		},
		Payload: payload,
	}).Marshal()
	if err != nil {
		return
	}
	packet, err := m.out.EncryptRTP(nil, plain, nil)
	if err != nil {
		return
	}
	if _, err := m.udp.WriteToUDPAddrPort(packet, m.address); err == nil {
		m.packets.out++
	}
}

func (m *media) listen(sink func(*rtp.Packet)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sink = sink
}

func (m *media) codec() codec {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.audio.codec
}

// openMedia gives the leg its ports and names. The caller holds srv.mu.
func (l *Leg) openMedia() error {
	if l.identity.audio.port != 0 {
		return nil
	}
	s := l.srv
	s.lastPort = 40000 + (s.lastPort-40000+2)%20000
	port := s.lastPort
	if !s.opts.NoMedia {
		m, err := newMedia(l)
		if err != nil {
			return err
		}
		l.media, port = m, m.port()
	}
	l.identity = newIdentity(port, s.lastPort+1)
	return nil
}

// startMedia begins with what was agreed, or goes on with it. The caller holds
// srv.mu.
func (l *Leg) startMedia() {
	a := l.agreement
	switch {
	case l.media == nil || !a.audio.secure():
		l.once.Do(func() { close(l.up) })
	case !l.started:
		l.started = true
		l.media.begin(l.identity.audio, a.peer, a.audio, l.outbound)
	default:
		l.media.speak(a.audio)
		l.media.meet(a.peer, l.reattached)
	}
}

// sound gives the leg's media, nil where there is none.
func (l *Leg) sound() *media {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	return l.media
}

func (l *Leg) pressDigit(digit byte) {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.press(string(digit))
}

// counted wakes those who wait for packets.
func (l *Leg) counted() {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.srv.notify()
}

// Echo sends back every packet of sound until ctx is done.
func (l *Leg) Echo(ctx context.Context) {
	if m := l.sound(); m != nil {
		m.listen(func(p *rtp.Packet) { m.send(p.Timestamp, p.Marker, p.Payload) })
		defer m.listen(nil)
	}
	<-ctx.Done()
}

// relay sends the sound of l to another leg, if that speaks the same codec.
// Nothing is transcoded.
func (l *Leg) relay(to *Leg) {
	m, other := l.sound(), to.sound()
	if m == nil || other == nil {
		return
	}
	m.listen(func(p *rtp.Packet) {
		if other.codec().is(m.codec().name) {
			other.send(p.Timestamp, p.Marker, p.Payload)
		}
	})
}

// opusSilence is a frame of 20 ms in which Opus says that there is nothing.
var opusSilence = []byte{0xf8, 0xff, 0xfe}

// Tone plays a sine of so many Hz until ctx is done, in packets of 20 ms. It
// is heard on a PCMU call; there is no Opus encoder here, so an Opus call gets
// as many packets of silence.
func (l *Leg) Tone(ctx context.Context, hz float64) {
	m := l.sound()
	if m == nil {
		<-ctx.Done()
		return
	}
	wave := NewTone(hz, 8000)
	samples := make([]int16, 160)
	timestamp := rand.Uint32()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for first := true; ; first = false {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if m.codec().is("PCMU") {
			wave.Read(samples)
			m.send(timestamp, first, EncodePCMU(samples))
			timestamp += 160
		} else {
			m.send(timestamp, first, opusSilence)
			timestamp += 960
		}
		l.counted()
	}
}
