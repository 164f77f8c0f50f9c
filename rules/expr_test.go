package rules

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"vertigo/engine"
)

// exprRules declare what the expressions of these tests use.
const exprRules = `
[vars]
k = 3
name = "x"
deep = { list = [1, 2], text = "y" }
[table.routes]
a = "first"
"7" = "seven"
x = { to = "z", n = 1 }
[table.dial]
match = "prefix"
"49" = "DE"
"4930" = "Berlin"
[index.others]
key = 'call.text + "1"'
[let]
sum = "msg.n + 1"
whole = "msg.deep"
broken = "msg.s + 1"
[[rule]]
name = "begin"
on = "matrix begin"
new = true
set = { v = "msg.v", text = "msg.s", list = "msg.l", deep = "msg.deep", made = "msg.n + 1" }
`

const exprMessage = `{"n":7,"f":1.5,"s":"a","t":true,"z":null,"l":[1,2,3],"e":[],"deep":{"x":"a","y":{"z":[{"q":"r"}]},"d.ot":1},"v":{"w":"a"},"num":"493012","big":9007199254740993}`

// A bench evaluates expressions in the frame of a message of a call.
type bench struct {
	c  *compiler
	sc scope
}

func newBench(t testing.TB) *bench {
	t.Helper()
	l := newLoader(func(string) ([]byte, error) { return []byte(exprRules), nil })
	l.append(l.file("rules.toml", nil, nil))
	c := newCompiler(Options{Peers: testPeers}, l)
	c.compile()
	if Findings(c.findings).HasErrors() {
		t.Fatal(Findings(c.findings))
	}
	return &bench{c: c}
}

// compile compiles an expression both ways; closure is nil if it needs the
// machine, and both are nil if it is faulty.
func (b *bench) compile(text string) (closure, machine engine.Expr) {
	b.c.findings = nil
	src := source{text: text, node: &node{kind: kindString, text: text, raw: "'" + text + "'", src: newSourceText("rules.toml", []byte(text))}}
	tree := b.c.tree(src, b.sc, nil)
	if tree == nil {
		return nil, nil
	}
	u := &uses{}
	closure = (&closures{c: b.c, src: src, sc: b.sc, uses: u}).compile(tree)
	machine = b.c.machine(src, b.sc, u)
	return closure, machine
}

// probe is a body that looks at the frame.
type probe func(f *engine.Frame)

// Append implements engine.Template.
func (p probe) Append(f *engine.Frame, dst []byte) ([]byte, error) {
	p(f)
	return append(dst, "{}"...), nil
}

var exprNow = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// look calls see with the frame of exprMessage in a call that has begun, after
// another one.
func (b *bench) look(t testing.TB, see func(f *engine.Frame)) {
	t.Helper()
	rs := *b.c.rs
	r := &engine.Rule{Name: "probe", On: []engine.Pattern{{Transport: "matrix", Type: "probe"}}, InCall: true,
		Send: []*engine.Send{{To: "pbx1", Type: "x", Body: probe(see)}}}
	for slot := range rs.Paths {
		r.Reads = append(r.Reads, slot)
	}
	rs.Rules = append(rs.Rules[:len(rs.Rules):len(rs.Rules)], r)
	rs.Finish(testPeers)
	e := engine.New(&rs, engine.Options{})
	for _, step := range [][2]string{{"begin", "other"}, {"begin", "key"}, {"probe", "key"}} {
		out := e.Step(exprNow, engine.Message{Transport: "matrix", Type: step[0], Key: step[1], Body: []byte(exprMessage)})
		if step[0] == "probe" && len(out) != 1 {
			t.Fatal("the probe saw nothing")
		}
	}
}

// environment is what expr itself would be given for the same frame.
func exprEnvironment(c *compiler) map[string]any {
	msg := decodeAsEngine(exprMessage)
	call := func(key string) map[string]any {
		return map[string]any{
			"v": msg["v"], "text": msg["s"], "list": msg["l"], "deep": msg["deep"], "made": 8, "state": "begun", "begun": exprNow,
			"matrix": map[string]any{"key": key}, "pbx1": map[string]any{"key": nil}, "verto": map[string]any{"key": nil},
		}
	}
	return map[string]any{
		"msg": msg, "vars": c.varValues, "now": exprNow,
		"call": call("key"), "others": map[string]any{"a1": []any{call("other")}},
		"sum": 8, "whole": msg["deep"],
		"routes": c.tables["routes"].entries, "dial": map[string]any{},
	}
}

// decodeAsEngine decodes JSON with whole numbers as ints.
func decodeAsEngine(text string) map[string]any {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		panic(err)
	}
	return whole1(v).(map[string]any)
}

