package engine

import (
	"fmt"
	"strings"
)

// A Reason says in words why a rule did not fire.
type Reason struct {
	Text   string   // "its condition is false", "limit callsPerMinute is exhausted: 10 of 10"
	Source string   // the piece of the condition that was false; "" if it is not known
	Where  string   // its place, and the let that it stands in
	Values []string // what it looked at: `msg.params.cause = "USER_BUSY"`
}

// Reason says in words what became of the rule.
func (c *Candidate) Reason() Reason {
	if c.Verdict != IsFalse {
		return Reason{Text: c.verdict()}
	}
	if c.Part == nil {
		return Reason{Text: "its condition is false"}
	}
	r := Reason{Text: "false", Source: oneLine(c.Part.Text), Where: c.Part.Pos}
	if c.Let != "" {
		r.Text = "false, in " + c.Let
	}
	for _, v := range c.Values {
		r.Values = append(r.Values, oneLine(v.Name)+" = "+Show(v.Value))
	}
	return r
}

// oneLine puts the lines of an expression behind each other.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, " ")
}

func (c *Candidate) verdict() string {
	switch c.Verdict {
	case RuleFailed:
		if c.By != nil {
			return fmt.Sprintf("it would fail: %v; but %q came first", c.Err, c.By.Name)
		}
		return fmt.Sprintf("it failed: %v", c.Err)
	case RuleHidden:
		return fmt.Sprintf("it was not tried: %q came first", c.By.Name)
	case WrongState:
		return fmt.Sprintf("for state %s; the %s is in %s", strings.Join(c.Rule.In, ", "), c.what(), c.State)
	case OfOther:
		if c.Connection {
			return "for calls; this message is of the transport's connection"
		}
		return "for the transport's connection; this message is of a call"
	case NeedsCall:
		if c.Rule.OfConnection {
			return "for the transport's connection; it has not begun"
		}
		return "for calls under way; this message is of none"
	case NeedsNew:
		if c.Connection {
			return "for a transport without a connection; this one has begun"
		}
		return "for messages that begin a call; this call has begun"
	case NeedsKey:
		if c.Rule.NewConnection {
			return "for the transport's coming up"
		}
		return "for messages that begin a call; this one names none"
	case LimitReached:
		return fmt.Sprintf("limit %s is exhausted: %s", c.Limit.Name, c.Limit.used())
	case LimitHasRoom:
		return fmt.Sprintf("for when limit %s is exhausted: %s", c.Limit.Name, c.Limit.used())
	}
	return string(c.Verdict)
}

func (c *Candidate) what() string {
	if c.Connection {
		return "connection"
	}
	return "call"
}

func (l *LimitSeen) used() string {
	text := fmt.Sprintf("%d of %d", l.Count, l.Max)
	if l.Key != "" {
		text += " for " + Show(l.Key)
	}
	return text
}
