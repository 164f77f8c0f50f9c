package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vertigo/engine"
)

// The JSON form of an explanation. What has no value is left out.
type (
	explainedJSON struct {
		At         string          `json:"at,omitempty"` // file:line
		Time       string          `json:"time"`
		Transport  string          `json:"transport"`
		Type       string          `json:"type"`
		Call       string          `json:"call,omitempty"`
		Connection string          `json:"connection,omitempty"` // the transport whose connection call is
		From       string          `json:"from,omitempty"`
		To         string          `json:"to,omitempty"`
		Outcome    string          `json:"outcome"`
		Error      string          `json:"error,omitempty"`
		Sent       []sentJSON      `json:"sent,omitempty"`
		Afterwards bool            `json:"afterwards,omitempty"`
		Rules      []candidateJSON `json:"rules"`
	}
	sentJSON struct {
		To   string `json:"to"`
		Type string `json:"type"`
		Rule string `json:"rule"`
	}
	candidateJSON struct {
		Rule    string     `json:"rule"`
		Pos     string     `json:"pos"`
		Verdict string     `json:"verdict"`
		Why     string     `json:"why,omitempty"`
		After   string     `json:"after,omitempty"` // the rule after which it was not tried
		False   *falseJSON `json:"false,omitempty"`
	}
	falseJSON struct {
		Text   string                     `json:"text"`
		Pos    string                     `json:"pos"`
		Let    string                     `json:"let,omitempty"`
		Values map[string]json.RawMessage `json:"values,omitempty"`
	}
)

// An ExplainedJSON writes explanations as one JSON list, as they come.
type ExplainedJSON struct {
	out   io.Writer
	count int
	err   error
}

// NewExplainedJSON begins the list.
func NewExplainedJSON(w io.Writer) *ExplainedJSON { return &ExplainedJSON{out: w} }

// Add writes what became of one message, on a line of its own.
func (x *ExplainedJSON) Add(e Explained) {
	j := explainedJSON{
		At: e.Place, Time: e.Now.UTC().Format(time.RFC3339Nano),
		Transport: e.Message.Transport, Type: e.Message.Type,
		Call: string(e.Call), Connection: e.Connection, From: e.From, To: e.To,
		Outcome: string(e.Outcome), Afterwards: e.Afterwards,
		Rules: []candidateJSON{},
	}
	if e.Err != nil {
		j.Error = e.Err.Error()
	}
	for _, a := range e.Actions {
		j.Sent = append(j.Sent, sentJSON{a.To, a.Type, a.Rule})
	}
	for i := range e.Candidates {
		j.Rules = append(j.Rules, candidateOf(&e.Candidates[i]))
	}
	text, err := marshal(j)
	if err != nil && x.err == nil {
		x.err = err
	}
	before := ",\n"
	if x.count == 0 {
		before = "[\n"
	}
	x.count++
	x.print(before + text)
}

// Close ends the list.
func (x *ExplainedJSON) Close() error {
	if x.count == 0 {
		x.print("[")
	}
	x.print("\n]\n")
	return x.err
}

func (x *ExplainedJSON) print(text string) {
	if _, err := io.WriteString(x.out, text); err != nil && x.err == nil {
		x.err = err
	}
}

func candidateOf(c *engine.Candidate) candidateJSON {
	j := candidateJSON{Rule: c.Rule.Name, Pos: c.Rule.Pos, Verdict: string(c.Verdict)}
	if c.By != nil {
		j.After = c.By.Name
	}
	p := c.Part
	if c.Verdict != engine.RuleFired && p == nil {
		j.Why = c.Reason().Text
	}
	if p != nil {
		j.False = &falseJSON{Text: p.Text, Pos: p.Pos, Let: c.Let, Values: map[string]json.RawMessage{}}
		for _, v := range c.Values {
			j.False.Values[v.Name] = valueJSON(v.Value)
		}
	}
	return j
}

// valueJSON is a value as JSON, as text that is cut short where it is long or has
// no JSON form.
func valueJSON(v any) json.RawMessage {
	const longest = 200
	text, err := engine.AppendJSON(nil, v)
	if err != nil || len(text) > longest {
		text, _ = engine.AppendJSON(nil, engine.Show(v))
	}
	return text
}

// marshal gives JSON on one line, with < and > as they are.
func marshal(v any) (string, error) {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("writing JSON: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
