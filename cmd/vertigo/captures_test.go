package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/replay"
)

// played is what the shipped rules make of one capture.
type played struct {
	ladder, lines []byte
	result        *replay.Result
	ends          []string // of the calls: "CAUSE by RULE"
	failed        []string
}

func playShipped(t *testing.T, name string) played {
	t.Helper()
	peers := plainPeers()
	loader := &ruleLoader{names: []string{shippedRules}, peers: enginePeers(peers)}
	set, found := loader.load()
	if set == nil {
		t.Fatal(found)
	}
	lines, err := new(dryRun).read(name, streams{err: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	var p played
	ladder := replay.NewLadder(peers)
	p.result, err = replay.Play(lines, set.Ruleset, peers, func(e replay.Event) {
		ladder.Add(e)
		if e.Trace.Outcome == engine.Failed {
			p.failed = append(p.failed, e.Place+": "+e.Trace.Err.Error())
		}
		if e.Message.Type == "call.end" && !e.Again {
			end := gjson.ParseBytes(e.Message.Body)
			p.ends = append(p.ends, end.Get("cause").String()+" by "+end.Get("rule").String())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, drawn bytes.Buffer
	if err := replay.WriteLines(&out, p.result.Sent, true); err != nil {
		t.Fatal(err)
	}
	if err := ladder.Write(&drawn, filepath.Base(name)); err != nil {
		t.Fatal(err)
	}
	p.ladder, p.lines = drawn.Bytes(), out.Bytes()
	return p
}

func TestEveryCaptureReplaysWithoutAFault(t *testing.T) {
	count := 0
	for _, dir := range []string{"matrix", "joint"} {
		names, err := filepath.Glob("../../testdata/captures/" + dir + "/*.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		count += len(names)
		for _, name := range names {
			t.Run(dir+"/"+filepath.Base(name), func(t *testing.T) {
				t.Parallel()
				first, second := playShipped(t, name), playShipped(t, name)
				for _, text := range first.failed {
					t.Error(text)
				}
				if !bytes.Equal(first.lines, second.lines) || !bytes.Equal(first.ladder, second.ladder) {
					t.Error("a second replay gives something else")
				}
				for i, line := range strings.Split(string(first.ladder), "\n") {
					if n := len([]rune(line)); n > replay.Width {
						t.Errorf("line %d of the ladder has %d columns: %s", i+1, n, line)
					}
				}
			})
		}
	}
	if count < 80 {
		t.Errorf("only %d captures", count)
	}
}

// How the outbound calls of joint/ went for whoever made the captures: what the
// Matrix side got last, and why the call ended, seen from FreeSWITCH.
var outboundEnds = map[string]struct {
	answered bool
	last     string // m.call type and reason sent to Matrix last; "" where the caller's client ended it
	end      string
}{
	"q1_out_9196_mid_bundle":           {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q1_out_9196_wrong_candidate_port": {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	// The client takes no answer to a bundled offer that is not bundled itself, and says nothing.
	"q1_out_9196_mid":        {true, "m.call.hangup ice_failed", "INCOMPATIBLE_DESTINATION by the caller's client refused the answer without a word"},
	"q1_out_9196_bundleonly": {true, "m.call.hangup ice_failed", "INCOMPATIBLE_DESTINATION by the caller's client refused the answer without a word"},
	"q1_out_9196_no_usable_candidate": {false, "m.call.reject ice_failed",
		"INCOMPATIBLE_DESTINATION by the far end does not take the call"},
	"q2_early_answer_at_answer":  {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q2_early_answer_at_media":   {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q3_busy_9199":               {false, "m.call.reject user_busy", "USER_BUSY by the far end does not take the call"},
	"q3_cancel_9200":             {false, "", "ORIGINATOR_CANCEL by the Matrix user cancels"},
	"q3_noroute":                 {false, "m.call.reject user_hangup", "NO_ROUTE_DESTINATION by the far end does not take the call"},
	"q3_rejected_9205":           {false, "m.call.reject user_hangup", "CALL_REJECTED by the far end does not take the call"},
	"q3_remote_hangup_9201":      {true, "m.call.hangup user_hangup", "NORMAL_CLEARING by the far end hangs up"},
	"q5_hold_updatemedia":        {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q5_hold_verto_modify":       {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q5_ice_restart_updatemedia": {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q6_dtmf_rtp_9202":           {true, "m.call.hangup user_hangup", "NORMAL_CLEARING by the far end hangs up"},
	"q7_video_3600_passed":       {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q7_video_9196_refused":      {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
	"q10_latency_no_quiet":       {true, "", "NORMAL_CLEARING by the Matrix user hangs up"},
}

func TestOutboundCallsEndAsTheyDid(t *testing.T) {
	for name, want := range outboundEnds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := playShipped(t, "../../testdata/captures/joint/"+name+".ndjson")
			answered, last, byes := false, "", 0
			for _, s := range p.result.Sent {
				switch s.Type {
				case "m.call.answer":
					answered = true
				case "m.call.reject", "m.call.hangup":
					last = s.Type + " " + gjson.GetBytes(s.Body, "reason").String()
				case "verto.bye":
					byes++
				}
			}
			if answered != want.answered {
				t.Errorf("answered: %v", answered)
			}
			if last != want.last {
				t.Errorf("Matrix got %q last, want %q", last, want.last)
			}
			if byFarEnd := strings.Contains(want.end, "far end"); byFarEnd == (byes == 1) || byes > 1 {
				t.Errorf("%d byes were sent", byes)
			}
			if got := strings.Join(p.ends, "; "); got != want.end {
				t.Errorf("ended %q, want %q", got, want.end)
			}
			if t.Failed() {
				t.Logf("\n%s", p.ladder)
			}
		})
	}
}
