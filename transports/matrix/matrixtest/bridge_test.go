package matrixtest_test

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
	"vertigo/transports/matrix"
	"vertigo/transports/matrix/matrixtest"
)

// A bot is the bridge's transport at work as one user.
type bot struct {
	*matrix.Client
	t    *testing.T
	came chan engine.Message
	kept []engine.Message // came, but nobody waited for them yet
	stop func()           // may be called more than once
}

func runBot(t *testing.T, cfg matrix.Config, stateFile string) *bot {
	t.Helper()
	c, err := matrix.New("matrix", cfg, matrix.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), StateFile: stateFile})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &bot{Client: c, t: t, came: make(chan engine.Message, 1024)}
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(batch []engine.Message) {
			for _, m := range batch {
				b.came <- m
			}
		})
	}()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	b.await(engine.TransportUp)
	return b
}

// await takes the first message of that type that nobody has taken.
func (b *bot) await(typ string) engine.Message {
	b.t.Helper()
	late := time.After(time.Minute)
	for {
		if i := slices.IndexFunc(b.kept, func(m engine.Message) bool { return m.Type == typ }); i >= 0 {
			m := b.kept[i]
			b.kept = slices.Delete(b.kept, i, i+1)
			return m
		}
		select {
		case m := <-b.came:
			b.kept = append(b.kept, m)
		case <-late:
			b.t.Fatalf("no %s came", typ)
		}
	}
}

// join accepts the next invitation.
func (b *bot) join(room string) {
	b.t.Helper()
	if m := b.await("m.room.member"); m.Scope != room {
		b.t.Fatalf("invited to %s, not %s", m.Scope, room)
	}
	b.Send(engine.Action{Type: matrix.RoomJoin, ID: "join-" + room, Address: map[string]string{"room": room}})
	b.await("room.join.ok")
}

func (b *bot) send(room, id, typ, content string) {
	b.Send(engine.Action{
		Type: typ, ID: id, Scope: room, Key: gjson.Get(content, "call_id").String(),
		Address: map[string]string{"room": room}, Body: json.RawMessage(content),
	})
}

func TestABridgeThatIsOneUserCalls(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice, phone := home.Register(t, "alice", "password1"), home.Register(t, "phone", "password1")
	b := runBot(t, matrix.Config{Homeserver: s.URL, User: phone.ID, Token: phone.Token}, "")
	room := alice.CreateRoom(t, phone.ID)
	b.join(room)
	id := alice.Send(t, room, "m.call.invite", map[string]any{"call_id": "c1", "party_id": "A", "offer": map[string]string{"sdp": "v=0\r\n"}})
	if m := b.await("m.call.invite"); m.ID != id || m.Key != "c1" || m.Scope != room || gjson.GetBytes(m.Body, "content.offer.sdp").String() != "v=0\r\n" {
		t.Errorf("got %+v", m)
	}

	// The answer meets all that can befall a request, and arrives once.
	for _, f := range []matrixtest.Fault{
		matrixtest.RateLimited(time.Millisecond), {LoseRequest: true}, {LoseReply: true}, {Refusal: &matrixtest.Error{Status: 502}},
	} {
		s.Fail(1, sends, f)
	}
	b.send(room, "t1", "m.call.answer", `{"call_id":"c1","party_id":"B"}`)
	ok := b.await("m.call.answer.ok")
	e, err := s.WaitEvent(soon(t), ofType("m.call.answer"))
	if err != nil || e.ID != ok.ID || e.Sender != phone.ID || len(contents(s, "m.call.answer")) != 1 {
		t.Errorf("got %+v, %v", e, err)
	}

	s.SetReachable(false)
	b.await(engine.TransportDown)
	b.send(room, "t2", "m.call.hangup", `{"call_id":"c1","party_id":"B"}`)
	s.SetReachable(true)
	b.await("m.call.hangup.ok")
	if _, err := alice.WaitEvent(soon(t), func(e gjson.Result) bool { return e.Get("type").String() == "m.call.hangup" }); err != nil {
		t.Error(err)
	}
}

func TestABridgeMissesNothingBetweenItsRuns(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice, phone := home.Register(t, "alice", "password1"), home.Register(t, "phone", "password1")
	cfg := matrix.Config{Homeserver: s.URL, User: phone.ID, Password: "password1"}
	file := filepath.Join(t.TempDir(), "state.json")
	room := alice.CreateRoom(t, phone.ID)
	b := runBot(t, cfg, file)
	b.join(room)
	alice.Send(t, room, "m.call.candidates", map[string]any{"call_id": "seen"})
	b.await("m.call.candidates")
	b.stop()

	var sent []string // more than one /sync brings
	for range 230 {
		sent = append(sent, alice.Send(t, room, "m.call.candidates", map[string]any{"call_id": "c"}))
		if len(sent)%10 == 0 {
			alice.Send(t, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "chat"})
		}
	}
	b = runBot(t, cfg, file)
	var got []string
	for range sent {
		got = append(got, b.await("m.call.candidates").ID)
	}
	if !slices.Equal(got, sent) {
		t.Errorf("got %d of %d, or in another order", len(got), len(sent))
	}
}

func TestABridgeIsToldOfAnEncryptedRoom(t *testing.T) {
	s, home := start(t, matrixtest.Options{})
	alice, phone := home.Register(t, "alice", "password1"), home.Register(t, "phone", "password1")
	b := runBot(t, matrix.Config{Homeserver: s.URL, User: phone.ID, Token: phone.Token}, "")
	room := alice.CreateEncryptedRoom(t, phone.ID)
	b.join(room)
	if m := b.await(matrix.RoomEncrypted); m.Scope != room {
		t.Errorf("got %+v", m)
	}
}
