package engine_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
)

// shippedRules are the ones that Vertigo ships, with room for more calls.
const shippedRules = `
include = ["matrix-verto"]
[vars]
emergency = "refuse"
callsAtOnce = 1000
callsPerMinute = 100000
callsPerDay = 100000
allCallsAtOnce = 1000
allCallsPerMinute = 100000
allCallsPerDay = 100000
[index.byRoom]
key = 'call.room'
[index.byMuch]
key = '[call.user, call.number, call.verto.key, call.matrix.key]'
[index.byState]
key = 'call.state'
[index.odd]
key = 'call.answered ?? call.cause'
`

// vocabulary returns the messages that peers sent in the captures of two sides,
// each once.
func vocabulary(t testing.TB) []engine.Message {
	t.Helper()
	files, _ := filepath.Glob("../testdata/captures/joint/*.ndjson")
	more, _ := filepath.Glob("../testdata/captures/matrix/*.ndjson")
	files = append(files, more...)
	if len(files) == 0 {
		t.Fatal("no captures")
	}
	var words []engine.Message
	seen := map[string]bool{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(bytes.NewReader(src))
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			m, ok := capturedMessage(s.Bytes())
			if ok && !seen[string(m.Body)] {
				seen[string(m.Body)] = true
				words = append(words, m)
			}
		}
	}
	return words
}

// bridgeParty is what the bridge called itself whose traffic was captured.
var bridgeParty = regexp.MustCompile(`\bbrd[0-9a-f]{9}\b`)

// capturedMessage reads a line of a capture as the transports do, as far as it matters
// here.
func capturedMessage(line []byte) (engine.Message, bool) {
	type named struct {
		CallID       string `json:"callID"`
		DialogParams struct {
			CallID string `json:"callID"`
		} `json:"dialogParams"`
	}
	var l struct {
		Transport, Dir string
		Data           json.RawMessage
	}
	var d struct {
		Type    string `json:"type"`
		RoomID  string `json:"room_id"`
		EventID string `json:"event_id"`
		Content struct {
			CallID string `json:"call_id"`
		} `json:"content"`
		Method string `json:"method"`
		Params named  `json:"params"`
		Result *named `json:"result"`
	}
	if json.Unmarshal(line, &l) != nil || l.Dir != "in" || json.Unmarshal(l.Data, &d) != nil {
		return engine.Message{}, false
	}
	m := engine.Message{Body: bridgeParty.ReplaceAll(l.Data, []byte("vertigo-bridge"))}
	switch {
	case l.Transport == "matrix":
		m.Transport, m.Type, m.Key, m.Scope, m.ID = "matrix", d.Type, d.Content.CallID, d.RoomID, d.EventID
	case d.Method != "":
		m.Transport, m.Type, m.Key = "pbx1", d.Method, d.Params.CallID+d.Params.DialogParams.CallID
	case d.Result != nil && d.Result.CallID != "":
		m.Transport, m.Type, m.Key = "pbx1", "verto.invite.ok", d.Result.CallID
	default:
		return m, false
	}
	return m, true
}

// play drives messages of the vocabulary through two engines as a script says,
// in which every byte means something, and holds the laws of the engine at each
// of them. It returns how many messages there were, and what fired.
func play(t *testing.T, rules *engine.Ruleset, words []engine.Message, script []byte) (messages int, fired map[string]int) {
	limits := engine.Limits{Calls: 40, CallAge: time.Hour, RememberEnded: 1000 * time.Hour, MessageBytes: 100_000}
	ended := map[engine.CallID]bool{}
	p := &player{words: words, script: script, now: t0.Add(-48 * time.Hour), fired: map[string]int{}}
	for i, m := range words {
		if m.Type == "m.call.invite" {
			p.invites = append(p.invites, i)
		}
	}
	p.one = engine.New(rules, engine.Options{Limits: limits, Observe: func(tr engine.Trace) {
		if tr.Rule != nil {
			p.fired[tr.Rule.Name]++
		}
		if tr.Ended {
			p.over = append(p.over, tr.Call)
		}
	}})
	p.two = engine.New(rules, engine.Options{Limits: limits, Observe: func(engine.Trace) {}})
	for len(p.script) > 0 {
		p.now = p.now.Add(p.pause())
		p.step(t, ended) // what is due
		before := p.one.Dump()
		m := p.next()
		mine := p.owner(m)
		p.step(t, ended, m)
		mine = append(mine, p.owner(m)...)
		messages++
		after := p.one.Dump()
		for id, was := range before {
			if is, there := after[id]; is != was && !slices.Contains(mine, id) {
				t.Fatalf("%s %s of %v changed call %s (there=%v)", m.Transport, m.Type, mine, id, there)
			}
		}
	}
	p.now = p.now.Add(limits.CallAge)
	p.step(t, ended)
	if left := p.one.Calls(); len(left) > 0 {
		t.Fatalf("%d calls never end: %+v", len(left), left[0])
	}
	return messages, p.fired
}

type player struct {
	one, two *engine.Engine
	words    []engine.Message
	invites  []int // where in words a call begins
	at       int   // in words, of the story that is told
	story    int   // which number it has
	script   []byte
	now      time.Time
	last     engine.Message
	over     []engine.CallID // that ended in this step
	fired    map[string]int  // how often each rule fired
}

