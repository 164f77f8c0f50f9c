// Package softphone gives a WebRTC phone for tests a voice and an ear: it says
// tones in PCMU, and tells which ones it hears by their energy.
package softphone

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

const (
	rate  = 8000      // samples a second
	frame = rate / 50 // samples in a packet
)

// A Phone is a [webphone.Phone] that speaks and hears PCMU.
type Phone struct {
	*webphone.Phone
	speaking sync.WaitGroup
	keys     chan key
}

// A key is one that is to be pressed.
type key struct {
	payload uint8
	event   byte
}

// Keys are those of a telephone, in the order of their events (RFC 4733, section
// 3.2).
const Keys = "0123456789*#ABCD"

// New makes a phone, which is to be closed.
func New() (*Phone, error) {
	p, err := webphone.New(webphone.PCMU)
	return &Phone{Phone: p, keys: make(chan key, len(Keys))}, err
}

// Close ends the phone, and what it says.
func (p *Phone) Close() error {
	err := p.Phone.Close()
	p.speaking.Wait()
	return err
}

// Talk says a tone, and the keys that are pressed, until the phone is closed. It
// may be called once.
func (p *Phone) Talk(hz float64) {
	p.speaking.Go(func() {
		v := speech{phone: p, ticker: time.NewTicker(20 * time.Millisecond)}
		defer v.ticker.Stop()
		wave, samples := vertotest.NewTone(hz, rate), make([]int16, frame)
		for v.waits() {
			select {
			case k := <-p.keys:
				v.press(k)
			default:
				wave.Read(samples)
				v.say(rtp.Header{}, vertotest.EncodePCMU(samples))
				v.header.Timestamp += frame
			}
		}
	})
}

// Press has keys pressed in what [Phone.Talk] says, one after the other, as
// packets of that payload type.
func (p *Phone) Press(payload uint8, keys string) {
	for i := range len(keys) {
		select {
		case p.keys <- key{payload, byte(strings.IndexByte(Keys, keys[i]))}:
		case <-p.Done():
		}
	}
}

// A speech is the stream of packets that a phone says.
type speech struct {
	phone  *Phone
	ticker *time.Ticker
	header rtp.Header // of the last packet
}

// waits until the next packet is due. It is false once the phone is closed.
func (v *speech) waits() bool {
	select {
	case <-v.ticker.C:
		return true
	case <-v.phone.Done():
		return false
	}
}

func (v *speech) say(header rtp.Header, payload []byte) {
	v.header.SequenceNumber++
	header.SequenceNumber, header.Timestamp = v.header.SequenceNumber, v.header.Timestamp
	v.phone.Say(header, payload)
}

// press says a key for a tenth of a second. All its packets have the timestamp of
// its beginning, and the last of them comes three times (RFC 4733, section 2.5).
func (v *speech) press(k key) {
	const packets = 5
	for n := range packets + 2 {
		lasts, end := uint16(frame*min(n+1, packets)), byte(0)
		if n >= packets-1 {
			end = 0x80
		}
		v.say(rtp.Header{PayloadType: k.payload, Marker: n == 0}, []byte{k.event, end | 10, byte(lasts >> 8), byte(lasts)})
		if !v.waits() {
			return
		}
	}
	v.header.Timestamp += (packets + 2) * frame
}

// Hears waits until a fifth of a second on end of what is heard from now on is a
// tone. It is false once ctx is done.
func (p *Phone) Hears(ctx context.Context, hz float64) bool {
	for { // what was heard before now does not count
		select {
		case <-p.Heard():
			continue
		default:
		}
		break
	}
	for samples := []int16(nil); len(samples) < rate/5; {
		select {
		case packet := <-p.Heard():
			heard := vertotest.DecodePCMU(packet.Payload)
			if samples = append(samples, heard...); vertotest.Power(heard, hz, rate) < 0.9 {
				samples = nil
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}
