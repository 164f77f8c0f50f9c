package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"vertigo/mermaid"
)

// WriteMermaid writes the graph as a Mermaid state diagram. What leaves a call in
// its state stands in the state's box, and each state that ends calls has an end
// of its own: Mermaid lays long texts over each other otherwise.
func (g *Graph) WriteMermaid(w io.Writer, title string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, mermaid.Title(title)+"stateDiagram-v2")
	ids := map[*State]string{}
	never := false
	for i, s := range g.States {
		if s.isMark() {
			ids[s] = "[*]"
			continue
		}
		ids[s] = fmt.Sprintf("s%d", i)
		fmt.Fprintf(out, "    state \"%s\" as %s\n", mermaid.Text(s.title()), ids[s])
		if !s.Entered {
			never = true
			fmt.Fprintf(out, "    %s : %s\n    class %s never\n", ids[s], neverEntered, ids[s])
		}
		for _, step := range s.Stays {
			fmt.Fprintf(out, "    %s : %s\n", ids[s], mermaidSteps([]Step{step}))
		}
	}
	for i, way := range g.Ways {
		to := ids[way.To]
		if way.To.Kind == End {
			to = fmt.Sprintf("end%d", i)
			fmt.Fprintf(out, "    state \"end\" as %s\n", to)
		}
		fmt.Fprintf(out, "    %s --> %s : %s\n", ids[way.From], to, mermaidSteps(way.Steps))
	}
	if never {
		fmt.Fprintln(out, "    classDef never stroke:#b3261e,stroke-dasharray:5 4")
	}
	return out.Flush()
}

func mermaidSteps(list []Step) string {
	var lines []string
	for _, s := range list {
		lines = append(lines, mermaid.Text(s.Rule)+mermaid.Break+mermaid.Text("("+s.detail()+")"))
	}
	return strings.Join(lines, mermaid.Break)
}
