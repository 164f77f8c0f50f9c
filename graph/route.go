package graph

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Lines bend with this radius, and leave a box no nearer to its corners.
const bend = 12.0

// A line comes to its end straight, for as long as its tip is and a bit.
const tip = 16.0

// A band is the height that a layer of boxes or texts takes.
type band struct{ top, bottom float64 }

// bands finds the layers: the library gives all parts of one the same middle.
func (l *layout) bands() map[float64]band {
	found := map[float64]band{}
	grow := func(b box) {
		y := layer(b.Y)
		now, ok := found[y]
		if !ok {
			now = band{b.Y, b.Y}
		}
		found[y] = band{min(now.top, b.Y-b.H/2), max(now.bottom, b.Y+b.H/2)}
	}
	for _, b := range l.Boxes {
		grow(b)
	}
	for _, w := range l.Lines {
		grow(w.box)
	}
	return found
}

// layer is a middle without what floating point adds to it.
func layer(y float64) float64 { return math.Round(y*10) / 10 }

// route lets a line go straight through each layer, and sideways only between
// layers: so it meets no text but its own.
func (l *layout) route(w *path, bands map[float64]band) []point {
	from, to := l.Boxes[w.From], l.Boxes[w.To]
	inner := w.Points[1 : len(w.Points)-1]
	down := from.Y < to.Y
	var points []point
	through := func(x float64, b band) {
		if down {
			points = append(points, point{x, b.top}, point{x, b.bottom})
		} else {
			points = append(points, point{x, b.bottom}, point{x, b.top})
		}
	}
	leave, arrive := bands[layer(from.Y)], bands[layer(to.Y)]
	if down {
		leave.top, arrive.bottom = from.Y+from.H/2, to.Y-to.H/2
		arrive.top -= tip
	} else {
		leave.bottom, arrive.top = from.Y-from.H/2, to.Y+to.H/2
		arrive.bottom += tip
	}
	through(within(from, inner[0].X), leave)
	for _, p := range inner {
		if b, ok := bands[layer(p.Y)]; ok {
			through(p.X, b)
		}
	}
	through(within(to, inner[len(inner)-1].X), arrive)
	return slices.CompactFunc(points, func(a, b point) bool { return math.Hypot(a.X-b.X, a.Y-b.Y) < 0.5 })
}

// within is x, or as near to it as a box has room for a line's end.
func within(b box, x float64) float64 {
	room := max(b.W/2-bend, 0)
	return min(max(x, b.X-room), b.X+room)
}

// curve draws a line through points, with its bends rounded.
func curve(points []point) string {
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", points[0].X, points[0].Y)
	for i, at := range points {
		if i == 0 || i == len(points)-1 {
			continue
		}
		in, out := towards(at, points[i-1]), towards(at, points[i+1])
		fmt.Fprintf(&d, "L%.1f %.1fQ%.1f %.1f %.1f %.1f", in.X, in.Y, at.X, at.Y, out.X, out.Y)
	}
	last := points[len(points)-1]
	fmt.Fprintf(&d, "L%.1f %.1f", last.X, last.Y)
	return d.String()
}

// towards goes from one point to another, as far as a bend reaches.
func towards(from, to point) point {
	long := math.Hypot(to.X-from.X, to.Y-from.Y)
	part := min(bend/cmp.Or(long, 1), 0.5)
	return point{from.X + (to.X-from.X)*part, from.Y + (to.Y-from.Y)*part}
}
