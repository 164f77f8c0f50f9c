package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

const (
	chromeOffer = "v=0\r\no=- 5 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\nc=IN IP4 0.0.0.0\r\n" +
		"a=ice-ufrag:LmjS\r\na=ice-pwd:yJZhvWwNxtT5zKK94s6ydJ9J\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	switchAnswer = "v=0\r\no=FreeSWITCH 7 8 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40910 UDP/TLS/RTP/SAVPF 111 110\r\n" +
		"a=rtpmap:111 opus/48000/2\r\na=sendrecv\r\na=setup:active\r\na=rtcp-mux\r\na=candidate:1 1 udp 659136 127.0.0.1 40910 typ host\r\na=end-of-candidates\r\n"
	candidate = `{"candidate":"candidate:1 1 udp 2122260223 192.0.2.1 48595 typ host","sdpMid":"0","sdpMLineIndex":0}`
)

var peers = []engine.Peer{
	{Name: "matrix", Protocol: matrix.Protocol}, {Name: "pbx", Group: "verto", Protocol: verto.Protocol},
	{Name: "calllog", Protocol: calllog.Protocol},
}

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// A bench is the shipped rules at work on one story.
type bench struct {
	t   *testing.T
	e   *engine.Engine
	now time.Time
	key string         // of the call at FreeSWITCH
	log []gjson.Result // lines of the call log

	several bool // the stories are about several rooms
}

func newBench(t *testing.T, more string) *bench {
	t.Helper()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers: peers,
		Vars:  map[string]any{"user": "@phone:hs.test", "domain": "hs.test", "ghosts": "tel_", "emergency": "refuse"},
		ReadFile: func(string) ([]byte, error) {
			return []byte("include = [\"matrix-verto\"]\n" + more), nil
		},
	})
	if len(found) > 0 {
		t.Fatal(found)
	}
	b := &bench{t: t, now: began}
	b.e = engine.New(set.Ruleset, engine.Options{Observe: func(tr engine.Trace) {
		if tr.Outcome == engine.Failed {
			t.Errorf("%s failed: %v", tr.Message.Type, tr.Err)
		}
	}})
	return b
}

// step lets messages arrive together, and returns what was sent.
func (b *bench) step(messages ...engine.Message) []string {
	b.t.Helper()
	b.now = b.now.Add(10 * time.Millisecond)
	return b.worded(b.e.Step(b.now, messages...))
}

// after lets time go by.
func (b *bench) after(d time.Duration) []string {
	b.t.Helper()
	b.now = b.now.Add(d)
	return b.worded(b.e.Step(b.now))
}

