package examples_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const clients = "examples/clients/"

// clientCalls are the captures of clients, each with the captures that
// FreeSWITCH's lines in it come from.
var clientCalls = map[string][]string{
	"answer-mode":                     {"joint/q5_hold_verto_modify"},
	"bridge-answer-full":              {"joint/q1_out_9196_mid_bundle"},
	"bridge-answer-v0":                {"joint/q1_out_9196_mid_bundle"},
	"bridge-asserted-identity":        {"verto/display_9203"},
	"bridge-candidates-before-answer": {"joint/q1_out_9196_mid_bundle"},
	"bridge-hangup-after-answer":      {"joint/q3_remote_hangup_9201"},
	"bridge-hangup-after-answer-busy": {"joint/q1_out_9196_mid_bundle", "joint/q3_busy_9199"},
	"bridge-hangup-before-answer":     {"joint/q3_busy_9199"},
	"bridge-invite":                   {"joint/q4_in_remote_hangup"},
	"bridge-invite-v0":                {"joint/q4_in_busy"},
	"bridge-negotiate":                {"joint/q1_out_9196_mid_bundle", "joint/q5_hold_updatemedia", "joint/q5_hold_verto_modify"},
	"bridge-negotiate-unanswered":     {"joint/q5_hold_verto_modify"},
	"bridge-reject-reason":            {"joint/q3_busy_9199"},
	"callee-hangup":                   {"joint/q3_remote_hangup_9201"},
	"cancel":                          {"joint/q3_cancel_9200"},
	"dtmf":                            {"joint/q1_out_9196_mid_bundle"},
	"hold":                            {"joint/q5_hold_verto_modify"},
	"invitee":                         {"joint/q1_out_9196_mid_bundle"},
	"mute":                            {"joint/q1_out_9196_mid_bundle"},
	"reject":                          {"joint/q3_rejected_9205"},
	"timeout":                         {"joint/q3_cancel_9200"},
	"transfer":                        {"joint/q1_out_9196_mid_bundle", "joint/q9_blind_transfer"},
	"video":                           {"joint/q7_video_9196_refused"},
	"voice":                           {"joint/q1_out_9196_mid_bundle"},
}

// sameAs are captures of clients in which what comes from the client is of the
// same kinds as in one that is an example; only what it was answered differs.
var sameAs = map[string]string{
	"bridge-answer-early":           "bridge-answer-full",
	"bridge-answer-int-version":     "bridge-hangup-after-answer",
	"bridge-answer-no-msid":         "bridge-answer-full",
	"bridge-answer-then-candidates": "bridge-answer-full",
	"bridge-answer-wrong-metadata":  "bridge-answer-full",
}

// unheard are captures in which nothing at all comes from the client.
var unheard = []string{"bridge-invite-bad-metadata", "bridge-invite-cancel", "bridge-invite-expired", "bridge-invite-no-msid"}

// tooLate are the messages that come when their call has ended, and why that is
// as it should be.
var tooLate = map[string]map[string]string{
	"bridge-hangup-before-answer": {
		"m.call.candidates": "the peer's m.call.hangup left the client ringing; the bridge says m.call.reject, which ends it",
		"m.call.hangup":     "the same",
	},
	"timeout": {
		"m.call.hangup": "the client gives up two seconds after the invite's lifetime, with which the bridge has ended the call",
	},
}

// Each event that a client sends is acted on by a rule, or one that names it says
// that nothing is to be done. The table of them is made from the captures.
func TestClientsAreUnderstood(t *testing.T) {
	seen := fates{}
	for _, name := range glob(t, clients+"*.ndjson") {
		late := map[string]string{}
		for _, o := range outcomes(t, name) {
			switch why, meant := tooLate[nameOf(name)][o.Type]; {
			case o.Outcome == "fired", o.Type == "verto.bye.ok": // what became of our own bye concerns nobody
			case o.Outcome == "late" && meant:
				late[o.Type] = why
			default:
				t.Errorf("%s: %s is %s %s", o.At, o.Type, o.Outcome, o.Error)
			}
			if o.Transport == "matrix" && strings.HasPrefix(o.Type, "m.call.") {
				seen.add(nameOf(name), o)
			}
		}
		if want := tooLate[nameOf(name)]; !maps.Equal(late, want) {
			t.Errorf("%s: late are %v, not %v", name, late, want)
		}
	}
	part(t, clients+"README.md", "events", seen.table())
}

