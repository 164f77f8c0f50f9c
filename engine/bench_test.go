package engine_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// The benchmarks compare the engine, with rules, with what a good engineer
// would write by hand for the same messages and nothing else: one pass that
// checks the syntax and finds the fields, an SDP copied raw, appended to a new
// buffer. Both are given messages as a transport delivers them.

const benchRules = `
[vars]
domain = "example.org"
extension = "9196"
defaultCallerID = "anonymous"
[table.routes]
"!sales:example.org" = "3001"
[table.callerID]
"@anna:example.org" = "+442071234567"
[table.hangupCause]
user_hangup = "NORMAL_CLEARING"
user_busy = "USER_BUSY"
[[rule]]
name = "a Matrix user calls a number"
on = "matrix m.call.invite"
when = 'msg.content.lifetime > 0 && server(msg.sender) == vars.domain'
new = true
set = { room = 'msg.room_id', caller = 'msg.sender', party = 'msg.content.party_id', offer = 'msg.content.offer.sdp' }
next = "dialling"
[[rule.send]]
to = "pbx1"
type = "verto.invite"
body.sdp = '${ msg.content.offer.sdp }'
[rule.send.body.dialogParams]
callID = '${ call.uuid }'
destination_number = '${ routes[msg.room_id] ?? vars.extension }'
caller_id_number = '${ callerID[msg.sender] ?? vars.defaultCallerID }'
[[rule]]
name = "its candidates follow"
on = "matrix m.call.candidates"
in = ["dialling", "talking"]
when = 'msg.sender == call.caller && msg.content.party_id == call.party'
send = { to = "pbx1", type = "verto.info", body = { dialogParams = { callID = '${ call.verto.key }' }, candidates = '${ msg.content.candidates }' } }
[[rule]]
name = "the Matrix user hangs up"
on = "matrix m.call.hangup"
in = ["dialling", "talking"]
when = 'msg.sender == call.caller && msg.content.party_id == call.party'
next = "end"
send = { to = "pbx1", type = "verto.bye", body = { dialogParams = { callID = '${ call.verto.key }' }, cause = '${ hangupCause[msg.content.reason] ?? "NORMAL_CLEARING" }' } }
`

var benchSDP = func() string {
	sdp := `v=0\r\no=- 4611732428493226571 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS 0f6f8f1c\r\n` +
		`m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:Zc5U\r\na=ice-pwd:rx1NShH9vF8Nzcmp5vC3TwXB\r\na=ice-options:trickle\r\n` +
		`a=fingerprint:sha-256 3A:96:6D:57:B2:C2:C7:61:A0:46:3E:1C:97:39:D3:F7:0A:88:A0:B1:EC:03:FB:10:A5:5D:3A:37:AB:DD:02:AA\r\na=setup:actpass\r\na=mid:0\r\n`
	for i := 1; len(sdp) < 4600; i++ {
		sdp += fmt.Sprintf(`a=rtpmap:%d opus/48000/2\r\na=fmtp:%d minptime=10;useinbandfec=1\r\na=rtcp-fb:%d transport-cc\r\n`, 95+i, 95+i, 95+i)
	}
	return sdp
}()

