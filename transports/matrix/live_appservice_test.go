package matrix

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/engine"
	"vertigo/transports/matrix/homeservers"
	"vertigo/transports/matrix/hometest"
)

// A liveBridge is an application service at work on a real homeserver.
type liveBridge struct {
	*liveBot
	log *logLines
}

// liveConfig registers a bridge that will listen on a port of its own, with a
// homeserver that starts then.
func liveConfig(t *testing.T, start homeservers.Start) (Config, net.Listener, *hometest.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Mode: ModeAppService, Homeserver: "http://127.0.0.1", User: "@phone:" + hometest.ServerName,
		Registration: filepath.Join(t.TempDir(), "registration.yaml"), Listen: l.Addr().String(), URL: "http://" + l.Addr().String(),
	}
	reg, err := NewRegistration(cfg, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := reg.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Registration, data, 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, hometest.Options{RegistrationFiles: []string{cfg.Registration}})
	cfg.Homeserver = server.URL
	return cfg, l, server
}

// runLiveBridge runs one; l is where it listens, nil to open that itself.
func runLiveBridge(t *testing.T, cfg Config, l net.Listener, stateFile string) *liveBridge {
	t.Helper()
	b := &liveBridge{log: &logLines{}}
	c, err := New("matrix", cfg, Options{Log: slog.New(slog.NewTextHandler(b.log, nil)), StateFile: stateFile})
	if err != nil {
		t.Fatal(err)
	}
	c.times.poll = 200 * time.Millisecond
	if l != nil {
		c.listen = func(string, string) (net.Listener, error) { return l, nil }
	}
	b.liveBot = follow(t, c)
	b.await(engine.TransportUp)
	if lines := b.log.with("WARN"); len(lines) != 0 {
		t.Errorf("logged %q", lines)
	}
	return b
}

// act sends an action and waits for what comes of it.
func (b *liveBridge) act(a engine.Action) gjson.Result {
	b.t.Helper()
	b.Send(a)
	return gjson.ParseBytes(b.await(a.Type + ".ok").Body)
}

// invited waits for an invitation of one of ours and gives the room.
func (b *liveBridge) invited(as string) string {
	b.t.Helper()
	m := b.awaitWhere("m.room.member", func(e gjson.Result) bool {
		return e.Get("content.membership").String() == "invite" && e.Get("as").String() == as && e.Get("state_key").String() == as
	})
	return m.Scope
}

// whileAsked makes a request of user's and answers the query that it brings about.
func (b *liveBridge) whileAsked(typ string, user *hometest.User, method, path, as string, body map[string]any) (query, got gjson.Result) {
	b.t.Helper()
	done := make(chan error)
	go func() {
		var err error
		got, err = user.Do(b.t.Context(), method, path, map[string]any{})
		done <- err
	}()
	query = gjson.ParseBytes(b.await(typ).Body)
	body["query"] = query.Get("query").String()
	b.act(by(as, QueryReply, "reply-"+query.Get("query").String(), mustJSON(body)))
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
	return query, got
}

func liveGhost(name string) string { return "@tel_" + name + ":" + hometest.ServerName }

// A liveStory is what happens between alice and a bridge.
type liveStory struct {
	*liveBridge
	ctx    context.Context
	cfg    Config
	file   string // of the state
	server *hometest.Server
	alice  *hometest.User
}

// restart runs the bridge anew, with that state.
func (s *liveStory) restart(file string) {
	s.t.Helper()
	s.stop()
	s.liveBridge = runLiveBridge(s.t, s.cfg, nil, file)
}

func TestLiveApplicationService(t *testing.T) {
	homeservers.Each(t, func(t *testing.T, start homeservers.Start) {
		cfg, l, server := liveConfig(t, start)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		s := &liveStory{ctx: ctx, cfg: cfg, file: filepath.Join(t.TempDir(), "state.json"), server: server, alice: server.Register(t, "alice", "password1")}
		s.liveBridge = runLiveBridge(t, cfg, l, s.file)
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(s.log.with(""))
			}
		})
		s.dialled()
		s.direct()
		s.kicked()
		s.encrypted()
		s.alias()
		s.away()
	})
}

