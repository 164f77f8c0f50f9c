package matrixtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/matrixtest"
)

// refusal is status and errcode of an error, "" if there was none.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var refused *hometest.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &refused):
		t.Fatal(err)
	}
	return fmt.Sprint(refused.Status, " ", refused.Code)
}

func TestAScriptOfAnyOriginMayAsk(t *testing.T) {
	s, _ := start(t, matrixtest.Options{})
	web := &http.Client{Transport: &http.Transport{}}
	defer web.CloseIdleConnections()
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodOptions, "/_matrix/client/v3/sync", http.StatusNoContent},
		{http.MethodGet, "/_matrix/client/versions", http.StatusOK},
		{http.MethodGet, "/_matrix/client/v3/sync", http.StatusUnauthorized},
		{http.MethodGet, "/nowhere", http.StatusNotFound},
	} {
		req, err := http.NewRequest(tt.method, s.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "http://127.0.0.1:8080")
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != tt.status || h.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") {
			t.Errorf("%s %s: %s %v", tt.method, tt.path, resp.Status, h)
		}
	}
}

func TestRegistrationIsOpenWhereItIsWanted(t *testing.T) {
	for _, open := range []bool{false, true} {
		v := newService(t)
		_, home := start(t, matrixtest.Options{OpenRegistration: open, AppServices: []matrixtest.Registration{v.Registration}})
		register := func(body map[string]any) (gjson.Result, string) {
			got, err := home.Client("").Do(t.Context(), http.MethodPost, "/_matrix/client/v3/register", body)
			return got, refusal(t, err)
		}
		body := map[string]any{"username": "dave", "password": "password1"}
		if _, got := register(body); open && got != "401 " || !open && got != "403 M_FORBIDDEN" {
			t.Errorf("open %v: %q", open, got)
		}
		if !open {
			continue
		}
		body["auth"] = map[string]string{"type": "m.login.dummy", "session": "s"}
		got, _ := register(body)
		if id := got.Get("user_id").String(); id != "@dave:hs.test" || got.Get("access_token").String() == "" {
			t.Errorf("got %s", got)
		}
		if _, got := register(body); got != "400 M_USER_IN_USE" {
			t.Errorf("again: %q", got)
		}
		body["username"] = "tel_1"
		if _, got := register(body); got != "400 M_EXCLUSIVE" {
			t.Errorf("a ghost: %q", got)
		}
		body["username"] = "Dave"
		if _, got := register(body); got != "400 M_INVALID_USERNAME" {
			t.Errorf("upper case: %q", got)
		}
	}
}

func TestASyncEndsWithNewsOrInTimeOrWithTheServer(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice, bob := home.Register(t, "alice", "password1"), home.Register(t, "bob", "password1")
	poll := func(u *hometest.User, since, timeout string) (gjson.Result, error) {
		return u.Do(t.Context(), http.MethodGet, "/_matrix/client/v3/sync?timeout="+timeout+"&since="+since, nil)
	}
	first, err := poll(alice, "", "600000")
	if err != nil {
		t.Fatal(err)
	}
	since := first.Get("next_batch").String()
	bob.CreateRoom(t)
	late, err := poll(alice, since, "1")
	if err != nil || late.Get("rooms.join").Exists() {
		t.Errorf("got %s, %v", late, err)
	}
	news := make(chan gjson.Result)
	go func() {
		got, err := poll(alice, since, "600000")
		if err != nil {
			t.Error(err)
		}
		news <- got
	}()
	room := bob.CreateRoom(t, alice.ID)
	if got := (<-news).Get("rooms.invite.@keys.0").String(); got != room {
		t.Errorf("invited to %q, not %q", got, room)
	}

	ended := make(chan error)
	go func() {
		_, err := poll(bob, "s999999", "600000")
		ended <- err
	}()
	s.SetReachable(false)
	if err := <-ended; err == nil {
		t.Error("it got an answer")
	}
	s.SetReachable(true)
	go func() {
		_, err := poll(bob, "s999999", "600000")
		ended <- err
	}()
	s.Close()
	<-ended // goleak sees to the rest
}

func TestAllSeeTheSameOrder(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	var users []*hometest.User
	for i := range 4 {
		users = append(users, home.Register(t, fmt.Sprint("user", i), "password1"))
	}
	room := users[0].CreateRoom(t, users[1].ID, users[2].ID, users[3].ID)
	for _, u := range users[1:] {
		u.Join(t, room)
	}
	const each = 20
	var all sync.WaitGroup
	seen := make([][]string, len(users))
	for i, u := range users {
		all.Go(func() {
			for n := range each {
				if _, err := send(t.Context(), u, room, fmt.Sprint(i, n)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			reader := home.Client(u.Token)
			if _, err := reader.WaitEvent(soon(t), func(e gjson.Result) bool {
				if e.Get("type").String() == "m.call.hangup" {
					seen[i] = append(seen[i], e.Get("content").Raw)
				}
				return len(seen[i]) == each*len(users)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, order := range seen {
		if !slices.Equal(order, contents(s, "m.call.hangup")) {
			t.Errorf("saw %q", order)
		}
	}
}

func TestWaitEventGivesUp(t *testing.T) {
	s, _ := start(t, matrixtest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WaitEvent(ctx, ofType("m.call.invite")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestARegistrationThatCannotBeUsedIsRefused(t *testing.T) {
	good := newService(t).Registration
	for name, change := range map[string]func(*matrixtest.Registration){
		"no token":      func(r *matrixtest.Registration) { r.ASToken = "" },
		"a bad name":    func(r *matrixtest.Registration) { r.SenderLocalpart = "The Phone" },
		"no expression": func(r *matrixtest.Registration) { r.Namespaces.Users = []matrixtest.Namespace{{Regex: "("}} },
		"known already": func(*matrixtest.Registration) {},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, matrixtest.Options{AppServices: []matrixtest.Registration{good}})
			r := good
			if name != "known already" {
				r.ID, r.ASToken = "other", "other"
			}
			if change(&r); s.AddAppService(r) == nil {
				t.Error("it was taken")
			}
		})
	}
	if _, err := matrixtest.ParseRegistration([]byte("id: [")); err == nil {
		t.Error("no YAML was taken")
	}
}

func TestAUserIsMadeOnce(t *testing.T) {
	s, _ := start(t, matrixtest.Options{ServerName: "example.org"})
	if id := s.AddUser("alice", "password1"); id != "@alice:example.org" {
		t.Errorf("alice is %s", id)
	}
	for _, name := range []string{"alice", "Alice", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was made", name)
				}
			}()
			s.AddUser(name, "password1")
		}()
	}
}