var (
	benchInvite = `{"content":{"call_id":"1763771234567AbCdEfGh","party_id":"CALLERA29LHX","version":"1","lifetime":60000,"capabilities":{"m.call.dtmf":true,"m.call.transferee":false},` +
		`"offer":{"type":"offer","sdp":"` + benchSDP + `"}},"event_id":"$8yhWG7c-MZ5UhwhpeYEDEOM5i4kWWDC9vsjMLVSVee8","origin_server_ts":1795312437406,` +
		`"room_id":"!gAh9tWNtpLp1C21G:example.org","sender":"@anna:example.org","type":"m.call.invite","unsigned":{"age":42}}`
	benchHangup = `{"content":{"call_id":"1763771234567AbCdEfGh","party_id":"CALLERA29LHX","version":"1","reason":"user_hangup"},"event_id":"$8yhWG7c-MZ5UhwhpeYEDEOM5i4kWWDC9vsjMLVSVee8",` +
		`"origin_server_ts":1795312437406,"room_id":"!gAh9tWNtpLp1C21G:example.org","sender":"@anna:example.org","type":"m.call.hangup","unsigned":{"age":42,"membership":"join","transaction_id":"m17637712345.6"}}`
	benchCandidates = func() string {
		list := make([]string, 5)
		for i := range list {
			list[i] = fmt.Sprintf(`{"candidate":"candidate:842163049 1 udp 1677729535 192.0.2.%d 5%d764 typ srflx raddr 10.0.0.5 rport 46154 generation 0 ufrag Zc5U network-cost 999","sdpMLineIndex":0,"sdpMid":"0"}`, i, i)
		}
		return `{"content":{"call_id":"1763771234567AbCdEfGh","party_id":"CALLERA29LHX","version":"1","candidates":[` + strings.Join(list, ",") + `]},` +
			`"event_id":"$8yhWG7c-MZ5UhwhpeYEDEOM5i4kWWDC9vsjMLVSVee8","origin_server_ts":1795312437406,"room_id":"!gAh9tWNtpLp1C21G:example.org","sender":"@anna:example.org","type":"m.call.candidates","unsigned":{"age":42}}`
	}()
)

func benchMessage(typ, key, body string) engine.Message {
	return engine.Message{Transport: "matrix", Type: typ, Key: key, Scope: "!gAh9tWNtpLp1C21G:example.org", ID: "$8yhWG7c-MZ5UhwhpeYEDEOM5i4kWWDC9vsjMLVSVee8", At: t0, Body: json.RawMessage(body)}
}

// A contest is one kind of message, for both sides. Calls are begun, and none of
// it is timed, before a run.
type contest struct {
	name string
	typ  string
	body string
	most float64 // how many times slower than by hand the engine may be
}

var contests = []contest{
	{"invite of 5 KB", "m.call.invite", benchInvite, 8},
	{"hangup of 370 bytes", "m.call.hangup", benchHangup, 4},
	{"5 candidates", "m.call.candidates", benchCandidates, 4},
}

// A run is how many messages are handled between two set-ups.
const run = 500

// messages are of a run, each for a call of its own.
func (c contest) messages() []engine.Message {
	list := make([]engine.Message, run)
	for i := range list {
		list[i] = benchMessage(c.typ, "call"+strconv.Itoa(i), c.body)
	}
	return list
}

// byEngine sets up an engine in which the calls of the messages are under way,
// unless the messages begin them.
func (c contest) byEngine(tb testing.TB, rules *engine.Ruleset, messages []engine.Message) func(i int) int {
	e := engine.New(rules, engine.Options{})
	if c.typ != "m.call.invite" {
		for _, m := range messages {
			m.Type, m.Body = "m.call.invite", json.RawMessage(benchInvite)
			if out := e.Step(t0, m); len(out) != 1 {
				tb.Fatal("a call did not begin")
			}
		}
	}
	return func(i int) int {
		out := e.Step(t0, messages[i:i+1]...)
		return len(out[0].Body)
	}
}

