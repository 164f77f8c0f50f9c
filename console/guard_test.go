package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shown is what the console of a test shows.
func shown() Options {
	return Options{
		Log:      slog.New(slog.DiscardHandler),
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "calls 7\n") }),
		Alive:    func(context.Context) error { return nil },
		NotReady: func() []string { return nil },
	}
}

// guarded is what a console answers with.
func guarded(cfg Config, o Options) http.Handler { return handler(cfg, o, &wrongLog{log: o.Log}) }

// ask lets a request come in by an address of this machine.
func ask(h http.Handler, method, target, host string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 7480}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local))))
	return w
}

// A name of somebody else's that leads here shows nothing.
func TestHosts(t *testing.T) {
	h := guarded(Config{Listen: "127.0.0.1:7480", Hosts: []string{"Vertigo.example.org"}}, shown())
	for host, want := range map[string]int{
		"127.0.0.1:7480": 200, "localhost:7480": 200, "LOCALHOST": 200, "localhost:9": 200,
		"vertigo.example.org": 200, "vertigo.example.org:443": 200,
		"192.0.2.7:7480": 200, "[::ffff:192.0.2.7]:7480": 200, // the address it came in by
		"192.0.2.8:7480": 421, "evil.example.org:7480": 421, "localhost.evil.example.org": 421,
		"vertigo.example.org.evil.example.org": 421, "127.0.0.1.evil.example.org:7480": 421, "": 421, "[": 421,
	} {
		for _, path := range []string{"/metrics", "/healthz", "/readyz", "/nowhere"} {
			w := ask(h, "GET", path, host)
			if path == "/nowhere" && want == 200 {
				continue
			}
			if w.Code != want {
				t.Errorf("%s of %q: %d, want %d", path, host, w.Code, want)
			}
			if want != 200 && strings.Contains(w.Body.String(), "calls") {
				t.Errorf("%q is shown %q", host, w.Body)
			}
		}
	}
}

