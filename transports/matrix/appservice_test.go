package matrix

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

func TestAnApplicationServiceComesUpWhenTheHomeserverKnowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBridge(t, newWorld())
		b.run()
		defer b.stop()
		want := []string{`{"type":"transport.up","user_id":"@bot:hs.test","ghosts":"tel_"}`}
		if diff := cmp.Diff(want, bodies(b.taken())); diff != "" || !b.Up() {
			t.Error(diff)
		}
		registered := []string{botID + ` /register {"inhibit_login":true,"type":"m.login.application_service","username":"bot"}`}
		if diff := cmp.Diff(registered, b.did("POST", "/register")); diff != "" {
			t.Error(diff)
		}
		if n := len(b.did("POST", "/_matrix/client/v1/appservice/vertigo/ping")); n != 1 {
			t.Errorf("%d pings", n)
		}
		if auth := b.hs.asked("/account/whoami")[0].auth; auth != "Bearer "+b.registration.ASToken {
			t.Error("asked with another token")
		}
		if lines := b.log.with("WARN"); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestAHomeserverThatIsGoneIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := startBridge(t, w)
		defer b.stop()
		w.first(func(request) reply { return reply{err: errReset} })
		time.Sleep(b.times.poll)
		if diff := cmp.Diff([]string{"transport.down"}, types(b.taken())); diff != "" || b.Up() {
			t.Error(diff)
		}
		if got := b.ask(t, "GET", "/health", ""); got != (reply{status: 503, body: `{"status":"down"}`}) {
			t.Errorf("health is %+v", got)
		}
		w.first(func(request) reply { return reply{} })
		time.Sleep(b.times.retry.longest)
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" || !b.Up() {
			t.Error(diff)
		}
		if n := len(b.log.with("homeserver cannot be reached")); n != 1 {
			t.Errorf("logged %d lines", n)
		}
	})
}

func TestAnUnknownASTokenIsSaidWithTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.first(func(request) reply { return reply{status: 401, body: unknownToken} })
		b := startBridge(t, w)
		defer b.stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		lines := b.log.with("login refused")
		if len(lines) != 1 || !strings.Contains(lines[0], "does not take the as_token of registration "+b.cfg.Registration) {
			t.Errorf("logged %q", lines)
		}
		if n := len(b.hs.asked("/account/whoami")); n < 10 || n > 40 {
			t.Errorf("%d tries in an hour", n)
		}
		if lines := b.log.with(b.registration.ASToken); len(lines) != 0 {
			t.Error("the token was logged")
		}
		w.first(func(request) reply { return reply{} })
		time.Sleep(6 * time.Minute)
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheRegistrationOfAnotherUserEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.first(func(request) reply { return reply{body: `{"user_id":"@other:hs.test"}`} })
		b := startBridge(t, w)
		err := <-b.ended
		want := "the as_token of registration " + b.cfg.Registration + " is @other:hs.test's, but user is @bot:hs.test"
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	})
}

func TestABridgeWhoseOwnUserIsNotRegisteredWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.first(func(r request) reply {
			if r.path == "/register" {
				return reply{status: 500, body: `{"errcode":"M_UNKNOWN","error":"Internal server error"}`}
			}
			return reply{}
		})
		b := newBridge(t, w)
		b.run()
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		if n := len(b.log.with("does not register the bridge's own user")); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

func TestAPingThatDoesNotComeBackIsAWarning(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ping  reply
		warns int
	}{
		{"comes back", reply{}, 0},
		{"nobody there", reply{status: 502, body: `{"errcode":"M_CONNECTION_FAILED","error":"refused"}`}, 1},
		{"no url", reply{status: 400, body: `{"errcode":"M_URL_NOT_SET","error":"no url"}`}, 1},
		{"homeserver without ping", reply{status: 404, body: `{"errcode":"M_UNRECOGNIZED","error":"?"}`}, 0},
		{"homeserver gone again", reply{err: errReset}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.ping = tt.ping
				b := startBridge(t, w)
				defer b.stop()
				lines := b.log.with("does not reach the bridge")
				if len(lines) != tt.warns || !b.Up() {
					t.Fatalf("logged %q", lines)
				}
				if tt.warns > 0 && !(strings.Contains(lines[0], "url=http://127.0.0.1:29328") && strings.Contains(lines[0], "listen=127.0.0.1:29328")) {
					t.Errorf("logged %q", lines)
				}
			})
		})
	}
}

// A homeserver that tries a connection to the bridge before this one first does
// reach the bridge.
func TestAPingOverAnOldConnectionIsNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		pings := 0
		w.first(func(r request) reply {
			if !strings.HasSuffix(r.path, "/ping") {
				return reply{}
			}
			if pings++; pings > 1 {
				return reply{}
			}
			return reply{status: 502, body: `{"errcode":"M_CONNECTION_FAILED","error":"EOF"}`}
		})
		b := startBridge(t, w)
		defer b.stop()
		if lines := b.log.with("does not reach the bridge"); pings != 2 || len(lines) > 0 || !b.Up() {
			t.Errorf("%d pings, logged %q", pings, lines)
		}
	})
}

func TestAPortThatIsTakenEndsTheRun(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := bridgeConfig(t)
	cfg.Listen, cfg.URL = taken.Addr().String(), "http://"+defaultListen
	c, err := New("matrix", cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Run(t.Context(), func([]engine.Message) {})
	if err == nil || !strings.Contains(err.Error(), `listen = "`+cfg.Listen+`"`) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestClocksThatDifferAreSaidOnce(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		warns int
	}{{0, 0}, {-5 * time.Second, 0}, {5 * time.Second, 0}, {-8 * time.Second, 1}, {time.Hour, 1}} {
		t.Run(tt.ahead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.first(func(r request) reply {
					if r.path == "/account/whoami" {
						return reply{date: time.Now().Add(tt.ahead).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), body: `{"user_id":"` + botID + `"}`}
					}
					return reply{}
				})
				b := startBridge(t, w)
				defer b.stop()
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if lines := b.log.with("clock"); len(lines) != tt.warns {
					t.Errorf("logged %q", lines)
				}
			})
		})
	}
}