func (c contest) byHand(tb testing.TB, messages []engine.Message) func(i int) int {
	h := newByHand()
	if c.typ != "m.call.invite" {
		for _, m := range messages {
			m.Type, m.Body = "m.call.invite", json.RawMessage(benchInvite)
			if _, err := h.translate(t0, &m); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return func(i int) int {
		out, err := h.translate(t0, &messages[i])
		if err != nil {
			tb.Fatal(err)
		}
		return len(out)
	}
}

func BenchmarkStep(b *testing.B) {
	rules := load(b, benchRules)
	for _, c := range contests {
		b.Run(c.name+"/engine", func(b *testing.B) {
			messages := c.messages()
			c.bench(b, func() func(int) int { return c.byEngine(b, rules, messages) })
		})
		b.Run(c.name+"/by hand", func(b *testing.B) {
			messages := c.messages()
			c.bench(b, func() func(int) int { return c.byHand(b, messages) })
		})
	}
}

func (c contest) bench(b *testing.B, setUp func() func(int) int) {
	b.ReportAllocs()
	b.SetBytes(int64(len(c.body)))
	step, i := setUp(), 0
	for b.Loop() {
		if i == run {
			b.StopTimer()
			step, i = setUp(), 0
			b.StartTimer()
		}
		step(i)
		i++
	}
}

// BenchmarkRatios times both sides in turns, so that what else the machine does
// strikes both, and reports how many times slower the engine is than by hand:
// the median of many turns.
func BenchmarkRatios(b *testing.B) {
	rules := load(b, benchRules)
	for _, c := range contests {
		b.Run(c.name, func(b *testing.B) {
			messages := c.messages()
			var ratios []float64
			for b.Loop() {
				for range 20 {
					engine := timed(c.byEngine(b, rules, messages))
					hand := timed(c.byHand(b, messages))
					ratios = append(ratios, engine.Seconds()/hand.Seconds())
				}
			}
			b.ReportMetric(median(ratios), "times-by-hand")
			b.ReportMetric(c.most, "times-at-most")
		})
	}
}

// alikeRules are n rules that differ in a compared value only.
func alikeRules(n int, condition string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[[rule]]\nname = '%d'\non = 'matrix m.room.message'\nwhen = '%s'\nsend = { to = 'pbx1', type = 'x', body.n = '%d' }\n", i, fmt.Sprintf(condition, i), i)
	}
	return b.String()
}

var dispatchKinds = []struct{ name, condition, body string }{
	{"text", `msg.content.key == "value %d"`, `{"content":{"key":"value %d","body":"hello"},"sender":"@anna:example.org","type":"m.room.message"}`},
	{"number", `msg.content.key == %d`, `{"content":{"key":%d,"body":"hello"},"sender":"@anna:example.org","type":"m.room.message"}`},
}

// byRules sets up an engine with n rules, and messages for some of them, spread
// over all.
func byRules(tb testing.TB, n, some int, condition, body string) func(i int) int {
	e := engine.New(load(tb, alikeRules(n, condition)), engine.Options{})
	messages := make([]engine.Message, some)
	for i := range messages {
		messages[i] = engine.Message{Transport: "matrix", Type: "m.room.message", ID: "$8yhWG7c-MZ5UhwhpeYEDE", At: t0, Body: fmt.Appendf(nil, body, i*n/some)}
	}
	return func(i int) int {
		i %= some
		out := e.Step(t0, messages[i:i+1]...)
		return len(out[0].Body)
	}
}

// BenchmarkDispatch is one message for one of many rules.
func BenchmarkDispatch(b *testing.B) {
	for _, kind := range dispatchKinds {
		for _, n := range []int{10, 1000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d rules", kind.name, n), func(b *testing.B) {
				step, i := byRules(b, n, 10, kind.condition, kind.body), 0
				b.ReportAllocs()
				for b.Loop() {
					step(i)
					i++
				}
			})
		}
	}
}

// BenchmarkDispatchRatios reports how much slower rules are found among 100,000
// than among 10: ten of them, and then 500, which are more than a processor
// keeps near, so that it is its memory that is measured.
func BenchmarkDispatchRatios(b *testing.B) {
	for _, kind := range dispatchKinds {
		for _, some := range []int{10, run} {
			b.Run(fmt.Sprintf("%s/%d different messages", kind.name, some), func(b *testing.B) {
				few := byRules(b, 10, 10, kind.condition, kind.body)
				many := byRules(b, 100_000, some, kind.condition, kind.body)
				var ratios []float64
				for b.Loop() {
					for range 50 {
						short := timed(few)
						ratios = append(ratios, timed(many).Seconds()/short.Seconds())
					}
				}
				b.ReportMetric(median(ratios), "times-10-rules")
			})
		}
	}
}