// dialled: a number that is dialled is called at once, before its ghost is there.
func (s *liveStory) dialled() {
	ghost := liveGhost("441")
	if p := s.alice.Protocols(s.t).Get(`m\.protocol\.pstn.instances.0`); !p.IsObject() {
		s.t.Error("no dial pad")
	}
	q, found := s.whileAsked(ThirdPartyUser, s.alice, http.MethodGet, "/_matrix/client/v3/thirdparty/user/m.protocol.pstn?m.id.phone=%2B44+1",
		ghost, map[string]any{"fields": map[string]string{"m.id.phone": "+441"}})
	if q.Get(`fields.m\.id\.phone`).String() != "+44 1" || found.Get("#").Int() != 1 || found.Get("0.userid").String() != ghost {
		s.t.Fatalf("asked %s, found %v", q, found)
	}
	room := s.alice.CreateRoom(s.t, ghost)
	early := s.alice.Send(s.t, room, "m.call.invite", map[string]any{"call_id": "c1", "party_id": "A", "version": "1", "lifetime": 60000})
	if got := s.invited(ghost); got != room {
		s.t.Fatalf("invited to %s, not %s", got, room)
	}
	s.act(in(room, ghost, RoomJoin, "join-1", `{}`))
	if !slices.ContainsFunc(s.kept, func(m engine.Message) bool { return m.ID == early }) {
		s.t.Errorf("not before the reply: %v", types([][]engine.Message{s.kept}))
	}
	m := s.await("m.call.invite")
	if m.ID != early || m.Key != "c1" || m.Scope != room || gjson.GetBytes(m.Body, "as").String() != ghost {
		s.t.Errorf("got %+v", m)
	}
	a := in(room, ghost, "m.call.answer", "answer-1", `{"call_id":"c1","party_id":"B","version":"1"}`)
	a.Key = "c1"
	answered := s.act(a).Get("event_id").String()
	if e, err := s.alice.WaitEvent(s.ctx, func(e gjson.Result) bool { return e.Get("event_id").String() == answered }); err != nil || e.Get("sender").String() != ghost {
		s.t.Errorf("alice saw %s, %v", e, err)
	}
	late := s.alice.Send(s.t, room, "m.call.hangup", map[string]any{"call_id": "c1", "party_id": "A", "version": "1"})
	if m := s.await("m.call.hangup"); m.ID != late || gjson.GetBytes(m.Body, "as").String() != ghost {
		s.t.Errorf("got %+v", m)
	}
	for _, m := range s.kept {
		if m.Type == "m.call.answer" || m.Type == "m.call.invite" {
			s.t.Errorf("came as well: %s", m.Body)
		}
	}
	// The room that alice made serves for calls to her, too.
	got := s.act(by(ghost, RoomDirect, "direct-1", `{"user":"`+s.alice.ID+`"}`))
	if got.Get("room_id").String() != room || got.Get("content.created").Bool() || got.Get("content.membership").String() != "join" {
		s.t.Errorf("got %s", got)
	}
}

// direct: a direct chat is one, over restarts.
func (s *liveStory) direct() {
	ghost := liveGhost("442")
	s.act(by(ghost, UserProfile, "name-2", `{"displayname":"Büro 442"}`))
	if name := s.alice.Profile(s.t, ghost); name != "Büro 442" {
		s.t.Errorf("its name is %q", name)
	}
	direct := func(i int) gjson.Result {
		return s.act(by(ghost, RoomDirect, fmt.Sprint("direct-2-", i), `{"user":"`+s.alice.ID+`"}`))
	}
	for who, want := range map[string]string{ghost: "Büro 442", s.alice.ID: s.alice.Profile(s.t, s.alice.ID)} {
		if got := s.act(by("", UserLookup, "name-of-"+who, `{"user":"`+who+`"}`)).Get("content.displayname").String(); got != want {
			s.t.Errorf("the bridge reads %q as the name of %s, which is %q", got, who, want)
		}
	}
	made := direct(1)
	room := made.Get("room_id").String()
	if !made.Get("content.created").Bool() || made.Get("content.membership").String() != "invite" {
		s.t.Errorf("got %s", made)
	}
	if got, err := s.alice.WaitInvite(s.ctx, ghost); err != nil || got != room {
		s.t.Fatalf("alice is invited to %q: %v", got, err)
	}
	s.alice.Join(s.t, room)
	if m := s.awaitWhere("m.room.member", func(e gjson.Result) bool {
		return e.Get("state_key").String() == s.alice.ID && e.Get("room_id").String() == room
	}); gjson.GetBytes(m.Body, "as").String() != ghost {
		s.t.Errorf("got %+v", m)
	}
	s.stop()
	missed := s.alice.Send(s.t, room, "m.call.invite", map[string]any{"call_id": "missed"})
	s.restart(s.file)
	if m := s.await("m.call.invite"); m.ID != missed || gjson.GetBytes(m.Body, "as").String() != ghost {
		s.t.Errorf("got %+v", m)
	}
	if got := direct(2); got.Get("room_id").String() != room || got.Get("content.membership").String() != "join" {
		s.t.Errorf("after a restart: %s", got)
	}
	s.restart("")
	if got := direct(3); got.Get("room_id").String() != room || got.Get("content.created").Bool() {
		s.t.Errorf("without state: %s", got)
	}
	s.restart(s.file)
	s.alice.Leave(s.t, room)
	s.awaitWhere("m.room.member", func(e gjson.Result) bool { // on a busy machine Dendrite tells of it late
		return e.Get("state_key").String() == s.alice.ID && e.Get("content.membership").String() == "leave"
	})
	if got := direct(4); got.Get("room_id").String() != room || got.Get("content.membership").String() != "invite" {
		s.t.Errorf("after alice has left: %s", got)
	}
	if got, err := s.alice.WaitInvite(s.ctx, ghost); err != nil || got != room {
		s.t.Errorf("alice is invited to %q: %v", got, err)
	}
}

