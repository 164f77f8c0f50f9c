package matrix

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/transports/matrix/dendritetest"
)

// A liveBot is a client at work on a real homeserver.
type liveBot struct {
	*Client
	t      *testing.T
	came   chan engine.Message
	kept   []engine.Message // came, but nobody waited for them yet
	cancel context.CancelFunc
	once   sync.Once
	ended  chan error
}

func runLive(t *testing.T, cfg Config, stateFile string) *liveBot {
	t.Helper()
	c, err := New("matrix", cfg, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), StateFile: stateFile})
	if err != nil {
		t.Fatal(err)
	}
	b := follow(t, c)
	b.await(engine.TransportUp)
	return b
}

// follow runs c until stop, or the end of the test.
func follow(t *testing.T, c *Client) *liveBot {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &liveBot{Client: c, t: t, came: make(chan engine.Message, 1024), cancel: cancel, ended: make(chan error, 1)}
	go func() {
		b.ended <- c.Run(ctx, func(batch []engine.Message) {
			for _, m := range batch {
				b.came <- m
			}
		})
	}()
	t.Cleanup(b.stop)
	return b
}

func (b *liveBot) stop() {
	b.once.Do(func() {
		b.cancel()
		if err := <-b.ended; err != nil {
			b.t.Error(err)
		}
	})
}

// await takes the first message of that type that nobody has taken.
func (b *liveBot) await(typ string) engine.Message {
	b.t.Helper()
	return b.awaitWhere(typ, func(gjson.Result) bool { return true })
}

// awaitWhere takes the first one whose body match accepts.
func (b *liveBot) awaitWhere(typ string, match func(gjson.Result) bool) engine.Message {
	b.t.Helper()
	late := time.After(time.Minute)
	for i := 0; ; {
		for ; i < len(b.kept); i++ {
			if m := b.kept[i]; m.Type == typ && match(gjson.ParseBytes(m.Body)) {
				b.kept = slices.Delete(b.kept, i, i+1)
				return m
			}
		}
		select {
		case m := <-b.came:
			b.kept = append(b.kept, m)
		case <-late:
			b.t.Fatalf("no %s came, but %v", typ, types([][]engine.Message{b.kept}))
		}
	}
}

// join accepts the invitation to room, as a rule would.
func (b *liveBot) join(room string) {
	b.t.Helper()
	b.awaitWhere("m.room.member", func(e gjson.Result) bool {
		return e.Get("room_id").String() == room && e.Get("content.membership").String() == "invite" && !e.Get("event_id").Exists()
	})
	b.Send(engine.Action{Type: RoomJoin, ID: "join-" + room, Address: map[string]string{"room": room}})
	b.await("room.join.ok")
}

func send(room, id, typ, content string) engine.Action {
	a := engine.Action{Type: typ, ID: id, Scope: room, Address: map[string]string{"room": room}, Body: json.RawMessage(content)}
	a.Key = gjson.Get(content, "call_id").String()
	return a
}

