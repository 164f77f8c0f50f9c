package matrix

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

func TestEachPathTakesItsMethodAndTheToken(t *testing.T) {
	const events = `{"events":[]}`
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		for _, tt := range []struct {
			method, path, body string
			want               int
		}{
			{"PUT", "/_matrix/app/v1/transactions/1", events, 200},
			{"PUT", "/transactions/2", events, 200},
			{"POST", "/_matrix/app/v1/transactions/3", events, 405},
			{"PUT", "/_matrix/app/v1/transactions/", events, 404},
			{"GET", "/_matrix/app/v1/users/@anna:hs.test", "", 404},
			{"GET", "/_matrix/app/v1/users/%40bot%3Ahs.test", "", 200},
			{"GET", "/users/%40bot%3Ahs.test", "", 200},
			{"DELETE", "/users/%40bot%3Ahs.test", "", 405},
			{"POST", "/_matrix/app/v1/rooms/%23a:hs.test", "", 405},
			{"POST", "/_matrix/app/v1/ping", `{"transaction_id":"x"}`, 200},
			{"GET", "/_matrix/app/v1/ping", "", 405},
			{"GET", "/_matrix/app/v1/thirdparty/protocol/m.protocol.pstn", "", 200},
			{"GET", "/_matrix/app/unstable/thirdparty/protocol/m.protocol.pstn", "", 200},
			{"GET", "/thirdparty/protocol/m.protocol.pstn", "", 200},
			{"GET", "/_matrix/app/v1/thirdparty/protocol/irc", "", 404},
			{"GET", "/_matrix/app/v1/thirdparty/user/irc?nick=x", "", 200},
			{"GET", "/_matrix/app/unstable/thirdparty/user", "", 200},
			{"GET", "/_matrix/app/v1/thirdparty/location/m.protocol.pstn", "", 200},
			{"GET", "/_matrix/app/v1/thirdparty/location?alias=%23a:hs.test", "", 200},
			{"PUT", "/_matrix/app/v1/thirdparty/location", "", 405},
			{"GET", "/_matrix/app/v1/unknown", "", 404},
			{"GET", "/", "", 404},
			{"GET", "/health", "", 200},
			{"POST", "/health", "", 405},
		} {
			got := b.ask(t, tt.method, tt.path, tt.body)
			code := gjson.Get(got.body, "errcode").String()
			if got.status != tt.want || (got.status == 200) != (code == "") || got.status == 405 && code != "M_UNRECOGNIZED" {
				t.Errorf("%s %s: %+v", tt.method, tt.path, got)
			}
		}
	})
}

func TestOnlyWhoShowsTheHSTokenIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		good := b.registration.HSToken
		for _, tt := range []struct {
			name, header, query string
			want                int
			code                string
		}{
			{"in the header", "Bearer " + good, "", 200, ""},
			{"in the query", "", good, 200, ""},
			{"in both", "Bearer " + good, good, 200, ""},
			{"nowhere", "", "", 401, "M_MISSING_TOKEN"},
			{"wrong", "Bearer x" + good, "", 403, "M_FORBIDDEN"},
			{"wrong in the query", "", good[1:], 403, "M_FORBIDDEN"},
			{"wrong in the header alone", "Bearer x", good, 403, "M_FORBIDDEN"},
			{"as_token", "Bearer " + b.registration.ASToken, "", 403, "M_FORBIDDEN"},
			{"another scheme", "Basic " + good, "", 401, "M_MISSING_TOKEN"},
		} {
			req, err := http.NewRequest("PUT", "http://bridge/_matrix/app/v1/transactions/"+url.PathEscape(tt.name), strings.NewReader(`{"events":[`+callAt(roomA, "$"+tt.name, 1)+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			if tt.header != "" {
				req.Header.Set("Authorization", tt.header)
			}
			if tt.query != "" {
				req.URL.RawQuery = "access_token=" + tt.query
			}
			got := b.roundTrip(t, req)
			if got.status != tt.want || gjson.Get(got.body, "errcode").String() != tt.code {
				t.Errorf("%s: %+v", tt.name, got)
			}
			if taken := len(b.taken()); (taken == 1) != (tt.want == 200) {
				t.Errorf("%s: %d batches were delivered", tt.name, taken)
			}
		}
		if lines := b.log.with("wrong hs_token"); len(lines) != 1 || len(b.log.with(good)) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestHealthNeedsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		req, err := http.NewRequest("GET", "http://bridge/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.roundTrip(t, req); got != (reply{status: 200, body: `{"status":"up"}`}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestABodyThatIsNoTransactionIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		whole := `{"events":[` + callAt(roomA, "$1", 1) + `]}`
		for _, body := range []string{"", "{", whole[:len(whole)-1], `[]`, `{}`, `{"events":{}}`, `"events"`, "\xff"} {
			if got := b.ask(t, "PUT", "/_matrix/app/v1/transactions/t", body); got.status != 400 {
				t.Errorf("%.20q: %+v", body, got)
			}
		}
		// The connection breaks half-way: as many bytes were announced, fewer come.
		conn, err := b.pipes.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		half := "PUT /_matrix/app/v1/transactions/t HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer " + b.registration.HSToken +
			"\r\nContent-Length: 100000\r\n\r\n" + whole
		if _, err := io.WriteString(conn, half); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		conn.Close()
		synctest.Wait()
		if got := b.taken(); len(got) != 0 {
			t.Errorf("taken: %v", types(got))
		}
		// None of them counts as transaction t.
		b.push(t, "t", callAt(roomA, "$1", 1))
		if diff := cmp.Diff("$1", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnOverlongTransactionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBridge(t, newWorld())
		defer b.stop()
		body := `{"events":[],"padding":"` + strings.Repeat("x", maxTransaction) + `"}`
		if got := b.ask(t, "PUT", "/_matrix/app/v1/transactions/t", body); got.status != 413 {
			t.Errorf("got %+v", got)
		}
		if n := len(b.log.with("a transaction is too long")); n != 1 {
			t.Errorf("%d lines say so", n)
		}
	})
}