func whole1(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = whole1(v[k])
		}
	case []any:
		for i := range v {
			v[i] = whole1(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

// plainExpressions are of the part of the language that closures cover.
var plainExpressions = []string{
	`nil`, `1`, `1.5`, `true`, `"x"`, `msg`, `msg.n`, `msg["n"]`, `msg.none`, `msg.none.more`, `msg?.none?.more`, `msg.z`, `msg.s.more`, `msg.deep.y`, `msg.deep["d.ot"]`, `msg.big`,
	`call.v`, `call.v.w`, `call.v.w.x`, `call.text`, `call.state`, `call.begun`, `call.id == call.uuid`, `call.matrix.key`, `call.pbx1.key`, `call.verto.key`,
	`vars.k`, `vars.deep`, `vars.deep.list`, `vars.deep.text`, `now`, `sum`, `whole`, `whole.x`, `whole.y.z`, `whole.none`, `broken`,
	`msg.n == 7`, `msg.n == 7.0`, `7 == msg.n`, `msg.n != 7`, `msg.s == "a"`, `"a" == msg.s`, `msg.s != "a"`, `msg.none == "a"`, `msg.none != "a"`, `msg.n == "7"`, `msg.l == "x"`, `msg.deep.x == msg.s`, `msg.z == nil`, `msg.none == nil`, `msg.l == msg.l`, `msg.s == call.text`, `sum == 8`, `call.text == "a"`,
	`msg.n < 8`, `msg.n <= 7`, `msg.n > 7.5`, `msg.n >= 7`, `msg.f < msg.n`, `msg.s < "b"`, `msg.s < 1`, `msg.none < 1`, `msg.l < 1`, `now > call.begun`,
	`msg.n + 1`, `msg.n - 1.5`, `msg.s + "x"`, `msg.s + 1`, `msg.none + 1`, `msg.n - msg.s`, `msg.f + msg.n`, `now - now`, `now + 1`, `msg.big + 0`, `msg.big - 1`,
	`msg.t && msg.n == 7`, `msg.t and not msg.t`, `!msg.t`, `not (msg.n == 7)`, `msg.n == 1 || msg.s == "a"`, `msg.t or broken == 1`, `msg.t && broken == 1`, `!msg.t && broken == 1`, `msg.s && true`, `true && msg.s`, `false && msg.s`, `msg.none || true`, `!msg.none`, `!msg.n`,
	`msg.none ?? 1`, `msg.n ?? broken`, `msg.none ?? msg.z ?? "x"`, `broken ?? 1`, `(msg.none ?? 1) + 1`,
	`msg.t ? 1 : 2`, `msg.n > 8 ? "a" : "b"`, `msg.s ? 1 : 2`, `msg.none ? 1 : 2`, `msg.t ? 1 : broken`, `msg.t ? broken : 1`, `msg.none == nil ? nil : 1`,
	`msg.s in ["a", "b"]`, `1 in msg.l`, `9 in msg.l`, `msg.n in []`, `"x" in msg.deep`, `"q" in msg.deep`, `1 in msg.s`, `msg.none in msg.l`, `1 in msg.none`, `not (1 in msg.l)`, `1 not in msg.l`,
	`routes[msg.s]`, `routes["a"]`, `routes.a`, `routes[msg.n]`, `routes[msg.none]`, `routes[msg.f]`, `routes[msg.l]`, `routes["none"] ?? "d"`, `routes.none`, `routes["x"]`,
	`dial[msg.num]`, `dial["491"]`, `dial["1"]`,
	`others[msg.s + "1"] == nil`, `others["a1"] != nil`, `others[msg.s]`, `others[msg.none]`, `others[msg.n]`, `others[msg.none ?? "a1"] == others.a1`,
	`server("@a:b")`, `server(msg.n)`, `server(msg.none)`, `duration(msg.n, "s")`, `duration(7, msg.s)`, `prefix(dial, msg.num)`, `prefix(dial, msg.n)`, `localpart("@a:" + msg.s)`, `uuid5("a", msg.n, msg.s)`,
}

// otherExpressions need the machine.
var otherExpressions = []string{
	`len(msg.l)`, `len(msg.none)`, `upper(msg.s)`, `msg.l[1]`, `msg.l[9]`, `msg.l[-1]`, `msg.none[0]`, `msg.none?.[0]`, `msg.l[1:]`, `msg.deep.y.z[0].q`, `msg.deep.y.z[0].none`, `msg.deep[msg.s]`, `msg.deep["x"]`,
	`map(msg.l, # + 1)`, `filter(msg.l, # > 1)`, `any(msg.l, # == 2)`, `all(msg.l, # == msg.n)`, `count(msg.l, # > vars.k)`, `map(msg.deep.y.z, .q)`, `none(msg.none ?? [], .q == 1)`, `sum([1])`, `find(msg.l, # == 9)`,
	`[msg.n, msg.s, routes.a]`, `{"a": msg.n, "b": {"c": call.text}}`, `-msg.n`, `+msg.n`, `msg.n * 2`, `msg.n / 2`, `msg.n % 2`, `msg.n ** 2`, `1..3`, `msg.s matches "^a"`, `msg.s contains "a"`, `msg.s startsWith "b"`, `msg.n matches "x"`,
	`let x = msg.n; x + sum`, `msg.s | upper()`, `int(msg.num)`, `string(msg.n)`, `toJSON(msg.l)`, `trim(" x ")`, `split("a,b", ",")[0]`,
	`upper(routes[msg.s])`, `map(["a", "none"], routes[#])`, `msg.s in routes ? upper(msg.s) : ""`, `"none" in routes`, `prefix(dial, trim(msg.num))`, `upper(whole.x)`, `whole.y.z[0].q`, `whole.none == nil ? len("x") : 1`,
	`msg.none != nil && len(broken) == 1`, `msg.none == nil || len(broken) == 1`, `len(broken)`, `msg.n == 7 ? len(msg.l) : broken`, `len(msg.l) + (msg.none ?? sum)`, `map(msg.l, broken)`,
	`others["a1"][0].text`, `others["a1"][0].matrix.key`, `others["a1"]?.[0]?.verto.key`, `others[msg.s]?.[0]?.deep.x`, `len(others["a1"])`, `map(others[msg.s + "1"], .deep.y.z)`, `find(others["a1"], .state == "begun").made`, `others[trim(msg.s) + "1"][0].begun == now`,
	`filter(others["a1"] ?? [], .none == nil)[0].list`, `others[msg.l]`, `others[len(msg.l)]`,
	`concat(msg.l, [9])`, `trimPrefix(msg.s, "a")`, `trimSuffix(msg.num, "56")`, `indexOf(msg.num, "3")`, `split(trim(" a b "), " ")`, `filter(map(split("a, b,", ","), trim(#)), # != "")`, `join(map(msg.l, string(#)), "-")`, `first(msg.e)`, `last(msg.l)`, `keys({"a": 1})`,
	`date("2026-11-22") < now`, `date("2026-07-01 12:00:00").In(timezone("Europe/London")).Hour()`, `call.begun.Hour()`, `now.Format("15:04")`, `now.YearDay()`, `date("2026-01-01", "2006-01-02", "Europe/London").Unix()`,
	`now.Unix()`, `now.UnixMilli() - call.begun.UnixMilli()`, `int(now.Sub(call.begun).Seconds())`, `call.list[0] + 1`, `len(call.text)`, `call.deep.y.z[0].q`, `vars.deep.list[1]`,
}

func TestClosuresMeanWhatExprMeans(t *testing.T) {
	b := newBench(t)
	type pair struct {
		text             string
		closure, machine engine.Expr
	}
	var pairs []pair
	covered := 0
	add := func(text string, mustBeClosure bool) {
		closure, machine := b.compile(text)
		if closure == nil && machine == nil {
			return // most of what the generator makes of unlike types is refused
		}
		if closure == nil && mustBeClosure {
			t.Errorf("%s needs the machine", text)
		}
		if closure != nil {
			covered++
		}
		pairs = append(pairs, pair{text, closure, machine})
	}
	for _, text := range plainExpressions {
		add(text, !strings.Contains(text, "[]") && !strings.Contains(text, `["a", "b"]`) && !strings.Contains(text, "not in"))
	}
	for _, text := range otherExpressions {
		add(text, false)
	}
	if want := len(plainExpressions) + len(otherExpressions) - 8; len(pairs) < want {
		t.Errorf("only %d of the expressions compile, want %d", len(pairs), want)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		add(randomExpression(r, 3), false)
	}
	if covered < 1000 {
		t.Errorf("closures cover only %d of %d expressions", covered, len(pairs))
	}
	env := exprEnvironment(b.c)
	b.look(t, func(f *engine.Frame) {
		for _, p := range pairs {
			want, wantErr := p.machine.Eval(f)
			if p.closure != nil {
				got, err := p.closure.Eval(f)
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
					t.Errorf("%s: the closure gives %#v, %v; the machine %#v, %v", p.text, got, err, want, wantErr)
				}
			}
			if plain, ok := evalPlain(p.text, env); ok && !strings.Contains(p.text, "broken") && !strings.Contains(p.text, "dial") && !strings.Contains(p.text, "routes[msg.") {
				if wantErr != nil && strings.Contains(wantErr.Error(), "neither true nor false") {
					continue // for which expr takes what it is given
				}
				if wantErr != nil || !reflect.DeepEqual(plain, want) {
					t.Errorf("%s: expr itself gives %#v, ours %#v, %v", p.text, plain, want, wantErr)
				}
			}
		}
	})
}

// evalPlain evaluates an expression with expr alone; ok is false where that
// fails, which ours need not, since they read a field of nil as nil.
func evalPlain(text string, env map[string]any) (v any, ok bool) {
	o := []expr.Option{expr.Env(env), expr.AllowUndefinedVariables(), expr.Optimize(false)}
	program, err := expr.Compile(text, append(o, functionOptions...)...)
	if err != nil {
		return nil, false
	}
	v, err = expr.Run(program, env)
	return v, err == nil
}

// randomExpression makes an expression, mostly of the plain part.
func randomExpression(r *rand.Rand, depth int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	if depth == 0 || r.IntN(6) == 0 {
		return pick("msg.n", "msg.f", "msg.s", "msg.t", "msg.z", "msg.none", "msg.l", "msg.deep.x", "call.v", "call.text", "call.made", "vars.k", "vars.name", "sum", "whole.x", "nil", "1", "2.5", `"a"`, "true", "false")
	}
	x := func() string { return randomExpression(r, depth-1) }
	switch r.IntN(14) {
	case 0:
		return fmt.Sprintf("(%s ? %s : %s)", x(), x(), x())
	case 1:
		return "!" + x()
	case 2:
		return "routes[" + x() + "]"
	case 3:
		return "server(" + x() + ")"
	case 4:
		return fmt.Sprintf("(%s in %s)", x(), pick("msg.l", "msg.deep", `["a"]`, "routes"))
	case 5:
		return pick("len(", "string(", "int(") + x() + ")"
	}
	return fmt.Sprintf("(%s %s %s)", x(), pick("==", "!=", "<", ">=", "+", "-", "&&", "||", "??", "*"), x())
}

func TestErrorsOfExpressionsSayWhere(t *testing.T) {
	for _, tc := range []struct{ name, rest, want string }{
		{"in a condition of several lines", "when = '''\n  msg.n == 7 &&\n    msg.s - 1 == 2\n'''\n", `rules.toml:6:11: "a" - 1: these cannot be put together so`},
		{"in what the machine runs", "when = '''\n  msg.n == 7 &&\n    len(msg.n) == 2\n'''\n", `rules.toml:6:5: invalid argument for len (type a whole number)`},
		{"in text with escapes", `when = "\u006dsg.n == 7 \u0026& msg.s > 7"` + "\n", `rules.toml:4:39: "a" > 7: these cannot be put together so`},
		{"in a function's argument", "when = 'msg.t && sdpHold(msg.n)'\n", `rules.toml:4:18: sdpHold: argument 1 must be text, not a number`},
		{"in a let, wherever it is used", "when = 'len(x) == 1 && msg.t == true'\n[let]\nx = 'msg.s - msg.n'\n", `rules.toml:6:12: "a" - 7: these cannot be put together so`},
		{"in a rule's let", "let.x = 'msg.l[9]'\nwhen = 'x == 1'\n", `rules.toml:4:15: index out of range: 9 (array length is 3)`},
		{"in a template", "[[rule.send]]\nto = 'pbx1'\ntype = 'x'\n[rule.send.body]\ntext = 'é ${ msg.n } ${ msg.s - 1 }'\n", `rules.toml:8:31: "a" - 1: these cannot be put together so`},
		{"in a template of several lines", "[[rule.send]]\nto = 'pbx1'\ntype = 'x'\n[rule.send.body]\ntext = '''é\n ${ msg.n }\n${\n msg.s - 1 }'''\n", `rules.toml:11:8: "a" - 1: these cannot be put together so`},
		{"a condition that is no truth", "when = 'msg.t && (msg.n ?? true)'\n", `rules.toml:4:25: 7 is neither true nor false`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := mustLoad(t, map[string]string{"rules.toml": aRule + tc.rest})
			_, err := trySend(set, exprMessage)
			if err == nil || err.Error() != `rule "r" (rules.toml:1:1): `+tc.want {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestALetIsComputedOnlyWhereItIsUsed(t *testing.T) {
	set := mustLoad(t, map[string]string{"rules.toml": `
[let]
broken = "msg.s - 1"
alsoBroken = "len(broken)"
[[rule]]
name = "never asks"
on = "matrix x"
let = { mine = "broken + 1" }
when = "msg.n == 8 && (len(mine) == 1 || broken == 1 || alsoBroken == 1)"
[[rule]]
name = "r"
on = "matrix x"
send = { to = "pbx1", type = "y", body.a = "${ len(msg.l) == 3 ? 1 : broken }" }
`})
	if got := send(t, set, exprMessage); got != `{"a":1}` {
		t.Errorf("it sent %s", got)
	}
}
