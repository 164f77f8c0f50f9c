package matrix

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/engine"
)

const (
	alice = "@alice:hs.test"
	tel1  = "@tel_1:hs.test"
	tel2  = "@tel_2:hs.test"
)

// A bridge is a client at work as an application service, with a homeserver
// that has users and rooms, and without a network.
type bridge struct {
	*bot
	world *world
	web   *http.Client // the homeserver's way to it
	pipes *pipes
}

func bridgeConfig(t *testing.T) Config {
	t.Helper()
	cfg := Config{Mode: ModeAppService, Homeserver: "https://hs.test", User: botID, Registration: filepath.Join(t.TempDir(), "registration.yaml")}
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
	return cfg
}

// newBridge makes one that does not run yet.
func newBridge(t *testing.T, w *world, settings ...setting) *bridge {
	t.Helper()
	hs := newHomeserver()
	hs.answerWith(w.answer)
	settings = append([]setting{func(cfg *Config, _ *Options) { *cfg = bridgeConfig(t) }}, settings...)
	b := &bridge{bot: newBot(t, hs, settings...), world: w, pipes: newPipes()}
	b.listen = func(string, string) (net.Listener, error) { return b.pipes, nil }
	b.web = &http.Client{Transport: &http.Transport{DialContext: b.pipes.dial}}
	return b
}

// startBridge runs one and takes its transport.up.
func startBridge(t *testing.T, w *world, settings ...setting) *bridge {
	t.Helper()
	b := newBridge(t, w, settings...)
	b.run()
	b.taken()
	return b
}

func (b *bridge) stop() error {
	b.web.CloseIdleConnections()
	return b.bot.stop()
}

// ask makes a request of the homeserver's.
func (b *bridge) ask(t *testing.T, method, path, body string) reply {
	t.Helper()
	req, err := http.NewRequest(method, "http://bridge"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.registration.HSToken)
	return b.roundTrip(t, req)
}

func (b *bridge) roundTrip(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := b.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{status: resp.StatusCode, body: string(data)}
}

// push brings events as one transaction, which must be taken.
func (b *bridge) push(t *testing.T, txn string, events ...string) {
	t.Helper()
	got := b.ask(t, http.MethodPut, "/_matrix/app/v1/transactions/"+txn, `{"events":[`+strings.Join(events, ",")+`]}`)
	if got != (reply{status: 200, body: "{}"}) {
		t.Fatalf("transaction %s: %+v", txn, got)
	}
}

// act sends an action and gives the reply to it, and what came before it.
func (b *bridge) act(t *testing.T, a engine.Action) (gjson.Result, []string) {
	t.Helper()
	b.Send(a)
	all := bodies(b.taken())
	for i, body := range all {
		if r := gjson.Parse(body); r.Get("txn_id").String() == a.ID {
			return r, all[:i]
		}
	}
	t.Fatalf("no reply to %s, but %q", a.ID, all)
	return gjson.Result{}, nil
}

// by is an action of one of ours, without a room.
func by(as, typ, id, body string) engine.Action {
	return engine.Action{To: "matrix", Type: typ, ID: id, Address: map[string]string{"as": as}, Body: []byte(body)}
}

// in is an action of one of ours in a room.
func in(room, as, typ, id, body string) engine.Action {
	a := by(as, typ, id, body)
	a.Address["room"] = room
	return a
}

// happened is an event as a transaction has it.
func happened(room, id, sender, typ string, ts int, content string) string {
	return fmt.Sprintf(`{"type":%q,"room_id":%q,"event_id":%q,"sender":%q,"origin_server_ts":%d,"content":%s}`, typ, room, id, sender, ts, content)
}

// became is an m.room.member event.
func became(room, id, sender, user, membership string, ts int) string {
	return fmt.Sprintf(`{"type":"m.room.member","room_id":%q,"event_id":%q,"sender":%q,"state_key":%q,"origin_server_ts":%d,"content":{"membership":%q}}`,
		room, id, sender, user, ts, membership)
}

// pipes is a listener without a network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 29328} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A world is the users and rooms of a homeserver, as far as tests need them.
type world struct {
	mu       sync.Mutex
	users    map[string]string            // names, by id
	rooms    map[string]map[string]string // memberships
	state    map[string]string            // of a room: the reply of /state
	messages map[string]string            // of a room: what /messages has beside a join
	ping     reply
	before   func(request) reply // asked first
}

func newWorld() *world {
	return &world{
		users: map[string]string{alice: ""}, rooms: map[string]map[string]string{},
		state: map[string]string{}, messages: map[string]string{}, before: func(request) reply { return reply{} },
	}
}

// first lets f answer before the world does; a zero reply leaves it to the world.
func (w *world) first(f func(request) reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = f
}

