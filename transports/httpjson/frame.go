package httpjson

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"vertigo/engine"
)

// A frame is one message as captures show it, and rules see it: a JSON object
// that is not closed yet.
type frame []byte

// text adds a field, unless there is nothing to say.
func (f frame) text(name, text string) frame {
	if text == "" {
		return f
	}
	return f.raw(name, quote(text))
}

// number adds a field, unless it is 0.
func (f frame) number(name string, n int) frame {
	if n == 0 {
		return f
	}
	return f.raw(name, strconv.AppendInt(nil, int64(n), 10))
}

// raw adds a field whose value is JSON, unless there is none.
func (f frame) raw(name string, value []byte) frame {
	if len(value) == 0 {
		return f
	}
	between := byte(',')
	if len(f) == 0 {
		between = '{'
	}
	f = append(append(f, between), quote(name)...)
	return append(append(f, ':'), value...)
}

func (f frame) end() []byte { return append(f, '}') }

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}

// Word is a message of the transport itself.
func Word(typ string) []byte { return frame(nil).text("type", typ).end() }

// Frame gives the message for a.
func (c *Codec) Frame(a engine.Action) []byte {
	if !isReply(a) {
		return sent(a).end()
	}
	status, _ := statusOf(a)
	return frame(nil).text("type", a.Type).text("request", a.Address["request"]).number("status", status).raw("body", a.Body).end()
}

// isReply tells the answers of ours from the requests.
func isReply(a engine.Action) bool { return a.Address["request"] != "" }

func sent(a engine.Action) frame {
	return frame(nil).text("id", a.ID).text("type", a.Type).text("path", a.Address["path"]).raw("body", a.Body)
}

// dead is a message that was not taken, and why.
func dead(a engine.Action, o outcome) []byte {
	return sent(a).number("status", o.status).raw("error", o.failure()).end()
}

// frame is what came of a, without the body of the answer.
func (o outcome) frame(a engine.Action) frame {
	typ := a.Type + ".ok"
	if o.problem != "" {
		typ = a.Type + ".error"
	}
	return frame(nil).text("id", a.ID).text("type", typ).number("status", o.status).raw("error", o.failure())
}

// failure is the error in a frame; nil if the message was taken.
func (o outcome) failure() []byte {
	if o.problem == "" {
		return nil
	}
	code := o.status
	if code == 0 {
		code = -1
	}
	return frame(nil).number("code", code).text("reason", o.problem).end()
}

// asked is a request of the peer. Of a name that its query has twice the first
// counts.
func asked(id string, u *url.URL, body []byte) []byte {
	query := map[string]string{}
	for name, values := range u.Query() {
		query[name] = values[0]
	}
	named, err := json.Marshal(query)
	if err != nil {
		panic(err) // texts always marshal
	}
	return frame(nil).text("request", id).text("path", u.Path).raw("query", named).raw("body", body).end()
}

// jsonOf is what the body of an answer stands for: JSON as it is, anything else
// as text, nothing for nothing.
func jsonOf(body []byte) []byte {
	if len(body) == 0 || utf8.Valid(body) && json.Valid(body) {
		return body
	}
	return quote(string(body))
}

var errStatus = errors.New("status is none of HTTP: it has three digits, from 200 to 599")

// statusOf is the status of an answer of ours.
func statusOf(a engine.Action) (int, error) {
	text := a.Address["status"]
	if text == "" {
		return http.StatusOK, nil
	}
	status, err := strconv.Atoi(text)
	if err != nil || status < 200 || status > 599 {
		return 0, errStatus
	}
	return status, nil
}
