package sdp

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
)

const captures = "../../testdata/captures"

// data gives the data of line number n (from 1) of a capture.
func data(t testing.TB, name string, n int) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(captures, name))
	if err != nil {
		t.Fatal(err)
	}
	var line struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(strings.Split(string(raw), "\n")[n-1]), &line); err != nil {
		t.Fatal(err)
	}
	return line.Data
}

// at walks down keys.
func at[T any](t testing.TB, v any, keys ...string) T {
	t.Helper()
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %q in %T", k, v)
		}
		v = m[k]
	}
	got, ok := v.(T)
	if !ok {
		t.Fatalf("%v is a %T", keys, v)
	}
	return got
}

// corpus gives every SDP in the captures once.
func corpus(t testing.TB) []string {
	t.Helper()
	var all []string
	seen := make(map[string]bool)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			if strings.HasPrefix(v, "v=") && !seen[v] {
				seen[v] = true
				all = append(all, v)
			}
		}
	}
	err := filepath.WalkDir(captures, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".ndjson" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			var v any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				return err
			}
			walk(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d SDPs in the captures", len(all))
	}
	return all
}

// parses tells whether another SDP library takes the text.
func parses(sdp string) bool {
	var d pion.SessionDescription
	return d.UnmarshalString(sdp) == nil
}

// unspoilt fails if pion could parse all of before, but cannot parse after. What
// does not end in a line end is left out: there pion overlooks a broken last line.
func unspoilt(t *testing.T, what, after string, before ...string) {
	t.Helper()
	for _, b := range before {
		if !parses(b) || !strings.HasSuffix(b, "\n") {
			return
		}
	}
	if !parses(after) {
		t.Fatalf("%s spoilt the SDP\nbefore: %q\nafter:  %q", what, before, after)
	}
}

func TestEverySDPOfTheCaptures(t *testing.T) {
	var answers, offers int
	for _, s := range corpus(t) {
		lawsOfWithCandidates(t, s, []any{entry(udp), entry("candidate:9 1 udp 1 192.0.2.9 9 typ srflx raddr 0.0.0.0 rport 0", "1", 1), entry("")})
		for _, offer := range []string{chromium(t), video(t), s} {
			lawsOfAnswer(t, offer, s)
			lawsOfAnswer(t, s, offer)
		}
		if _, err := Offer(s, "0"); err == nil {
			offers++
		}
		if got, err := WithFingerprintAltered(s); err == nil {
			unspoilt(t, "WithFingerprintAltered", got, s)
			if len(got) != len(s) || got == s {
				t.Errorf("altered %q to %q", s, got)
			}
		}
		if got, err := NextVersion(s); err == nil {
			unspoilt(t, "NextVersion", got, s)
			answers++
		}
		for _, dir := range directions {
			if got, err := WithDirection(s, dir); err == nil {
				unspoilt(t, "WithDirection", got, s)
				if d := Direction(got); d != dir && d != "" {
					t.Errorf("direction is %s, not %s, in %q", d, dir, got)
				}
			}
		}
		if got, err := WithSetup(s, "passive"); err == nil {
			unspoilt(t, "WithSetup", got, s)
		}
		lawsOfTelephoneEvent(t, s)
		lawsOfRedact(t, s)
	}
	if answers < 100 || offers < 100 {
		t.Errorf("only %d versions and %d offers: the corpus was not tried", answers, offers)
	}
}
