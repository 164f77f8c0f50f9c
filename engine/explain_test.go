package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
	"vertigo/rules"
)

// loadParts compiles the text of a rule file with parts.
func loadParts(t testing.TB, text string) *engine.Ruleset {
	t.Helper()
	set, found := rules.Load([]string{"rules.toml"}, rules.Options{
		Peers:    peers,
		Parts:    true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return set.Ruleset
}

// explained lets messages arrive one after the other, a second apart, and gives
// what is explained of them.
func explained(t testing.TB, rs *engine.Ruleset, messages ...string) []*engine.Explanation {
	t.Helper()
	var list []*engine.Explanation
	e := engine.New(rs, engine.Options{Explain: func(x *engine.Explanation) { list = append(list, x) }})
	for i, text := range messages {
		m := message(t, text)
		m.At = t0.Add(time.Duration(i) * time.Second)
		e.Step(m.At, m)
	}
	return list
}

// wordExplanation gives a line for the message and one for each candidate.
func wordExplanation(x *engine.Explanation) []string {
	line := fmt.Sprintf("%s %s %s", x.Outcome, x.Message.Transport, x.Message.Type)
	if x.From != x.To {
		line += fmt.Sprintf(" %s→%s", x.From, x.To)
	}
	lines := []string{line}
	for _, c := range x.Candidates {
		line := fmt.Sprintf("  %s: %s", c.Rule.Name, c.Verdict)
		if c.Verdict == engine.WrongState {
			line += " " + c.State
		}
		if c.Part != nil {
			line += fmt.Sprintf(" %s %s", c.Part.Pos, c.Part.Text)
		}
		if c.Let != "" {
			line += " (" + c.Let + ")"
		}
		for _, v := range c.Values {
			line += fmt.Sprintf(" %s=%s", v.Name, engine.Show(v.Value))
		}
		if l := c.Limit; l != nil {
			line += fmt.Sprintf(" %s[%s] %d/%d", l.Name, l.Key, l.Count, l.Max)
		}
		if c.Err != nil {
			line += " !" + c.Err.Error()
		}
		if c.By != nil {
			line += " by " + c.By.Name
		}
		lines = append(lines, line)
	}
	return lines
}

const explainedRules = `
[vars]
home = "example.org"

[let]
fromHome = 'server(msg.sender) == vars.home && msg.content.version != "0"'
isLate   = 'now.Hour() > 22'

[limit.perMinute]
key = 'msg.sender'
max = 1
per = "1m"

[table.blocked]
"@eve:example.org" = "yes"

[[rule]]
name = "blocked"
on   = "matrix m.call.invite"
when = 'blocked[msg.sender] == "yes"'
new  = true
next = "refused"

[[rule]]
name = "call"
on   = "matrix m.call.inv*"
when = 'fromHome && (msg.content.n > 3 || msg.content.force == true)'
limit = "perMinute"
new  = true
set  = { n = 'msg.content.n' }
next = "ringing"

[[rule]]
name = "too many"
on   = "matrix m.call.invite"
beyond = "perMinute"
new  = true
next = "refused"

[[rule]]
name = "answered"
on   = "matrix m.call.answer"
in   = ["ringing", "early"]
when = '!isLate && (call.n > 5 ? msg.content.long == true : msg.content.short == true)'
also = true
next = "talking"

[[rule]]
name = "answered again"
on   = "matrix m.call.answer"
in   = "talking"
when = 'sdpHold(msg.content.sdp) || msg.content.hold == true'

[[rule]]
name = "never seen"
on   = "matrix m.call.answer"
in   = "talking"

[[rule]]
name = "never seen either"
on   = "matrix m.call.answer"
when = 'call.n == 0'
`

func TestExplanationsSayWhyEachRuleDidNotFire(t *testing.T) {
	rs := loadParts(t, explainedRules)
	invite := func(key, sender, content string) string {
		return fmt.Sprintf(`matrix m.call.invite !r/%s {"sender":%q,"content":{%s}}`, key, sender, content)
	}
	for _, test := range []struct {
		name     string
		messages []string
		want     []string // of the last message
	}{
		{
			"a piece of a let is false",
			[]string{invite("c", "@anna:elsewhere.org", `"n":4`)},
			[]string{
				`unmatched matrix m.call.invite`,
				`  blocked: condition rules.toml:20:9 blocked[msg.sender] == "yes" blocked[msg.sender]=nil msg.sender="@anna:elsewhere.org"`,
				`  call: condition rules.toml:6:13 server(msg.sender) == vars.home (fromHome) msg.sender="@anna:elsewhere.org" vars.home="example.org"`,
				`  too many: beyond perMinute[@anna:elsewhere.org] 0/1`,
			},
		},
		{
			"none of several alternatives is true",
			[]string{invite("c", "@anna:example.org", `"n":2`)},
			[]string{
				`unmatched matrix m.call.invite`,
				`  blocked: condition rules.toml:20:9 blocked[msg.sender] == "yes" blocked[msg.sender]=nil msg.sender="@anna:example.org"`,
				`  call: condition rules.toml:27:22 msg.content.n > 3 || msg.content.force == true msg.content.n=2 msg.content.force=nil`,
				`  too many: beyond perMinute[@anna:example.org] 0/1`,
			},
		},
		{
			"an earlier rule fires",
			[]string{invite("c", "@eve:example.org", `"n":2`)},
			[]string{
				`fired matrix m.call.invite →refused`,
				`  blocked: fired`,
				`  call: condition rules.toml:27:22 msg.content.n > 3 || msg.content.force == true msg.content.n=2 msg.content.force=nil by blocked`,
				`  too many: beyond perMinute[@eve:example.org] 0/1 by blocked`,
			},
		},
		{
			"a limit is exhausted",
			[]string{invite("c", "@anna:example.org", `"n":4`), invite("d", "@anna:example.org", `"n":5`)},
			[]string{
				`fired matrix m.call.invite →refused`,
				`  blocked: condition rules.toml:20:9 blocked[msg.sender] == "yes" blocked[msg.sender]=nil msg.sender="@anna:example.org"`,
				`  call: limit perMinute[@anna:example.org] 1/1`,
				`  too many: fired`,
			},
		},
		{
			"the call has begun",
			[]string{invite("c", "@anna:example.org", `"n":4`), invite("c", "@anna:example.org", `"n":5`)},
			[]string{
				`unmatched matrix m.call.invite`,
				`  blocked: call exists`,
				`  call: call exists`,
				`  too many: call exists`,
			},
		},
		{
			"no call has begun",
			[]string{`matrix m.call.answer !r/c {}`},
			[]string{
				`waiting matrix m.call.answer`,
				`  answered: no call`,
				`  answered again: no call`,
				`  never seen: no call`,
				`  never seen either: no call`,
			},
		},
		{
			"a choice",
			[]string{invite("c", "@anna:example.org", `"n":4`), `matrix m.call.answer !r/c {"content":{"short":false}}`},
			[]string{
				`unmatched matrix m.call.answer`,
				`  answered: condition rules.toml:44:21 call.n > 5 ? msg.content.long == true : msg.content.short == true call.n=4 msg.content.short=false`,
				`  answered again: state ringing`,
				`  never seen: state ringing`,
				`  never seen either: condition rules.toml:62:9 call.n == 0 call.n=4`,
			},
		},
		{
			"the negation of a let, after which rules are tried on",
			[]string{invite("c", "@anna:example.org", `"n":4`), `matrix m.call.answer !r/c {"content":{"short":true,"sdp":"v=0"}}`},
			[]string{
				`fired matrix m.call.answer ringing→talking`,
				`  answered: fired`,
				`  answered again: condition rules.toml:52:9 sdpHold(msg.content.sdp) || msg.content.hold == true msg.content.sdp="v=0" msg.content.hold=nil`,
				`  never seen: fired`,
				`  never seen either: condition rules.toml:62:9 call.n == 0 call.n=4 by never seen`,
			},
		},
		{
			"a condition fails",
			[]string{invite("c", "@anna:example.org", `"n":4`), `matrix m.call.answer !r/c {"content":{"short":true,"sdp":7}}`},
			[]string{
				`failed matrix m.call.answer ringing→talking`,
				`  answered: fired`,
				`  answered again: failed !rules.toml:52:9: sdpHold: argument 1 must be text, not a number`,
				`  never seen: hidden by answered again`,
				`  never seen either: condition rules.toml:62:9 call.n == 0 call.n=4 by answered again`,
			},
		},
		{
			"no rule is for the type",
			[]string{`pbx1 verto.bye 7 {}`},
			[]string{
				`unmatched pbx1 verto.bye`,
			},
		},
		{
			"the message is no JSON",
			[]string{`matrix m.call.invite !r/c {`},
			[]string{
				`failed matrix m.call.invite`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := explained(t, rs, test.messages...)
			got := wordExplanation(list[len(list)-1])
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, strings.Join(got, "\n"))
			}
		})
	}
}

