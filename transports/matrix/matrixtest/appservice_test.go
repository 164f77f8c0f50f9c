package matrixtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"vertigo/transports/matrix/matrixtest"
)

func TestARoomOfANamespaceIsPushedWithoutGhosts(t *testing.T) {
	for name, change := range map[string]func(*matrixtest.Registration){
		"rooms":   func(r *matrixtest.Registration) { r.Namespaces.Rooms = []matrixtest.Namespace{{Regex: "!.*"}} },
		"aliases": func(r *matrixtest.Registration) { r.Namespaces.Aliases = []matrixtest.Namespace{{Regex: "#call_.*"}} },
	} {
		t.Run(name, func(t *testing.T) {
			v := newService(t)
			change(&v.Registration)
			_, home := start(t, matrixtest.Options{AppServices: []matrixtest.Registration{v.Registration}, Timing: quick})
			alice := home.Register(t, "alice", "password1")
			made, err := alice.Do(t.Context(), http.MethodPost, "/_matrix/client/v3/createRoom", map[string]any{"room_alias_name": "call_1"})
			if err != nil {
				t.Fatal(err)
			}
			alice.Send(t, made.Get("room_id").String(), "m.call.hangup", map[string]any{"call_id": "1"})
			if got := calls(v.hangups(t, 1)); !slices.Equal(got, []string{"1"}) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTheInstancesOfAProtocolAreThoseOfAllWhoHaveIt(t *testing.T) {
	var all []matrixtest.Registration
	for _, name := range []string{"a", "b", "gone"} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case name == "gone":
				w.WriteHeader(http.StatusBadGateway)
			case r.URL.Path == "/_matrix/app/v1/thirdparty/protocol/m.protocol.pstn":
				io.WriteString(w, `{"icon":"`+name+`","instances":[{"desc":"`+name+`"}]}`)
			default:
				io.WriteString(w, `[{"userid":"@`+name+r.URL.Query().Get("m.id.phone")+`:hs.test"}]`)
			}
		}))
		t.Cleanup(web.Close)
		all = append(all, matrixtest.Registration{ID: name, URL: web.URL, ASToken: name, SenderLocalpart: name, Protocols: []string{"m.protocol.pstn"}})
	}
	_, home := start(t, matrixtest.Options{AppServices: all})
	alice := home.Register(t, "alice", "password1")
	if got := alice.Protocols(t).Raw; got != `{"m.protocol.pstn":{"icon":"a","instances":[{"desc":"a"},{"desc":"b"}]}}` {
		t.Errorf("got %s", got)
	}
	for path, want := range map[string]string{
		"user/m.protocol.pstn?m.id.phone=1":      `[{"userid":"@a1:hs.test"},{"userid":"@b1:hs.test"}]`,
		"user?userid=" + url.QueryEscape("@x:y"): `[{"userid":"@a:hs.test"},{"userid":"@b:hs.test"}]`,
		"user/irc?nick=x":                        `[]`,
	} {
		got, err := alice.Do(t.Context(), http.MethodGet, "/_matrix/client/v3/thirdparty/"+path, nil)
		if err != nil || got.Raw != want {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
}
