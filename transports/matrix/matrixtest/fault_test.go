package matrixtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/matrixtest"
)

// sends accepts requests that send events.
func sends(r matrixtest.Request) bool { return strings.Contains(r.Path, "/send/") }

// send sends a hangup by that transaction id.
func send(ctx context.Context, u *hometest.User, room, txn string) (id string, err error) {
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.call.hangup/" + txn
	reply, err := u.Do(ctx, http.MethodPut, path, map[string]any{"call_id": txn})
	return reply.Get("event_id").String(), err
}

func TestTooManyRequestsAreRefusedForAWhile(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice := home.Register(t, "alice", "password1")
	room := alice.CreateRoom(t)
	var seen []matrixtest.Request
	s.Fail(2, func(r matrixtest.Request) bool {
		if sends(r) {
			seen = append(seen, r)
		}
		return sends(r)
	}, matrixtest.RateLimited(1500*time.Millisecond))
	for range 2 {
		_, err := send(t.Context(), alice, room, "t1")
		var refused *hometest.Error
		want := `{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":1500}`
		if !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests || refused.Body != want {
			t.Errorf("got %v", err)
		}
	}
	if _, err := send(t.Context(), alice, room, "t1"); err != nil {
		t.Error(err)
	}
	want := matrixtest.Request{Method: http.MethodPut, Path: "/rooms/" + room + "/send/m.call.hangup/t1", User: alice.ID, Body: []byte(`{"call_id":"t1"}`)}
	if diff := cmp.Diff([]matrixtest.Request{want, want}, seen); diff != "" {
		t.Error(diff)
	}
	if got := len(contents(s, "m.call.hangup")); got != 1 {
		t.Errorf("sent %d times", got)
	}
}

func TestARefusalSaysInTheHeaderTooHowLongToWait(t *testing.T) {
	s, _ := start(t, matrixtest.Options{})
	s.Fail(1, func(matrixtest.Request) bool { return true }, matrixtest.RateLimited(1500*time.Millisecond))
	resp, err := http.Get(s.URL + "/_matrix/client/versions")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	if got := resp.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %s", got)
	}
}

func TestWhatIsLostWasDoneOrNot(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault matrixtest.Fault
		sent  int
	}{
		{"the request", matrixtest.Fault{LoseRequest: true}, 0},
		{"the reply", matrixtest.Fault{LoseReply: true}, 1},
		{"the reply, late", matrixtest.Fault{LoseReply: true, Delay: time.Millisecond}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, home := start(t, matrixtest.Options{})
			alice := home.Register(t, "alice", "password1")
			room := alice.CreateRoom(t)
			undo := s.Fail(-1, sends, tt.fault)
			var refused *hometest.Error
			if _, err := send(t.Context(), alice, room, "t1"); err == nil || errors.As(err, &refused) {
				t.Errorf("got %v", err)
			}
			if got := len(contents(s, "m.call.hangup")); got != tt.sent {
				t.Errorf("sent %d times, not %d", got, tt.sent)
			}
			undo()
			id, err := send(t.Context(), alice, room, "t1")
			if err != nil {
				t.Fatal(err)
			}
			e, err := s.WaitEvent(soon(t), ofType("m.call.hangup"))
			if err != nil || e.ID != id || len(contents(s, "m.call.hangup")) != 1 {
				t.Errorf("%d events; got %s, sent %s: %v", len(contents(s, "m.call.hangup")), e.ID, id, err)
			}
		})
	}
}

func TestADelayedRequestIsGivenUpWithItsClient(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice := home.Register(t, "alice", "password1")
	room := alice.CreateRoom(t)
	s.Fail(1, sends, matrixtest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := send(ctx, alice, room, "t1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got := contents(s, "m.call.hangup"); len(got) != 0 {
		t.Errorf("sent %q", got)
	}
}