const benchIndex = `
[index.roomCalls]
key = 'call.room'
[[rule]]
name = "a call begins"
on = "matrix m.call.invite"
new = true
set = { room = "msg.room", user = "msg.user" }
[[rule]]
name = "who else is in the room"
on = "matrix look"
let = { other = "roomCalls[msg.room]" }
when = "other != nil"
send = { to = "pbx1", type = "x", body.state = "${ other[0].state }" }
[[rule]]
name = "the call goes to another room"
on = "matrix move"
set = { room = "msg.room" }
send = { to = "pbx1", type = "x", body.room = "${ call.room }" }
[[rule]]
name = "something else changes"
on = "matrix change"
set = { user = "msg.room" }
send = { to = "pbx1", type = "x", body.room = "${ call.room }" }
`

var indexedSteps = []struct{ name, typ string }{{"find", "look"}, {"index anew", "move"}, {"change something else", "change"}}

// amongCalls sets up an engine with n calls, two in a room, and messages of some of
// them, spread over all.
func amongCalls(tb testing.TB, n, some int, typ string) func(i int) int {
	e := engine.New(load(tb, benchIndex), engine.Options{})
	body := func(i int) []byte {
		return fmt.Appendf(nil, `{"room":"!%05d:example.org","user":"@anna:example.org"}`, i/2)
	}
	for i := range n {
		e.Step(t0, engine.Message{Transport: "matrix", Type: "m.call.invite", Key: strconv.Itoa(i), Scope: "r", Body: body(i)})
	}
	messages := make([]engine.Message, some)
	for i := range messages {
		at := i * n / some
		messages[i] = engine.Message{Transport: "matrix", Type: typ, ID: "$8yhWG7c-MZ5UhwhpeYEDE", Key: strconv.Itoa(at), Scope: "r", At: t0, Body: body(at)}
		if typ == "move" {
			messages[i].Body = body((at + 2) % n)
		}
	}
	return func(i int) int {
		i %= some
		out := e.Step(t0, messages[i:i+1]...)
		return len(out[0].Body)
	}
}

// BenchmarkIndex is one message of one of many calls.
func BenchmarkIndex(b *testing.B) {
	for _, step := range indexedSteps {
		for _, n := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("%s/%d calls", step.name, n), func(b *testing.B) {
				do, i := amongCalls(b, n, 10, step.typ), 0
				b.ReportAllocs()
				for b.Loop() {
					do(i)
					i++
				}
			})
		}
	}
}

// BenchmarkIndexRatios reports how much slower calls are found, and indexed anew,
// among 10,000 than among 10.
func BenchmarkIndexRatios(b *testing.B) {
	for _, step := range indexedSteps {
		b.Run(step.name, func(b *testing.B) {
			few, many := amongCalls(b, 10, 10, step.typ), amongCalls(b, 10_000, 10, step.typ)
			var ratios []float64
			for b.Loop() {
				for range 50 {
					short := timed(few)
					ratios = append(ratios, timed(many).Seconds()/short.Seconds())
				}
			}
			b.ReportMetric(median(ratios), "times-10-calls")
		})
	}
}

func timed(step func(int) int) time.Duration {
	begin := time.Now()
	for i := range run {
		step(i)
	}
	return time.Since(begin)
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// What is done by hand is the same as what the rules do.
func TestByHandAndByRulesAreTheSame(t *testing.T) {
	rules := load(t, benchRules)
	for _, c := range contests {
		messages := c.messages()[:1]
		e := engine.New(rules, engine.Options{})
		h := newByHand()
		if c.typ != "m.call.invite" {
			invite := benchMessage("m.call.invite", messages[0].Key, benchInvite)
			e.Step(t0, invite)
			if _, err := h.translate(t0, &invite); err != nil {
				t.Fatal(err)
			}
		}
		hand, err := h.translate(t0, &messages[0])
		out := e.Step(t0, messages[0])
		if err != nil || len(out) != 1 {
			t.Fatalf("%s: by hand %v; the engine sends %d messages", c.name, err, len(out))
		}
		id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
		got, want := id.ReplaceAll(out[0].Body, nil), id.ReplaceAll(hand, nil)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-by hand +engine):\n%s", c.name, diff)
		}
	}
	if n := len(benchInvite); n < 5000 || n > 5200 {
		t.Errorf("the invite has %d bytes", n)
	}
	if n := len(benchHangup); n < 365 || n > 375 {
		t.Errorf("the hangup has %d bytes", n)
	}
}
