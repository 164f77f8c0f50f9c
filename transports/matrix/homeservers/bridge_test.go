package homeservers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
)

// A bridge is an application service that knows one telephone number.
type bridge struct {
	hometest.AppService
	number string
	events chan gjson.Result // of all transactions
}

// newBridge starts a bridge whose users' names begin with prefix.
func newBridge(t *testing.T, prefix, number string) *bridge {
	b := &bridge{number: number, events: make(chan gjson.Result, 1000)}
	b.AppService = hometest.AppService{
		ID: prefix + "bridge", ASToken: prefix + "as", HSToken: prefix + "hs",
		Sender: prefix + "phone", Ghosts: prefix + "tel_",
	}
	const protocol = `{"user_fields":["m.id.phone"],"location_fields":[],"icon":"",` +
		`"field_types":{"m.id.phone":{"regexp":".*","placeholder":"number"}},` +
		`"instances":[{"network_id":"telephone","desc":"Telephone","fields":{}}]}`
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /_matrix/app/v1/transactions/{txn}", b.transaction)
	mux.HandleFunc("GET /_matrix/app/v1/thirdparty/user/m.protocol.pstn", b.lookUp)
	mux.HandleFunc("GET /_matrix/app/v1/thirdparty/protocol/m.protocol.pstn", answer(protocol))
	mux.HandleFunc("POST /_matrix/app/v1/ping", answer("{}"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+b.HSToken {
			t.Errorf("%s %s: the homeserver shows %q", r.Method, r.URL, got)
		}
		w.Header().Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.URL = server.URL
	return b
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func (b *bridge) transaction(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, e := range gjson.GetBytes(data, "events").Array() {
		b.events <- e
	}
	io.WriteString(w, "{}")
}

func (b *bridge) lookUp(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("m.id.phone") != b.number {
		io.WriteString(w, "[]")
		return
	}
	io.WriteString(w, `[{"userid":"`+b.ghost()+`","protocol":"m.protocol.pstn","fields":{"m.id.phone":"`+b.number+`"}}]`)
}

// name is the local part of the ghost that has the number.
func (b *bridge) name() string { return b.Ghosts + strings.TrimPrefix(b.number, "+") }

func (b *bridge) ghost() string { return "@" + b.name() + ":" + hometest.ServerName }

// next returns the next event of that type that is pushed.
func (b *bridge) next(ctx context.Context, t *testing.T, typ string) gjson.Result {
	t.Helper()
	for {
		select {
		case e := <-b.events:
			if e.Get("type").String() == typ {
				return e
			}
		case <-ctx.Done():
			t.Fatalf("no %s was pushed: %v", typ, context.Cause(ctx))
		}
	}
}
