package vertotest

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// An identity is what the SDPs of one leg have in common on FreeSWITCH's side.
type identity struct {
	session, version int64  // of the o= line
	stream, cname    string // a name for the media stream, another for its source
	audio, video     endpoint
}

// An endpoint is FreeSWITCH's own end of one media section: one port each, never bundled.
type endpoint struct {
	port            int
	ssrc            uint32
	ufrag, password string
}

func newIdentity(audioPort, videoPort int) identity {
	session := time.Now().Unix() - int64(audioPort)
	id := identity{
		session: session, version: session + 1,
		audio: endpoint{port: audioPort, ssrc: randomSSRC()},
		video: endpoint{port: videoPort, ssrc: randomSSRC()},
	}
	id.renew()
	return id
}

// renew draws new ICE credentials and a new stream name, as FreeSWITCH does
// before it offers a leg again.
func (id *identity) renew() {
	id.stream, id.cname = randomText(32), randomText(16)
	for _, e := range []*endpoint{&id.audio, &id.video} {
		e.ufrag, e.password = randomText(16), randomText(24)
	}
}

// opusOffer is what mod_opus says of itself in an offer.
const opusOffer = "useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40"

// ownCodecs are the codecs of a server's offer, by the name that options use.
var ownCodecs = map[string]codec{
	"opus": {payload: 102, name: "opus", clock: 48000, channels: 2, parameters: opusOffer},
	"PCMU": {payload: 0, name: "PCMU", clock: 8000, channels: 1},
	"VP8":  {payload: 103, name: "VP8", clock: 90000, channels: 1},
}

// A writer makes one SDP, line by line, in the order in which FreeSWITCH
// writes them.
type writer struct {
	strings.Builder
	fingerprint string // of every DTLS handshake of this server
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(w, format+"\r\n", args...)
}

func (w *writer) session(id *identity, secure bool) {
	w.line("v=0")
	w.line("o=FreeSWITCH %d %d IN IP4 127.0.0.1", id.session, id.version)
	w.line("s=FreeSWITCH")
	w.line("c=IN IP4 127.0.0.1")
	w.line("t=0 0")
	if secure {
		w.line("a=msid-semantic: WMS %s", id.stream)
	}
}

// answer writes the SDP of verto.answer and verto.media.
func (id *identity) answer(a *agreement, fingerprint string) string {
	return id.update(a, fingerprint, 1)
}

// update writes the SDP of an updateMedia result. Its candidate is there for
// both components where FreeSWITCH has offered on the leg before.
func (id *identity) update(a *agreement, fingerprint string, components int) string {
	w := &writer{fingerprint: fingerprint}
	w.session(id, a.audio.secure())
	w.answerAudio(id, a.audio, a.audio.setup, components)
	if a.video != nil {
		w.answerVideo(id, a.video)
	}
	return w.String()
}

// attach writes the SDP of verto.attach: the agreement offered anew, audio
// alone, in that direction.
func (id *identity) attach(a *agreement, direction, fingerprint string) string {
	w := &writer{fingerprint: fingerprint}
	w.session(id, a.audio.secure())
	audio := a.audio
	audio.direction = direction
	w.answerAudio(id, audio, "actpass", 2)
	return w.String()
}

func (w *writer) answerAudio(id *identity, a agreed, setup string, components int) {
	formats := itoa(a.codec.payload)
	if a.events != nil {
		formats += " " + itoa(a.events.payload)
	}
	w.line("m=audio %d %s %s", id.audio.port, a.proto, formats)
	w.codec(a.codec, answerParameters(a.codec))
	if a.events != nil {
		w.codec(*a.events, "")
	}
	w.line("a=silenceSupp:off - - - -")
	w.line("a=ptime:20")
	w.line("a=%s", a.direction)
	if !a.secure() {
		return
	}
	w.transport(id.audio, setup, a.mux)
	w.ice(id.audio, components, 2130706430)
	w.line("a=end-of-candidates")
	w.source(id, id.audio, "a0")
}

func (w *writer) answerVideo(id *identity, v *agreed) {
	if v.codec.name == "" {
		w.line("m=video 0 %s 19", v.proto)
		return
	}
	w.line("m=video %d %s %d", id.video.port, v.proto, v.codec.payload)
	w.line("b=AS:1024")
	w.codec(v.codec, "")
	w.line("a=%s", v.direction)
	if !v.secure() {
		return
	}
	w.transport(id.video, v.setup, v.mux)
	for _, fb := range v.feedback {
		w.line("a=rtcp-fb:%d %s", v.codec.payload, fb)
	}
	w.source(id, id.video, "v0")
	w.ice(id.video, 1, 2130706430)
	w.line("a=end-of-candidates")
}

