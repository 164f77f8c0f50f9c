package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/rules"
)

// A lineCodec is a protocol for tests: {"type":…,"key":…,"id":…}, and
// {"reply":ID} for what comes of a message with that id.
type lineCodec struct {
	transport string
	sent      map[string]string
}

func newLineCodec(transport string) Codec { return &lineCodec{transport, map[string]string{}} }

func (c *lineCodec) In(at time.Time, _ string, data []byte) ([]engine.Message, error) {
	m := engine.Message{Transport: c.transport, At: at, Body: data}
	switch v := gjson.ParseBytes(data); {
	case v.Get("bad").Exists():
		return nil, errors.New("nobody can read this")
	case v.Get("reply").Exists():
		m.Type, m.Key = "call.ok", c.sent[v.Get("reply").String()]
	default:
		m.Type, m.Key = v.Get("type").String(), v.Get("key").String()
	}
	return []engine.Message{m}, nil
}

func (c *lineCodec) Out(_ string, data []byte) {
	c.sent[gjson.GetBytes(data, "id").String()] = gjson.GetBytes(data, "body.key").String()
}

func (c *lineCodec) Frame(a engine.Action) []byte {
	return fmt.Appendf(nil, `{"type":%q,"body":%s}`, a.Type, a.Body)
}

func testPeers() []Peer {
	peer := func(name string) Peer {
		return Peer{
			Peer:     engine.Peer{Name: name, Protocol: engine.Protocol{Kind: "line", Key: []string{"key"}}},
			NewCodec: newLineCodec,
			Shape:    Shape{Type: "type", Body: "body", IDs: []string{"body.key"}, Mechanics: []string{"login"}},
		}
	}
	return []Peer{peer("left"), peer("right")}
}

// bridging rules take a call from left to right, after a pause, and back.
const bridging = `
[vars]
pause = "0s"
[[rule]]
name = "begins"
on   = "left invite"
new  = true
next = "waiting"
timer.pause = 'vars.pause'
[[rule]]
name = "dials"
on   = "engine timer.pause"
in   = "waiting"
next = "dialling"
send = [{ to = "right", type = "call", body = { key = '${ call.uuid }' } }]
[[rule]]
name = "accepted"
on   = "right call.ok"
[[rule]]
name = "answered"
on   = "right answer"
next = "talking"
send = [{ to = "left", type = "answer", body = { key = '${ call.left.key }' } }]
[[rule]]
name = "ends"
on   = "right bye"
next = "end"
`

