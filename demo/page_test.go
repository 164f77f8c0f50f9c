package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

func TestNothingIsMadeForNobody(t *testing.T) {
	var f feed
	f.tell("step", func() any { t.Error("made"); return nil })
	_, leave := f.join()
	leave()
	leave()
	f.tell("step", func() any { t.Error("made after the page has gone"); return nil })
}

func TestAPageThatIsTooFarBehindIsLetGo(t *testing.T) {
	var f feed
	slow, leaveSlow := f.join()
	quick, leaveQuick := f.join()
	defer leaveSlow()
	defer leaveQuick()
	for i := range backlog + 1 {
		f.tell("step", func() any { return i })
		<-quick
	}
	got := 0
	for range slow { // it ends, since the page was let go
		got++
	}
	if got != backlog || f.open.Load() != 1 {
		t.Errorf("got %d messages of %d, %d pages are open", got, backlog, f.open.Load())
	}
}

func TestAStepIsWhatTheEngineDid(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	got, err := json.Marshal(stepOf(engine.Trace{
		Now: at, Outcome: engine.Fired, Call: "c1", To: "invited", From: "",
		Message: &engine.Message{Transport: "matrix", Type: "m.call.invite", Body: json.RawMessage(`{"content":{"offer":"<b>"}}`)},
		Rule:    &engine.Rule{Name: "a call", Pos: "rules.toml:3:1", New: true},
		Actions: []engine.Action{{To: "pbx", Type: "verto.invite", Body: json.RawMessage(`{"sdp":"v=0"}`)}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"at":"2026-11-22T11:00:00Z","transport":"matrix","type":"m.call.invite","outcome":"fired","call":"c1","rule":"a call",` +
		`"place":"rules.toml:3:1","to":"invited","began":true,"body":{"content":{"offer":"\u003cb\u003e"}},` +
		`"sent":[{"to":"pbx","type":"verto.invite","body":{"sdp":"v=0"}}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	failed := stepOf(engine.Trace{
		Outcome: engine.Failed, Err: errors.New("no JSON"),
		Message: &engine.Message{Transport: "pbx", Body: json.RawMessage("\xff{")},
	})
	if failed.Error != "no JSON" || failed.Body != "\xff{" {
		t.Errorf("got %+v", failed)
	}
}

// The stream is text/event-stream, and ends with the page's context.
func TestEvents(t *testing.T) {
	p, err := Listen("localhost:0", Options{Homeserver: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(p.URL + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got %q", got)
	}
	lines := bufio.NewReader(res.Body)
	line := func() string {
		t.Helper()
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if text = strings.TrimSpace(text); text != "" {
				return text
			}
		}
	}
	if got := line(); got != ": welcome" {
		t.Errorf("got %q", got)
	}
	p.Reloaded(false, "rules.toml:1:1: error")
	if got := line() + " " + line(); got != `event: rules data: {"findings":"rules.toml:1:1: error","used":false}` {
		t.Errorf("got %q", got)
	}
	cancel()
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Errorf("the stream breaks: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
