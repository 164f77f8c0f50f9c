package vertotest

import "math"

// A Tone makes the samples of a sine wave at half of full scale.
type Tone struct {
	phase, step float64
}

// NewTone makes a wave of hz at so many samples a second.
func NewTone(hz float64, rate int) *Tone {
	return &Tone{step: 2 * math.Pi * hz / float64(rate)}
}

// Read fills samples with what comes next.
func (t *Tone) Read(samples []int16) {
	for i := range samples {
		samples[i] = int16(16384 * math.Sin(t.phase))
		t.phase = math.Mod(t.phase+t.step, 2*math.Pi)
	}
}

// Power tells how much of the energy of samples is at hz, from 0 (none) to 1
// (a pure tone), by Goertzel's algorithm. Silence has none. Some hundred
// samples are enough to tell 440 Hz from another tone.
func Power(samples []int16, hz float64, rate int) float64 {
	if len(samples) == 0 {
		return 0
	}
	coefficient := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var last, before, energy float64
	for _, sample := range samples {
		x := float64(sample)
		energy += x * x
		last, before = x+coefficient*last-before, last
	}
	if energy == 0 {
		return 0
	}
	power := last*last + before*before - coefficient*last*before
	return min(1, 2*power/(float64(len(samples))*energy))
}

const (
	pcmuBias = 0x84
	pcmuClip = 32635
)

// EncodePCMU makes G.711 µ-law of samples, one byte each.
func EncodePCMU(samples []int16) []byte {
	encoded := make([]byte, len(samples))
	for i, sample := range samples {
		magnitude, sign := int(sample), byte(0)
		if magnitude < 0 {
			magnitude, sign = -magnitude, 0x80
		}
		magnitude = min(magnitude, pcmuClip) + pcmuBias
		exponent := 7
		for mask := 0x4000; magnitude&mask == 0 && exponent > 0; mask >>= 1 {
			exponent--
		}
		mantissa := byte(magnitude>>(exponent+3)) & 0x0f
		encoded[i] = ^(sign | byte(exponent)<<4 | mantissa)
	}
	return encoded
}

// DecodePCMU gives the samples of G.711 µ-law.
func DecodePCMU(encoded []byte) []int16 {
	samples := make([]int16, len(encoded))
	for i, b := range encoded {
		b = ^b
		magnitude := (int(b&0x0f)<<3+pcmuBias)<<(b>>4&7) - pcmuBias
		if b&0x80 != 0 {
			magnitude = -magnitude
		}
		samples[i] = int16(magnitude)
	}
	return samples
}
