package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Sizes of the picture, in pixels.
const (
	nameSize   = 14.0 // of a state
	ruleSize   = 12.0
	detailSize = 11.0
	lineHeight = 1.35
	wrapWidth  = 250.0
	padding    = 10.0
	markRadius = 9.0
)

// A line is one line of text in the picture.
type line struct {
	text  string
	class string // of the style sheet
	size  float64
	gap   float64 // above it
}

func (l line) height() float64 { return l.gap + l.size*lineHeight }

// A block is lines below each other.
type block []line

// add adds text in as many lines as it takes.
func (b *block) add(text, class string, size, gap float64) {
	for i, part := range wrap(text, wrapWidth/size) {
		if i > 0 {
			gap = 0
		}
		*b = append(*b, line{part, class, size, gap})
	}
}

// steps adds rules and what is to be known of each.
func (b *block) steps(list []Step) {
	for i, s := range list {
		gap := 6.0
		if i == 0 && len(*b) == 0 {
			gap = 0
		}
		b.add(s.Rule, "rule", ruleSize, gap)
		b.add(s.detail(), "detail", detailSize, 0)
	}
}

// size is how much room the lines take.
func (b block) size() (w, h float64) {
	for _, l := range b {
		w = max(w, textWidth(l.text)*l.size)
		h += l.height()
	}
	return w, h
}

// most is how many types of messages a picture names of one rule.
const most = 3

// trigger names the messages that a step is for.
func (s Step) trigger() string {
	if n := len(s.On); n > most+1 {
		return strings.Join(s.On[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(s.On, ", ")
}

// detail is what stands under a rule's name.
func (s Step) detail() string {
	return strings.Join(append([]string{"on " + s.trigger()}, s.Effects...), " · ")
}

// wrap breaks text at its spaces into lines of a width in ems. A name that is
// longer is broken behind a dot, an underscore or the like, and makes its line
// wider where it has none.
func wrap(text string, most float64) []string {
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		if now != "" && textWidth(now+" "+word) <= most {
			now += " " + word
			continue
		}
		if now != "" {
			lines = append(lines, now)
		}
		for now = word; textWidth(now) > most; {
			head := fitting(now, most)
			if head == now {
				break
			}
			lines = append(lines, head)
			now = now[len(head):]
		}
	}
	return append(lines, now)
}

// fitting is as much of a word as a line holds; all of it up to the first place
// where it can be broken, if that is more.
func fitting(word string, most float64) string {
	end, used := 0, 0.0
	for i, r := range word {
		if used += runeWidth(r); used > most && end > 0 {
			break
		}
		if strings.ContainsRune("._-/:", r) || isWide(r) {
			end = i + utf8.RuneLen(r)
		}
	}
	if end == 0 {
		return word
	}
	return word[:end]
}

// textWidth estimates the width of text in ems. Nobody knows which font a
// picture will be seen in, so it is that of a rather wide one.
func textWidth(text string) float64 {
	w := 0.0
	for _, r := range text {
		w += runeWidth(r)
	}
	return w
}

func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("iljtfrI.,:;'|!()[] ", r):
		return 0.40
	case strings.ContainsRune("mwMW@%", r):
		return 0.99
	case r >= 'A' && r <= 'Z':
		return 0.76
	case r < 0x2000:
		return 0.64
	}
	if isWide(r) {
		return 1.05
	}
	return 1
}

// isWide tells letters of scripts that are broken anywhere.
func isWide(r rune) bool {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return true
	}
	return false
}
