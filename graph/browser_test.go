package graph

import (
	"strings"
	"testing"

	"vertigo/internal/browsertest"
)

// With the fonts of a real browser no text of the shipped rules' picture is wider
// than what it stands in.
func TestTextFitsInABrowser(t *testing.T) {
	svg := drawn(t, shipped(t).WriteSVG)
	page := browsertest.Open(t, "graph.svg", svg, 1200, 900)
	var checked int
	page.Eval(t, `document.querySelectorAll("text").length`, &checked)
	if want := strings.Count(svg, "<text "); checked != want || want == 0 {
		t.Errorf("the picture shows %d texts of %d", checked, want)
	}
	var wide []string
	page.Eval(t, `[...document.querySelectorAll("text")].filter((text) => {
		const box = text.parentNode.querySelector("rect").getBBox(), is = text.getBBox();
		return is.x < box.x || is.x + is.width > box.x + box.width || is.y < box.y || is.y + is.height > box.y + box.height;
	}).map((text) => text.textContent)`, &wide)
	for _, text := range wide {
		t.Errorf("cut off: %s", text)
	}
	page.AskedNobody(t)
}
