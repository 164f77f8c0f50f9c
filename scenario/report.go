package scenario

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"vertigo/engine"
)

// width is what a report keeps to.
const width = 80

// WriteText writes what is wrong with a scenario: nothing, if nothing is.
func (r *Result) WriteText(w io.Writer) error {
	out := &printer{out: bufio.NewWriter(w)}
	for i := range r.Steps {
		if s := &r.Steps[i]; !s.OK() {
			out.step(r, s)
		}
	}
	if r.Left > 0 {
		out.line(2, fmt.Sprintf("%s after it not run", counted(r.Left, "step")))
	}
	return out.out.Flush()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

type printer struct{ out *bufio.Writer }

// line writes text, with what does not fit on further lines.
func (p *printer) line(indent int, text string) { p.hanging(indent, indent+2, text) }

// hanging writes text whose further lines are indented otherwise.
func (p *printer) hanging(indent, further int, text string) {
	for {
		room := width - indent
		if utf8.RuneCountInString(text) <= room {
			fmt.Fprintf(p.out, "%*s%s\n", indent, "", text)
			return
		}
		head := string([]rune(text)[:room])
		if at := strings.LastIndexByte(head, ' '); at > room/2 {
			head = head[:at]
		}
		fmt.Fprintf(p.out, "%*s%s\n", indent, "", head)
		text, indent = strings.TrimPrefix(text[len(head):], " "), further
	}
}

func (p *printer) step(r *Result, s *StepResult) {
	name := s.Name
	if s.Time > 0 {
		name += fmt.Sprintf(" (time %d)", s.Time)
	}
	p.line(0, fmt.Sprintf("FAILED %s: %s", s.Pos, name))
	if r.Question != "" {
		p.line(2, r.Question)
	}
	for i := range s.Faults {
		p.fault(&s.Faults[i])
	}
	if len(s.Messages) > 0 {
		p.line(2, "what the rules did:")
	}
	for _, x := range s.Messages {
		p.message(x)
	}
}

func (p *printer) fault(f *Fault) {
	switch f.Kind {
	case Missing:
		p.line(2, fmt.Sprintf("- %s  is not sent (line %d)", f.Message, f.Pos.Line))
	case Unexpected:
		p.line(2, fmt.Sprintf("+ %s  is sent, and was not expected, by", f.Message))
		p.line(4, fmt.Sprintf("%q", f.Rule))
	case Different:
		p.line(2, fmt.Sprintf("~ %s  is not as expected (line %d), by", f.Message, f.Pos.Line))
		p.line(4, fmt.Sprintf("%q", f.Rule))
	default:
		p.line(2, "! "+f.Message)
	}
	for _, d := range f.Differences {
		p.difference(&d)
	}
}

// longest is how much of a value is shown.
const longest = 400

func (p *printer) difference(d *Difference) {
	p.line(4, d.Path)
	if len(d.Lines) > 0 {
		for _, l := range d.Lines {
			p.line(6, l)
		}
		return
	}
	if d.Want != "" {
		p.line(6, "- "+clip(asRulesSay(d.Want)))
	}
	got := d.Got
	if got == "" {
		got = "nothing"
	}
	p.line(6, "+ "+clip(asRulesSay(got)))
}

func clip(text string) string {
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest-1]) + "…"
}

// message tells which rules acted on a message, and of the others why not.
func (p *printer) message(x *engine.Explanation) {
	head := x.Message.Transport + " " + x.Message.Type
	if x.From != "" {
		what := "call"
		if x.Connection != "" {
			what = "connection"
		}
		head += fmt.Sprintf(", %s %s", what, x.From)
		if x.To != x.From {
			head += " → " + x.To
		}
	}
	if x.Outcome != engine.Fired {
		head += ": " + string(x.Outcome)
	}
	p.line(4, head)
	elsewhere := 0
	for i := range x.Candidates {
		c := &x.Candidates[i]
		switch c.Verdict {
		case engine.WrongState, engine.NeedsCall, engine.NeedsNew, engine.NeedsKey:
			elsewhere++
		default:
			p.candidate(c)
		}
	}
	if elsewhere > 0 {
		p.line(6, fmt.Sprintf("(%s for other states of a call)", counted(elsewhere, "rule")))
	}
}

func (p *printer) candidate(c *engine.Candidate) {
	switch c.Verdict {
	case engine.RuleFired:
		p.hanging(6, 12, "fires "+c.Rule.Name)
		return
	case engine.RuleFailed:
		p.hanging(6, 12, "fails "+c.Rule.Name)
		p.line(12, fmt.Sprint(c.Err))
		return
	}
	p.hanging(6, 12, "not   "+c.Rule.Name)
	switch {
	case c.Verdict == engine.RuleHidden:
		p.line(12, fmt.Sprintf("since %q fired before it", c.By.Name))
	case c.Limit != nil && c.Verdict == engine.LimitReached:
		p.line(12, fmt.Sprintf("limit %s is exhausted: %d of %d", c.Limit.Name, c.Limit.Count, c.Limit.Max))
	case c.Limit != nil:
		p.line(12, fmt.Sprintf("limit %s has room: %d of %d", c.Limit.Name, c.Limit.Count, c.Limit.Max))
	case c.Part != nil:
		let := ""
		if c.Let != "" {
			let = " (let " + c.Let + ")"
		}
		p.line(12, "false: "+strings.Join(strings.Fields(c.Part.Text), " ")+let)
		for _, v := range c.Values {
			p.line(14, v.Name+" = "+clipTo(asRulesSay(show(v.Value)), 120))
		}
	}
}

// asRulesSay writes a value that was shown as rules would write it: JSON's null
// is nil.
func asRulesSay(shown string) string {
	if shown == "null" {
		return "nil"
	}
	return shown
}

func clipTo(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
