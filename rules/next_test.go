package rules

import (
	"fmt"
	"slices"
	"testing"
)

func TestNextStates(t *testing.T) {
	for _, tt := range []struct {
		next string
		want []string
	}{
		{`"talking"`, []string{"talking"}},
		{`'${ "talking" }'`, []string{"talking"}},
		{`'${ msg.held ? "held" : "talking" }'`, []string{"held", "talking"}},
		{`'${ msg.a ? "held" : msg.b ? "talking" : "held" }'`, []string{"held", "talking"}},
		{`'${ msg.state ?? "talking" }'`, []string{"", "talking"}},
		{`'${ stateOf[msg.cause] }'`, []string{""}},
		{`'${ msg.a ? "b" : "c" }-${ msg.d ? "e" : "f" }'`, []string{""}},
		{`'in ${ msg.room }'`, []string{""}},
		{`'$${ msg.room }'`, []string{"${ msg.room }"}},
		{`'${ rest }'`, []string{"held", "talking"}},
		{`'${ msg.a ? rest : msg.b ? "early" : rest }'`, []string{"held", "talking", "early"}},
		{`'${ msg.a ? own : rest }'`, []string{"early", "held", "talking"}},
		{`'${ shadowed }'`, []string{"late"}},
		{`'${ stated ?? "x" }'`, []string{"", "x"}},
	} {
		set := mustLoad(t, map[string]string{"rules.toml": fmt.Sprintf(`
[table.stateOf]
busy = "refused"
[let]
rest     = 'msg.a ? "held" : "talking"'
stated   = 'msg.state'
shadowed = '"early"'
[[rule]]
name = "begins"
on   = "matrix m.call.invite"
new  = true
next = %s
let  = { own = '"early"', shadowed = '"late"' }
`, tt.next)})
		if got := set.Rules[0].NextStates; !slices.Equal(got, tt.want) {
			t.Errorf("%s can come to %q, want %q", tt.next, got, tt.want)
		}
	}
}
