package matrix

import (
	"strings"

	"github.com/tidwall/gjson"
)

// presenceLimit is how many comings and goings are remembered. It is for those
// that happen while a direct chat is made.
const presenceLimit = 1 << 12

// presence knows who was last heard to join or leave which room, in the order in
// which messages are delivered. One goroutine uses it.
//
// A user may join a direct chat, and be heard to, while the reply that tells of
// the invitation is still under way. That reply would then say what is no longer
// so, and a rule that waits for the user to join would wait for ever.
type presence struct{ heard recent[string] }

func newPresence() *presence { return &presence{newRecent[string](presenceLimit)} }

// settle takes note of a message that is about to be delivered, and gives it as
// it is to be: the reply to [RoomDirect] with the membership that holds now.
func (p *presence) settle(line []byte) []byte {
	switch gjson.GetBytes(line, "type").String() {
	case "m.room.member":
		p.heard.add(pairOf(line, "state_key"), gjson.GetBytes(line, "content.membership").String())
	case RoomDirect + ".ok":
		if p.heard.known[pairOf(line, "content.user")] == "join" {
			return []byte(strings.Replace(string(line), `"membership":"invite"`, `"membership":"join"`, 1))
		}
	}
	return line
}

// pairOf names the room of a message and a user in it.
func pairOf(line []byte, user string) string {
	return gjson.GetBytes(line, "room_id").String() + " " + gjson.GetBytes(line, user).String()
}
