package rules

import (
	"fmt"
	"strings"
	"testing"
)

// Lets that would take long to compile are refused before they are, wherever they
// stand.
func TestTooManyLets(t *testing.T) {
	chained := func(key string, from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "%sx%d = 'x%d ?? msg.content.party_id'\n", key, i, i-1)
		}
		return b.String()
	}
	const begin = "[let]\nx0 = 'msg.content.call_id'\n"
	const rule = "[[rule]]\nname = \"noted\"\non = \"matrix m.call.candidates\"\nwhen = 'x9 == \"1\"'\n"
	for _, c := range []struct {
		name, text string
		want       string
	}{
		{"as many as may be", begin + chained("", 1, maxLets) + rule, ""},
		{"one too many", begin + chained("", 1, maxLets+1) + rule, "rules.toml:1002:1"},
		{"as many in a rule too", begin + chained("", 1, maxLets) + rule + chained("let.", maxLets, maxLets+maxLetsOfRule), ""},
		{"one too many in a rule", begin + rule + chained("let.", 1, maxLetsOfRule+2), "rules.toml:107:5"},
		{"very many", begin + chained("", 1, 30_000) + rule, "rules.toml:1002:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, found := loadReal(map[string]string{"rules.toml": c.text})
			if c.want == "" {
				if set == nil {
					t.Error(found)
				}
				return
			}
			if len(found) != 1 || found[0].Code != unbounded.Code || found[0].Pos.String() != c.want || set != nil {
				t.Errorf("%v, want one at %s", found, c.want)
			}
		})
	}
}