// What a browser asks for the sake of a page of another origin shows nothing.
func TestOrigins(t *testing.T) {
	h := guarded(Config{Listen: "127.0.0.1:7480"}, shown())
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"no browser", nil, 200},
		{"the address bar", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"our own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:7480"}, 200},
		{"a link of another page", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a frame of another page", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a fetch of another page", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
		{"a fetch of a page of the same site", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"another origin, told by an older browser", []string{"Origin", "https://evil.example.org"}, 403},
		{"another port of this machine", []string{"Origin", "http://localhost:8080"}, 403},
		{"no origin that can be told", []string{"Origin", "null"}, 403},
		{"an origin that is none", []string{"Origin", "http://[::"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if w := ask(h, "GET", "/metrics", "localhost:7480", c.headers...); w.Code != c.want {
				t.Errorf("%d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
	if w := ask(h, "POST", "/metrics", "localhost:7480", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); w.Code != 403 {
		t.Errorf("a form of another page: %d", w.Code)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		if w := ask(h, method, "/metrics", "localhost:7480"); w.Code != 405 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// Without password or token, where one is set, nobody sees more than whether the
// bridge is alive and ready.
func TestSecrets(t *testing.T) {
	const password, token = "hunter2 hunter2", "syt_very_secret"
	o := shown()
	o.NotReady = func() []string { return []string{"pbx"} }
	basic := func(password string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth("anybody", password)
		return r.Header.Get("Authorization")
	}
	for _, c := range []struct {
		name, given string
		cfg         Config
		want        int
	}{
		{"nothing is asked for", "", Config{}, 200},
		{"nothing", "", Config{Password: password, Token: token}, 401},
		{"the password", basic(password), Config{Password: password}, 200},
		{"the token", "Bearer " + token, Config{Token: token}, 200},
		{"the token, where there is a password too", "bearer " + token, Config{Password: password, Token: token}, 200},
		{"another password", basic("hunter3"), Config{Password: password}, 401},
		{"another token", "Bearer nonsense", Config{Token: token}, 401},
		{"an empty password", basic(""), Config{Token: token}, 401},
		{"an empty token", "Bearer ", Config{Password: password}, 401},
		{"the password as a token", "Bearer " + password, Config{Password: password, Token: token}, 401},
		{"the token as a password", basic(token), Config{Password: password, Token: token}, 401},
		{"the token as a password, where there is none", basic(token), Config{Token: token}, 200},
		{"another scheme", "Digest " + token, Config{Token: token}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Listen = "127.0.0.1:7480"
			h := guarded(c.cfg, o)
			headers := []string{"Authorization", c.given}
			w := ask(h, "GET", "/metrics", "localhost", headers...)
			if w.Code != c.want || strings.Contains(w.Body.String(), "calls") != (c.want == 200) {
				t.Errorf("%d %q, want %d", w.Code, w.Body, c.want)
			}
			if asks := w.Header().Get("WWW-Authenticate") != ""; asks != (c.want == 401) {
				t.Errorf("it asks: %v", asks)
			}
			if w := ask(h, "GET", "/healthz", "localhost", headers...); w.Code != 200 {
				t.Errorf("/healthz: %d", w.Code)
			}
			w = ask(h, "GET", "/readyz", "localhost", headers...)
			if w.Code != 503 || strings.Contains(w.Body.String(), "pbx") != (c.want == 200) {
				t.Errorf("/readyz: %d %q", w.Code, w.Body)
			}
			for _, secret := range []string{password, token} {
				if strings.Contains(w.Body.String(), secret) {
					t.Error("the answer holds a secret")
				}
			}
		})
	}
}

// Every answer forbids browsers what none needs, refusals too.
func TestHeaders(t *testing.T) {
	h := guarded(Config{Listen: "127.0.0.1:7480", Token: "t"}, shown())
	for _, target := range [][2]string{{"/healthz", "localhost"}, {"/metrics", "localhost"}, {"/nowhere", "localhost"}, {"/healthz", "evil"}} {
		got := ask(h, "GET", target[0], target[1]).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got.Get(name) != want {
				t.Errorf("%s of %s: %s is %q", target[0], target[1], name, got.Get(name))
			}
		}
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(got.Get("Content-Security-Policy"), want) {
				t.Errorf("%s of %s: the policy is %q", target[0], target[1], got.Get("Content-Security-Policy"))
			}
		}
		if got.Get("Access-Control-Allow-Origin") != "" {
			t.Error("other origins may read")
		}
	}
}

// An engine that does not answer within a second is not alive.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := shown()
		o.Alive = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		h := guarded(Config{Listen: "127.0.0.1:7480"}, o)
		began := time.Now()
		w := ask(h, "GET", "/healthz", "localhost")
		if took := time.Since(began); w.Code != 503 || took != time.Second || !strings.Contains(w.Body.String(), "the engine does not answer") {
			t.Errorf("%d %q after %v", w.Code, w.Body, took)
		}
		o.Alive = func(context.Context) error { return errors.New("over") }
		if w := ask(guarded(Config{Listen: "127.0.0.1:7480"}, o), "GET", "/healthz", "localhost"); w.Code != 503 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestReadiness(t *testing.T) {
	o := shown()
	var missing []string
	o.NotReady = func() []string { return missing }
	h := guarded(Config{Listen: "127.0.0.1:7480"}, o)
	if w := ask(h, "GET", "/readyz", "localhost"); w.Code != 200 || w.Body.String() != "ready\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	missing = []string{"matrix", "pbx"}
	if w := ask(h, "GET", "/readyz", "localhost"); w.Code != 503 || w.Body.String() != "not logged in: matrix, pbx\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// What the page shows and what it asks for is for those alone who may look, by a
// name of ours, and never for a page of another origin.
func TestPageAndAPIAreGuarded(t *testing.T) {
	w := newWorld(t, plainRules)
	id := string(w.says("m.call.invite", "one", `,"number":"+441632960001"`)[0].Call)
	o := shown()
	o.API = w.api
	h := guarded(Config{Listen: "127.0.0.1:7480", Token: "secret"}, o)
	login := &http.Request{Header: http.Header{}}
	login.SetBasicAuth("anybody", "secret")
	may := login.Header.Get("Authorization")
	targets := []string{
		"GET /", "GET /console/", "GET /console/console.js", "GET /api/state", "GET /api/calls", "GET /api/calls/" + id, "GET /api/calls/" + id + "/steps/0",
		"GET /api/rules", "GET /api/rules/files", "GET /api/events", "POST /api/try",
	}
	for _, target := range targets {
		method, path, _ := strings.Cut(target, " ")
		for _, c := range []struct {
			name    string
			host    string
			headers []string
			want    int
		}{
			{"without a password", "localhost:7480", nil, 401},
			{"with another one", "localhost:7480", []string{"Authorization", "Basic bm9ib2R5Og=="}, 401},
			{"by a name that is not ours", "evil.example.org:7480", []string{"Authorization", may}, 421},
			{"for a page of another origin", "localhost:7480", []string{"Authorization", may, "Origin", "https://evil.example.org"}, 403},
			{"for a script of another site", "localhost:7480", []string{"Authorization", may, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
			{"for a page of the same machine", "localhost:7480", []string{"Authorization", may, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		} {
			answer := ask(h, method, path, c.host, c.headers...)
			if answer.Code != c.want {
				t.Errorf("%s %s: %d, want %d", target, c.name, answer.Code, c.want)
			}
			for _, secret := range []string{"secret", "+44163", id, "begins", "<title>"} {
				if strings.Contains(answer.Body.String(), secret) {
					t.Errorf("%s %s shows %q: %s", target, c.name, secret, answer.Body)
				}
			}
			if answer.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: other origins may read", target)
			}
		}
		if path == "/api/events" {
			continue // it would not end
		}
		answer := ask(h, method, path, "localhost:7480", "Authorization", may, "Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:7480")
		if want := map[string]int{"GET /": 302, "POST /api/try": 415}[target]; answer.Code != cmp.Or(want, 200) {
			t.Errorf("%s with the password: %d %s", target, answer.Code, answer.Body)
		}
		if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %q", target, policy)
		}
	}
	if got := ask(guarded(Config{Listen: "127.0.0.1:7480"}, shown()), "GET", "/api/state", "localhost"); got.Code != 404 {
		t.Errorf("without an API: %d", got.Code)
	}
}

// Behind a proxy the page has another address than the one that is asked here; the
// browser itself says that it is the same page that asks.
func TestBehindAProxy(t *testing.T) {
	o := shown()
	o.API = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "tried") })
	h := guarded(Config{Listen: "127.0.0.1:7480", Hosts: []string{"vertigo.example.org"}}, o)
	for _, host := range []string{"localhost:7480", "vertigo.example.org", "vertigo.example.org:443"} {
		for site, want := range map[string]int{"same-origin": 200, "same-site": 403, "cross-site": 403} {
			w := ask(h, "POST", "/api/try", host, "Origin", "https://vertigo.example.org:8443", "Sec-Fetch-Site", site)
			if w.Code != want {
				t.Errorf("%s, asked %s: %d, want %d", host, site, w.Code, want)
			}
		}
	}
	if w := ask(h, "POST", "/api/try", "evil.example.org", "Origin", "https://evil.example.org", "Sec-Fetch-Site", "same-origin"); w.Code != 421 {
		t.Errorf("by a name of somebody else's: %d", w.Code)
	}
}

// Wrong passwords are in the log: the first one at once, the others once a minute.
func TestWrongPasswordsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		o := shown()
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		wrong := &wrongLog{log: o.Log}
		h := handler(Config{Listen: "127.0.0.1:7480", Password: "hunter2"}, o, wrong)
		guess := func(times int) {
			for range times {
				ask(h, "GET", "/metrics", "localhost", "Authorization", "Basic bm9ib2R5Omd1ZXNz")
			}
		}
		lines := func(want ...string) {
			t.Helper()
			synctest.Wait()
			wrong.mu.Lock() // under which it is written
			defer wrong.mu.Unlock()
			for i, line := range want {
				want[i] = `level=WARN msg="wrong password or token for the console" ` + line
			}
			var got []string
			for line := range strings.Lines(log.String()) {
				_, line, _ = strings.Cut(line, " ")
				line, _, _ = strings.Cut(line, " last_from=192.0.2.1:1234")
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the log has %q, want %q", got, want)
			}
			log.Reset()
		}
		ask(h, "GET", "/metrics", "localhost")
		ask(h, "GET", "/readyz", "localhost")
		lines()
		guess(3)
		lines("count=1")
		time.Sleep(wrongEvery)
		lines("count=2")
		time.Sleep(2 * wrongEvery)
		lines()
		guess(3)
		lines("count=1")
		wrong.close()
		lines("count=2")
		guess(1)
		time.Sleep(2 * wrongEvery)
		lines()
	})
}
