package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"vertigo/engine"
)

// most is what an expression that makes too much may take on its way there.
const most = 16 * maxMade

// spent gives how many bytes something takes that memory is asked for.
func spent(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// doubled is an expression in which each of the lets holds the one before it twice.
func doubled(first, twice, end string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "let v0 = %s; ", first)
	for i := range 40 {
		fmt.Fprintf(&b, "let v%d = %s; ", i+1, strings.ReplaceAll(twice, "v", fmt.Sprintf("v%d", i)))
	}
	return b.String() + strings.ReplaceAll(end, "v", "v40")
}

// What a single expression makes is bounded, by whatever it makes it.
func TestTooMuchIsMade(t *testing.T) {
	big := "msg.s" + strings.Repeat(" + msg.s", 99) // 100 bytes
	text := "join(map(1..40000, " + big + "))"      // 4 MB
	for _, x := range []string{
		doubled("msg.s", "v + v", "v"),
		doubled("msg.s", "join([v, v])", "v"),
		doubled(`"a" + msg.s`, "replace(v, \"a\", v)", "v"),
		doubled("[msg.s]", "[v, v]", "v"),
		doubled("[msg.s]", "[v, v]", "len(toJSON(v)) > 3"),
		doubled("[msg.s]", "[v, v]", "len(string(v)) > 3"),
		doubled("[msg.s]", "[v, v]", "v == msg.l"),
		doubled("[msg.s]", "{\"a\": v, \"b\": v}", "v"),
		doubled("[msg.s]", "concat(v, v)", "len(v) > 3"),
		doubled("[msg.s]", "flatten([v, v])", "len(v) > 3"),
		doubled("msg.s", "toJSON([v, v])", "len(v) > 3"),
		doubled("msg.s", "mxidEscape(v + v)", "len(v) > 3"),
		"replace(" + text + ", \"\", " + text + ")",
		"join(1..100000 | map(string(#)), " + text + ")",
		"len(map(1..900000, " + big + " + string(#))) > 3",
		"let t = " + text + "; len(map(1..1000, upper(t))) > 3",
		"let t = " + text + "; len(map(1..1000, mxidEscape(t))) > 3",
		"let t = " + text + "; len(map(1..1000, split(t, \"\"))) > 3",
		"let t = " + text + "; map(1..1000, t)",
		strings.Repeat("[", 200) + "msg.s" + strings.Repeat("]", 200),
	} {
		b := newBench(t)
		closure, machine := b.compile(x)
		if machine == nil {
			t.Fatalf("%s: %v", x, b.c.findings)
		}
		b.look(t, func(f *engine.Frame) {
			for way, e := range map[string]engine.Expr{"machine": machine, "closures": closure} {
				if e == nil {
					continue
				}
				var v any
				var err error
				bytes := spent(func() { v, err = e.Eval(f) })
				if err == nil || !strings.HasSuffix(err.Error(), errTooMuch.Error()) {
					t.Errorf("%.300s, by %s: %.100v, %v", x, way, engine.Show(v), err)
				}
				if bytes > most {
					t.Errorf("%.300s, by %s: takes %d MiB", x, way, bytes>>20)
				}
			}
		})
	}
}

// What does not make too much means what it meant.
func TestMuchIsMade(t *testing.T) {
	for x, want := range map[string]any{
		`len(join(map(1..1000, "abc"), ",")) + 1`:        4000,
		`len(map(1..400000, # + 1))`:                     400_000,
		`replace("abc", "b", msg.s + "xyz")`:             "aaxyzc",
		`replace("aaa", "a", "b", 2) + join(["x", "y"])`: "bbaxy",
		`join(split("a,b", ","), "-") + upper("c")`:      "a-bC",
		`string(concat(msg.l, [msg.s, [1.5]]))`:          "[1 2 3 a [1.5]]",
		`msg.n + msg.f`:                                  8.5,
		`(now + duration(1, "s")).Second()`:              1,
	} {
		b := newBench(t)
		_, machine := b.compile(x)
		if machine == nil {
			t.Fatalf("%s: %v", x, b.c.findings)
		}
		b.look(t, func(f *engine.Frame) {
			if v, err := machine.Eval(f); err != nil || v != want {
				t.Errorf("%s: %v, %v", x, v, err)
			}
		})
	}
}

// Lets that double each other, and bodies of many long texts, fail with the rule
// that they stand in.
func TestRulesThatMakeTooMuch(t *testing.T) {
	var lets strings.Builder
	lets.WriteString("[let]\na0 = '\"0123456789abcdef\"'\nl0 = '[1]'\n")
	for i := range 40 {
		fmt.Fprintf(&lets, "a%[1]d = 'a%[2]d + a%[2]d'\nl%[1]d = '[l%[2]d, l%[2]d]'\n", i+1, i)
	}
	many := strings.Repeat("${ a17 }", 100) // of 2 MiB each
	for name, rule := range map[string]string{
		"text":              "when = 'len(a40) > 3'",
		"a list":            "when = 'len(l40) > 1'",
		"a body":            "send = { to = 'pbx1', type = 'y', body = { a = ['${ a17 }', '${ a17 }', '${ a17 }'] } }",
		"mixed text":        "send = { to = 'pbx1', type = 'y', body = { a = '" + many + "' } }",
		"a message in text": "send = { to = 'pbx1', type = 'y', body = { a = 'x" + strings.Repeat("${ msg.long }", 100) + "' } }",
		"a name":            "new = true\nset = { x = '1' }\nnext = 'x" + many + "'",
	} {
		t.Run(name, func(t *testing.T) {
			set := mustLoad(t, map[string]string{"rules.toml": lets.String() + aRule + rule + "\n"})
			var told []engine.Trace
			e := engine.New(set.Ruleset, engine.Options{Observe: func(t engine.Trace) { told = append(told, t) }})
			key := ""
			if strings.HasPrefix(rule, "new") {
				key = "k"
			}
			body := `{"long":"` + strings.Repeat("x", 100_000) + `"}`
			bytes := spent(func() {
				e.Step(time.Time{}, engine.Message{Transport: "matrix", Type: "x", Key: key, Body: []byte(body)})
			})
			if len(told) != 1 || told[0].Outcome != engine.Failed || !strings.HasSuffix(told[0].Err.Error(), errTooMuch.Error()) {
				t.Errorf("told %+v", told)
			}
			if bytes > most {
				t.Errorf("it takes %d MiB", bytes>>20)
			}
		})
	}
}
