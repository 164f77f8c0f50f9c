package matrix

import (
	"testing"

	"github.com/tidwall/gjson"
)

// What a reply says of a user in a direct chat is what holds when it is
// delivered: rules hear of each joining once.
func TestADirectChatsReplySaysWhoHasJoinedMeanwhile(t *testing.T) {
	const reply = `{"type":"room.direct.ok","room_id":"!a:hs.test","content":{"user":"@anna:hs.test","membership":"invite","created":true}}`
	for _, tt := range []struct {
		name, before, want string
	}{
		{"nothing was heard", ``, "invite"},
		{"the user has joined", `{"type":"m.room.member","room_id":"!a:hs.test","state_key":"@anna:hs.test","content":{"membership":"join"}}`, "join"},
		{"another room", `{"type":"m.room.member","room_id":"!b:hs.test","state_key":"@anna:hs.test","content":{"membership":"join"}}`, "invite"},
		{"another user", `{"type":"m.room.member","room_id":"!a:hs.test","state_key":"@ben:hs.test","content":{"membership":"join"}}`, "invite"},
		{"the user was invited", `{"type":"m.room.member","room_id":"!a:hs.test","state_key":"@anna:hs.test","content":{"membership":"invite"}}`, "invite"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPresence()
			if tt.before != "" {
				if got := p.settle([]byte(tt.before)); string(got) != tt.before {
					t.Errorf("the event became %s", got)
				}
			}
			if got := gjson.GetBytes(p.settle([]byte(reply)), "content.membership").Str; got != tt.want {
				t.Errorf("membership %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRepliesComeBeforeLaterBatches(t *testing.T) {
	in := newInbox()
	in.put([]byte("reply"))
	go in.deliver(t.Context(), [][]byte{[]byte("event")})
	var got []string
	for len(got) < 2 {
		b, ok := in.take(t.Context())
		if !ok {
			t.Fatal("nothing to take")
		}
		for _, line := range b.lines {
			got = append(got, string(line))
		}
		b.done()
	}
	if got[0] != "reply" || got[1] != "event" {
		t.Errorf("delivered %q", got)
	}
}
