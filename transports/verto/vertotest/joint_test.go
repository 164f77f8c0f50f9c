package vertotest

import (
	"context"
	"testing"

	"github.com/google/uuid"
)

// TestJointCaptures holds the server against FreeSWITCH's side of calls that a
// browser took part in: hold, updateMedia, a restart of ICE, transfer, DTMF,
// video, and what was tried after the loss of a socket.
func TestJointCaptures(t *testing.T) {
	matchAll(t, captures+"/joint/q[5-9]*.ndjson", 31, map[string]string{
		"q7_video_3600_passed":    "a conference",
		"q8_reconnect_conference": "a conference",
	}, jointScenes)
}

var (
	called  = scene{before: map[int]func(*stage){5: originate(bob)}}
	bridged = scene{before: map[int]func(*stage){1: handle(bobsPhone, joined), 5: originate(bobBridged)}}
)

var jointScenes = map[string]scene{
	"q5_hold_updatemedia_bridged":          bridged,
	"q6_in_dtmf_no_te":                     called,
	"q6_in_dtmf_te_added_then_updatemedia": called,
	"q8_best_two_offers_inbound":           called,
	"q8_fptoggle_inbound":                  called,
	"q8_reconnect_inbound":                 called,
	"q8_reconnect_inbound_bridged":         bridged,
	"q8_reconnect_inbound_dummy":           called,
	"q9_blind_transfer":                    bridged,
	"q6_dtmf_rtp_9202": {before: map[int]func(*stage){17: func(st *stage) {
		st.server.mu.Lock()
		defer st.server.mu.Unlock()
		st.server.history[0].press("1234#") // they came in RTP
	}}},
}

const bobsPhone = "5551234"

var (
	bob        = OriginateOptions{CallerName: "Bob", CallerNumber: bobsPhone, Codecs: []string{"opus", "PCMU"}}
	bobBridged = OriginateOptions{CallerName: "Bob", CallerNumber: bobsPhone, Codecs: []string{"opus", "PCMU"}, Extension: bobsPhone}
)

// joined joins a call with the other end of a loopback channel, whose name is
// that of the dialplan's context.
func joined(ctx context.Context, l *Leg) error {
	s := l.srv
	other := &Leg{callID: uuid.NewString()}
	s.mu.Lock()
	err := s.begin(other)
	l.calleeName, l.calleeNumber = "Outbound Call", "default"
	l.display(l.calleeName, l.calleeNumber)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return l.join(ctx, other)
}
