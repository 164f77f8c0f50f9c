package matrix

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// from is an event of a call by that sender and party; "" leaves the party out.
func from(id, sender, party, unsigned string) string {
	if party != "" {
		party = fmt.Sprintf(`,"party_id":%q`, party)
	}
	return fmt.Sprintf(`{"type":"m.call.answer","event_id":%q,"sender":%q,"content":{"call_id":"c1"%s},"unsigned":{%s}}`, id, sender, party, unsigned)
}

func TestOwnEchoesAreDroppedBySenderAndParty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs)
		defer b.stop()
		b.Send(answerIn(roomA, "t1")) // as party P-t1
		b.taken()
		hs.syncs <- syncOf("s2", roomA,
			from("$of-t1", botID, "P-t1", "")+","+
				from("$1", botID, "P-t1", "")+","+
				from("$2", botID, "", "")+","+
				from("$3", botID, "OTHERRUN", `"transaction_id":"x"`)+","+
				`{"type":"m.room.member","event_id":"$4","sender":"@bot:hs.test","state_key":"@bot:hs.test","content":{"membership":"join"}},`+
				from("$5", botID, "ELEMENT", "")+","+
				from("$6", "@alice:hs.test", "P-t1", "")+","+
				from("$7", "@alice:hs.test", "", `"transaction_id":"x"`))
		if diff := cmp.Diff("$5 $6 $7", ids(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOwnPartiesAreKnownAfterARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs, withStateFile(file))
		b.Send(answerIn(roomA, "t1"))
		b.taken()
		b.stop()

		hs = newHomeserver()
		hs.syncs <- syncOf("s2", roomA, from("$1", botID, "P-t1", "")+","+from("$2", botID, "ELEMENT", ""))
		b = startBot(t, hs, withStateFile(file))
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up m.call.answer"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEncryptedRoomIsSaidOnce(t *testing.T) {
	const (
		secret  = `{"type":"m.room.encrypted","event_id":"$e%d","sender":"%s","content":{"algorithm":"m.megolm.v1.aes-sha2"}}`
		setting = `{"type":"m.room.encryption","state_key":"","event_id":"$s","sender":"@alice:hs.test","content":{"algorithm":"m.megolm.v1.aes-sha2"}}`
	)
	own := fmt.Sprintf(secret, 0, botID)
	first, second := fmt.Sprintf(secret, 1, "@alice:hs.test"), fmt.Sprintf(secret, 2, "@carol:hs.test")
	word := func(room, sender string) string {
		return `{"type":"room.encrypted","room_id":"` + room + `","sender":"` + sender + `"}`
	}
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		hs.syncs <- syncOf("s1", roomA, first) // before the first start: nothing is said
		hs.syncs <- syncOf("s2", roomA, own+","+numbered(1)+","+first+","+second+","+numbered(2))
		hs.syncs <- syncOf("s3", roomA, second, roomB, setting+","+first)
		hs.syncs <- reply{body: `{"next_batch":"s4","rooms":{"join":{"!c:hs.test":{"state":{"events":[` + setting + `]},"timeline":{"events":[` + first + `]}}}}}`}
		b := startBot(t, hs, withStateFile(file))
		got := b.taken()
		if diff := cmp.Diff([]string{"transport.up", "m.call.candidates room.encrypted m.call.candidates", "room.encrypted", "room.encrypted"}, types(got)); diff != "" {
			t.Fatal(diff)
		}
		words := bodies(got)
		if diff := cmp.Diff([]string{word(roomA, "@alice:hs.test"), word(roomB, "@alice:hs.test"), word("!c:hs.test", "@alice:hs.test")}, []string{words[2], words[4], words[5]}); diff != "" {
			t.Error(diff)
		}
		b.stop()

		hs = newHomeserver()
		hs.syncs <- syncOf("s5", roomA, second, roomB, second)
		b = startBot(t, hs, withStateFile(file))
		defer b.stop()
		if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
	})
}
