package capture

import (
	"io"
	"os"
	"strings"
	"testing"
)

// invite gives a message of 5 KB with an SDP, a password and a session id.
func invite(b *testing.B) Line {
	raw, err := os.ReadFile("../testdata/captures/joint/q1_out_9196_mid_bundle.ndjson")
	if err != nil {
		b.Fatal(err)
	}
	l := messages(b, string(raw))[8]
	data := string(l.Data)
	pad := strings.Repeat(`a=rtcp-fb:96 nack pli\r\n`, (5000-len(data))/23)
	l.Data = []byte(strings.Replace(data, `a=rtcp-mux\r\n`, `a=rtcp-mux\r\n`+pad, 1))
	return l
}

func BenchmarkWriterRedacted(b *testing.B) { benchmarkWriter(b, true) }
func BenchmarkWriterRaw(b *testing.B)      { benchmarkWriter(b, false) }

func benchmarkWriter(b *testing.B, redact bool) {
	l := invite(b)
	w := NewWriter(io.Discard, redact)
	b.SetBytes(int64(len(l.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(l); err != nil {
			b.Fatal(err)
		}
	}
}
