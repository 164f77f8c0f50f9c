package replay

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
	"vertigo/rules"
)

// had are messages of a call that goes from left to right, as a bridge had them.
func had(at time.Time) Messages {
	message := func(transport, typ, key string) engine.Message {
		return engine.Message{Transport: transport, Type: typ, Key: key, Body: json.RawMessage(`{"type":"` + typ + `","key":"` + key + `"}`)}
	}
	return Messages{
		Batches: []Batch{
			{At: at, Messages: []engine.Message{message("left", "noise", ""), message("left", "invite", "K")}, Places: []string{"one", "two"}},
			{At: at.Add(time.Second), Messages: []engine.Message{message("left", "invite", "L")}, Places: []string{"three"}},
		},
		Until: at.Add(time.Minute),
	}
}

// testRules compiles rules between left and right.
func testRules(t *testing.T, text string) *engine.Ruleset {
	t.Helper()
	var list []engine.Peer
	for _, p := range testPeers() {
		list = append(list, p.Peer)
	}
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers: list, ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if set == nil {
		t.Fatal(found)
	}
	return set.Ruleset
}

// What other rules do with messages that a bridge had is told with the place of
// each message and its call.
func TestMessages(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	play := func(text string) *Result {
		t.Helper()
		result, err := had(at).Play(t.Context(), testRules(t, text), testPeers())
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	was := play(bridging)
	if len(was.Sent) != 2 || was.Sent[0].Type != "call" || was.Sent[1].At.Before(at.Add(time.Second)) {
		t.Fatalf("sent %+v", was.Sent)
	}
	if found := Compare(was, play(bridging)); len(found) != 0 {
		t.Errorf("the same rules: %v", found)
	}
	slower := Compare(was, play(strings.Replace(bridging, `"0s"`, `"5s"`, 1)))
	if len(slower) != 2 || slower[0].What != Changed || slower[0].Call != was.Sent[0].Call || !strings.HasPrefix(slower[0].Text(), "~ call to right (dials)\n") {
		t.Errorf("a pause: %v", slower)
	}
	fewer := Compare(was, play(strings.Replace(bridging, "on   = \"left invite\"\n", "on   = \"left invite\"\nwhen = 'msg.key == \"K\"'\n", 1)))
	var kinds []string
	for _, d := range fewer {
		kinds = append(kinds, string(d.What)+" "+d.Place+" "+string(d.Call[:1]))
	}
	call := string(was.Sent[1].Call[:1])
	if want := []string{"became three " + call, "removed timer.pause " + call}; !slices.Equal(kinds, want) {
		t.Errorf("one call fewer: %q, want %q", kinds, want)
	}
}

// Rules that go on without end are given up, and so is what nobody waits for.
func TestMessagesAreGivenUp(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	endless := bridging + `
[[rule]]
name = "again"
on   = "engine timer.pause"
in   = "dialling"
timer.pause = '"1ms"'
send = [{ to = "right", type = "call", body = { key = '${ call.uuid }' } }]
`
	set := testRules(t, strings.Replace(endless, `next = "dialling"`, "next = \"dialling\"\ntimer.pause = '\"1ms\"'", 1))
	if _, err := had(at).Play(t.Context(), set, testPeers()); !errors.Is(err, errTooManySent) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := had(at).Play(ctx, set, testPeers()); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// What rules send is bounded in bytes too, and within a single step: a thousand
// messages that come together need not be answered at length before that shows.
func TestMessagesAreGivenUpBySize(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	set := testRules(t, `
[[rule]]
name = "answered at length"
on   = "left noise"
send = [{ to = "left", type = "noise", body.text = "`+strings.Repeat("x", 900_000)+`" }]
`)
	crowd := func(n int) Messages {
		b := Batch{At: at}
		for i := range n {
			b.Messages = append(b.Messages, engine.Message{Transport: "left", Type: "noise", Body: json.RawMessage(`{}`)})
			b.Places = append(b.Places, strconv.Itoa(i))
		}
		return Messages{Batches: []Batch{b}, Until: at}
	}
	if result, err := crowd(70).Play(t.Context(), set, testPeers()); err != nil || len(result.Sent) != 70 {
		t.Errorf("70 answers: %v", err)
	}
	if result, err := crowd(1000).Play(t.Context(), set, testPeers()); result != nil || !errors.Is(err, errTooManySent) {
		t.Errorf("1000 answers: the error is %v", err)
	}
}
