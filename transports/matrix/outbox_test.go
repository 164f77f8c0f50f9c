package matrix

import (
	"context"
	"slices"
	"testing"

	"vertigo/engine"
)

// A room shows the name that a user has when it comes in.
func TestAUserComesIntoARoomAfterItGotItsName(t *testing.T) {
	name, went := make(chan struct{}), make(chan string, 8)
	o := newOutbox(func(_ context.Context, j job) {
		if j.Type == UserProfile {
			<-name
		}
		went <- j.Type + " " + j.Address["as"]
	})
	o.start(t.Context())
	for _, a := range []engine.Action{
		{Type: UserProfile, Address: map[string]string{"as": "a"}},
		{Type: RoomDirect, Address: map[string]string{"as": "a"}, Body: []byte(`{"user":"u"}`)},
		{Type: RoomJoin, Address: map[string]string{"as": "a", "room": "r1"}},
		{Type: "m.call.invite", Address: map[string]string{"as": "a", "room": "r2"}},
		{Type: RoomDirect, Address: map[string]string{"as": "b"}, Body: []byte(`{"user":"u"}`)},
	} {
		a.ID = "t"
		if err := o.add(a); err != nil {
			t.Fatal(err)
		}
	}
	get := func(n int) []string {
		var got []string
		for range n {
			got = append(got, <-went)
		}
		slices.Sort(got)
		return got
	}
	if got, want := get(2), []string{"m.call.invite a", "room.direct b"}; !slices.Equal(got, want) {
		t.Errorf("before the name: %q, not %q", got, want)
	}
	close(name)
	if got := get(1); got[0] != "user.profile a" {
		t.Errorf("then %q", got)
	}
	if got, want := get(2), []string{"room.direct a", "room.join a"}; !slices.Equal(got, want) {
		t.Errorf("after the name: %q, not %q", got, want)
	}
	<-o.close()
	if len(o.users) != 0 {
		t.Errorf("%d users are remembered", len(o.users))
	}
}
