package examples_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/rules"
	"vertigo/transports/verto"
)

// offer is the SDP of a call from FreeSWITCH, as far as the rules look at it.
const offer = "v=0\r\no=FreeSWITCH 7 8 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 41598 RTP/SAVPF 0\r\n"

// rung gives the users whom a call to a number rings first at that time, by the
// rules of an example.
func rung(t *testing.T, file, dialled string, at time.Time) string {
	t.Helper()
	set, found := rules.Load([]string{file}, rules.Options{
		Peers: peers,
		Vars:  map[string]any{"user": "@phone:example.org", "domain": "example.org", "ghosts": "tel_"},
	})
	if set == nil {
		t.Fatal(found)
	}
	e := engine.New(set.Ruleset, engine.Options{Observe: func(tr engine.Trace) {
		if tr.Err != nil {
			t.Error(tr.Err)
		}
	}})
	sdp, err := json.Marshal(offer)
	if err != nil {
		t.Fatal(err)
	}
	invite := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"verto.invite","params":{"callID":"c1","sdp":%s,"caller_id_number":"02079460199","verto_h_did":%q}}`, sdp, dialled)
	messages, err := verto.NewCodec("verto").In(at, "A", []byte(invite))
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, a := range e.Step(at, messages...) {
		if a.Type == "room.direct" {
			name, _, _ := strings.Cut(gjson.GetBytes(a.Body, "user").Str, ":")
			users = append(users, name)
		}
	}
	return strings.Join(users, " ")
}

func TestOfficeHours(t *testing.T) {
	const sales, night = "+442079460001", "@guard"
	for _, tc := range []struct{ when, at, rings string }{
		{"in winter, before the office opens", "2026-11-23T07:59:59Z", night},
		{"in winter, when it opens", "2026-11-23T08:00:00Z", "@anna @ben @cleo"},
		{"in winter, before it closes", "2026-11-23T17:59:59Z", "@anna @ben @cleo"},
		{"in winter, when it closes", "2026-11-23T18:00:00Z", night},
		{"in winter, at midnight", "2026-11-24T00:00:00Z", night},
		{"in summer, before it opens", "2026-07-01T06:59:59Z", night},
		{"in summer, when it opens", "2026-07-01T07:00:00Z", "@anna @ben @cleo"},
		{"in summer, before it closes", "2026-07-01T16:59:59Z", "@anna @ben @cleo"},
		{"in summer, when it closes", "2026-07-01T17:00:00Z", night},
		{"on the last Friday of winter time, an hour before noon", "2026-03-27T11:00:00Z", "@anna @ben @cleo"},
		{"on the first Monday of summer time, when it opens", "2026-03-30T07:00:00Z", "@anna @ben @cleo"},
		{"on the first Monday of winter time, an hour too early", "2026-10-26T07:00:00Z", night},
		{"on a Saturday at noon", "2026-11-21T12:00:00Z", night},
		{"on a Sunday at noon", "2026-07-05T11:00:00Z", night},
	} {
		t.Run(tc.when, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := rung(t, "examples/office/rules.toml", sales, at); got != tc.rings {
				t.Errorf("%s rings, not %s", got, tc.rings)
			}
		})
	}
}

func TestOfficeNumbers(t *testing.T) {
	open := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ what, dialled, rings string }{
		{"a department that rings together", "+442079460001", "@anna @ben @cleo"},
		{"a department that rings one after the other", "+442079460002", "@dora"},
		{"an employee", "+442079460010", "@anna"},
		{"as a provider may write it", "020 7946 0010", "@anna"},
		{"any other number", "+442079460077", "@reception"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			if got := rung(t, "examples/office/rules.toml", tc.dialled, open); got != tc.rings {
				t.Errorf("%s rings, not %s", got, tc.rings)
			}
		})
	}
}