func play(t *testing.T, text, capture string) ([]string, *Result) {
	t.Helper()
	peers := testPeers()
	var list []engine.Peer
	for _, p := range peers {
		list = append(list, p.Peer)
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers: list, ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	lines, err := Read("call.ndjson", strings.NewReader(capture), nil)
	if err != nil {
		t.Fatal(err)
	}
	var happened []string
	result, err := Play(lines, set.Ruleset, peers, func(e Event) {
		switch {
		case e.CaptureEnd:
			happened = append(happened, "-- end")
		case e.Trace.Rule != nil:
			happened = append(happened, strings.TrimPrefix(e.Place, "call.ndjson:")+" "+e.Trace.Rule.Name)
		case e.Message.Transport != ownTransport:
			happened = append(happened, strings.TrimPrefix(e.Place, "call.ndjson:")+" "+string(e.Trace.Outcome))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return happened, result
}

func compareTexts(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// A capture whose bridge dialled at 00:02 and called its call "theirs".
const foreign = `
{"ts":"2026-11-22T00:00:00Z","transport":"right","dir":"out","data":{"type":"login","body":{},"id":"1"}}
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one"}}
{"ts":"2026-11-22T00:00:02Z","transport":"right","dir":"out","data":{"type":"call","body":{"key":"theirs"},"id":"2"}}
{"ts":"2026-11-22T00:00:02Z","transport":"right","dir":"in","data":{"reply":"2"}}
{"ts":"2026-11-22T00:00:03Z","transport":"right","dir":"in","data":{"type":"answer","key":"theirs"}}
{"ts":"2026-11-22T00:00:03Z","transport":"left","dir":"out","data":{"type":"answer","body":{"key":"one"}}}
{"ts":"2026-11-22T00:00:09Z","transport":"right","dir":"in","data":{"type":"bye","key":"theirs"}}
`

func TestACaptureOfAnotherBridgeFindsItsCall(t *testing.T) {
	happened, result := play(t, bridging, foreign)
	compareTexts(t, happened, "3 begins", " dials", "5 accepted", "6 answered", "8 ends", "-- end")
	compareTexts(t, worded(result.Expect()))
}

func TestAnswersWaitForRulesThatAreSlower(t *testing.T) {
	slow := strings.Replace(bridging, `pause = "0s"`, `pause = "5s"`, 1)
	happened, result := play(t, slow, foreign)
	compareTexts(t, happened, "3 begins", " dials", "5 accepted", "6 answered", "8 ends", "-- end")
	compareTexts(t, worded(result.Expect()))
}

func TestAnswersToWhatTheRulesNeverSendComeLast(t *testing.T) {
	never := strings.Replace(bridging, `on   = "engine timer.pause"`, `on   = "left dial"`, 1)
	happened, result := play(t, never, foreign)
	if len(happened) < 5 || happened[0] != "3 begins" || happened[1] != "5 waiting" {
		t.Errorf("happened: %s", strings.Join(happened, ", "))
	}
	compareTexts(t, worded(result.Expect()),
		"call.ndjson:4: the capture sends call to right, the rules do not",
		"call.ndjson:7: the capture sends answer to left, the rules do not")
}

func TestATransportThatTheCaptureDoesNotNameIsNotExpected(t *testing.T) {
	onlyLeft := strings.Join(slices.DeleteFunc(strings.SplitAfter(foreign, "\n"), func(line string) bool {
		return strings.Contains(line, `"transport":"right"`)
	}), "")
	_, result := play(t, bridging, onlyLeft)
	if len(result.Sent) != 1 || result.Sent[0].To != "right" {
		t.Errorf("sent %+v", result.Sent)
	}
	compareTexts(t, worded(result.Expect()), "call.ndjson:3: the capture sends answer to left, the rules do not")
}

func TestInterleavedCallsKeepTheirIDsApart(t *testing.T) {
	happened, result := play(t, bridging, `
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one"}}
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"two"}}
{"ts":"2026-11-22T00:00:02Z","transport":"right","dir":"out","data":{"type":"call","body":{"key":"A"},"id":"1"}}
{"ts":"2026-11-22T00:00:02Z","transport":"right","dir":"out","data":{"type":"call","body":{"key":"B"},"id":"2"}}
{"ts":"2026-11-22T00:00:03Z","transport":"right","dir":"in","data":{"type":"answer","key":"B"}}
{"ts":"2026-11-22T00:00:03Z","transport":"right","dir":"in","data":{"type":"answer","key":"A"}}
{"ts":"2026-11-22T00:00:04Z","transport":"left","dir":"out","data":{"type":"answer","body":{"key":"two"}}}
{"ts":"2026-11-22T00:00:04Z","transport":"left","dir":"out","data":{"type":"answer","body":{"key":"one"}}}
{"ts":"2026-11-22T00:00:05Z","transport":"right","dir":"in","data":{"type":"bye","key":"A"}}
{"ts":"2026-11-22T00:00:05Z","transport":"right","dir":"in","data":{"type":"bye","key":"B"}}
`)
	compareTexts(t, happened, "2 begins", "3 begins", " dials", " dials", "6 answered", "7 answered", "10 ends", "11 ends", "-- end")
	compareTexts(t, worded(result.Expect()))
	var answered []string
	for _, s := range result.Sent {
		if s.Type == "answer" {
			answered = append(answered, s.Key+" for line "+s.Place)
		}
	}
	compareTexts(t, answered, "two for line call.ndjson:6", "one for line call.ndjson:7")
}

// Who sends to many at once may send in any order.
func TestMessagesOfOneCallAreToldApartByWhatTheySay(t *testing.T) {
	const rules = `
[[rule]]
name = "begins"
on   = "left invite"
new  = true
send = [
    { to = "left", type = "ring", body = { key = '${ call.left.key }', who = "anna" } },
    { to = "left", type = "ring", body = { key = '${ call.left.key }', who = "ben" } },
    { to = "left", type = "ring", body = { key = '${ call.left.key }', who = "cleo" } },
]
`
	_, result := play(t, rules, `
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"type":"invite","key":"one"}}
{"ts":"2026-11-22T00:00:02Z","transport":"left","dir":"out","data":{"type":"ring","body":{"key":"one","who":"dora"}}}
{"ts":"2026-11-22T00:00:02Z","transport":"left","dir":"out","data":{"type":"ring","body":{"key":"one","who":"cleo"}}}
{"ts":"2026-11-22T00:00:02Z","transport":"left","dir":"out","data":{"type":"ring","body":{"key":"one","who":"anna"}}}
`)
	compareTexts(t, worded(result.Expect()),
		"call.ndjson:3: ring to left differs (begins)\n    body.who: -\"dora\" +\"ben\"")
}

func TestAMessageThatNobodyCanReadFails(t *testing.T) {
	happened, result := play(t, bridging, `
{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":{"bad":1}}
{"ts":"2026-11-22T00:00:02Z","transport":"engine","dir":"in","data":{"type":"timer.pause"}}
{"ts":"2026-11-22T00:00:03Z","transport":"left","dir":"in","data":{"type":"invite","key":"one"}}
`)
	if len(happened) < 2 || happened[0] != "2 failed" || happened[1] != "4 begins" || result.Failed != 1 {
		t.Errorf("%d failed: %s", result.Failed, strings.Join(happened, ", "))
	}
}

func TestLinesKnowTheirNumbers(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	text := "\n" + `{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":"` + long + `"}` + "\n\nnonsense\n" +
		`{"ts":"2026-11-22T00:00:01Z","transport":"left","dir":"in","data":1}`
	var bad []error
	lines, err := Read("c.ndjson", strings.NewReader(text), func(err error) { bad = append(bad, err) })
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, l := range lines {
		places = append(places, l.Place())
	}
	compareTexts(t, places, "c.ndjson:2", "c.ndjson:5")
	if len(bad) != 1 || !strings.HasPrefix(bad[0].Error(), "c.ndjson:4: ") {
		t.Errorf("bad: %v", bad)
	}
}
