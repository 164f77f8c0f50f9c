package replay

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"vertigo/internal/browsertest"
)

func TestAHostilePageRunsNothing(t *testing.T) {
	l, title := hostileLadder(t)
	page := browsertest.Open(t, "ladder.html", htmlOf(t, l, title), 1000, 800)
	page.Click(t, `[data-open="true"]`)
	var seen struct {
		Pwned         bool
		Scripts, Imgs int
		Text          string
	}
	page.Eval(t, `({Pwned: "pwned" in window, Scripts: document.scripts.length, Imgs: document.images.length, Text: document.body.innerText})`, &seen)
	if seen.Pwned || seen.Scripts != 1 || seen.Imgs != 0 {
		t.Errorf("%+v", seen)
	}
	for _, text := range hostile[:5] {
		if !strings.Contains(seen.Text, text) {
			t.Errorf("the page does not show %s", text)
		}
	}
	page.AskedNobody(t)
}

// On a telephone's screen nothing stands beside it, and nothing is cut off.
func TestAPageFitsATelephone(t *testing.T) {
	page := browsertest.Open(t, "ladder.html", htmlOf(t, ladder(t, sdpRules, sdpCapture), "call.ndjson"), 360, 700)
	page.Click(t, `[data-open="true"]`)
	var wide []string
	page.Eval(t, `[...document.querySelectorAll("body *")]
		.filter((e) => !e.classList.contains("far"))
		.filter((e) => e.getBoundingClientRect().right > 360.5 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "hidden")
		.map((e) => e.outerHTML.slice(0, 80))`, &wide)
	for _, e := range wide {
		t.Errorf("too wide: %s", e)
	}
	page.AskedNobody(t)
}

func TestAPageIsReadByKeyboard(t *testing.T) {
	page := browsertest.Open(t, "ladder.html", htmlOf(t, ladder(t, sdpRules, sdpCapture), "call.ndjson"), 1000, 800)
	var opened []string
	page.Run(t,
		chromedp.Focus("summary.row", chromedp.ByQuery),
		chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter),
		chromedp.Evaluate(`[...document.querySelectorAll("ol > li > details[open] > summary .label")].map((e) => e.innerText)`, &opened),
	)
	if strings.Join(opened, ", ") != "8b43c7fa call" {
		t.Errorf("opened: %q, want the second message", opened)
	}
}