// set makes a room, or changes who is in it.
func (w *world) set(room string, members ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms[room] == nil {
		w.rooms[room] = map[string]string{}
	}
	for pair := range slices.Chunk(members, 2) {
		w.rooms[room][pair[0]] = pair[1]
	}
}

func (w *world) answer(r request) reply {
	w.mu.Lock()
	before := w.before
	w.mu.Unlock()
	if got := before(r); got != (reply{}) {
		return got
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	user := r.query.Get("user_id")
	if user == "" {
		user = botID
	}
	forbidden := reply{status: http.StatusForbidden, body: `{"errcode":"M_FORBIDDEN","error":"no"}`}
	notFound := reply{status: http.StatusNotFound, body: `{"errcode":"M_NOT_FOUND","error":"nothing here"}`}
	switch {
	case r.path == "/account/whoami":
		return reply{body: `{"user_id":"` + botID + `"}`}
	case strings.HasSuffix(r.path, "/ping"):
		if w.ping == (reply{}) {
			return reply{body: `{"duration_ms":1}`}
		}
		return w.ping
	case r.path == "/register":
		id := "@" + gjson.Get(r.body, "username").String() + ":hs.test"
		if _, ok := w.users[id]; ok {
			return reply{status: http.StatusBadRequest, body: `{"errcode":"M_USER_IN_USE","error":"taken"}`}
		}
		w.users[id] = ""
		return reply{body: `{"user_id":"` + id + `"}`}
	}
	if _, ok := w.users[user]; !ok {
		return forbidden
	}
	switch {
	case strings.HasPrefix(r.path, "/profile/") && r.method == http.MethodGet:
		whose, _, _ := strings.Cut(strings.TrimPrefix(r.path, "/profile/"), "/")
		switch name, ok := w.users[whose]; {
		case !ok:
			return notFound
		case name == "":
			return reply{body: `{}`}
		default:
			return reply{body: mustJSON(map[string]string{"displayname": name})}
		}
	case strings.HasPrefix(r.path, "/profile/"):
		w.users[user] = gjson.Get(r.body, "displayname").String()
		return reply{body: `{}`}
	case r.path == "/createRoom":
		room := fmt.Sprintf("!made%d:hs.test", len(w.rooms))
		w.rooms[room] = map[string]string{user: "join"}
		for _, invited := range gjson.Get(r.body, "invite").Array() {
			w.rooms[room][invited.String()] = "invite"
		}
		return reply{body: `{"room_id":"` + room + `"}`}
	case r.path == "/joined_rooms":
		var rooms []string
		for _, room := range slices.Sorted(maps.Keys(w.rooms)) {
			if w.rooms[room][user] == "join" {
				rooms = append(rooms, room)
			}
		}
		return reply{body: `{"joined_rooms":` + mustJSON(rooms) + `}`}
	}
	room, rest, _ := strings.Cut(strings.TrimPrefix(r.path, "/rooms/"), "/")
	members := w.rooms[room]
	switch what, _, _ := strings.Cut(rest, "/"); {
	case members == nil:
		return notFound
	case what == "join":
		if members[user] != "invite" && members[user] != "join" {
			return forbidden
		}
		members[user] = "join"
		return reply{body: `{"room_id":"` + room + `"}`}
	case members[user] == "":
		return forbidden
	case what == "members":
		var events []string
		for who, membership := range members {
			events = append(events, fmt.Sprintf(`{"type":"m.room.member","state_key":%q,"content":{"membership":%q}}`, who, membership))
		}
		return reply{body: `{"chunk":[` + strings.Join(events, ",") + `]}`}
	case what == "invite":
		invited := gjson.Get(r.body, "user_id").String()
		if members[user] != "join" || members[invited] == "join" || members[invited] == "ban" {
			return forbidden
		}
		members[invited] = "invite"
		return reply{body: `{}`}
	case what == "leave":
		members[user] = "leave"
		return reply{body: `{}`}
	case rest == "state":
		if w.state[room] == "" {
			return reply{body: "[]"}
		}
		return reply{body: w.state[room]}
	case strings.HasPrefix(rest, "state/m.room.encryption") && r.method == http.MethodGet:
		if strings.Contains(w.state[room], "m.room.encryption") {
			return reply{body: `{"algorithm":"m.megolm.v1.aes-sha2"}`}
		}
		return notFound
	case what == "messages":
		joined := became(room, "$joined-"+user, user, user, "join", 0) // newest first
		return reply{body: `{"start":"x","end":"y","chunk":[` + joined + w.messages[room] + `]}`}
	}
	return usual(r)
}

// did are the requests of that method whose path has that in it: who, and what.
func (b *bridge) did(method, path string) []string {
	var found []string
	for _, r := range b.hs.asked("") {
		if r.method == method && strings.Contains(r.path, path) {
			who := r.query.Get("user_id")
			if who == "" {
				who = botID
			}
			found = append(found, strings.TrimSpace(who+" "+r.path+" "+r.body))
		}
	}
	return found
}
