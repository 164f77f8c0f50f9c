package replay

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"vertigo/engine"
)

// An Explainer writes explanations for people, as they come.
type Explainer struct {
	out        *bufio.Writer
	afterwards bool
}

// NewExplainer begins a report under a title.
func NewExplainer(w io.Writer, title string) *Explainer {
	x := &Explainer{out: bufio.NewWriter(w)}
	x.line(0, title)
	return x
}

// Close ends the report.
func (x *Explainer) Close() error { return x.out.Flush() }

// Add writes what became of one message, and of each rule for its type.
func (x *Explainer) Add(e Explained) {
	if e.Afterwards && !x.afterwards {
		x.afterwards = true
		x.line(0, "")
		x.line(0, "The capture ends here; what follows is time alone.")
	}
	x.line(0, "")
	x.line(0, x.head(&e))
	x.fill(2, x.became(&e))
	for i := range e.Candidates {
		x.candidate(&e.Candidates[i])
	}
}

// head names the message: where it stands, when it came, what it is.
func (x *Explainer) head(e *Explained) string {
	m := &e.Message
	where := ""
	if e.Number > 0 {
		where = fmt.Sprintf("line %d, ", e.Number)
	}
	typ := m.Type
	if typ == "" {
		typ = "(unreadable)"
	}
	head := fmt.Sprintf("%s%s s: %s %s", where, seconds(e.Since), m.Transport, typ)
	if d := detail(m.Body); d != "" && m.Transport != ownTransport {
		head += " " + d
	}
	return head
}

// became says what became of the message as a whole.
func (x *Explainer) became(e *Explained) string {
	var parts []string
	switch {
	case e.Connection != "":
		parts = append(parts, "the connection")
	case e.Call != "":
		parts = append(parts, "call "+callTag(e.Call))
	}
	switch {
	case e.From == e.To && e.To != "":
		parts = append(parts, "in "+e.To)
	case e.From == "" && e.To != "":
		parts = append(parts, "begins → "+e.To)
	case e.From != e.To:
		parts = append(parts, e.From+" → "+e.To)
	}
	switch e.Outcome {
	case engine.Failed:
		parts = append(parts, "it FAILED")
		if !slices.ContainsFunc(e.Candidates, func(c engine.Candidate) bool { return c.Verdict == engine.RuleFailed }) {
			parts = append(parts, e.Err.Error())
		}
	case engine.Waiting:
		parts = append(parts, "it waits for its call to begin")
	case engine.Late:
		parts = append(parts, "too late: its call has ended")
	case engine.Unmatched:
		parts = append(parts, unmatched(e))
	}
	var sent []string
	for _, a := range e.Actions {
		sent = append(sent, fmt.Sprintf("%s to %s", a.Type, a.To))
	}
	if len(sent) > 0 {
		parts = append(parts, "sends "+strings.Join(sent, ", "))
	}
	return strings.Join(parts, "; ")
}

func unmatched(e *Explained) string {
	switch {
	case e.GaveUp:
		return "it waited for a call that never began"
	case len(e.Candidates) == 0:
		return "no rule is for this type"
	}
	return "no rule fired"
}

func (x *Explainer) candidate(c *engine.Candidate) {
	mark := "- "
	switch c.Verdict {
	case engine.RuleFired:
		mark = "* "
	case engine.RuleFailed:
		mark = "! "
	}
	x.fill(2, mark+c.Rule.Name)
	r := c.Reason()
	if r.Source == "" {
		x.fill(6, r.Text)
		return
	}
	x.fill(6, r.Text+": "+r.Source)
	for _, v := range r.Values {
		x.fill(9, v)
	}
	x.fill(9, "at "+r.Where)
}

// fill writes text in as many lines as it takes, all but the first a little
// further in.
func (x *Explainer) fill(indent int, text string) {
	for _, line := range wrap(text, Width-indent) {
		x.line(indent, line)
	}
}

func (x *Explainer) line(indent int, text string) {
	text = strings.TrimRight(strings.Repeat(" ", indent)+cut(text, Width-indent), " ")
	fmt.Fprintln(x.out, text)
}
