package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes the graph for Graphviz.
func (g *Graph) WriteDOT(w io.Writer, title string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "digraph %s {\n", dotText(title))
	fmt.Fprintln(out, "\tnode [shape=box, style=rounded, fontname=\"sans-serif\"]")
	fmt.Fprintln(out, "\tedge [fontname=\"sans-serif\", fontsize=11]")
	number := map[*State]int{}
	for i, s := range g.States {
		number[s] = i
		if !s.isMark() {
			fmt.Fprintf(out, "\ts%d [label=%s%s]\n", i, dotLines(s.lines()), dotLook(s))
		}
	}
	end := func(s *State, way int) string {
		switch s.Kind {
		case Before:
			fmt.Fprintf(out, "\tbegin%d [shape=point, width=0.15]\n", way)
			return fmt.Sprintf("begin%d", way)
		case End:
			fmt.Fprintf(out, "\tend%d [shape=doublecircle, style=filled, fillcolor=black, label=\"\", width=0.1]\n", way)
			return fmt.Sprintf("end%d", way)
		}
		return fmt.Sprintf("s%d", number[s])
	}
	for i, way := range g.Ways {
		from, to := end(way.From, i), end(way.To, i)
		fmt.Fprintf(out, "\t%s -> %s [label=%s]\n", from, to, dotLines(stepLines(way.Steps)))
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

func dotLook(s *State) string {
	switch {
	case !s.Entered:
		return ", color=red, style=\"rounded,dashed\""
	case s.Kind != Named:
		return ", style=\"rounded,dashed\""
	}
	return ""
}

// lines are what stands in a state's box.
func (s *State) lines() []string {
	lines := []string{s.title()}
	if !s.Entered {
		lines = append(lines, neverEntered)
	}
	return append(lines, stepLines(s.Stays)...)
}

func stepLines(list []Step) []string {
	var lines []string
	for _, s := range list {
		lines = append(lines, s.Rule, "    "+s.detail())
	}
	return lines
}

// dotLines quotes lines, each of which begins at the left.
func dotLines(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		text := dotText(l)
		b.WriteString(text[1:len(text)-1] + `\l`)
	}
	return `"` + b.String() + `"`
}

// dotText quotes one line of text.
func dotText(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
