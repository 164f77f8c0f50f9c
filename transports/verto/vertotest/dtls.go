package vertotest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v3/packetio"
)

// A pipe is the connection of one DTLS session: packets come from the media's
// port, and go to wherever the client is.
type pipe struct {
	media   *media
	inbound *packetio.Buffer
	ctx     context.Context
	stop    context.CancelFunc
}

var _ net.PacketConn = (*pipe)(nil)

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.inbound.Read(b)
	return n, p.LocalAddr(), err
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.media.mu.Lock()
	to := p.media.address
	p.media.mu.Unlock()
	return p.media.udp.WriteToUDPAddrPort(b, to)
}

func (p *pipe) Close() error                      { p.close(); return nil }
func (p *pipe) LocalAddr() net.Addr               { return p.media.udp.LocalAddr() }
func (p *pipe) SetReadDeadline(t time.Time) error { return p.inbound.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(time.Time) error  { return nil } // a UDP write does not wait
func (p *pipe) SetDeadline(t time.Time) error     { return p.SetReadDeadline(t) }

func (p *pipe) close() {
	p.stop()
	_ = p.inbound.Close()
}

// renewDTLS wants a new session in place of the present one, if any: until it
// stands nothing is heard. The caller holds mu.
func (m *media) renewDTLS() {
	if m.pipe != nil {
		m.pipe.close()
	}
	m.pipe = &pipe{media: m, inbound: packetio.NewBuffer()}
	m.pipe.ctx, m.pipe.stop = context.WithCancel(m.ctx)
	m.shaking = false
	m.in, m.out = nil, nil
}

// dtls passes one packet to the session.
func (m *media) dtls(packet []byte) {
	m.mu.Lock()
	p := m.pipe
	m.mu.Unlock()
	if p != nil {
		_, _ = p.inbound.Write(packet)
	}
}

var errFingerprint = errors.New("the client's certificate is not the one its SDP names")

// shake makes the DTLS handshake of p, and stays until the session is replaced
// or the call ends.
func (m *media) shake(p *pipe, client bool, want string) {
	config := &dtls.Config{
		Certificates:           []tls.Certificate{m.cert.pair},
		SRTPProtectionProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80},
		ClientAuth:             dtls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // the fingerprint stands in for it
		FlightInterval:         100 * time.Millisecond,
		LoggerFactory:          &logging.DefaultLoggerFactory{Writer: io.Discard},
		VerifyPeerCertificate: func(certificates [][]byte, _ [][]*x509.Certificate) error {
			if len(certificates) == 0 || !strings.EqualFold(want, "sha-256 "+fingerprint(certificates[0])) {
				return errFingerprint
			}
			return nil
		},
	}
	create := dtls.Server
	if client {
		create = dtls.Client
	}
	conn, err := create(p, p.LocalAddr(), config)
	if err == nil {
		err = conn.HandshakeContext(p.ctx)
	}
	if err == nil {
		err = m.secure(p, conn, client)
	}
	if err != nil {
		if m.wants(p) {
			m.leg.mediaFailed(err)
		}
		return
	}
	m.leg.mediaUp()
	<-p.ctx.Done()
	_ = conn.Close()
}

// wants tells whether p was neither replaced nor closed with the call. (A
// handshake that fails closes it too.)
func (m *media) wants(p *pipe) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pipe == p && m.ctx.Err() == nil
}

// secure takes the SRTP keys of a session that stands.
func (m *media) secure(p *pipe, conn *dtls.Conn, client bool) error {
	state, ok := conn.ConnectionState()
	if !ok {
		return net.ErrClosed
	}
	config := srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
	if err := config.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return err
	}
	keys := config.Keys
	in, err := srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile)
	if err != nil {
		return err
	}
	out, err := srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pipe == p {
		m.in, m.out = in, out
	}
	return nil
}
