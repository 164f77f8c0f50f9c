package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/rules"
)

// Each row is a call by a user to a number, and the sentence it is refused with,
// or "" if it is allowed.
func TestPermissions(t *testing.T) {
	const gb = "[vars]\ncountry = \"GB\"\n"
	for _, row := range []struct {
		name, rules, user, number, want string
	}{
		{"an own user calls an extension", gb, "@anna:hs.test", "9196", ""},
		{"an own user calls a national number", gb, "@anna:hs.test", "+442071234567", ""},
		{"a stranger", gb, "@eve:evil.test", "9196", "Only users of this homeserver may call from here."},
		{"a stranger whose server is allowed", gb + "[table.callers]\n\"evil.test\" = \"allow\"\n", "@eve:evil.test", "9196", ""},
		{"a stranger who is allowed", gb + "[table.callers]\n\"@eve:evil.test\" = \"allow\"\n", "@eve:evil.test", "9196", ""},
		{"a user who is denied", gb + "[table.callers]\n\"@anna:hs.test\" = \"deny\"\n", "@anna:hs.test", "9196", "You are not allowed to call from here."},
		{"a room that is denied", gb + "[table.callers]\n\"!r:hs.test\" = \"deny\"\n", "@anna:hs.test", "9196", "You are not allowed to call from here."},
		{"the own server is denied, the user allowed", gb + "[table.callers]\n\"hs.test\" = \"deny\"\n\"@anna:hs.test\" = \"allow\"\n", "@anna:hs.test", "9196", ""},
		{"the own server is denied", gb + "[table.callers]\n\"hs.test\" = \"deny\"\n", "@anna:hs.test", "9196", "You are not allowed to call from here."},
		{"a number that is denied by how it begins", gb + "[table.numbers]\nmatch = \"prefix\"\n\"+4420\" = \"deny\"\n", "@anna:hs.test", "+442071234567", "This number may not be called from here."},
		{"the longest beginning counts", gb + "[table.numbers]\nmatch = \"prefix\"\n\"+4420\" = \"deny\"\n\"+442071\" = \"allow\"\n", "@anna:hs.test", "+442071234567", ""},
		{"a number abroad", gb, "@anna:hs.test", "+33142685300", "Numbers abroad may not be called from here."},
		{"a number abroad by prefix", gb, "@anna:hs.test", "0033142685", "Numbers abroad may not be called from here."},
		{"a number abroad where that is allowed", gb + "international = true\n", "@anna:hs.test", "+33142685300", ""},
		{"a number of an allowed country", gb + "[table.numbers]\nmatch = \"prefix\"\n\"+33\" = \"allow\"\n", "@anna:hs.test", "+33142685300", ""},
		{"an island that shares a country code", "[vars]\ncountry = \"US\"\n", "@anna:hs.test", "+18765551234", "Numbers abroad may not be called from here."},
		{"a satellite telephone", gb, "@anna:hs.test", "+881612345678", "Numbers abroad may not be called from here."},
		{"any international number where no country is set", "", "@anna:hs.test", "+442071234567", "Numbers abroad may not be called from here."},
		{"a premium-rate number", gb, "@anna:hs.test", "+449098790000", "Premium-rate numbers may not be called from here."},
		{"a premium-rate number with digits too many", gb, "@anna:hs.test", "0909879000012", "Premium-rate numbers may not be called from here."},
		{"a premium-rate number where that is allowed", gb + "premium = true\n", "@anna:hs.test", "+449098790000", ""},
		{"a premium-rate number that is allowed", gb + "[table.numbers]\nmatch = \"prefix\"\n\"+449098790000\" = \"allow\"\n", "@anna:hs.test", "+449098790000", ""},
		{"an emergency number", gb, "@anna:hs.test", "999", "Emergency calls cannot be made from here: use another telephone now."},
		{"an emergency number of all countries", "", "@anna:hs.test", "112", "Emergency calls cannot be made from here: use another telephone now."},
		{"an emergency number of another country is an extension", gb, "@anna:hs.test", "110", ""},
		{"an emergency number that is put through", gb + "emergency = \"route\"\n", "@anna:hs.test", "999", ""},
		{"an emergency number goes past the limits", gb + "emergency = \"route\"\ncallsAtOnce = 0\n", "@anna:hs.test", "999", ""},
		{"a service code", gb, "@anna:hs.test", "*100#", ""},
		{"a premium-rate number that looks like a code", gb, "@anna:hs.test", "09098790000#", "This number may not be called from here."},
		{"a code that forwards calls", gb, "@anna:hs.test", "*21*00331426853", "This number may not be called from here."},
		{"a long code that is allowed", gb + "[table.numbers]\nmatch = \"prefix\"\n\"*21*\" = \"allow\"\n", "@anna:hs.test", "*21*00331426853", ""},
		{"an island that shares the calling code of the country", gb, "@anna:hs.test", "+441481960194", "Numbers abroad may not be called from here."},
		{"an emergency number that no table has", "[vars]\ncountry = \"TH\"\n", "@anna:hs.test", "191", "Emergency calls cannot be made from here: use another telephone now."},
		{"an international number with digits too many", "[vars]\ncountry = \"JP\"\n", "@anna:hs.test", "010331426853001", "There is no such number, as far as is known here."},
		{"a network chosen before an international number", "[vars]\ncountry = \"DE\"\n", "@anna:hs.test", "0103300331426853", "There is no such number, as far as is known here."},
		{"a long number that is allowed", gb + "[table.numbers]\nmatch = \"prefix\"\n\"123\" = \"allow\"\n", "@anna:hs.test", "1234567890", ""},
		{"a number abroad after a digit for an outside line", gb, "@anna:hs.test", "00033142685300", "Numbers abroad may not be called from here."},
		{"a reason of one's own", gb + "[let]\nownRefusal = 'call.number == \"9196\" ? \"Not the echo.\" : nil'\n", "@anna:hs.test", "9196", "Not the echo."},
		{"no reason of one's own", gb + "[let]\nownRefusal = 'call.number == \"9197\" ? \"Not the tone.\" : nil'\n", "@anna:hs.test", "9196", ""},
		{"one user's calls at once", gb + "callsAtOnce = 0\n", "@anna:hs.test", "9196", "You have as many calls as you may have at once: please end one first."},
		{"one user's calls a minute", gb + "callsPerMinute = 0\n", "@anna:hs.test", "9196", "You have made too many calls in a short time: please try again in a minute."},
		{"one user's calls a day", gb + "callsPerDay = 0\n", "@anna:hs.test", "9196", "You have made as many calls as you may make in a day."},
		{"all calls at once", gb + "allCallsAtOnce = 0\n", "@anna:hs.test", "9196", "All lines are busy: please try again later."},
		{"all calls a minute", gb + "allCallsPerMinute = 0\n", "@anna:hs.test", "9196", "Too many people are calling just now: please try again in a minute."},
		{"all calls a day", gb + "allCallsPerDay = 0\n", "@anna:hs.test", "9196", "No more calls can be made from here today."},
	} {
		t.Run(row.name, func(t *testing.T) {
			more := row.rules
			b := newBench(t, more+fmt.Sprintf("[table.routes]\n\"!r:hs.test\" = %q\n", row.number))
			actions := b.e.Step(b.now, eventOf(row.user, "m.call.invite", `"call_id":"c1","version":"1","party_id":"P",`+offer(chromeOffer)))
			got := ""
			for _, a := range actions {
				if a.Type == "m.room.message" {
					got = gjson.GetBytes(a.Body, "body").Str
				}
			}
			if got != row.want {
				t.Errorf("told %q, want %q", got, row.want)
			}
			if calls := len(b.e.Calls()); (calls == 1) != (row.want == "") {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// Users can make up the names of ghosts: what counts is the number, however it
// is spelt.
func TestNumbersOfGhosts(t *testing.T) {
	const more = "[vars]\ncountry = \"GB\"\n[table.numbers]\nmatch = \"prefix\"\n\"+447400\" = \"deny\"\n"
	for name, want := range map[string]string{
		"+442071234567":         "+442071234567",
		"020=207123=204567":     "+442071234567",
		"9196":                  "9196",
		"=2a100=23":             "*100#",
		"07400123456":           "This number may not be called from here.",
		"tel=3a0033142685300":   "Numbers abroad may not be called from here.",
		"=200=2000=20331426853": "Numbers abroad may not be called from here.",
		"9=209=209":             "Emergency calls cannot be made from here: use another telephone now.",
		"anonymous":             "There is no number here that could be called.",
		"=24=7bsystem=7d":       "There is no number here that could be called.",
		"=zz":                   "There is no number here that could be called.",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, more)
			m := event("m.call.invite", offer(chromeOffer+withCandidate))
			m.Body = json.RawMessage(strings.Replace(string(m.Body), "@phone:", "@tel_"+name+":", 1))
			got := ""
			for _, a := range b.e.Step(b.now, m) {
				switch a.Type {
				case "m.room.message":
					got = gjson.GetBytes(a.Body, "body").Str
				case "verto.invite":
					got = gjson.GetBytes(a.Body, "dialogParams.destination_number").Str
				}
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// Where several ghosts are, a call that names none is for none: it does not ring
// at the number of the bridge's own user.
func TestInviteAmongSeveralGhosts(t *testing.T) {
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    peers,
		Vars:     map[string]any{"user": "@phone:hs.test", "domain": "hs.test", "ghosts": "tel_", "emergency": "refuse"},
		ReadFile: func(string) ([]byte, error) { return []byte("include = [\"matrix-verto\"]"), nil },
	})
	if len(found) > 0 {
		t.Fatal(found)
	}
	e := engine.New(set.Ruleset, engine.Options{})
	m := event("m.call.invite", offer(chromeOffer+withCandidate))
	m.Body = json.RawMessage(strings.Replace(string(m.Body), `"as":"@phone:hs.test",`, "", 1))
	if actions := e.Step(began, m); len(actions) > 0 || len(e.Calls()) > 0 {
		t.Errorf("%v, %d calls", actions, len(e.Calls()))
	}
}

// burst lets one user call n times, an instant apart, and end each call at once;
// it returns how many were let through and how often the user was told why not.
func burst(b *bench, user string, n int) (allowed, told int) {
	for i := range n {
		id := fmt.Sprintf("b%d", i)
		message := func(typ, content string) engine.Message {
			return eventOf(user, typ, `"call_id":"`+id+`","version":"1","party_id":"P",`+content)
		}
		b.now = b.now.Add(10 * time.Millisecond)
		before := len(b.log)
		for _, a := range b.e.Step(b.now, message("m.call.invite", offer(chromeOffer))) {
			if a.Type == "m.room.message" {
				told++
			}
			if a.To == "calllog" {
				b.log = append(b.log, gjson.ParseBytes(a.Body))
			}
		}
		if len(b.log) == before {
			allowed++
			b.worded(b.e.Step(b.now, message("m.call.hangup", "")))
		}
	}
	return allowed, told
}

func TestPermissionsHoldInABurst(t *testing.T) {
	b := newBench(t, "")
	if allowed, told := burst(b, "@anna:hs.test", 100); allowed != 10 || told != 5 {
		t.Errorf("%d calls of 100 were allowed and %d refusals told, want 10 and 5", allowed, told)
	}
	if allowed, _ := burst(b, "@ben:hs.test", 3); allowed != 3 {
		t.Errorf("another user made %d calls of 3", allowed)
	}
	refused := 0
	for _, line := range b.log {
		if line.Get("cause").Str == "CALL_REJECTED" && line.Get("refusal").Str != "" {
			refused++
		}
	}
	if refused != 90 {
		t.Errorf("the call log has %d refusals, want 90", refused)
	}
	b.now = b.now.Add(time.Minute)
	if allowed, _ := burst(b, "@anna:hs.test", 3); allowed != 3 {
		t.Errorf("a minute later %d calls of 3 were allowed", allowed)
	}
}

func TestFaultyVars(t *testing.T) {
	for _, line := range []string{`country = "gb"`, `country = "GBR"`, `ringTime = "50"`, `roundTime = "0s"`, `candidateWait = "soon"`, `selectWait = ""`} {
		name, _, _ := strings.Cut(line, " ")
		_, found := rules.Load([]string{"rules.toml"}, rules.Options{
			Peers: peers,
			ReadFile: func(string) ([]byte, error) {
				return []byte("include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\n" + line + "\n"), nil
			},
		})
		if len(found) != 1 || found[0].Severity != rules.Error || !strings.HasPrefix(found[0].Msg, "vars."+name+" ") {
			t.Errorf("%s: %v", line, found)
		}
	}
}

// Whether emergency calls are put through is for who runs the bridge to decide.
func TestEmergencyPolicyMustBeSet(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 `vars.emergency cannot be ""`,
		"[vars]\nemergency = \"rout\"\n":   `vars.emergency cannot be "rout"`,
		"[vars]\nemergency = \"route\"\n":  "",
		"[vars]\nemergency = \"refuse\"\n": "",
	} {
		_, found := rules.Load([]string{"rules.toml"}, rules.Options{
			Peers:    peers,
			ReadFile: func(string) ([]byte, error) { return []byte("include = [\"matrix-verto\"]\n" + text), nil },
		})
		switch {
		case want == "" && len(found) > 0:
			t.Errorf("%q: %v", text, found)
		case want != "" && (len(found) != 1 || found[0].Msg != want || found[0].Severity != rules.Error || found[0].Pos.File != "rules.toml"):
			t.Errorf("%q: %v, want %s", text, found, want)
		}
	}
}
