package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

const (
	switchOffer = "v=0\r\no=FreeSWITCH 7 8 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 41598 RTP/SAVPF 102 0\r\n" +
		"a=rtpmap:102 opus/48000/2\r\na=setup:actpass\r\na=rtcp-mux\r\na=candidate:1 1 udp 659136 127.0.0.1 41598 typ host\r\n"
	chromeAnswer = "v=0\r\no=- 4 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 43569 RTP/SAVPF 102 0\r\nc=IN IP4 127.0.0.1\r\n" +
		"a=ice-ufrag:HWby\r\na=ice-pwd:h9NtmWGgtK76odLrzi750X0d\r\na=setup:active\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:102 opus/48000/2\r\n"
	withCandidate = "a=candidate:3 1 udp 2122260223 127.0.0.1 43569 typ host\r\n"
	ghost         = "@tel_+442071234567:hs.test"
)

// A board is the shipped rules at work on calls from FreeSWITCH.
type board struct {
	*bench
	id string // of the call at Matrix
}

func newBoard(t *testing.T, more string) *board {
	b := newBench(t, more)
	b.several = true
	return &board{bench: b}
}

const three = `
[vars]
country = "GB"
users = "@anna:hs.test @ben:hs.test @cleo:hs.test"
`

// arrives lets a call arrive from FreeSWITCH.
func (b *board) arrives(params string) []string {
	b.t.Helper()
	b.key = "fs1"
	text, _ := json.Marshal(switchOffer)
	if params == "" {
		params = `"caller_id_number":"020 7123 4567","caller_id_name":"Bob","callee_id_number":"1008",`
	}
	actions := b.e.Step(b.tick(), b.verto("verto.invite", `"callID":"fs1",`+params+`"sdp":`+string(text)))
	for _, a := range actions {
		if a.Type == "room.direct" {
			b.id = string(a.Call)
			if a.Address["as"] != ghost && a.Address["as"] != "@tel_anonymous:hs.test" {
				b.t.Errorf("rung as %q", a.Address["as"])
			}
		}
	}
	return b.worded(actions)
}

func (b *board) tick() time.Time {
	b.now = b.now.Add(10 * time.Millisecond)
	return b.now
}

// room tells of the direct room with a user, which is called after them.
func (b *board) room(user, membership string) engine.Message {
	room := "!" + user + ":hs.test"
	body := fmt.Sprintf(`{"type":"room.direct.ok","room_id":%q,"as":%q,"content":{"call_id":%q,"user":"@%s:hs.test","membership":%q,"created":true}}`,
		room, ghost, b.id, user, membership)
	return engine.Message{Transport: "matrix", Type: "room.direct.ok", Key: b.id, Scope: room, Call: engine.CallID(b.id), Body: json.RawMessage(body)}
}

func (b *board) noRoom(user string) engine.Message {
	body := fmt.Sprintf(`{"type":"room.direct.error","content":{"call_id":%q,"user":"@%s:hs.test"},"status":403,"errcode":"M_FORBIDDEN","error":"no"}`, b.id, user)
	return engine.Message{Transport: "matrix", Type: "room.direct.error", Key: b.id, Call: engine.CallID(b.id), Body: json.RawMessage(body)}
}

// from is a Matrix event of the call, sent by a user in the room with them.
func (b *board) from(user, typ, content string) engine.Message {
	room := "!" + user + ":hs.test"
	body := fmt.Sprintf(`{"type":%q,"room_id":%q,"sender":"@%s:hs.test","as":%q,"origin_server_ts":%d,"content":{"call_id":%q,"version":"1","party_id":"P-%s"%s}}`,
		typ, room, user, ghost, b.now.UnixMilli(), b.id, user, content)
	return engine.Message{Transport: "matrix", Type: typ, Key: b.id, Scope: room, Body: json.RawMessage(body)}
}

func (b *board) answer(user, sdp string) engine.Message {
	text, _ := json.Marshal(sdp)
	return b.from(user, "m.call.answer", `,"answer":{"type":"answer","sdp":`+string(text)+`}`)
}

func (b *board) membership(user, membership string) engine.Message {
	room := "!" + user + ":hs.test"
	body := fmt.Sprintf(`{"type":"m.room.member","room_id":%q,"sender":"@%s:hs.test","state_key":"@%s:hs.test","as":%q,"content":{"membership":%q}}`, room, user, user, ghost, membership)
	return engine.Message{Transport: "matrix", Type: "m.room.member", Scope: room, Body: json.RawMessage(body)}
}