// kicked: a ghost that was kicked has no chat any more.
func (s *liveStory) kicked() {
	ghost := liveGhost("443")
	room := s.alice.CreateGroup(s.t, ghost)
	s.act(in(s.invited(ghost), ghost, RoomJoin, "join-3", `{}`))
	if got := s.act(by(ghost, RoomDirect, "direct-3-1", `{"user":"`+s.alice.ID+`"}`)); got.Get("room_id").String() != room {
		s.t.Errorf("got %s", got)
	}
	s.alice.Kick(s.t, room, ghost)
	s.awaitWhere("m.room.member", func(e gjson.Result) bool {
		return e.Get("as").String() == ghost && e.Get("content.membership").String() == "leave"
	})
	if got := s.act(by(ghost, RoomDirect, "direct-3-2", `{"user":"`+s.alice.ID+`"}`)); got.Get("room_id").String() == room || !got.Get("content.created").Bool() {
		s.t.Errorf("got %s", got)
	}
}

// encrypted: a room whose calls cannot be read.
func (s *liveStory) encrypted() {
	ghost := liveGhost("444")
	room := s.alice.CreateEncryptedRoom(s.t, ghost)
	s.act(in(s.invited(ghost), ghost, RoomJoin, "join-4", `{}`))
	want := `{"type":"room.encrypted","room_id":"` + room + `","sender":"` + s.alice.ID + `","as":"` + ghost + `"}`
	if m := s.await(RoomEncrypted); string(m.Body) != want {
		s.t.Errorf("got %s", m.Body)
	}
	if got := s.act(by(ghost, RoomDirect, "direct-4", `{"user":"`+s.alice.ID+`"}`)); got.Get("room_id").String() == room {
		s.t.Errorf("got %s", got)
	}
}

// alias: a room is made when somebody asks for its alias.
func (s *liveStory) alias() {
	ghost := liveGhost("445")
	alias := "#tel_445:" + hometest.ServerName
	_, joined := s.whileAsked(AliasQuery, s.alice, http.MethodPost, "/_matrix/client/v3/join/"+url.PathEscape(alias),
		ghost, map[string]any{"room": map[string]any{"preset": "public_chat"}})
	m := s.awaitWhere("m.room.member", func(e gjson.Result) bool {
		return e.Get("room_id").String() == joined.Get("room_id").String() && e.Get("state_key").String() == s.alice.ID
	})
	if gjson.GetBytes(m.Body, "as").String() != ghost {
		s.t.Errorf("got %s", m.Body)
	}
}

// away: the homeserver restarts.
func (s *liveStory) away() {
	ghost := liveGhost("446")
	room := s.alice.CreateRoom(s.t, ghost)
	s.act(in(s.invited(ghost), ghost, RoomJoin, "join-6", `{}`))
	s.server.Stop(s.t)
	s.await(engine.TransportDown)
	s.Send(in(room, ghost, "m.call.hangup", "hangup-6", `{"call_id":"c6","party_id":"B"}`))
	s.server.Resume(s.t)
	id := s.await("m.call.hangup.ok").ID
	s.await(engine.TransportUp)
	if _, err := s.alice.WaitEvent(s.ctx, func(e gjson.Result) bool { return e.Get("event_id").String() == id }); err != nil {
		s.t.Error(err)
	}
	after := s.alice.Send(s.t, room, "m.call.candidates", map[string]any{"call_id": "c6"})
	if m := s.await("m.call.candidates"); m.ID != after {
		s.t.Errorf("got %+v", m)
	}
}