// An engine that is asked for explanations does the same as one that is not.
func TestExplainingChangesNothing(t *testing.T) {
	messages := []string{
		`matrix m.call.invite !r/c {"sender":"@anna:example.org","content":{"n":4}}`,
		`matrix m.call.answer !r/c {"content":{"short":true,"sdp":"v=0"}}`,
		`matrix m.call.invite !r/d {"sender":"@anna:example.org","content":{"n":4}}`,
		`matrix m.call.invite !r/e {"sender":"@eve:example.org"}`,
		`matrix m.call.answer !r/f {}`,
	}
	run := func(rs *engine.Ruleset, o engine.Options) []string {
		var told []string
		o.Observe = func(tr engine.Trace) { told = append(told, tell(tr)+" "+tr.From+"→"+tr.To) }
		e := engine.New(rs, o)
		for i, text := range messages {
			m := message(t, text)
			m.At = t0.Add(time.Duration(i) * time.Second)
			told = append(told, show(e.Step(m.At, m))...)
		}
		return append(told, show(e.Stop(t0.Add(time.Hour), "shutdown"))...)
	}
	want := run(load(t, explainedRules), engine.Options{})
	got := run(loadParts(t, explainedRules), engine.Options{Explain: func(*engine.Explanation) {}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without parts it is only known that the condition was false.
func TestExplanationsOfRulesWithoutParts(t *testing.T) {
	list := explained(t, load(t, explainedRules), `matrix m.call.invite !r/c {"sender":"@anna:elsewhere.org","content":{"n":4}}`)
	want := []string{
		`unmatched matrix m.call.invite`,
		`  blocked: condition`,
		`  call: condition`,
		`  too many: beyond perMinute[@anna:elsewhere.org] 0/1`,
	}
	if diff := cmp.Diff(want, wordExplanation(list[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
