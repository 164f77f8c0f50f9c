package dendritetest

import (
	"context"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTwoUsersMeetInARoomAndARestartKeepsIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := Start(t)
	alice, bob := s.Register(t, "alice", "password1"), s.Register(t, "bob", "password1")
	if alice.ID != "@alice:"+s.ServerName {
		t.Errorf("alice is %s on %s", alice.ID, s.ServerName)
	}
	room := alice.CreateRoom(t, bob.ID)
	if _, err := bob.WaitEvent(ctx, func(e gjson.Result) bool {
		return e.Get("room_id").String() == room && e.Get("content.membership").String() == "invite"
	}); err != nil {
		t.Fatal(err)
	}
	bob.Join(t, room)

	url := s.URL
	s.Stop(t)
	s.Resume(t)
	if s.URL != url {
		t.Fatalf("came back as %s, was %s", s.URL, url)
	}
	id := alice.Send(t, room, "m.call.hangup", map[string]any{"call_id": "c"})
	e, err := bob.WaitEvent(ctx, func(e gjson.Result) bool { return e.Get("type").String() == "m.call.hangup" })
	if err != nil {
		t.Fatal(err)
	}
	if e.Get("event_id").String() != id || e.Get("content.call_id").String() != "c" || e.Get("room_id").String() != room {
		t.Errorf("got %s", e)
	}
}
