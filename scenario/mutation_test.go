package scenario_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/expr-lang/expr/parser"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/scenario"
	"vertigo/schema"
	"vertigo/transports/calllog"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// mutants is how many faulty characters are tried, and mutantsIfSlow how many
// with the race detector or -short.
const (
	mutants       = 200
	mutantsIfSlow = 40
	mutationSeed  = 4
)

// A mutant is the shipped rules with one character wrong.
type mutant struct {
	place
	how   string
	line  int
	text  string // the line as it became
	files map[string]string
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d: %s, %s: %s", m.file, m.line, m.kind, m.how, strings.TrimSpace(m.text))
}

// A fate is what became of a mutant.
type fate int

const (
	slipped   fate = iota
	byCheck        // check has a finding that it has not of the shipped rules
	byStory        // a scenario fails
	unchanged      // what is compiled is the same, or only the words that name a rule differ
)

// A faulty character in the shipped rules is found by check or by a scenario.
func TestMutations(t *testing.T) {
	count := mutants
	if underRace || testing.Short() {
		count = mutantsIfSlow
		t.Logf("%d mutations in place of %d, with the race detector or -short", count, mutants)
	}
	lab := newLaboratory(t)
	list := lab.mutants(rand.New(rand.NewPCG(mutationSeed, mutationSeed)), count)
	fates := make([]fate, len(list))
	var workers sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				fates[i] = lab.fate(list[i])
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()

	of := map[fate]int{}
	for i, m := range list {
		if of[fates[i]]++; fates[i] != slipped {
			continue
		}
		t.Logf("slipped through: %s", m)
		if slices.Contains(strictKinds, m.kind) {
			t.Errorf("%s:%d: a faulty %s is neither found by check nor by a scenario: %s, %s", m.file, m.line, m.kind, m.how, m.text)
		}
	}
	line := fmt.Sprintf("%d mutations of the shipped rules: %d found by check, %d by a scenario, %d change nothing, %d slipped through",
		len(list), of[byCheck], of[byStory], of[unchanged], of[slipped])
	fmt.Println(line)
	if of[slipped]*20 >= len(list) {
		t.Errorf("%s: 5 %% or more", line)
	}
}

// A laboratory has what mutants are tried with.
type laboratory struct {
	files     map[string]string // of the shipped rules
	scenarios []string
	read      map[string][]byte // of the scenarios and what they name
	found     map[string]int    // what check says of the shipped rules
	places    []place
}

const scenariosDir = "../rules/scenarios"

// ownRules are the rule files that scenarios find beside them, by the set that
// they take in: their rules are then files, and not those that are part of the
// program. A scenario that names none finds rules.toml.
var ownRules = map[string]string{"rules.toml": "matrix-verto.toml", "janus.toml": "matrix-janus.toml"}

func ownRule(set string) string {
	return "include = [\"./" + set + "\"]\n[vars]\nemergency = \"refuse\"\n"
}

func newLaboratory(t *testing.T) *laboratory {
	lab := &laboratory{files: map[string]string{}, read: map[string][]byte{}}
	for _, name := range rules.Shipped() {
		src, err := rules.ReadShipped(name)
		if err != nil {
			t.Fatal(err)
		}
		lab.files[name+".toml"] = string(src)
	}
	for _, name := range slices.Sorted(maps.Keys(lab.files)) {
		lab.places = append(lab.places, placesIn(name, lab.files[name])...)
	}
	names, err := filepath.Glob(filepath.Join(scenariosDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	long := map[string]int{}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lab.read[name] = bytes.Replace(src, []byte(`rules = "matrix-janus"`), []byte(`rules = "./janus.toml"`), 1)
		if strings.HasSuffix(name, scenario.Suffix) {
			lab.scenarios = append(lab.scenarios, name)
			if strings.Contains(string(src), "repeat") {
				long[name] = 1
			}
		}
	}
	const schemaFile = "janus.schema.json"
	if lab.read[filepath.Join(scenariosDir, schemaFile)], err = os.ReadFile(filepath.Join("../rules", schemaFile)); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(lab.scenarios, func(a, b string) int { return long[a] - long[b] })
	found, ok := lab.check(lab.files)
	if !ok {
		t.Fatalf("the shipped rules cannot be used: %v", found)
	}
	lab.found = found
	if name := lab.failing(lab.files); name != "" {
		t.Fatalf("%s fails with the shipped rules", name)
	}
	return lab
}

// mutants makes seeded mutations; none stands twice.
func (lab *laboratory) mutants(r *rand.Rand, count int) []*mutant {
	var list []*mutant
	known := map[string]bool{}
	for len(list) < count {
		at := lab.places[r.IntN(len(lab.places))]
		text := lab.files[at.file]
		became, how := mutated(r, text, at.off)
		if key := at.file + became; became == text || known[key] {
			continue
		} else {
			known[key] = true
		}
		files := maps.Clone(lab.files)
		files[at.file] = became
		begin := strings.LastIndexByte(text[:at.off], '\n') + 1
		line, _, _ := strings.Cut(became[begin:], "\n")
		list = append(list, &mutant{at, how, strings.Count(text[:at.off], "\n") + 1, line, files})
	}
	return list
}

// alphabets are what a slip of the finger takes one character for another of.
var alphabets = []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "=!<>&|?:+-*/%.,;#_'\"()[]{}$@^~ "}

