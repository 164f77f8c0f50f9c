package vertotest

import "testing"

func TestToneIsFoundAfterPCMU(t *testing.T) {
	samples := make([]int16, 800)
	NewTone(440, 8000).Read(samples)
	samples = DecodePCMU(EncodePCMU(samples))
	if p := Power(samples, 440, 8000); p < 0.99 {
		t.Errorf("power at 440 Hz is %v", p)
	}
	for _, hz := range []float64{300, 600, 1000} {
		if p := Power(samples, hz, 8000); p > 0.05 {
			t.Errorf("power at %v Hz is %v", hz, p)
		}
	}
	if p := Power(make([]int16, 800), 440, 8000); p != 0 {
		t.Errorf("silence has power %v", p)
	}
}

// TestPCMU compares with the values of G.711, table 2a.
func TestPCMU(t *testing.T) {
	for b, want := range map[byte]int16{0x00: -32124, 0x80: 32124, 0xff: 0, 0x7f: 0, 0x8f: 16764, 0xe0: 372, 0x70: -120} {
		if got := DecodePCMU([]byte{b})[0]; got != want {
			t.Errorf("%#x is %d, want %d", b, got, want)
		}
	}
	for b := range 256 {
		if b == 0x7f {
			continue // negative zero
		}
		if got := EncodePCMU(DecodePCMU([]byte{byte(b)}))[0]; got != byte(b) {
			t.Errorf("%#x became %#x", b, got)
		}
	}
	if got := EncodePCMU([]int16{-32768, 32767}); got[0] != 0x00 || got[1] != 0x80 {
		t.Errorf("the loudest are %#v", got)
	}
}
