package sdp

import "testing"

func BenchmarkWithCandidates(b *testing.B) {
	offer := chromium(b)
	list := at[[]any](b, data(b, "joint/q1_out_9196_mid_bundle.ndjson", 8), "content", "candidates")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := WithCandidates(offer, list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkICEComplete(b *testing.B) {
	offer := chromium(b)
	list := at[[]any](b, data(b, "joint/q1_out_9196_mid_bundle.ndjson", 8), "content", "candidates")
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := ICEComplete(offer, list, "first"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	offer := chromium(b)
	answer := at[string](b, data(b, "joint/q1_out_9196_mid_bundle.ndjson", 11), "params", "sdp")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Answer(offer, answer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	offer := chromium(b)
	b.ReportAllocs()
	for b.Loop() {
		Redact(offer)
	}
}