// ghostOut tells that a user has put the ghost out of the room with them.
func (b *board) ghostOut(user string) engine.Message {
	m := b.membership(user, "leave")
	m.Body = json.RawMessage(strings.Replace(string(m.Body), fmt.Sprintf(`"state_key":"@%s:hs.test"`, user), fmt.Sprintf(`"state_key":%q`, ghost), 1))
	return m
}

// logged is the last line of the call log.
func (b *board) logged() gjson.Result {
	b.t.Helper()
	if len(b.log) == 0 {
		b.t.Fatal("the call log is empty")
	}
	return b.log[len(b.log)-1]
}

// ringing brings a call as far as ringing the users named.
func (b *board) ringing(users ...string) {
	b.t.Helper()
	b.arrives("")
	for _, u := range users {
		b.wants(b.step(b.room(u, "join")), "m.call.invite !"+u+":hs.test")
	}
}

// talking brings a call of one user as far as the answer.
func (b *board) talking(user string) {
	b.t.Helper()
	b.ringing(user)
	b.wants(b.step(b.answer(user, chromeAnswer+withCandidate)), `m.call.select_answer !`+user+`:hs.test "P-`+user+`"`, "verto.answer ")
	b.wants(b.step(b.reply("verto.answer.ok", `"result":{}`)))
}

