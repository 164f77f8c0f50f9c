package verto

import (
	"encoding/json"
	"strings"

	"vertigo/engine"
)

const (
	// lostType is the type of a call whose socket is lost.
	lostType = "verto.lost"
	// goneType is the type of a call that the server no longer has.
	goneType = "verto.gone"
)

// isOwnWord tells the methods that only the transport itself may say.
func isOwnWord(method string) bool {
	return method == lostType || method == goneType || strings.HasPrefix(method, "transport.")
}

// A word is what the transport says for itself, in the shape of a request of
// the server, so that the same paths find type and call.
type word struct {
	Method string `json:"method"`
	Params any    `json:"params"`
}

func upWord(login string, reattached []string) word {
	if reattached == nil {
		reattached = []string{}
	}
	return word{engine.TransportUp, struct {
		Account    string   `json:"account"`
		Reattached []string `json:"reattached"`
	}{login, reattached}}
}

func downWord(login string) word {
	return word{engine.TransportDown, struct {
		Account string `json:"account"`
	}{login}}
}

func lostWord(callID string) word {
	return word{lostType, struct {
		CallID string `json:"callID"`
	}{callID}}
}

// goneWord names the cause that mod_verto itself gives to a call that lost its
// socket.
func goneWord(callID string) word {
	return word{goneType, struct {
		CallID    string `json:"callID"`
		Cause     string `json:"cause"`
		CauseCode int    `json:"causeCode"`
	}{callID, "DESTINATION_OUT_OF_ORDER", 27}}
}

// raw is the word as a message of the server would stand on the wire.
func (w word) raw() []byte {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // texts, numbers and lists of texts always marshal
	}
	return b
}

// failure is the error response that the server did not give. id is the
// request's as it stood on the wire, "" for one that never went out.
func failure(id, problem string) json.RawMessage {
	b := []byte(`{"jsonrpc":"2.0",`)
	if id != "" {
		b = append(b, `"id":`...)
		b = append(b, id...)
		b = append(b, ',')
	}
	b = append(b, `"error":{"code":-1,"message":`...)
	b = append(b, quote(problem)...)
	return append(b, `}}`...)
}

// byeParams ends a call that the rules were already told is gone.
func byeParams(callID string) json.RawMessage {
	b := []byte(`{"cause":"NORMAL_TEMPORARY_FAILURE","dialogParams":{"callID":`)
	b = append(b, quote(callID)...)
	return append(b, `}}`...)
}