// mutated changes the character at off: another one before it, none, another one
// in its place, or the next one first.
func mutated(r *rand.Rand, text string, off int) (became, how string) {
	c := text[off]
	other := alphabets[len(alphabets)-1]
	for _, a := range alphabets {
		if strings.IndexByte(a, c) >= 0 {
			other = a
		}
	}
	put := other[r.IntN(len(other))]
	switch r.IntN(4) {
	case 0:
		return text[:off] + string(put) + text[off:], fmt.Sprintf("%q put before %q", put, c)
	case 1:
		return text[:off] + text[off+1:], fmt.Sprintf("%q left out", c)
	case 2:
		return text[:off] + string(put) + text[off+1:], fmt.Sprintf("%q in place of %q", put, c)
	default:
		return text[:off] + string(text[off+1]) + string(c) + text[off+2:], fmt.Sprintf("%q and %q swapped", c, text[off+1])
	}
}

func (lab *laboratory) fate(m *mutant) fate {
	found, ok := lab.check(m.files)
	if !ok {
		return byCheck
	}
	for what, times := range found {
		if times > lab.found[what] {
			return byCheck
		}
	}
	if same(m.file, lab.files[m.file], m.files[m.file]) {
		return unchanged
	}
	if lab.failing(m.files) != "" {
		return byStory
	}
	return slipped
}

// beside gives the files of the rules as they stand beside the scenarios.
func (lab *laboratory) beside(files map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		base := filepath.Base(name)
		if filepath.Dir(name) == filepath.Clean(scenariosDir) {
			if set := ownRules[base]; set != "" {
				return []byte(ownRule(set)), nil
			}
			if text, ok := files[base]; ok {
				return []byte(asFiles(base, text)), nil
			}
		}
		if src, ok := lab.read[name]; ok {
			return src, nil
		}
		return nil, fs.ErrNotExist
	}
}

// asFiles has the file that takes in all others take in files.
func asFiles(name, text string) string {
	if !strings.Contains(text, "\ninclude") {
		return text
	}
	before, list, _ := strings.Cut(text, "\ninclude")
	for _, shipped := range rules.Shipped() {
		list = strings.ReplaceAll(list, `"`+shipped+`"`, `"./`+shipped+`.toml"`)
	}
	return before + "\ninclude" + list
}

var (
	enginePeers = func() []engine.Peer {
		var list []engine.Peer
		for _, p := range peers {
			list = append(list, p.Peer)
		}
		return list
	}()
	schemas    = map[string]*schema.Set{matrix.Protocol.Kind: matrix.Schema, verto.Protocol.Kind: verto.Schema, calllog.Protocol.Kind: calllog.Schema}
	lineAndCol = regexp.MustCompile(`:\d+:\d+`)
)

// check counts what check says of rules, by what it says; ok, that they can be
// used.
func (lab *laboratory) check(files map[string]string) (found map[string]int, ok bool) {
	found, ok = map[string]int{}, true
	for own := range ownRules {
		name := filepath.Join(scenariosDir, own)
		set, list := rules.Load([]string{name}, rules.Options{Peers: enginePeers, Schemas: schemas, Unnamed: unnamed, ReadFile: lab.beside(files)})
		for _, f := range list {
			found[f.Code+" "+lineAndCol.ReplaceAllString(f.Msg, "")]++
		}
		ok = ok && set != nil
	}
	return found, ok
}

// failing names the first scenario that fails; "" if none does.
func (lab *laboratory) failing(files map[string]string) string {
	o := scenario.Options{
		Peers: peers, Schemas: schemas, ReadFile: lab.beside(files), Unnamed: unnamed, Declared: declaredPeer,
		Peer: func(kind, name, group string) (replay.Peer, error) {
			for _, p := range peers {
				if p.Protocol.Kind == kind {
					p.Name, p.Group = name, group
					return p, nil
				}
			}
			return replay.Peer{}, fmt.Errorf("%q is no kind of transport", kind)
		},
	}
	for _, name := range lab.scenarios {
		s, _, _ := scenario.Load(name, o)
		if s == nil || !s.Run(nil).OK() {
			return name
		}
	}
	return ""
}

// same says whether two texts of a rule file come to the same rules: the same
// values at the same keys, the same syntax trees of expressions. What a rule is
// called is not looked at.
func same(file, a, b string) bool {
	x, foundX := rules.ParseDocument(file, []byte(a))
	y, foundY := rules.ParseDocument(file, []byte(b))
	return len(foundX)+len(foundY) == 0 && sameNode(nil, x, y)
}

func sameNode(path []string, x, y rules.Node) bool {
	switch {
	case !x.IsSet() || !y.IsSet():
		return x.IsSet() == y.IsSet()
	case x.Kind() != y.Kind():
		return false
	case x.IsTable():
		for _, key := range append(x.Keys(), y.Keys()...) {
			if !sameNode(append(slices.Clone(path), key), x.Child(key), y.Child(key)) {
				return false
			}
		}
		return true
	case x.IsList():
		a, b := x.Items(), y.Items()
		return len(a) == len(b) && !slices.ContainsFunc(indexes(a), func(i int) bool { return !sameNode(path, a[i], b[i]) })
	case !x.IsText():
		return x.Value() == y.Value()
	case len(path) == 2 && path[0] == "rule" && path[1] == "name":
		return true
	case isExpression(path):
		return tree(x.Text()) == tree(y.Text())
	}
	return trees(x.Text()) == trees(y.Text())
}

func indexes[T any](list []T) []int {
	all := make([]int, len(list))
	for i := range all {
		all[i] = i
	}
	return all
}

// tree gives the syntax tree of an expression; of what is none, the text.
func tree(text string) string {
	t, err := parser.Parse(text)
	if err != nil {
		return text
	}
	return t.Node.String()
}

// trees is tree for the expressions in a template.
func trees(text string) string {
	var out strings.Builder
	for _, part := range split(text) {
		if s := text[part.from:part.to]; part.expression {
			out.WriteString(tree(s))
		} else {
			out.WriteString(s)
		}
	}
	return out.String()
}