func TestLive(t *testing.T) {
	server := dendritetest.Start(t)
	alice := server.Register(t, "alice", "password1")

	t.Run("a call by token", func(t *testing.T) {
		bot := server.Register(t, "bot1", "password1")
		b := runLive(t, Config{Homeserver: server.URL, User: bot.ID, Token: bot.Token}, "")
		room := alice.CreateRoom(t, bot.ID)
		b.join(room)

		// Dendrite stores canonical JSON: keys sorted, no spaces. What /sync
		// gives then is what must arrive.
		id := alice.Send(t, room, "m.call.invite", json.RawMessage(`{"z":null,"call_id":"c1","party_id":"ALICE","version":"1","lifetime":60000,"offer":{"type":"offer","sdp":"v=0\r\no=- 1\r\n<&>\u2028 é \ud83d\ude00"},"org.example.x":[1,-2,9007199254740991,{"":""}]}`))
		seen, err := alice.WaitEvent(t.Context(), func(e gjson.Result) bool { return e.Get("event_id").String() == id })
		if err != nil {
			t.Fatal(err)
		}
		m := b.await("m.call.invite")
		if m.ID != id || m.Key != "c1" || m.Scope != room {
			t.Errorf("got %+v", m)
		}
		if got, want := gjson.GetBytes(m.Body, "content").Raw, seen.Get("content").Raw; got != want {
			t.Errorf("the content is\n%s\nbut was\n%s", got, want)
		}
		if got := gjson.GetBytes(m.Body, "room_id").String(); got != room {
			t.Errorf("room_id is %q", got)
		}

		answer := send(room, "t1", "m.call.answer", `{"call_id":"c1","party_id":"BOT","version":"1","answer":{"type":"answer","sdp":"v=0\r\n"}}`)
		b.Send(answer)
		first := b.await("m.call.answer.ok")
		b.Send(answer)
		if second := b.await("m.call.answer.ok"); second.ID != first.ID || first.Key != "c1" || first.Scope != room {
			t.Errorf("sent twice, it is %s and %s", first.ID, second.ID)
		}
		got, err := alice.WaitEvent(t.Context(), func(e gjson.Result) bool { return e.Get("type").String() == "m.call.answer" })
		if err != nil {
			t.Fatal(err)
		}
		if got.Get("event_id").String() != first.ID || got.Get("content.version").Type != gjson.String {
			t.Errorf("alice got %s", got)
		}

		// The echo of the answer would have come before what alice says next.
		alice.Send(t, room, "m.call.hangup", map[string]any{"call_id": "c1", "party_id": "ALICE", "version": "1"})
		b.await("m.call.hangup")
		for _, m := range b.kept {
			if m.Type == "m.call.answer" {
				t.Errorf("an echo came: %s", m.Body)
			}
		}

		b.Send(send(room, "t2", "m.room.topic.not.allowed", `{"n":1.5}`)) // no floats in events
		if m := b.await("m.room.topic.not.allowed.error"); gjson.GetBytes(m.Body, "status").Int() != 400 {
			t.Errorf("got %s", m.Body)
		}
		b.Send(engine.Action{Type: RoomLeave, ID: "leave", Address: map[string]string{"room": room}})
		b.await("room.leave.ok")
	})

	t.Run("nothing is lost over a restart", func(t *testing.T) {
		bot := server.Register(t, "bot2", "password2")
		cfg := Config{Homeserver: server.URL, User: bot.ID, Password: "password2"}
		file := filepath.Join(t.TempDir(), "state.json")
		early := alice.CreateRoom(t, bot.ID) // invited before the first start
		b := runLive(t, cfg, file)
		b.join(early)
		device := b.state.Device
		b.stop()

		missed := []string{
			alice.Send(t, early, "m.call.invite", map[string]any{"call_id": "missed", "party_id": "ALICE"}),
			alice.Send(t, early, "m.call.hangup", map[string]any{"call_id": "missed", "party_id": "ALICE"}),
		}
		room := alice.CreateRoom(t, bot.ID) // invited while it was away
		b = runLive(t, cfg, file)
		b.join(room)
		if got := []string{b.await("m.call.invite").ID, b.await("m.call.hangup").ID}; !slices.Equal(got, missed) {
			t.Errorf("missed %v, got %v", missed, got)
		}
		if b.stop(); b.state.Device != device {
			t.Errorf("the device was %s and is %s", device, b.state.Device)
		}
	})

	t.Run("a gap longer than one sync", func(t *testing.T) {
		bot := server.Register(t, "bot3", "password3")
		cfg := Config{Homeserver: server.URL, User: bot.ID, Token: bot.Token}
		file := filepath.Join(t.TempDir(), "state.json")
		room := alice.CreateRoom(t, bot.ID)
		b := runLive(t, cfg, file)
		b.join(room)
		alice.Send(t, room, "m.call.candidates", map[string]any{"call_id": "seen"})
		b.await("m.call.candidates")
		b.stop()
		var sent []string
		for range timelineLimit + 30 {
			sent = append(sent, alice.Send(t, room, "m.call.candidates", map[string]any{"call_id": "c"}))
			if len(sent)%10 == 0 {
				alice.Send(t, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "chat"})
			}
		}
		b = runLive(t, cfg, file)
		var got []string
		for len(got) < len(sent) {
			got = append(got, b.await("m.call.candidates").ID)
		}
		if !slices.Equal(got, sent) {
			t.Errorf("sent %d events, got %d in another order, or others", len(sent), len(got))
		}
	})

	t.Run("an encrypted room", func(t *testing.T) {
		bot := server.Register(t, "bot4", "password4")
		b := runLive(t, Config{Homeserver: server.URL, User: bot.ID, Token: bot.Token}, "")
		room := alice.CreateEncryptedRoom(t, bot.ID)
		b.join(room)
		m := b.await(RoomEncrypted)
		if want := `{"type":"room.encrypted","room_id":"` + room + `","sender":"` + alice.ID + `"}`; string(m.Body) != want || m.Key != "" {
			t.Errorf("got %s", m.Body)
		}
		plain := alice.CreateRoom(t, bot.ID)
		b.join(plain)
		alice.SendState(t, plain, "m.room.encryption", map[string]any{"algorithm": "m.megolm.v1.aes-sha2"})
		alice.Send(t, plain, "m.room.encrypted", map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"})
		b.awaitWhere(RoomEncrypted, func(e gjson.Result) bool { return e.Get("room_id").String() == plain })
	})

	t.Run("the homeserver restarts", func(t *testing.T) {
		bot := server.Register(t, "bot5", "password5")
		b := runLive(t, Config{Homeserver: server.URL, User: bot.ID, Token: bot.Token}, "")
		room := alice.CreateRoom(t, bot.ID)
		b.join(room)
		server.Stop(t)
		b.await(engine.TransportDown)
		b.Send(send(room, "t1", "m.call.hangup", `{"call_id":"c1","party_id":"BOT"}`))
		server.Resume(t)
		b.await("m.call.hangup.ok")
		b.await(engine.TransportUp)
		if _, err := alice.WaitEvent(t.Context(), func(e gjson.Result) bool {
			return e.Get("type").String() == "m.call.hangup" && e.Get("sender").String() == bot.ID
		}); err != nil {
			t.Error(err)
		}
	})
}
