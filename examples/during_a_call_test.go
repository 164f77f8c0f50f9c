package examples_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

const duringACall = "examples/during-a-call/"

// A recipe is a call that another bridge brought through, by hand, in front of
// real peers with real sound.
type recipe struct {
	capture string // that the example is
	// instead are steps of that bridge, and what the rules do in their place.
	instead map[string][]string
}

var recipes = map[string]recipe{
	"early-media/answered-at-early-media":          {capture: "joint/q2_early_answer_at_media"},
	"first-call/answered":                          {capture: "joint/q1_out_9196_mid_bundle"},
	"first-call/busy":                              {capture: "joint/q3_busy_9199"},
	"first-call/cancelled":                         {capture: "joint/q3_cancel_9200"},
	"first-call/far-end-hangs-up":                  {capture: "joint/q3_remote_hangup_9201"},
	"first-call/hold":                              {capture: "joint/q5_hold_verto_modify"},
	"during-a-call/keys-of-who-was-called":         {capture: "joint/q6_in_dtmf_te_added_then_updatemedia"},
	"during-a-call/lost-socket":                    {capture: "joint/q8_fptoggle_fast1"},
	"during-a-call/lost-socket-client-moved":       {capture: "joint/q8_reconnect_client_ice_restart_pending"},
	"during-a-call/lost-socket-client-moves-later": {capture: "joint/q8_fptoggle_then_client_ice_restart_toggle"},
	"during-a-call/lost-socket-of-who-was-called":  {capture: "joint/q8_best_two_offers_inbound", instead: withKeysAgain},
	"during-a-call/new-path":                       {capture: "joint/q5_ice_restart_updatemedia"},
	"during-a-call/transfer":                       {capture: "joint/q9_blind_transfer", instead: withKeys},
	"during-a-call/video-refused":                  {capture: "joint/q7_video_9196_refused"},
	// The telephone shows the keys that it got as a name, which the other bridge did not pass on.
	"during-a-call/keys-to-the-telephone": {capture: "joint/q6_dtmf_rtp_9202", instead: map[string][]string{
		"m.call.hangup user_hangup": {"m.call.asserted_identity", "org.matrix.call.asserted_identity", "m.call.hangup user_hangup"},
	}},
}

// The other bridge offered called clients a format for keys in one call only.
var withKeys = map[string][]string{
	"m.call.invite offer actpass m=audio sendrecv with candidates": {"m.call.invite offer actpass keys m=audio sendrecv with candidates"},
}

// Nor did it when a call came back.
var withKeysAgain = map[string][]string{
	"m.call.invite offer actpass m=audio sendrecv with candidates":    {"m.call.invite offer actpass keys m=audio sendrecv with candidates"},
	"m.call.negotiate offer actpass m=audio sendrecv with candidates": {"m.call.negotiate offer actpass keys m=audio sendrecv with candidates"},
}

// Where the other bridge did what was found to work, the rules send the same:
// kinds, order, and what matters in the SDP.
func TestRecipesAreFollowed(t *testing.T) {
	for name, r := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "examples/" + name + ".ndjson"
			capture := captureLines(t, read(t, path))
			theirs := steps(capture, capture, func(l captureLine) bool { return l.Dir == "out" })
			ours := steps(captureLines(t, replay(t, path, "--format", "ndjson", "--raw")), capture, func(captureLine) bool { return true })
			if want := r.replaced(t, theirs); !slices.Equal(ours, want) {
				t.Errorf("the rules send\n\t%s\nand not\n\t%s", strings.Join(ours, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
}

// Nothing that comes is without a rule.
func TestCallsAreUnderstood(t *testing.T) {
	for _, name := range glob(t, duringACall+"*.ndjson") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, o := range outcomes(t, name) {
				if o.Outcome != "fired" && o.Type != "verto.bye.ok" { // what became of our own bye concerns nobody
					t.Errorf("%s: %s is %s %s", o.At, o.Type, o.Outcome, o.Error)
				}
			}
		})
	}
}

