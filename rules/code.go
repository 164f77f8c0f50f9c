package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Kind is a kind of finding: what `vertigo check --explain CODE` and
// docs/findings.md tell of it. Its code never changes and is never given to
// another kind, so that scripts and people can go by it.
type Kind struct {
	Code     string // "V012"
	Severity Severity
	Title    string // what it is, without a full stop
	What     string // what was found
	Why      string // why it matters
	Example  string // a rule file in which just this is found
	Cured    string // the same file without the fault
	Beside   map[string]string
}

// kinds are all there are, in the order in which files declare them.
var kinds []*Kind

// uncoded is the kind of findings in files that are no rule files.
var uncoded = &Kind{}

// newKind adds a kind; nobody else makes one.
func newKind(k Kind) *Kind {
	kinds = append(kinds, &k)
	return &k
}

// Kinds lists all kinds of findings by their codes.
func Kinds() []*Kind {
	return slices.SortedFunc(slices.Values(kinds), func(a, b *Kind) int { return cmp.Compare(a.Code, b.Code) })
}

// KindOf returns the kind with a code, in letters of either case; an error says
// which codes there are.
func KindOf(code string) (*Kind, error) {
	var codes []string
	for _, k := range Kinds() {
		if strings.EqualFold(k.Code, code) {
			return k, nil
		}
		codes = append(codes, k.Code)
	}
	return nil, fmt.Errorf("no finding has the code %q: they go from %s to %s", code, codes[0], codes[len(codes)-1])
}

// Text is the page of a kind, for a terminal.
func (k *Kind) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n%s\n", k.Code, k.Severity, k.Title, wrap(k.What), wrap(k.Why))
	k.each(func(what, text string) {
		fmt.Fprintf(&b, "\n%s:\n\n%s", what, indent(text))
	})
	return b.String()
}

// Markdown is the page of a kind as a section of a document.
func (k *Kind) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s (%s). %s %s\n", k.Code, k.Title, k.Severity, k.What, k.Why)
	k.each(func(what, text string) {
		fmt.Fprintf(&b, "\n%s:\n\n```toml\n%s```\n", what, text)
	})
	return b.String()
}

// each gives the files of the page, with a word on each.
func (k *Kind) each(f func(what, text string)) {
	f("Example", strings.ToValidUTF8(k.Example, "\ufffd"))
	for _, name := range slices.Sorted(maps.Keys(k.Beside)) {
		f("with "+name, k.Beside[name])
	}
	f("Cure", k.Cured)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			line = "    " + line
		}
		b.WriteString(line)
	}
	return b.String()
}

// pageWidth is how wide the text of a page may be.
const pageWidth = 76

// wrap breaks a text into lines.
func wrap(text string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > pageWidth {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
