package examples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	janusCaptures = "examples/janus-sip/captures/"
	janusDoc      = "docs/matrix-janus.md"
)

// ofJanus tells the shipped rule sets that are for Janus alone.
func ofJanus(name string) bool { return strings.HasPrefix(name, "matrix-janus") }

// The tables of causes are those of the shipped rules.
func TestCausesOfJanusInDocuments(t *testing.T) {
	tables := readShipped(t, "matrix-janus-out", "matrix-janus-in").Table
	codes := map[string][]string{}
	for code, cause := range tables["sipCause"] {
		codes[fmt.Sprint(cause)] = append(codes[fmt.Sprint(cause)], code)
	}
	for cause := range tables["endReason"] {
		codes[cause] = append(codes[cause], nil...)
	}
	for cause := range tables["declineCode"] {
		codes[cause] = append(codes[cause], nil...)
	}
	var text strings.Builder
	text.WriteString("\n| cause | SIP status of the far end | reason for the client | status that a caller is refused with |\n| --- | --- | --- | --- |\n")
	for _, cause := range slices.Sorted(maps.Keys(codes)) {
		slices.Sort(codes[cause])
		reason, declined := "unknown_error", "480"
		if v, ok := tables["endReason"][cause]; ok {
			reason = fmt.Sprintf("`%v`", v)
		}
		if v, ok := tables["declineCode"][cause]; ok {
			declined = fmt.Sprintf("`%v`", v)
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", cause, strings.Join(codes[cause], ", "), reason, declined)
	}
	part(t, janusDoc, "causes", text.String())
}

// That a protocol needs nothing in Go is no claim but a fact: neither engine nor
// transports name the one that this example speaks.
func TestNoGoKnowsOfJanus(t *testing.T) {
	for _, dir := range []string{"engine", "transports"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for i, line := range bytes.Split(text, []byte("\n")) {
				if bytes.Contains(bytes.ToLower(line), []byte("janus")) {
					t.Errorf("%s:%d: %s", name, i+1, line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// overForBridge are words of Janus that come when the call has ended for the
// bridge, and why that is as it should be.
var overForBridge = map[string]string{
	"hangup":          "the way to the client is closed after the telephone's side, which has ended the call",
	"hangup.ack":      "the end that it announces may come before it",
	"decline.ack":     "the same",
	"event.declining": "a call from a telephone ends for the bridge when Janus has heard the request",
	"event.hangingup": "the same",
	"event.hangup":    "the same",
}

// notOfBridge are captures in which the test client did what the bridge never
// does, so that lines were on handles which the bridge has not asked for.
var notOfBridge = map[string]string{
	"errors":                    "every wrong request that the client could think of, on handles that did nothing else",
	"register":                  "one account on handle after handle; the bridge tries again on the one that it has",
	"handle_used_again_at_once": "a handle is used for a second call, at once; the bridge gives it back",
}

// Each line that a real Janus has said is acted on by a rule, or by one that says
// that nothing is to be done.
func TestEveryLineOfJanusIsUnderstood(t *testing.T) {
	unused := maps.Clone(notOfBridge)
	for _, name := range glob(t, janusCaptures+"*.ndjson") {
		t.Run(nameOf(name), func(t *testing.T) {
			lines := withMatrix(t, captureLines(t, read(t, name)))
			merged := filepath.Join(t.TempDir(), filepath.Base(name))
			writeLines(t, merged, lines)
			writeFile(t, beside(merged, "rules.toml"), rulesFor(lines))
			fates := map[string][]outcome{}
			for _, o := range outcomes(t, merged) {
				fates[o.At] = append(fates[o.At], o)
			}
			for i, l := range lines {
				if l.Dir != "in" || l.Transport != "janus" {
					continue
				}
				list := fates[fmt.Sprintf("%s:%d", merged, i+1)]
				if len(list) == 0 {
					t.Errorf("line %d is not heard at all: %s", i+1, l.Data)
					continue
				}
				last := list[len(list)-1]
				switch {
				case slices.ContainsFunc(list, func(o outcome) bool { return o.Outcome == "fired" }):
				case last.Outcome == "late" && overForBridge[last.Type] != "":
				case (last.Outcome == "waiting" || last.Outcome == "late") && notOfBridge[nameOf(name)] != "":
					delete(unused, nameOf(name))
				default:
					t.Errorf("line %d: %s is %s %s", i+1, last.Type, last.Outcome, last.Error)
				}
			}
		})
	}
	if len(unused) > 0 {
		t.Errorf("every line of these is understood: %v", slices.Sorted(maps.Keys(unused)))
	}
}

// rulesFor are the shipped rules with the account that a capture registers.
func rulesFor(lines []captureLine) string {
	text := "include = [\"matrix-janus\"]\n[vars]\nemergency = \"refuse\"\nlines = 1\nusers = \"@anna:example.org\"\n"
	account := ""
	for _, l := range lines {
		if l.Dir == "out" && l.get("body.secret") != "" {
			account = strings.TrimPrefix(strings.Split(l.get("body.username"), "@")[0], "sip:")
		}
	}
	if account != "" {
		text += fmt.Sprintf("sipUser = %q\n[table.sipSecrets]\n%s = \"1234\"\n", account, account)
	}
	return text + "[table.transferTo]\n\"@ben:example.org\" = \"1002\"\n"
}

// A matrixUser does what a Matrix user has done in a capture of Janus alone:
// what the test client said there stands for it.
type matrixUser struct {
	t     *testing.T
	lines []captureLine
	calls int
	call  string // the call_id
	room  string
	from  string // "matrix" or "janus": who called
	taken bool   // the client has selected the answer
}

// withMatrix gives the lines with a Matrix user's between them. Where the client
// let Janus make up the Call-ID, it stands in its request, since the bridge says
// it itself.
func withMatrix(t *testing.T, lines []captureLine) []captureLine {
	t.Helper()
	m := &matrixUser{t: t}
	m.add(lines[0].TS, "janus", "in", map[string]any{"janus": "transport.up"})
	for i, l := range lines {
		if l.Dir == "out" {
			m.before(&l, lines[i+1:])
		}
		m.lines = append(m.lines, l)
		if l.Dir == "in" {
			m.after(l)
		}
	}
	return m.lines
}

// before adds what a Matrix user does so that the bridge says what the client
// said.
func (m *matrixUser) before(l *captureLine, rest []captureLine) {
	request, at := l.get("body.request"), l.TS
	switch {
	case l.get("janus") == "attach" && nextBody(rest).get("body.type") == "guest":
		m.begin("matrix")
		m.says(at, "m.call.invite", map[string]any{"lifetime": 60000, "offer": description("offer", "sendrecv")})
	case l.get("janus") == "claim":
		m.add(at, "janus", "in", map[string]any{"janus": "transport.down"})
		m.add(at, "janus", "in", map[string]any{"janus": "transport.up"})
	case l.get("janus") == "trickle":
		m.says(at, "m.call.candidates", map[string]any{"candidates": candidatesOf(*l)})
	case request == "call" && l.get("body.call_id") == "":
		l.Data = withCallID(m.t, *l, rest)
	case request == "hangup":
		m.says(at, "m.call.hangup", map[string]any{"reason": "user_hangup"})
	case request == "hold":
		m.says(at, "m.call.negotiate", map[string]any{"description": description("offer", "sendonly")})
	case request == "unhold":
		m.says(at, "m.call.negotiate", map[string]any{"description": description("offer", "sendrecv")})
	case request == "transfer":
		m.says(at, "m.call.replaces", map[string]any{"create_call": "x", "replacement_id": "r", "target_user": map[string]any{"id": "@ben:example.org"}})
	case request == "dtmf_info":
		m.event(at, "m.room.message", map[string]any{"msgtype": "m.text", "body": l.get("body.digit")})
	case request == "accept" && m.from == "janus":
		m.says(at, "m.call.answer", map[string]any{"answer": description("answer", "sendrecv")})
	case request == "decline" && m.from == "janus":
		m.says(at, "m.call.reject", nil)
	}
}

// after adds what a Matrix client says of itself to what Janus has said.
func (m *matrixUser) after(l captureLine) {
	switch event := l.get("plugindata.data.result.event"); {
	case event == "incomingcall":
		m.begin("janus")
		txn := "room-" + m.call
		user := map[string]any{"call_id": m.call, "user": "@anna:example.org"}
		m.add(l.TS, "matrix", "out", map[string]any{"type": "room.direct", "txn_id": txn, "content": user})
		there := maps.Clone(user)
		there["membership"] = "join"
		m.add(l.TS, "matrix", "in", map[string]any{"type": "room.direct.ok", "room_id": m.room, "txn_id": txn, "content": there})
		m.add(l.TS, "matrix", "out", map[string]any{"type": "m.call.invite", "room_id": m.room, "sender": "@phone:example.org", "content": map[string]any{
			"call_id": m.call, "version": "1", "party_id": "vertigo-bridge", "lifetime": 50000, "invitee": "@anna:example.org", "offer": description("offer", "sendrecv"),
		}})
	case (event == "accepted" || event == "progress") && m.from == "matrix" && !m.taken:
		m.taken = true
		m.says(l.TS, "m.call.select_answer", map[string]any{"selected_party_id": "vertigo-bridge"})
	}
}

func (m *matrixUser) begin(from string) {
	m.calls++
	m.from, m.taken = from, false
	m.call, m.room = fmt.Sprintf("call-%d", m.calls), fmt.Sprintf("!room%d:example.org", m.calls)
}

// says adds an event of the call.
func (m *matrixUser) says(at time.Time, typ string, content map[string]any) {
	whole := map[string]any{"call_id": m.call, "version": "1", "party_id": "phone"}
	maps.Copy(whole, content)
	m.event(at, typ, whole)
}

func (m *matrixUser) event(at time.Time, typ string, content map[string]any) {
	m.add(at, "matrix", "in", map[string]any{
		"type": typ, "room_id": m.room, "sender": "@anna:example.org", "event_id": fmt.Sprintf("$%d", len(m.lines)),
		"origin_server_ts": at.UnixMilli(), "content": content,
	})
}

func (m *matrixUser) add(at time.Time, transport, dir string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		m.t.Fatal(err)
	}
	m.lines = append(m.lines, captureLine{TS: at, Transport: transport, Dir: dir, Data: text})
}

// clientSDP is as short as the rules can do with.
const clientSDP = "v=0\r\no=- 5 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:LmjS\r\na=ice-pwd:yJZhvWwNxtT5zKK94s6ydJ9J\r\na=setup:%s\r\na=mid:0\r\na=%s\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n"

func description(typ, direction string) map[string]any {
	setup := "actpass"
	if typ == "answer" {
		setup = "active"
	}
	return map[string]any{"type": typ, "sdp": fmt.Sprintf(clientSDP, setup, direction)}
}

// nextBody gives the next line of the client that asks something of the plugin.
func nextBody(rest []captureLine) captureLine {
	for _, l := range rest {
		if l.Dir == "out" && l.get("body.request") != "" {
			return l
		}
	}
	return captureLine{}
}

func candidatesOf(l captureLine) []any {
	var trickle struct {
		Candidate  map[string]any
		Candidates []any
	}
	if err := json.Unmarshal(l.Data, &trickle); err != nil {
		return nil
	}
	if trickle.Candidate == nil {
		return trickle.Candidates
	}
	if trickle.Candidate["completed"] == true {
		return []any{map[string]any{"candidate": ""}}
	}
	return []any{trickle.Candidate}
}

// withCallID gives the client's request with the Call-ID that Janus made up for
// it.
func withCallID(t *testing.T, l captureLine, rest []captureLine) json.RawMessage {
	t.Helper()
	for _, answer := range rest {
		id := answer.get("plugindata.data.call_id")
		if answer.Dir != "in" || id == "" || answer.get("sender") != l.get("handle_id") {
			continue
		}
		var message map[string]json.RawMessage
		var body map[string]any
		if err := json.Unmarshal(l.Data, &message); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(message["body"], &body); err != nil {
			t.Fatal(err)
		}
		body["call_id"] = id
		message["body"], _ = json.Marshal(body)
		text, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return l.Data
}

func writeLines(t *testing.T, name string, lines []captureLine) {
	t.Helper()
	var text bytes.Buffer
	for _, l := range lines {
		line, err := json.Marshal(map[string]any{"ts": l.TS, "transport": l.Transport, "dir": l.Dir, "data": l.Data})
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	writeFile(t, name, text.String())
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