// worded tells of actions what the stories are about: type, action, reason or
// cause, and the kind of an SDP; of what concerns one of several users, the room
// or the user. Lines of the call log are kept apart.
func (b *bench) worded(actions []engine.Action) []string {
	var list []string
	for _, a := range actions {
		if a.To == "calllog" {
			b.log = append(b.log, gjson.ParseBytes(a.Body))
			continue
		}
		if a.Type == "verto.invite" {
			b.key = a.Key
		}
		words := []string{a.Type}
		if b.several {
			words = append(words, a.Address["room"])
		}
		for _, path := range []string{"action", "reason", "cause", "dialogParams.destination_number", "description.type", "msgtype", "user", "selected_party_id"} {
			if v := gjson.GetBytes(a.Body, path); v.Exists() {
				words = append(words, v.Raw)
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// event is a Matrix event of anna's call, from her device.
func event(typ, content string) engine.Message {
	return eventOf("@anna:hs.test", typ, `"call_id":"c1","version":"1","party_id":"PHONE",`+content)
}

func eventOf(sender, typ, content string) engine.Message {
	body := fmt.Sprintf(`{"as":"@phone:hs.test","type":%q,"room_id":"!r:hs.test","sender":%q,"origin_server_ts":%d,"content":{%s}}`,
		typ, sender, began.UnixMilli(), strings.TrimSuffix(content, ","))
	return engine.Message{Transport: "matrix", Type: typ, Key: gjson.Get(body, "content.call_id").Str, Scope: "!r:hs.test", Body: json.RawMessage(body)}
}

func offer(sdp string) string {
	text, _ := json.Marshal(sdp)
	return `"lifetime":60000,"offer":{"type":"offer","sdp":` + string(text) + `}`
}

func (b *bench) verto(method, params string) engine.Message {
	return engine.Message{Transport: "pbx", Type: method, Key: b.key, Body: json.RawMessage(`{"method":"` + method + `","params":{` + params + `}}`)}
}

func (b *bench) reply(typ, result string) engine.Message {
	return engine.Message{Transport: "pbx", Type: typ, Key: b.key, Body: json.RawMessage(`{` + result + `}`)}
}

func (b *bench) withSDP(method, sdp string) engine.Message {
	text, _ := json.Marshal(sdp)
	return b.verto(method, `"sdp":`+string(text))
}

// ringing brings a call as far as FreeSWITCH, talking as far as the select.
func (b *bench) ringing() {
	b.t.Helper()
	b.step(event("m.call.invite", offer(chromeOffer)))
	b.wants(b.step(event("m.call.candidates", `"candidates":[`+candidate+`]`)), `verto.invite "9196"`)
}

func (b *bench) talking() {
	b.t.Helper()
	b.ringing()
	b.wants(b.step(b.withSDP("verto.answer", switchAnswer)), "m.call.answer")
	b.step(event("m.call.select_answer", `"selected_party_id":"vertigo-bridge"`))
}

func (b *bench) wants(got []string, want ...string) {
	b.t.Helper()
	if len(want) == 0 {
		want = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
}

// over checks that no call is left.
func (b *bench) over() {
	b.t.Helper()
	if calls := b.e.Calls(); len(calls) > 0 {
		b.t.Errorf("a call goes on: %+v", calls[0])
	}
}

func member(who, membership string) engine.Message {
	body := fmt.Sprintf(`{"type":"m.room.member","room_id":"!r:hs.test","sender":"@anna:hs.test","state_key":%q,"content":{"membership":%q}}`, who, membership)
	return engine.Message{Transport: "matrix", Type: "m.room.member", Scope: "!r:hs.test", Body: json.RawMessage(body)}
}

func TestShippedRules(t *testing.T) {
	for name, tell := range map[string]func(b *bench){
		"an invite and its hangup in one batch never dial": func(b *bench) {
			b.wants(b.step(event("m.call.invite", offer(chromeOffer+"a="+gjson.Get(candidate, "candidate").Str+"\r\n")), event("m.call.hangup", "")))
			b.over()
		},
		"an expired invite, another's invite and a stranger's begin nothing": func(b *bench) {
			b.wants(b.step(eventOf("@anna:hs.test", "m.call.invite", `"call_id":"c2","version":"1","party_id":"P","invitee":"@bert:hs.test",`+offer(chromeOffer))))
			b.wants(b.step(eventOf("@eve:evil.test", "m.call.invite", `"call_id":"c3","version":"1","party_id":"P",`+offer(chromeOffer))), `m.call.reject "user_hangup"`, `m.room.message "m.notice"`)
			b.wants(b.step(eventOf("@eve:evil.test", "m.call.invite", `"call_id":"c4","version":0,`+offer(chromeOffer))), `m.call.hangup "user_hangup"`, `m.room.message "m.notice"`)
			b.now = began.Add(58 * time.Second)
			b.wants(b.step(event("m.call.invite", offer(chromeOffer))))
			b.over()
		},
		"an offer without audio is refused": func(b *bench) {
			b.wants(b.step(event("m.call.invite", offer("v=0\r\ns=-\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"))), `m.call.reject "user_media_failed"`)
			b.over()
		},
		"a third call at once is refused, and the user told": func(b *bench) {
			for i := range 2 {
				b.step(eventOf("@anna:hs.test", "m.call.invite", fmt.Sprintf(`"call_id":"n%d","version":"1","party_id":"PHONE",%s`, i, offer(chromeOffer))))
			}
			b.wants(b.step(event("m.call.invite", offer(chromeOffer))), `m.call.reject "user_busy"`, `m.room.message "m.notice"`)
		},
		"an IPv6 candidate alone is dialled after the quiet time": func(b *bench) {
			b.step(event("m.call.invite", offer(chromeOffer)))
			b.wants(b.step(event("m.call.candidates", `"candidates":[`+strings.Replace(candidate, "192.0.2.1", "2001:db8::1", 1)+`]`)))
			b.wants(b.after(300*time.Millisecond), `verto.invite "9196"`)
		},
		"without a usable candidate it is given up after six seconds": func(b *bench) {
			b.step(event("m.call.invite", offer(chromeOffer)))
			b.wants(b.after(6*time.Second), `m.call.reject "ice_failed"`, `m.room.message "m.notice"`)
			b.over()
		},
		"a refusal of FreeSWITCH's own ends the call": func(b *bench) {
			b.ringing()
			b.wants(b.step(b.reply("verto.invite.error", `"error":{"cause":"DESTINATION_OUT_OF_ORDER","causeCode":27,"message":"CALL ERROR","code":-32002}`)), `m.call.reject "unknown_error"`)
			b.over()
		},
		"no reply to the invite: FreeSWITCH may have the call, and gets a bye": func(b *bench) {
			b.ringing()
			b.wants(b.step(b.reply("verto.invite.error", `"error":{"code":-1,"message":"no reply within 10s"}`)), `verto.bye "ORIGINATOR_CANCEL"`, `m.call.reject "unknown_error"`)
			b.over()
		},
		"an answer whose SDP has no audio ends both sides": func(b *bench) {
			b.ringing()
			b.wants(b.step(b.withSDP("verto.answer", "no SDP")), `verto.bye "INCOMPATIBLE_DESTINATION"`, `m.call.reject "ice_failed"`)
			b.over()
		},
		"only the answer answers after early media": func(b *bench) {
			b.ringing()
			b.wants(b.step(b.withSDP("verto.media", switchAnswer)))
			b.wants(b.step(b.verto("verto.media", "")))
			b.wants(b.step(b.verto("verto.answer", "")), "m.call.answer")
		},
		"a client that does not take the answer ends the call, from when the homeserver has it": func(b *bench) {
			b.ringing()
			b.step(b.withSDP("verto.answer", switchAnswer))
			b.wants(b.after(20 * time.Second))
			b.step(event("m.call.answer.ok", ""))
			b.wants(b.after(5*time.Second), `verto.bye "INCOMPATIBLE_DESTINATION"`, `m.call.hangup "ice_failed"`, `m.room.message "m.notice"`)
			b.over()
		},
		"and in any case after a while": func(b *bench) {
			b.ringing()
			b.step(b.withSDP("verto.answer", switchAnswer))
			b.wants(b.after(65*time.Second), `verto.bye "INCOMPATIBLE_DESTINATION"`, `m.call.hangup "ice_failed"`, `m.room.message "m.notice"`)
			b.over()
		},
		"an answer that the homeserver refuses ends the call": func(b *bench) {
			b.ringing()
			b.step(b.withSDP("verto.answer", switchAnswer))
			b.wants(b.step(event("m.call.answer.error", "")), `verto.bye "NORMAL_TEMPORARY_FAILURE"`)
			b.over()
		},
		"a hangup with any reason ends the call": func(b *bench) {
			b.talking()
			b.wants(b.step(event("m.call.hangup", `"reason":{"odd":true}`)), `verto.bye "NORMAL_CLEARING"`)
			b.over()
		},
		"the same call id from another device or user ends nothing": func(b *bench) {
			b.talking()
			b.wants(b.step(eventOf("@anna:hs.test", "m.call.hangup", `"call_id":"c1","version":"1","party_id":"TABLET"`)))
			b.wants(b.step(eventOf("@eve:hs.test", "m.call.hangup", `"call_id":"c1","version":"1","party_id":"PHONE"`)))
			if len(b.e.Calls()) != 1 {
				b.t.Error("the call has ended")
			}
		},
		"the caller leaves the room": func(b *bench) {
			b.talking()
			b.wants(b.step(member("@anna:hs.test", "leave")), `verto.bye "NORMAL_CLEARING"`)
			b.over()
		},
		"the bridge is put out of the room": func(b *bench) {
			b.talking()
			b.wants(b.step(member("@phone:hs.test", "ban")), `verto.bye "NORMAL_CLEARING"`)
			b.over()
		},
		"a room that is encrypted in mid-call ends it": func(b *bench) {
			b.talking()
			b.wants(b.step(engine.Message{Transport: "matrix", Type: "room.encrypted", Scope: "!r:hs.test", Body: json.RawMessage(`{"type":"room.encrypted","room_id":"!r:hs.test"}`)}),
				`m.room.message "m.notice"`, `verto.bye "NORMAL_TEMPORARY_FAILURE"`, `m.call.hangup "unknown_error"`)
			b.over()
		},
		"a call that FreeSWITCH no longer has ends": func(b *bench) {
			b.talking()
			b.wants(b.step(b.verto("verto.gone", `"cause":"DESTINATION_OUT_OF_ORDER"`)), `m.call.hangup "ice_timeout"`, `m.room.message "m.notice"`)
			b.over()
		},
		"a call of an earlier run that comes back gets a bye": func(b *bench) {
			b.key = "unknown"
			b.wants(b.step(b.verto("verto.attach", `"callID":"unknown","sdp":"v=0"`)), `verto.bye "MEDIA_TIMEOUT"`)
			b.over()
		},
		"a bridge that stops says goodbye on both sides": func(b *bench) {
			b.talking()
			b.wants(b.worded(b.e.Stop(b.now, "shutdown")), `verto.bye "NORMAL_TEMPORARY_FAILURE"`, `m.call.hangup "unknown_error"`)
			b.over()
		},
		"a transfer to nobody who has a number ends the call, and the user is told": func(b *bench) {
			b.talking()
			b.after(3 * time.Second)
			b.wants(b.step(event("m.call.replaces", `"replacement_id":"x","create_call":"y","target_user":{"id":"@ben:hs.test"}`)),
				`verto.bye "NORMAL_CLEARING"`, `m.call.hangup "unknown_error"`, `m.room.message "m.notice"`)
			b.over()
		},
	} {
		t.Run(name, func(t *testing.T) { tell(newBench(t, "")) })
	}
}

// A number that was not put in quotes is text all the same: mod_verto takes any
// other for missing, and dials its default.
func TestShippedRulesDialNumbersWithoutQuotes(t *testing.T) {
	b := newBench(t, "[table.routes]\n\"!r:hs.test\" = 2001\n")
	b.step(event("m.call.invite", offer(chromeOffer)))
	b.wants(b.step(event("m.call.candidates", `"candidates":[`+candidate+`]`)), `verto.invite "2001"`)
}

func TestShippedRulesAnswerAtEarlyMediaWhereAsked(t *testing.T) {
	b := newBench(t, "[vars]\nearlyMedia = \"answer\"\n")
	b.ringing()
	b.wants(b.step(b.withSDP("verto.media", switchAnswer)), "m.call.answer")
	b.wants(b.step(b.verto("verto.answer", "")))
}

// Each cause in the tables becomes its reason, and each reason its cause.
func TestShippedRulesMapReasonsAndCauses(t *testing.T) {
	for cause, want := range map[string]string{
		"USER_BUSY": "user_busy", "CALL_REJECTED": "user_hangup", "NO_ANSWER": "invite_timeout", "UNALLOCATED_NUMBER": "user_hangup",
		"INCOMPATIBLE_DESTINATION": "ice_failed", "SWITCH_CONGESTION": "unknown_error", "SOMETHING_NEW": "unknown_error",
	} {
		b := newBench(t, "")
		b.ringing()
		b.wants(b.step(b.verto("verto.bye", `"cause":"`+cause+`"`)), `m.call.reject "`+want+`"`)
	}
	for cause, want := range map[string]string{"NORMAL_CLEARING": "user_hangup", "MEDIA_TIMEOUT": "ice_timeout", "SYSTEM_SHUTDOWN": "unknown_error"} {
		b := newBench(t, "")
		b.talking()
		b.wants(b.step(b.verto("verto.bye", `"cause":"`+cause+`"`)), `m.call.hangup "`+want+`"`)
	}
	for reason, want := range map[string]string{"": "ORIGINATOR_CANCEL", "invite_timeout": "ORIGINATOR_CANCEL", "ice_failed": "INCOMPATIBLE_DESTINATION", "new_reason": "NORMAL_TEMPORARY_FAILURE"} {
		b := newBench(t, "")
		b.ringing()
		content := ""
		if reason != "" {
			content = `"reason":"` + reason + `"`
		}
		b.wants(b.step(event("m.call.hangup", content)), `verto.bye "`+want+`"`)
	}
	for reason, want := range map[string]string{"user_hangup": "NORMAL_CLEARING", "ice_timeout": "MEDIA_TIMEOUT", "user_media_failed": "NORMAL_TEMPORARY_FAILURE", "new_reason": "NORMAL_CLEARING"} {
		b := newBench(t, "")
		b.talking()
		b.wants(b.step(event("m.call.hangup", `"reason":"`+reason+`"`)), `verto.bye "`+want+`"`)
	}
}