// step steps both engines, which must do the same, and no call that has ended
// may make them say anything.
func (p *player) step(t *testing.T, ended map[engine.CallID]bool, batch ...engine.Message) {
	p.over = p.over[:0]
	got, again := p.one.Step(p.now, batch...), p.two.Step(p.now, batch...)
	for _, a := range got {
		if ended[a.Call] {
			t.Fatalf("call %s has ended, and rule %q sends %s", a.Call, a.Rule, a.Type)
		}
		if !json.Valid(a.Body) {
			t.Fatalf("rule %q sends %q", a.Rule, a.Body)
		}
	}
	if fault := p.one.IndexFault(); fault != "" {
		t.Fatal(fault)
	}
	one, _ := json.Marshal(got)
	two, _ := json.Marshal(again)
	if !bytes.Equal(one, two) {
		t.Fatalf("the same messages made\n%s\nand\n%s", one, two)
	}
	for _, id := range p.over {
		ended[id] = true
	}
}

// owner returns the call that a message belongs to; all, if it is for all.
func (p *player) owner(m engine.Message) (ids []engine.CallID) {
	for _, c := range p.one.Calls() {
		for _, k := range c.Keys {
			all := strings.HasPrefix(m.Type, "transport.") && k.Transport == m.Transport
			about := m.Key == "" && m.Scope != "" && k.Transport == m.Transport && k.Scope == m.Scope // each call in the room
			if all || about || k == (engine.CallKey{Transport: m.Transport, Scope: m.Scope, Key: m.Key}) && m.Key != "" {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

func (p *player) byte() int {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return int(b)
}

func (p *player) pause() time.Duration {
	switch b := p.byte(); {
	case b < 200:
		return time.Duration(b) * time.Millisecond
	case b < 250:
		return time.Duration(b-200) * 100 * time.Millisecond
	default:
		return time.Duration(b-249) * 10 * time.Minute
	}
}

// next makes the next message: what followed in the capture that is being told,
// or one from anywhere; sometimes broken.
func (p *player) next() engine.Message {
	how, fault := p.byte(), p.byte()%64
	if how%16 == 0 && p.last.Body != nil {
		return p.last // once more
	}
	if how%16 < 2 || p.at >= len(p.words) {
		p.at = (p.byte()*256 + p.byte()) % len(p.words)
		if how%64 < 16 { // from the beginning of a call
			p.at = p.invites[p.byte()%len(p.invites)]
		}
		p.story++
	}
	m := p.words[p.at]
	p.at++
	if how%16 == 4 {
		p.at++ // the next one is lost
	}
	if m.Transport == "matrix" && m.Key != "" { // told again, it is another call
		key := fmt.Sprint(m.Key, p.story)
		m.Body = bytes.ReplaceAll(m.Body, []byte(m.Key), []byte(key))
		m.Key = key
	} else if calls := p.one.Calls(); m.Key != "" && len(calls) > 0 {
		for _, k := range calls[max(0, len(calls)-1-p.byte()/128)].Keys { // the last one, or the one before
			if k.Transport != "matrix" {
				m.Transport, m.Key = k.Transport, k.Key
			}
		}
	}
	switch fault {
	case 1:
		m.Body = m.Body[:p.byte()*len(m.Body)/256]
	case 2:
		m.Body = bytes.Clone(m.Body)
		for range 3 {
			m.Body[p.byte()*len(m.Body)/256] = byte(p.byte())
		}
	case 3:
		i, j := p.byte()*len(m.Body)/256, p.byte()*len(m.Body)/256
		m.Body = slices.Concat(m.Body[:max(i, j)], m.Body[min(i, j):])
	case 4:
		m.Key, m.Scope = "", ""
	case 5:
		m.Type = p.words[p.byte()%len(p.words)].Type // says what it is not
	case 6:
		m.Type = []string{engine.TransportUp, engine.TransportDown, "x", "verto.invite.error", "m.call.answer.error"}[p.byte()%5]
	case 7: // the peer's number for a field of the rule's
		m.Body = bytes.ReplaceAll(m.Body, []byte(`":"`), []byte(`":1,"x":"`))
	}
	m.At, m.ID = p.now, ""
	p.last = m
	return m
}

func FuzzStep(f *testing.F) {
	rules, words := load(f, shippedRules), vocabulary(f)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		script := make([]byte, 20+r.IntN(400))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		play(t, rules, words, script[:min(len(script), 1000)])
	})
}

func TestTenThousandRandomMessages(t *testing.T) {
	rules, words := load(t, shippedRules), vocabulary(t)
	r := rand.New(rand.NewPCG(7, 7))
	script := make([]byte, 45_000)
	for i := range script {
		script[i] = byte(r.Uint32())
	}
	messages, fired := 0, map[string]int{}
	for part := range slices.Chunk(script, 2000) {
		m, f := play(t, rules, words, part)
		messages += m
		for name, n := range f {
			fired[name] += n
		}
	}
	// That is worth something only if calls got somewhere.
	if messages < 10_000 || fired["a Matrix user calls a number"] < 500 || fired["the caller's client takes the answer"] < 10 || len(fired) < 25 {
		t.Errorf("%d messages made these rules fire: %v", messages, fired)
	}
}
