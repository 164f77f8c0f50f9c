package graph

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/dop251/goja"
)

// dagre lays out graphs (layers, few crossings, room for labels): release 3.1.3
// of @dagrejs/dagre as it is published, under the licence beside it.
//
//go:embed dagre/dagre.min.js
var dagre string

// arrange is the only program that is run beside dagre: data in, data out.
const arrange = `
function structuredClone(value) { return JSON.parse(JSON.stringify(value)); }
function arrange(text) {
	const given = JSON.parse(text);
	const g = new dagre.graphlib.Graph({multigraph: true});
	g.setGraph({rankdir: "TB", nodesep: 36, edgesep: 28, ranksep: 76, marginx: 16, marginy: 16});
	given.boxes.forEach((b, i) => g.setNode(String(i), {width: b.w, height: b.h}));
	given.lines.forEach((l, i) => g.setEdge(String(l.from), String(l.to), {width: l.w, height: l.h, labelpos: "c"}, String(i)));
	dagre.layout(g);
	const size = g.graph();
	return JSON.stringify({
		w: size.width, h: size.height,
		boxes: given.boxes.map((b, i) => { const n = g.node(String(i)); return {x: n.x, y: n.y, w: n.width, h: n.height}; }),
		lines: given.lines.map((l, i) => {
			const e = g.edge(String(l.from), String(l.to), String(i));
			return {x: e.x, y: e.y, w: l.w, h: l.h, points: e.points};
		}),
	});
}`

// A box is a state's place: its middle and its size.
type box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// A path leads from one box to another, past the place of its text.
type path struct {
	box
	From   int     `json:"from"` // boxes by number
	To     int     `json:"to"`
	Points []point `json:"points,omitempty"`
}

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// A layout is where everything stands.
type layout struct {
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Boxes []box   `json:"boxes"`
	Lines []path  `json:"lines"`
}

// program is compiled once, for the first picture.
var program = sync.OnceValues(func() (*goja.Program, error) {
	return goja.Compile("dagre.min.js", dagre+"\n"+arrange, false)
})

// place gives boxes and lines of known sizes their places. The same sizes always
// come to the same places. Parts that no line connects stand beside each other.
func (l *layout) place() error {
	for _, part := range l.parts() {
		if err := part.layout.run(); err != nil {
			return err
		}
		for i, at := range part.boxes {
			l.Boxes[at] = part.layout.Boxes[i].shifted(l.W)
		}
		bands := part.layout.bands()
		for i, at := range part.lines {
			way := &part.layout.Lines[i]
			line := &l.Lines[at]
			line.box = way.shifted(l.W)
			for _, p := range part.layout.route(way, bands) {
				line.Points = append(line.Points, point{p.X + l.W, p.Y})
			}
		}
		l.W += part.layout.W
		l.H = max(l.H, part.layout.H)
	}
	return nil
}

func (b box) shifted(right float64) box {
	b.X += right
	return b
}

// A connected part of a layout, and the numbers that its boxes and lines have in
// the whole.
type connected struct {
	layout       layout
	boxes, lines []int
}

// parts takes a layout apart, in the order of the first boxes.
func (l *layout) parts() []*connected {
	first := make([]int, len(l.Boxes)) // of the boxes that each one is connected with
	for i := range first {
		first[i] = i
	}
	for again := true; again; {
		again = false
		for _, w := range l.Lines {
			if a, b := &first[w.From], &first[w.To]; *a != *b {
				*a, *b, again = min(*a, *b), min(*a, *b), true
			}
		}
	}
	at := make([]int, len(l.Boxes)) // numbers within the parts
	byFirst := map[int]*connected{}
	var parts []*connected
	for i, f := range first {
		if f == i {
			byFirst[f] = &connected{layout: layout{Lines: []path{}}}
			parts = append(parts, byFirst[f])
		}
		p := byFirst[f]
		at[i] = len(p.boxes)
		p.boxes = append(p.boxes, i)
		p.layout.Boxes = append(p.layout.Boxes, l.Boxes[i])
	}
	for i, w := range l.Lines {
		p := byFirst[first[w.From]]
		w.From, w.To = at[w.From], at[w.To]
		p.lines = append(p.lines, i)
		p.layout.Lines = append(p.layout.Lines, w)
	}
	return parts
}

// run lets the library lay out one connected graph. A line then has a point in
// the middle of each layer that it crosses, its own text's among them.
func (l *layout) run() error {
	code, err := program()
	if err != nil {
		return fmt.Errorf("read the layout library: %w", err)
	}
	vm := goja.New()
	if _, err := vm.RunProgram(code); err != nil {
		return fmt.Errorf("start the layout library: %w", err)
	}
	run, ok := goja.AssertFunction(vm.Get("arrange"))
	if !ok {
		return fmt.Errorf("start the layout library: it has no arrange")
	}
	given, err := json.Marshal(l)
	if err != nil {
		return err
	}
	made, err := run(goja.Undefined(), vm.ToValue(string(given)))
	if err != nil {
		return fmt.Errorf("lay out the graph: %w", err)
	}
	return json.Unmarshal([]byte(made.String()), l)
}
