package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChecks(t *testing.T) {
	const base = `
[vars]
country = ""
policy = "first"
least = 0
list = ["a"]
[table.plans]
GB = "london"
[let]
here = 'vars.country'
[[check]]
var = "country"
that = 'vars.country == "" || callingCode(vars.country) != nil'
hint = 'two letters: country = "GB"'
[[check]]
var = "policy"
that = 'vars.policy in ["first", "any"]'
[[check]]
var = "least"
that = 'vars.least >= 0 && vars.least < 10'
[[check]]
var = "country"
that = 'vars.policy != "any" || plans[vars.country] != nil'
hint = "there must be a plan for it"
[[check]]
var = "list"
that = 'all(vars.list, # in ["a", "b"])'
`
	for _, tc := range []struct{ name, rules, want string }{
		{"what is as it should be is no finding", "country = 'GB'\npolicy = 'any'\nleast = 3\nlist = []", ""},
		{"checks may read tables, and more than one may be about a var", "country = 'de'\npolicy = 'any'", `rules.toml:3:11: error: vars.country cannot be "de" | there must be a plan for it`},
		{"a value that the rules cannot work with", "policy = 'sometimes'\nleast = 10",
			"rules.toml:3:10: error: vars.policy cannot be \"sometimes\"\nrules.toml:4:9: error: vars.least cannot be 10"},
		{"a check that fails counts as one that is false, and says why", "country = 'Germany'",
			`rules.toml:3:11: error: vars.country cannot be "Germany": callingCode: argument 1 must be a country such as "DE", not "GERMANY" (in the check at base.toml:13:31) | two letters: country = "GB"`},
		{"a list, cut short", "list = ['b', 'c', 'ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd']",
			`rules.toml:3:8: error: vars.list cannot be ["b","c","dddddddddddddddddddddddddddddddddddddddddddddddddd…`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := loadFiles(map[string]string{
				"rules.toml": "include = ['base.toml']\n[vars]\n" + tc.rules + "\n" + aRule + "send = { to = 'verto', type = 'x', body.all = ['${ vars.policy }', '${ here }', '${ vars.least }', '${ vars.list }'] }\n",
				"base.toml":  base,
			})
			if diff := cmp.Diff(tc.want, report(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A var that nobody has set is reported where the user's file takes it in: a
// place in a file that ships with the program is of no use to anyone.
func TestACheckOfAnUnsetVarStandsAtTheInclude(t *testing.T) {
	const want = `vars.emergency cannot be ""`
	shipped := `[vars]
emergency = "refuse"
` // all that the shipped rules need to load
	at := func(files map[string]string) string {
		t.Helper()
		_, found := loadFiles(files)
		for _, f := range found {
			if f.Msg == want && f.Severity == Error && f.Hint != "" && len(found) == 1 {
				return f.Pos.String() + " " + f.Source
			}
		}
		t.Fatalf("%v", found)
		return ""
	}
	if set, found := loadFiles(map[string]string{"rules.toml": "include = ['matrix-verto']\n" + shipped}); set == nil {
		t.Fatal(found)
	}
	for _, tc := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"rules.toml": "\ninclude = [\n  'matrix-verto',\n]\n"}, "rules.toml:3:3   'matrix-verto',"},
		{map[string]string{"rules.toml": "include = ['a.toml']\n", "a.toml": "include = 'matrix-verto'\n"}, "a.toml:1:11 include = 'matrix-verto'"},
		{map[string]string{"rules.toml": "include = ['a.toml']\n", "a.toml": "include = 'matrix-verto'\n[vars]\nemergency = ''\n"}, "a.toml:3:13 emergency = ''"},
		{map[string]string{"rules.toml": "include = ['a.toml']\nvars.emergency = ''", "a.toml": "include = 'matrix-verto'\n[vars]\nemergency = 'refuse'\n"}, "rules.toml:2:18 vars.emergency = ''"},
	} {
		if got := at(tc.files); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}
