package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an index finds is what trying each rule in turn finds: the same rules,
// with conditions that no index can be made of, must do the same.
func TestAnIndexFindsWhatTryingEachRuleFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	values := []string{`"a"`, `"b"`, `"é"`, `""`, `"7"`, `7`, `-1`, `0`, `vars.a`, `vars.n`}
	inJSON := []string{`"a"`, `"\u0061"`, `"b"`, `"\u00e9"`, `"é"`, `""`, `"7"`, `7`, `7.0`, `70e-1`, `7.5`, `-1`, `-1e0`, `0`, `-0`, `true`, `null`, `[]`, `["a"]`, `{}`, `9007199254740993`, `1e300`}
	condition := func() string {
		field := pick("msg.k", "msg.m.k", "call.v")
		switch r.IntN(5) {
		case 0:
			return fmt.Sprintf("%s in [%s, %s]", field, pick(values[:7]...), pick(values[:7]...))
		case 1:
			return fmt.Sprintf("%s == %s", pick(values...), field)
		case 2:
			return fmt.Sprintf("%s == %s && msg.m.k == %s", pick("msg.k", "call.v"), pick(values...), pick(values...))
		case 3:
			return "msg.t == true"
		}
		return fmt.Sprintf("%s == %s", field, pick(values...))
	}
	for range 30 {
		head := "[vars]\na = \"a\"\nn = 7\n" + strings.Replace(begin, "set = {", "set = { v = 'msg.v',", 1)
		var indexed, plain strings.Builder
		indexed.WriteString(head)
		plain.WriteString(head)
		for i := range 5 + r.IntN(40) {
			also, when := pick("", "also = true"), condition()
			const rule = "[[rule]]\nname = 'r%d'\non = 'matrix x'\n%s\nwhen = '%s'\n"
			fmt.Fprintf(&indexed, rule, i, also, when)
			fmt.Fprintf(&plain, rule, i, also, "true && ("+when+")")
		}
		one, two := newWorld(t, indexed.String(), engineLimits), newWorld(t, plain.String(), engineLimits)
		for i := range 100 {
			in := []string{
				fmt.Sprintf(`matrix invite r/c%d {"v":%s}`, i, pick(inJSON...)),
				fmt.Sprintf(`matrix x r/c%d {"k":%s,"m":{"k":%s},"t":%s}`, i, pick(inJSON...), pick(inJSON...), pick("true", "false")),
				fmt.Sprintf(`matrix x - {"k":%s,"t":false}`, pick(inJSON...)),
			}
			one.told, two.told = nil, nil
			one.step(t, in...)
			two.step(t, in...)
			if diff := cmp.Diff(two.told, one.told); diff != "" {
				t.Fatalf("%q (-each in turn +index):\n%s\n%s", in, diff, indexed.String())
			}
		}
	}
}
