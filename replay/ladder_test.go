package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
)

func TestALadderIsNeverTooWide(t *testing.T) {
	for transports := 1; transports <= 12; transports++ {
		var peers []Peer
		for i := range transports {
			p := testPeers()[0]
			p.Name = fmt.Sprint("transport-with-a-long-name-", i)
			p.Shape.Mute = i > 0 && i%3 == 0
			peers = append(peers, p)
		}
		l := NewLadder(peers)
		for i := range transports {
			m := engine.Message{
				Transport: peers[i].Name, Type: strings.Repeat("type", i*5) + "電話\x1b[2J",
				Body: []byte(`{"reason":"` + strings.Repeat("why ", 40) + `"}`),
			}
			rule := &engine.Rule{Name: "名前 \n" + strings.Repeat("name ", i*6)}
			e := Event{Message: m, Trace: engine.Trace{
				Outcome: engine.Fired, Rule: rule, From: "a", To: strings.Repeat("state", i),
				Call: engine.CallID(fmt.Sprint("call-number-", i)), Now: time.Unix(int64(i)*1_000_000, 0),
			}}
			for _, to := range peers {
				e.Sent = append(e.Sent, Sent{Action: engine.Action{To: to.Name, Type: "sent"}})
			}
			l.Add(e)
		}
		var out strings.Builder
		if err := l.Write(&out, strings.Repeat("title ", 30)); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(out.String(), "\n") {
			if n := len([]rune(line)); n > Width {
				t.Errorf("%d transports: line %d has %d columns: %s", transports, i+1, n, line)
			}
		}
		if strings.ContainsAny(out.String(), "\x1b電") {
			t.Errorf("%d transports: what a peer says reaches the terminal as it is", transports)
		}
	}
}

// A log is a peer that only what is sent to it shows.
func TestAMutePeerHasNoColumn(t *testing.T) {
	peers := append(testPeers(), testPeers()[0])
	peers[2].Name, peers[2].Shape.Mute = "log", true
	invite := Event{
		Message: engine.Message{Transport: "left", Type: "invite"},
		Trace:   engine.Trace{Outcome: engine.Fired, Rule: &engine.Rule{Name: "dials"}},
		Sent:    []Sent{{Action: engine.Action{To: "right", Type: "m.call.select_answer"}}},
	}
	record := Event{
		Message: engine.Message{Transport: ownTransport, Type: "timer.late"},
		Trace:   engine.Trace{Outcome: engine.Fired, Rule: &engine.Rule{Name: "notes"}},
		Sent:    []Sent{{Action: engine.Action{To: "log", Type: "call", Body: []byte(`{"cause":"USER_BUSY"}`)}}},
	}
	for _, tt := range []struct {
		events []Event
		want   string
	}{
		{[]Event{invite}, `
            left                          vertigo                         right
              │                              │                              │
     0.000    │── invite ───────────────────>│                              │
              │  by: dials                   │                              │
              │                              │── m.call.select_answer ─────>│
`},
		{[]Event{invite, record}, `
            left                          vertigo                         right
              │                              │                              │
     0.000    │── invite ───────────────────>│                              │
              │  by: dials                   │                              │
              │                              │── m.call.select_answer ─────>│
              │                              * timer.late                   │
              │  by: notes                   │                              │
              │                              * into log: call               │
`},
	} {
		l := NewLadder(peers)
		for _, e := range tt.events {
			l.Add(e)
		}
		var out strings.Builder
		if err := l.Write(&out, "title"); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.TrimSpace(out.String()), "title\n"+strings.Trim(tt.want, "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