// fates are what became of events: by type, by the rules that acted on them, in
// which captures.
type fates map[string]map[string][]string

func (f fates) add(capture string, o outcome) {
	what := strings.Join(o.fired(), "; ")
	if o.Outcome == "late" {
		what = "*too late: the call has ended*"
	}
	if f[o.Type] == nil {
		f[o.Type] = map[string][]string{}
	}
	if !slices.Contains(f[o.Type][what], capture) {
		f[o.Type][what] = append(f[o.Type][what], capture)
	}
}

func (f fates) table() string {
	var text strings.Builder
	text.WriteString("\n| event | the rules that act on it | in |\n| --- | --- | --- |\n")
	for _, typ := range slices.Sorted(maps.Keys(f)) {
		for _, what := range slices.Sorted(maps.Keys(f[typ])) {
			fmt.Fprintf(&text, "| `%s` | %s | %s |\n", typ, what, captureList(f[typ][what]))
		}
	}
	return text.String()
}

// captureList names a few captures, or says how many there are.
func captureList(names []string) string {
	const few = 4
	if len(names) > few {
		return fmt.Sprintf("%d captures", len(names))
	}
	return strings.Join(names, ", ")
}

// Every capture of a client is an example, or it is known why it is none.
func TestEveryCaptureOfAClientIsAnExample(t *testing.T) {
	for _, name := range glob(t, captured+"matrix/*.ndjson") {
		switch name := nameOf(name); {
		case clientCalls[name] != nil:
		case sameAs[name] != "":
			got, want := heard(t, name), heard(t, sameAs[name])
			if !slices.Equal(got, want) {
				t.Errorf("in %s comes %q, and in %s %q", name, got, sameAs[name], want)
			}
		case slices.Contains(unheard, name):
			if got := heard(t, name); len(got) > 0 {
				t.Errorf("in %s comes %q", name, got)
			}
		default:
			t.Errorf("%s is no example", name)
		}
	}
}

// heard gives the types of what comes in a capture of a client.
func heard(t *testing.T, name string) []string {
	t.Helper()
	var types []string
	for _, l := range captureLines(t, read(t, captured+"matrix/"+name+".ndjson")) {
		if l.Dir == "in" {
			types = append(types, l.typ())
		}
	}
	return types
}

// In an example stands all that the client and its peer said, when they said it,
// and of FreeSWITCH what it said in other calls. Only the transport's own words
// about rooms were added.
func TestClientsAreAsTheyWereCaptured(t *testing.T) {
	for _, path := range glob(t, clients+"*.ndjson") {
		name := nameOf(path)
		from := map[string]bool{}
		for _, source := range clientCalls[name] {
			for _, l := range captureLines(t, read(t, captured+source+".ndjson")) {
				from[withoutIDs(l)] = l.Transport == "verto"
			}
		}
		var matrix []captureLine
		for _, l := range captureLines(t, read(t, path)) {
			switch {
			case l.Transport == "verto" && !from[withoutIDs(l)]:
				t.Errorf("%s: no capture of FreeSWITCH in %v has %s", path, clientCalls[name], l.Data)
			case l.Transport == "matrix" && !strings.HasPrefix(l.typ(), "room."):
				matrix = append(matrix, l)
			}
		}
		same := func(a, b captureLine) bool {
			return a.TS.Equal(b.TS) && a.Dir == b.Dir && string(a.Data) == string(b.Data)
		}
		if !slices.EqualFunc(matrix, captureLines(t, read(t, filepath.Join(captured, "matrix", name+".ndjson"))), same) {
			t.Errorf("%s: what the client and its peer say is not what was captured", path)
		}
	}
}