// invite writes the SDP of a verto.invite. There is never a telephone-event in it.
func (id *identity) invite(audio, video []codec, fingerprint string) string {
	w := &writer{fingerprint: fingerprint}
	w.session(id, true)
	w.line("m=audio %d RTP/SAVPF%s", id.audio.port, payloads(audio))
	for _, c := range audio {
		w.codec(c, c.parameters)
	}
	w.transport(id.audio, "actpass", true)
	w.source(id, id.audio, "a0")
	w.ice(id.audio, 2, 2130706431)
	w.line("a=silenceSupp:off - - - -")
	w.line("a=ptime:20")
	w.line("a=sendrecv")
	if len(video) == 0 {
		return w.String()
	}
	w.line("m=video %d RTP/SAVPF%s", id.video.port, payloads(video))
	w.line("b=AS:1024")
	for _, c := range video {
		w.codec(c, c.parameters)
	}
	w.line("a=sendrecv")
	w.transport(id.video, "actpass", true)
	for _, c := range video {
		for _, fb := range []string{"ccm fir", "ccm tmmbr", "nack", "nack pli"} {
			w.line("a=rtcp-fb:%d %s", c.payload, fb)
		}
	}
	w.source(id, id.video, "v0")
	w.ice(id.video, 2, 2130706430)
	w.line("a=end-of-candidates")
	return w.String()
}

func payloads(codecs []codec) string {
	var b strings.Builder
	for _, c := range codecs {
		b.WriteString(" " + itoa(c.payload))
	}
	return b.String()
}

func (w *writer) codec(c codec, parameters string) {
	if c.channels > 1 {
		w.line("a=rtpmap:%d %s/%d/%d", c.payload, c.name, c.clock, c.channels)
	} else {
		w.line("a=rtpmap:%d %s/%d", c.payload, c.name, c.clock)
	}
	if parameters != "" {
		w.line("a=fmtp:%d %s", c.payload, parameters)
	}
}

// answerParameters picks what mod_opus repeats of an offer's fmtp, in its own order.
func answerParameters(c codec) string {
	if !c.is("opus") {
		return ""
	}
	var kept []string
	for _, name := range []string{"useinbandfec", "minptime"} {
		for p := range strings.SplitSeq(c.parameters, ";") {
			if p = strings.TrimSpace(p); strings.HasPrefix(p, name+"=") {
				kept = append(kept, p)
			}
		}
	}
	return strings.Join(kept, "; ")
}

func (w *writer) transport(e endpoint, setup string, mux bool) {
	w.line("a=fingerprint:sha-256 %s", w.fingerprint)
	w.line("a=setup:%s", setup)
	if mux {
		w.line("a=rtcp-mux")
	}
	w.line("a=rtcp:%d IN IP4 127.0.0.1", e.port)
}

// ice writes the credentials and the one host candidate; in offers it is
// named for component 2 too, on the same port.
func (w *writer) ice(e endpoint, components, secondPriority int) {
	w.line("a=ice-ufrag:%s", e.ufrag)
	w.line("a=ice-pwd:%s", e.password)
	foundation, priority := randomDigits(10), 2130706431
	for component := 1; component <= components; component++ {
		w.line("a=candidate:%s %d udp %d 127.0.0.1 %d typ host generation 0", foundation, component, priority, e.port)
		priority = secondPriority
	}
}

func (w *writer) source(id *identity, e endpoint, track string) {
	w.line("a=ssrc:%d cname:%s", e.ssrc, id.cname)
	w.line("a=ssrc:%d msid:%s %s", e.ssrc, id.stream, track)
	w.line("a=ssrc:%d mslabel:%s", e.ssrc, id.stream)
	w.line("a=ssrc:%d label:%s%s", e.ssrc, id.stream, track)
}

func itoa(n int) string { return strconv.Itoa(n) }

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func randomText(n int) string   { return draw(n, alphanumeric) }
func randomDigits(n int) string { return draw(n, alphanumeric[52:]) }

func draw(n int, from string) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its contract
	for i := range b {
		b[i] = from[int(b[i])%len(from)]
	}
	return string(b)
}

func randomSSRC() uint32 {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<32-2))
	if err != nil {
		panic(err)
	}
	return uint32(n.Uint64()) + 1
}