// The calls stand as they were captured, but for the words of transports that the
// other bridge did not have, and the steps by which it made a room.
func TestCallsAreAsTheyWereCaptured(t *testing.T) {
	added := []string{"room.direct", "room.direct.ok", "verto.lost"}
	for _, name := range glob(t, duringACall+"*.ndjson") {
		r, ok := recipes[strings.TrimSuffix(strings.TrimPrefix(name, "examples/"), ".ndjson")]
		if !ok {
			t.Errorf("nobody says which capture %s is", name)
			continue
		}
		source := captureLines(t, read(t, captured+r.capture+".ndjson"))
		made := slices.ContainsFunc(source, func(l captureLine) bool { return l.typ() == "m.room.create" })
		source = slices.DeleteFunc(source, func(l captureLine) bool {
			return made && strings.HasPrefix(l.typ(), "m.room.") && strings.HasPrefix(l.get("sender"), "@tel_")
		})
		lines := slices.DeleteFunc(captureLines(t, read(t, name)), func(l captureLine) bool { return slices.Contains(added, l.typ()) })
		if !slices.Equal(said(lines), said(source)) {
			t.Errorf("%s is not %s", name, r.capture)
		}
	}
}

// said is what lines say, in whatever order and whenever.
func said(lines []captureLine) []string {
	var list []string
	for _, l := range lines {
		list = append(list, l.Dir+" "+string(l.Data))
	}
	slices.Sort(list)
	return list
}

// replaced gives the steps with what the rules do in the place of some.
func (r recipe) replaced(t *testing.T, theirs []string) []string {
	t.Helper()
	used := map[string]bool{}
	var list []string
	for _, s := range theirs {
		ours, other := r.instead[s]
		used[s] = true
		if !other {
			ours = []string{s}
		}
		list = append(list, ours...)
	}
	for s := range r.instead {
		if !used[s] {
			t.Errorf("the other bridge does not send %q", s)
		}
	}
	return list
}

// mechanics are what every bridge says by itself.
var mechanics = []string{"", "login", "room.direct", "room.join", "call"}

// steps tells what was sent, each message in a few words.
func steps(sent, capture []captureLine, want func(captureLine) bool) []string {
	var list []string
	for _, l := range sent {
		if !want(l) || slices.Contains(mechanics, l.typ()) {
			continue
		}
		words := []string{l.typ()}
		if l.Transport == "verto" {
			words = append(words, l.get("params.action"), l.get("params.cause"))
			words = append(words, sdpWords(l.get("params.sdp"), nil)...)
		} else {
			words = append(words, l.get("content.reason"))
			for _, field := range []string{"offer", "answer", "description"} {
				words = append(words, l.get("content."+field+".type"))
				words = append(words, sdpWords(l.get("content."+field+".sdp"), fingerprints(capture))...)
			}
		}
		words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// fingerprints are those that FreeSWITCH has shown in the capture.
func fingerprints(capture []captureLine) []string {
	var list []string
	for _, l := range capture {
		if l.Transport == "verto" && l.Dir == "in" {
			sdp := gjson.GetBytes(l.Data, "params.sdp").String() + gjson.GetBytes(l.Data, "result.sdp").String()
			for line := range strings.Lines(sdp) {
				if strings.HasPrefix(line, "a=fingerprint:") {
					list = append(list, strings.TrimSpace(line))
				}
			}
		}
	}
	return list
}

// sdpWords tells what matters in an SDP: its sections and which of them are
// refused, direction and part in DTLS, a format for keys, candidates or none, and
// a fingerprint that is none of those known.
func sdpWords(sdp string, known []string) []string {
	var words []string
	candidates := false
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch key, rest, _ := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "m="):
			kind, media, _ := strings.Cut(line, " ")
			words = append(words, kind)
			if strings.HasPrefix(media, "0 ") {
				words = append(words, "refused")
			}
		case slices.Contains([]string{"a=sendrecv", "a=sendonly", "a=recvonly"}, line):
			words = append(words, line[2:])
		case strings.Contains(line, "telephone-event/"):
			words = append(words, "keys")
		case key == "a=setup":
			words = append(words, rest)
		case key == "a=candidate":
			candidates = true
		case key == "a=fingerprint" && known != nil && !slices.Contains(known, line):
			words = append(words, "false fingerprint")
		}
	}
	if candidates {
		words = append(words, "with candidates")
	}
	slices.Sort(words)
	return slices.Compact(words)
}
