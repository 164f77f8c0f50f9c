package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

// at lets a rule with a condition act at a time, and says whether it fired.
func at(t *testing.T, declared, when string, now time.Time) bool {
	t.Helper()
	set := mustLoad(t, map[string]string{"rules.toml": declared + "\n" + aRule + "when = '''" + when + "'''\n"})
	fired := false
	e := engine.New(set.Ruleset, engine.Options{Observe: func(tr engine.Trace) {
		if tr.Err != nil {
			t.Errorf("%s: %v", when, tr.Err)
		}
		fired = tr.Outcome == engine.Fired
	}})
	e.Step(now, engine.Message{Transport: "matrix", Type: "x", At: now, Body: []byte(`{"begun":1}`)})
	return fired
}

// closed is the example of docs/rules.md.
const closed = `
[let]
london = 'now.In(timezone("Europe/London"))'
closed = 'london.Hour() >= 18 || london.Hour() < 8 || london.Weekday() in [0, 6]'
`

func TestTheTimeOfDaySomewhere(t *testing.T) {
	for _, tc := range []struct {
		now  string // in London
		want bool
	}{
		{"2026-07-01 07:59", true}, // a Wednesday, in summer: 06:59 UTC
		{"2026-07-01 08:00", false},
		{"2026-07-01 17:59", false},
		{"2026-07-01 18:00", true},
		{"2026-12-02 08:00", false}, // in winter: 08:00 UTC
		{"2026-12-02 07:59", true},
		{"2026-12-02 00:00", true},
		{"2026-12-05 12:00", true}, // Saturday
		{"2026-12-06 12:00", true}, // Sunday
		{"2026-12-07 12:00", false},
	} {
		london, err := time.LoadLocation("Europe/London")
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", tc.now, london)
		if err != nil {
			t.Fatal(err)
		}
		for _, zone := range []*time.Location{time.UTC, london, time.FixedZone("far away", -11*3600)} {
			if got := at(t, closed, "closed", now.In(zone)); got != tc.want {
				t.Errorf("%s, told in %s: closed is %v", tc.now, zone, got)
			}
		}
	}
}

func TestExpressionsOfTimes(t *testing.T) {
	sunday := time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("east", 7200)) // 21:30 UTC
	const lets = `
[let]
there = 'now.In(timezone("Europe/Berlin"))'
day   = 'now.Weekday()'
`
	for _, when := range []string{
		`now.Hour() == 21`, // UTC, wherever this runs
		`there.Hour() == 22`, `there.Format("15:04") == "22:30"`, `there == now`, `day == 0`,
		`now.Weekday() == 0`, `now.Weekday() in [0, 6]`, `now.Weekday() < 1`, `now.Weekday().String() == "Sunday"`, `there.Weekday().String() in ["Saturday", "Sunday"]`,
		`now.Month() == 11`, `now.Month().String() == "November"`, `now.Day() == 22`, `now.Year() == 2026`,
		`let d = now.AddDate(0, 0, 1).Weekday(); d == 1`, `{"day": now.Weekday()}.day == 0`, `(msg.none ?? now).Hour() == 21`,
		`date("2026-11-22T21:30:00Z") == now`, `date("2026-11-22", "2006-01-02", "Europe/Berlin") < now`,
		`now - date("2026-11-22") == duration(21.5, "h")`, `now.Sub(date("2026-11-22")) > duration(21, "h")`,
		`now.In(timezone("Asia/Tokyo")).Format("2006-01-02") == "2026-11-23"`,
		`now.In(timezone(msg.begun == 1 ? "Asia/Tokyo" : "UTC")).Day() == 23`,
	} {
		if !at(t, lets, when, sunday) {
			t.Errorf("%s is false", when)
		}
	}
}

// A time that a call remembers has its methods, and what a rule sends of days is
// numbers.
func TestTimesThatAreKept(t *testing.T) {
	set := mustLoad(t, map[string]string{"rules.toml": `
[[rule]]
name = "begin"
on = "matrix x"
new = true
also = true
set = { answered = "now", day = "now.Weekday()" }
[[rule]]
name = "send"
on = "matrix x"
let = { then = "call.answered" }
[[rule.send]]
to = "pbx1"
type = "y"
body = { hour = '${ call.answered.Hour() }', begun = '${ call.begun.Hour() }', then = '${ then.Minute() }', day = '${ call.day }', month = '${ call.answered.Month() }', name = '${ call.answered.Weekday().String() }', missing = '${ call.answered == nil ? 1 : nil }' }
`})
	want := `{"hour":10,"begun":10,"then":0,"day":0,"month":11,"name":"Sunday"}`
	if diff := cmp.Diff(want, sendCall(t, set, `{}`)); diff != "" {
		t.Error(diff)
	}
}

func TestListsThatAreNone(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{`any(msg.none, # == 1)`, "this takes a list"},
		{`map(msg.none, #)`, "this takes a list"},
		{`len(msg.none)`, "invalid argument for len (type nil)"},
	} {
		set := mustLoad(t, map[string]string{"rules.toml": aRule + fmt.Sprintf("send = { to = 'pbx1', type = 'y', body.x = '${ %s }' }\n", tc.expr)})
		_, err := trySend(set, `{}`)
		if want := `rule "r" (rules.toml:1:1): rules.toml:4:48: ` + tc.want; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", tc.expr, err, want)
		}
	}
}
