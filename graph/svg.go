package graph

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

//go:embed style.css
var style string

// WriteSVG draws the graph as a picture that stands by itself, light or dark as
// its reader likes it. Each state that ends calls has an end of its own, and each
// one in which they begin a beginning, so that no line crosses the picture for it.
func (g *Graph) WriteSVG(w io.Writer, title string) error {
	d := newPicture(g)
	if err := d.layout.place(); err != nil {
		return err
	}
	var out strings.Builder
	d.out = &out
	d.draw(title)
	_, err := io.WriteString(w, out.String())
	return err
}

// A picture is a graph with the text of each part, being drawn.
type picture struct {
	layout layout
	states []*State // by box; ends are boxes of their own
	texts  []block  // by box
	labels []block  // by line
	out    *strings.Builder
}

func newPicture(g *Graph) *picture {
	p := &picture{}
	at := map[*State]int{}
	for _, s := range g.States {
		if !s.isMark() {
			at[s] = p.box(s)
		}
	}
	end := func(s *State) int {
		if s.isMark() {
			return p.box(s)
		}
		return at[s]
	}
	for _, w := range g.Ways {
		p.line(end(w.From), end(w.To), w.Steps)
	}
	return p
}

// isMark says whether a state is drawn as a mark, wherever a way begins or ends
// in it.
func (s *State) isMark() bool { return s.Kind == Before || s.Kind == End }

// box adds a state.
func (p *picture) box(s *State) int {
	var b block
	b.add(s.title(), "state", nameSize, 0)
	if !s.Entered {
		b.add(neverEntered, "warning", ruleSize, 2)
	}
	b.steps(s.Stays)
	w, h := b.size()
	p.states = append(p.states, s)
	p.texts = append(p.texts, b)
	size := box{W: w + 2*padding, H: h + 2*padding}
	if s.isMark() {
		size = box{W: 2 * markRadius, H: 2 * markRadius}
	}
	p.layout.Boxes = append(p.layout.Boxes, size)
	return len(p.states) - 1
}

func (p *picture) line(from, to int, steps []Step) {
	var b block
	b.steps(steps)
	w, h := b.size()
	p.labels = append(p.labels, b)
	p.layout.Lines = append(p.layout.Lines, path{box: box{W: w + padding, H: h + padding}, From: from, To: to})
}

// neverEntered marks a state that no call can come to.
const neverEntered = "nothing enters this state"

// title is what stands over a state.
func (s *State) title() string {
	what := "call"
	if s.connection {
		what = "connection"
	}
	switch s.Kind {
	case Before:
		return "a " + what + " begins"
	case Any:
		return "in any state"
	case Told:
		return "a state that only the " + what + " tells"
	case End:
		return "the " + what + " ends"
	}
	return s.Name
}

func (p *picture) draw(title string) {
	l := p.layout
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`, l.W, l.H, l.W, l.H)
	p.add("<title>%s</title>", escape(title))
	p.add("<style>\n%s</style>", style)
	p.add(`<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>`)
	p.add(`<rect class="paper" width="%.0f" height="%.0f"/>`, l.W, l.H)
	for _, line := range l.Lines {
		p.add(`<path class="way" marker-end="url(#tip)" d="%s"/>`, curve(line.Points))
	}
	for i, line := range l.Lines {
		p.add(`<g class="label"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="4"/>`, line.X-line.W/2, line.Y-line.H/2, line.W, line.H)
		p.text(p.labels[i], line.box, padding/2)
	}
	for i, at := range l.Boxes {
		p.state(p.states[i], p.texts[i], at)
	}
	p.add("</svg>")
}

func (p *picture) state(s *State, b block, at box) {
	if s.isMark() {
		p.mark(s, at)
		return
	}
	class := "box"
	switch {
	case !s.Entered:
		class += " never"
	case s.Kind != Named:
		class += " pseudo"
	}
	p.add(`<g class="%s"><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8"/>`, class, at.X-at.W/2, at.Y-at.H/2, at.W, at.H)
	p.text(b, at, padding)
}

// mark draws a beginning, or an end with a ring around it.
func (p *picture) mark(s *State, at box) {
	radius := markRadius - 1
	p.add(`<g class="mark"><title>%s</title>`, s.title())
	if s.Kind == End {
		p.add(`<circle class="ring" cx="%.1f" cy="%.1f" r="%.1f"/>`, at.X, at.Y, radius)
		radius -= 3
	}
	p.add(`<circle class="dot" cx="%.1f" cy="%.1f" r="%.1f"/></g>`, at.X, at.Y, radius)
}

// text writes a block into a box and closes the group that it stands in.
func (p *picture) text(b block, at box, pad float64) {
	x, y := at.X-at.W/2+pad, at.Y-at.H/2+pad
	for _, l := range b {
		y += l.height()
		p.add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, l.class, x, y-l.size*(lineHeight-1), escape(l.text))
	}
	p.add("</g>")
}

func (p *picture) add(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// escape makes text fit for XML; what XML cannot hold becomes U+FFFD.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}
