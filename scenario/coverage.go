package scenario

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"vertigo/engine"
)

// WriteCoverage writes how often each rule has fired, and how often each part of
// a condition was true and false. What never happened is marked.
func WriteCoverage(w io.Writer, cover *engine.Coverage) error {
	p := &printer{out: bufio.NewWriter(w)}
	file := ""
	for _, c := range cover.List() {
		in, line := place(c.Pos)
		if in != file {
			file = in
			p.line(0, file)
		}
		p.covered(c, line)
	}
	rules, fired, branches, taken := cover.Totals()
	p.line(0, fmt.Sprintf("rules that fired: %d of %d, %d %%", fired, rules, Percent(fired, rules)))
	p.line(0, fmt.Sprintf("parts of conditions, each true and false: %d of %d, %d %%", taken, branches, Percent(taken, branches)))
	return p.out.Flush()
}

func (p *printer) covered(c *engine.Covered, line string) {
	switch c.Kind {
	case engine.CoverRule:
		p.hanging(0, 15, fmt.Sprintf("%s %6d %6s %s", flag(c.Fired == 0), c.Fired, line, c.Name))
	default:
		p.hanging(0, 15, fmt.Sprintf("         %6s %s %s", line, c.Kind, c.Name))
	}
	for _, b := range c.Branches {
		_, line := place(b.Pos)
		text := strings.Join(strings.Fields(b.Text), " ")
		p.hanging(0, 24, fmt.Sprintf("%s        %6s %6d %6d %s", flag(b.True == 0 || b.False == 0), line, b.True, b.False, text))
	}
}

func flag(never bool) string {
	if never {
		return "!"
	}
	return " "
}

// place takes file:line:col apart.
func place(pos string) (file, line string) {
	parts := strings.Split(pos, ":")
	if len(parts) < 3 {
		return pos, ""
	}
	return strings.Join(parts[:len(parts)-2], ":"), parts[len(parts)-2]
}

// Percent gives the share in whole percent: 100 only if it is the whole.
func Percent(part, whole int) int {
	if whole == 0 {
		return 100
	}
	return part * 100 / whole
}
