package console

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"vertigo/capture"
)

// A teller puts steps into words, without the secrets in them, as captures are
// without them. Session ids it calls by numbers, in the order in which it meets
// them: those who tell of one call meet its steps in the same order.
type teller struct{ hide capture.Redactor }

// meet has the teller know the session ids in steps that it does not tell.
func (t *teller) meet(steps []step) {
	for i := range steps {
		t.step(&steps[i])
	}
}

// step is the step as the API tells it.
func (t *teller) step(s *step) Step {
	v := Step{
		N: s.n, At: s.now.UTC(), Transport: s.message.Transport, Type: s.message.Type, Outcome: string(s.outcome),
		From: s.from, To: s.to, Began: s.began, Ended: s.ended, Again: s.again, Body: readable(t.came(s.message.Body)),
	}
	if s.rule != nil {
		v.Rule, v.Place = s.rule.Name, s.rule.Pos
	}
	if s.err != nil {
		v.Error = string(t.came([]byte(s.err.Error()))) // it may quote the message
	}
	for _, a := range s.actions {
		v.Sent = append(v.Sent, Sent{a.To, a.Type, t.address(a.Address), readable(t.went(a.Body))})
	}
	return v
}

// came gives what a peer said.
func (t *teller) came(body []byte) []byte {
	if len(body) == 0 {
		return body
	}
	return t.hide.Message(capture.In, body)
}

// went gives what a rule's body came to: the content of an event, for one.
func (t *teller) went(body []byte) []byte {
	if len(body) == 0 || body[0] != '{' {
		return t.came(body)
	}
	const before, after = `{"content":`, `}`
	clean := t.hide.Message(capture.Out, append(append([]byte(before), body...), after...))
	return clean[len(before) : len(clean)-len(after)]
}

func (t *teller) address(given map[string]string) map[string]string {
	if len(given) == 0 {
		return nil
	}
	clean := make(map[string]string, len(given))
	for name, value := range given {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // a text marshals
		}
		clean[name] = gjson.ParseBytes(t.hide.Value(name, text)).String()
	}
	return clean
}
