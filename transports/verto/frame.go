package verto

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// A frame is one raw message of either side, taken apart as far as a transport
// needs it.
type frame struct {
	kind   frameKind
	method string // of a request
	id     string // as it stands, "" for none or null
	key    string // of a request: the callID
	failed bool   // of a response: it carries an error
	params gjson.Result
}

type frameKind int

const (
	noise    frameKind = iota // neither: not JSON, no object, a speed test, a batch
	request                   // has a method, whatever its id
	response                  // has none
)

// readFrame reads what FreeSWITCH may say, leniently: of keys that stand twice
// the first counts, and a field of an odd type is as good as absent. A message
// with a method is never a response: the ids of both sides overlap.
func readFrame(data []byte) frame {
	// json.Valid, not gjson's own check: that one recurses, and so a megabyte
	// of brackets would cost it a stack of hundreds.
	if !json.Valid(data) {
		return frame{}
	}
	top := gjson.ParseBytes(data)
	if !top.IsObject() {
		return frame{}
	}
	var method, id, result, failed gjson.Result
	top.ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "method":
			setFirst(&method, value)
		case "id":
			setFirst(&id, value)
		case "result":
			setFirst(&result, value)
		case "error":
			setFirst(&failed, value)
		}
		return true
	})
	f := frame{}
	if id.Type != gjson.Null {
		f.id = id.Raw
	}
	switch {
	case method.Type == gjson.String && method.Str != "":
		if isReplyType(method.Str) {
			return frame{}
		}
		f.kind, f.method = request, method.Str
		f.params = gjson.GetBytes(data, "params")
		f.key = callID(f.params)
	case method.Exists():
	case failed.Exists() && failed.Type != gjson.Null:
		f.kind, f.failed = response, true
	case result.Exists():
		f.kind = response
	}
	return f
}

func setFirst(field *gjson.Result, value gjson.Result) {
	if !field.Exists() {
		*field = value
	}
}

// callID finds the call that a request is about. The server names it at the
// top of params, a client in dialogParams.
func callID(params gjson.Result) string {
	for _, path := range []string{"callID", "dialogParams.callID"} {
		switch v := params.Get(path); v.Type {
		case gjson.String:
			return v.Str
		case gjson.Number:
			return v.Raw
		}
	}
	return ""
}

// isReplyType tells the words that say what came of a request; no peer may
// use them as a method.
func isReplyType(method string) bool {
	return strings.HasSuffix(method, ".ok") || strings.HasSuffix(method, ".error")
}

// requestFrame is a request of ours. The server asserts on some methods
// without params, so there always are some.
func requestFrame(method string, params json.RawMessage, id uint64) []byte {
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	b := make([]byte, 0, len(params)+len(method)+64)
	b = append(b, `{"jsonrpc":"2.0","method":`...)
	b = append(b, quote(method)...)
	b = append(b, `,"params":`...)
	b = append(b, params...)
	b = append(b, `,"id":`...)
	b = strconv.AppendUint(b, id, 10)
	return append(b, '}')
}

// ackFrame acknowledges a request of the server. Never with an error: mod_verto
// takes that for a request of ours.
func ackFrame(id, method string) []byte {
	b := []byte(`{"jsonrpc":"2.0","id":`)
	b = append(b, id...)
	b = append(b, `,"result":{"method":`...)
	b = append(b, quote(method)...)
	return append(b, `}}`...)
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return b
}