func TestShippedRulesInbound(t *testing.T) {
	one := "[vars]\ncountry = \"GB\"\nusers = \"@anna:hs.test\"\n"
	for _, story := range []struct {
		name, rules string
		tell        func(b *board)
	}{
		{"a call rings, is answered, and the Matrix user hangs up", one + "lifeEvery = \"0s\"\n", func(b *board) {
			b.wants(b.arrives(""), "user.profile ", `room.direct  "@anna:hs.test"`)
			actions := b.e.Step(b.tick(), b.room("anna", "join"))
			if len(actions) != 1 || actions[0].Address["as"] != ghost {
				b.t.Fatalf("%+v", actions)
			}
			invite := gjson.ParseBytes(actions[0].Body)
			sdp := invite.Get("offer.sdp").Str
			if !strings.Contains(sdp, "a=mid:0\r\n") || !strings.Contains(sdp, "a=group:BUNDLE 0\r\n") || invite.Get("invitee").Str != "@anna:hs.test" || invite.Get("version").Str != "1" {
				b.t.Errorf("invite %s", invite.Raw)
			}
			b.wants(b.step(b.answer("anna", chromeAnswer+withCandidate)), `m.call.select_answer !anna:hs.test "P-anna"`, "verto.answer ")
			b.wants(b.step(b.reply("verto.answer.ok", `"result":{}`)))
			b.now = b.now.Add(time.Minute)
			b.wants(b.step(b.from("anna", "m.call.hangup", `,"reason":"user_hangup"`)), `verto.bye  "NORMAL_CLEARING"`)
			b.over()
			if line := b.logged(); line.Get("direction").Str != "in" || line.Get("user").Str != "@anna:hs.test" || line.Get("number").Str != "+442071234567" || line.Get("name").Str != "Bob" ||
				line.Get("talked").Int() < 60_000 || line.Get("cause").Str != "NORMAL_CLEARING" || line.Get("dialled").Str != "1008" {
				b.t.Errorf("the call log has %s", line.Raw)
			}
		}},
		{"the far end hangs up", one, func(b *board) {
			b.talking("anna")
			b.wants(b.step(b.verto("verto.bye", `"cause":"NORMAL_CLEARING"`)), `m.call.hangup !anna:hs.test "user_hangup"`)
			b.over()
		}},
		{"an answer without candidates waits for them", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.answer("anna", chromeAnswer)), `m.call.select_answer !anna:hs.test "P-anna"`)
			b.wants(b.step(b.from("anna", "m.call.candidates", `,"candidates":[`+candidate+`]`)), "verto.answer ")
		}},
		{"candidates that overtook their answer", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.from("anna", "m.call.candidates", `,"candidates":[`+candidate+`]`)))
			b.wants(b.step(b.answer("anna", chromeAnswer)), `m.call.select_answer !anna:hs.test "P-anna"`, "verto.answer ")
		}},
		{"no usable candidate comes", one, func(b *board) {
			b.ringing("anna")
			b.step(b.answer("anna", chromeAnswer))
			b.wants(b.after(6*time.Second), `verto.bye  "INCOMPATIBLE_DESTINATION"`, `m.call.hangup !anna:hs.test "ice_failed"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"an answer without audio", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.answer("anna", "v=0\r\n")), `m.call.hangup !anna:hs.test "user_media_failed"`, `verto.bye  "SUBSCRIBER_ABSENT"`)
			b.over()
		}},
		{"FreeSWITCH does not take the answer", one, func(b *board) {
			b.ringing("anna")
			b.step(b.answer("anna", chromeAnswer+withCandidate))
			b.wants(b.step(b.reply("verto.answer.error", `"error":{"code":-32002,"message":"CODEC ERROR"}`)), `verto.bye  "INCOMPATIBLE_DESTINATION"`, `m.call.hangup !anna:hs.test "ice_failed"`)
			b.over()
		}},
		{"the caller gives up as the user answers", one, func(b *board) {
			b.ringing("anna")
			b.step(b.answer("anna", chromeAnswer+withCandidate))
			b.wants(b.step(b.reply("verto.answer.error", `"error":{"code":-32002,"message":"CALL DOES NOT EXIST"}`)), `m.call.hangup !anna:hs.test "user_hangup"`)
			b.over()
		}},
		{"the user declines", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.from("anna", "m.call.reject", "")), `m.call.select_answer !anna:hs.test "P-anna"`, `verto.bye  "CALL_REJECTED"`)
			b.over()
		}},
		{"the user is busy, and told of the call", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.from("anna", "m.call.hangup", `,"reason":"user_busy"`)), `verto.bye  "USER_BUSY"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"nobody answers: the user is told of the missed call", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.after(50*time.Second), `verto.bye  "NO_ANSWER"`, `m.call.hangup !anna:hs.test "invite_timeout"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"a missed call is not told where that is not wanted", one + "missedNotice = false\n", func(b *board) {
			b.ringing("anna")
			b.wants(b.after(50*time.Second), `verto.bye  "NO_ANSWER"`, `m.call.hangup !anna:hs.test "invite_timeout"`)
		}},
		{"the caller gives up", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.verto("verto.bye", `"cause":"ORIGINATOR_CANCEL"`)), `m.call.hangup !anna:hs.test "user_hangup"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"it was answered at another telephone: nothing was missed", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.verto("verto.bye", `"cause":"LOSE_RACE"`)), `m.call.hangup !anna:hs.test "answered_elsewhere"`)
			b.over()
		}},
		{"a user who is not in the room yet rings when they join", one, func(b *board) {
			b.arrives("")
			b.wants(b.step(b.room("anna", "invite")))
			b.now = b.now.Add(10 * time.Second)
			actions := b.e.Step(b.now, b.membership("anna", "join"))
			if len(actions) != 1 || actions[0].Type != "m.call.invite" || gjson.GetBytes(actions[0].Body, "lifetime").Int() > 40_000 {
				b.t.Errorf("%+v", actions)
			}
		}},
		{"a user who never joins is told of the missed call", one, func(b *board) {
			b.arrives("")
			b.step(b.room("anna", "invite"))
			b.wants(b.after(50*time.Second), `verto.bye  "NO_ANSWER"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"a user who declines the invitation", one, func(b *board) {
			b.arrives("")
			b.step(b.room("anna", "invite"))
			b.wants(b.step(b.membership("anna", "leave")), `verto.bye  "CALL_REJECTED"`)
			b.over()
		}},
		{"there is no such user", one, func(b *board) {
			b.arrives("")
			b.wants(b.step(b.noRoom("anna")), `verto.bye  "SUBSCRIBER_ABSENT"`)
			b.over()
		}},
		{"nobody has the number", "[vars]\ncountry = \"GB\"\n", func(b *board) {
			b.wants(b.arrives(""), `verto.bye  "UNALLOCATED_NUMBER"`)
			b.over()
		}},
		{"the dialled number decides, in a dialplan's variable", one + "[table.users]\n\"+442079460000\" = \"@ben:hs.test\"\n", func(b *board) {
			b.wants(b.arrives(`"verto_h_did":"02079460000","caller_id_number":"02071234567","callee_id_number":"1008",`), "user.profile ", `room.direct  "@ben:hs.test"`)
		}},
		{"or in a server variable, or by how it begins", one + "[table.userPrefixes]\nmatch = \"prefix\"\n\"+442079\" = \"@cleo:hs.test\"\n", func(b *board) {
			b.wants(b.arrives(`"variables":{"verto_svar_did":"+442079460000"},"caller_id_number":"02071234567",`), "user.profile ", `room.direct  "@cleo:hs.test"`)
		}},
		{"a caller without a number", one, func(b *board) {
			b.arrives(`"caller_id_number":"anonymous","caller_id_name":"Anonymous",`)
			b.step(b.room("anna", "join"))
			b.step(b.verto("verto.bye", `"cause":"ORIGINATOR_CANCEL"`))
			if line := b.logged(); line.Get("name").Str != "Number withheld" || line.Get("number").Str != "anonymous" {
				b.t.Errorf("the call log has %s", line.Raw)
			}
		}},
		{"three ring, the first to answer wins, two stop", three, func(b *board) {
			b.ringing("anna", "ben", "cleo")
			b.wants(b.step(b.answer("ben", chromeAnswer+withCandidate)),
				`m.call.select_answer !ben:hs.test "P-ben"`, `m.call.hangup !anna:hs.test "answered_elsewhere"`, `m.call.hangup !cleo:hs.test "answered_elsewhere"`, "verto.answer ")
			b.wants(b.step(b.answer("cleo", chromeAnswer+withCandidate))) // crossed
			b.wants(b.step(b.from("anna", "m.call.reject", "")))          // crossed
			b.step(b.reply("verto.answer.ok", `"result":{}`))
			b.wants(b.step(b.verto("verto.bye", `"cause":"NORMAL_CLEARING"`)), `m.call.hangup !ben:hs.test "user_hangup"`)
			b.over()
		}},
		{"two answers in one batch: the first wins", three, func(b *board) {
			b.ringing("anna", "ben", "cleo")
			b.wants(b.step(b.answer("cleo", chromeAnswer+withCandidate), b.answer("anna", chromeAnswer+withCandidate)),
				`m.call.select_answer !cleo:hs.test "P-cleo"`, `m.call.hangup !anna:hs.test "answered_elsewhere"`, `m.call.hangup !ben:hs.test "answered_elsewhere"`, "verto.answer ")
		}},
		{"all three decline or are busy", three, func(b *board) {
			b.ringing("anna", "ben", "cleo")
			b.wants(b.step(b.from("anna", "m.call.reject", "")), `m.call.select_answer !anna:hs.test "P-anna"`)
			b.wants(b.step(b.from("ben", "m.call.hangup", `,"reason":"user_busy"`)))
			b.wants(b.step(b.from("cleo", "m.call.reject", "")), `m.call.select_answer !cleo:hs.test "P-cleo"`, `verto.bye  "USER_BUSY"`, `m.room.message !ben:hs.test "m.notice"`)
			b.over()
		}},
		{"a stranger in a room answers nothing", one, func(b *board) {
			b.ringing("anna")
			m := b.answer("anna", chromeAnswer+withCandidate)
			m.Body = json.RawMessage(strings.Replace(string(m.Body), `"sender":"@anna:hs.test"`, `"sender":"@eve:hs.test"`, 1))
			b.wants(b.step(m))
			b.wants(b.step(b.answer("anna", chromeAnswer+withCandidate)), `m.call.select_answer !anna:hs.test "P-anna"`, "verto.answer ")
		}},
		{"another device of the user answers too late", one, func(b *board) {
			b.talking("anna")
			m := b.answer("anna", chromeAnswer+withCandidate)
			m.Body = json.RawMessage(strings.Replace(string(m.Body), "P-anna", "P-tablet", 1))
			b.wants(b.step(m))
		}},
		{"round after round", "[vars]\ncountry = \"GB\"\nusers = \"@anna:hs.test, @ben:hs.test @cleo:hs.test\"\n", func(b *board) {
			b.ringing("anna")
			b.wants(b.after(20*time.Second), `m.call.hangup !anna:hs.test "invite_timeout"`, `room.direct  "@ben:hs.test"`, `room.direct  "@cleo:hs.test"`)
			b.wants(b.step(b.room("ben", "join"), b.room("cleo", "join")), "m.call.invite !ben:hs.test", "m.call.invite !cleo:hs.test")
			b.wants(b.step(b.from("ben", "m.call.reject", "")), `m.call.select_answer !ben:hs.test "P-ben"`)
			b.wants(b.after(30*time.Second), `verto.bye  "NO_ANSWER"`, `m.call.hangup !cleo:hs.test "invite_timeout"`, `m.room.message !anna:hs.test "m.notice"`, `m.room.message !cleo:hs.test "m.notice"`)
			b.over()
		}},
		{"the next round begins at once when all have declined", "[vars]\ncountry = \"GB\"\nusers = \"@anna:hs.test, @ben:hs.test\"\n", func(b *board) {
			b.ringing("anna")
			b.wants(b.step(b.from("anna", "m.call.reject", "")), `m.call.select_answer !anna:hs.test "P-anna"`, `room.direct  "@ben:hs.test"`)
			b.wants(b.step(b.room("ben", "join")), "m.call.invite !ben:hs.test")
			b.wants(b.after(25 * time.Second)) // the timer of the first round is over
			b.wants(b.step(b.answer("ben", chromeAnswer+withCandidate)), `m.call.select_answer !ben:hs.test "P-ben"`, "verto.answer ")
		}},
		{"who rings in two rounds is told of one missed call", "[vars]\ncountry = \"GB\"\nusers = \"@anna:hs.test, @anna:hs.test @ben:hs.test\"\n", func(b *board) {
			b.ringing("anna")
			b.wants(b.after(20*time.Second), `m.call.hangup !anna:hs.test "invite_timeout"`, `room.direct  "@anna:hs.test"`, `room.direct  "@ben:hs.test"`)
			b.wants(b.step(b.room("anna", "join"), b.room("ben", "join")), "m.call.invite !anna:hs.test", "m.call.invite !ben:hs.test")
			b.wants(b.after(30*time.Second), `verto.bye  "NO_ANSWER"`, `m.call.hangup !anna:hs.test "invite_timeout"`, `m.call.hangup !ben:hs.test "invite_timeout"`,
				`m.room.message !anna:hs.test "m.notice"`, `m.room.message !ben:hs.test "m.notice"`)
			b.over()
		}},
		{"the ghost is put out of one room while others ring", three, func(b *board) {
			b.ringing("anna", "ben", "cleo")
			b.wants(b.step(b.ghostOut("anna")))
			b.wants(b.step(b.answer("ben", chromeAnswer+withCandidate)),
				`m.call.select_answer !ben:hs.test "P-ben"`, `m.call.hangup !cleo:hs.test "answered_elsewhere"`, "verto.answer ")
		}},
		{"what becomes of other rooms does not concern a call that was answered", three, func(b *board) {
			b.ringing("anna", "ben", "cleo")
			b.step(b.answer("ben", chromeAnswer+withCandidate))
			b.step(b.reply("verto.answer.ok", `"result":{}`))
			b.wants(b.step(b.ghostOut("anna")))
			b.wants(b.step(engine.Message{Transport: "matrix", Type: "room.encrypted", Scope: "!cleo:hs.test", Body: json.RawMessage(`{"type":"room.encrypted","room_id":"!cleo:hs.test"}`)}),
				`m.room.message !cleo:hs.test "m.notice"`)
			b.wants(b.step(b.ghostOut("ben")), `verto.bye  "NORMAL_CLEARING"`)
			b.over()
		}},
		{"the homeserver does not say whether it has the invite", three, func(b *board) {
			b.ringing("anna", "ben")
			m := b.from("anna", "m.call.invite.error", "")
			m.Body = json.RawMessage(`{"type":"m.call.invite.error","room_id":"!anna:hs.test","content":{},"status":0,"errcode":"","error":"not sent within 1m0s"}`)
			b.wants(b.step(m), `m.call.hangup !anna:hs.test "unknown_error"`)
			m = b.from("ben", "m.call.invite.error", "")
			m.Body = json.RawMessage(`{"type":"m.call.invite.error","room_id":"!ben:hs.test","content":{},"status":403,"errcode":"M_FORBIDDEN","error":"no"}`)
			b.wants(b.step(m))
		}},
		{"the bridge stops while it rings", one, func(b *board) {
			b.ringing("anna")
			b.wants(b.worded(b.e.Stop(b.now, "shutdown")), `verto.bye  "NORMAL_TEMPORARY_FAILURE"`, `m.call.hangup !anna:hs.test "unknown_error"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
		{"more calls than may be at once", one + "callsInAtOnce = 0\n", func(b *board) {
			b.wants(b.arrives(""), `verto.bye  "SWITCH_CONGESTION"`)
			b.over()
		}},
		{"the room becomes encrypted while it rings", one, func(b *board) {
			b.ringing("anna")
			got := b.step(engine.Message{Transport: "matrix", Type: "room.encrypted", Scope: "!anna:hs.test", Body: json.RawMessage(`{"type":"room.encrypted","room_id":"!anna:hs.test"}`)})
			b.wants(got, `m.room.message !anna:hs.test "m.notice"`, `m.call.hangup !anna:hs.test "unknown_error"`, `verto.bye  "SUBSCRIBER_ABSENT"`, `m.room.message !anna:hs.test "m.notice"`)
			b.over()
		}},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(newBoard(t, story.rules)) })
	}
}
