package replay

import (
	"bufio"
	"fmt"
	"io"

	"vertigo/mermaid"
)

// WriteMermaid draws all that was added under a title, as a Mermaid sequence
// diagram.
func (l *Ladder) WriteMermaid(w io.Writer, title string) error {
	d := &sequence{out: bufio.NewWriter(w), ladder: l, tags: l.manyCalls(), ids: map[string]string{}}
	names := l.participants()
	fmt.Fprintln(d.out, mermaid.Title(title)+"sequenceDiagram")
	for i, name := range names {
		d.ids[name] = fmt.Sprintf("p%d", i)
		fmt.Fprintf(d.out, "    participant p%d as %s\n", i, mermaid.Text(name))
	}
	d.all = "p0"
	if len(names) > 1 {
		d.all = fmt.Sprintf("p0,p%d", len(names)-1)
	}
	marks := l.tell(names)
	for i := range marks {
		d.mark(&marks[i])
	}
	return d.out.Flush()
}

// A sequence is a Mermaid diagram being written.
type sequence struct {
	out    *bufio.Writer
	ladder *Ladder
	tags   bool              // each line says which call it is about
	ids    map[string]string // of participants
	all    string            // participants that a line across all goes over
}

func (d *sequence) mark(m *mark) {
	switch m.kind {
	case markLine:
		fmt.Fprintf(d.out, "    Note over %s: %s%s\n", d.all, d.tag(m), mermaid.Text(m.text))
	case markArrow:
		fmt.Fprintf(d.out, "    %s->>%s: %s%s\n", d.ids[m.from], d.ids[m.to], d.when(m), mermaid.Text(joined(m.text, " ", m.detail)))
	case markWord:
		fmt.Fprintf(d.out, "    Note over %s: %s%s\n", d.ids[self], d.when(m), mermaid.Text(m.text))
	case markNote:
		text := joined(mermaid.Text(leads[m.outcome]+m.text), mermaid.Break, mermaid.Text(m.detail))
		fmt.Fprintf(d.out, "    Note over %s: %s\n", d.all, text)
	}
}

// joined puts a second text behind one, if there is one.
func joined(text, between, more string) string {
	if more == "" {
		return text
	}
	return text + between + more
}

// when is the time of a mark, and its call.
func (d *sequence) when(m *mark) string {
	return seconds(m.event.Trace.Now.Sub(d.ladder.start())) + " " + d.tag(m)
}

func (d *sequence) tag(m *mark) string {
	if !d.tags || m.event == nil || m.event.Trace.Call == "" {
		return ""
	}
	return tagOf(&m.event.Trace) + " "
}
