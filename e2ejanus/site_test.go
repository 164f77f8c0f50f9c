package e2ejanus_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/e2ejanus/phones"
	"vertigo/internal/bridgetest"
	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
)

// A site is a homeserver, a bridge, and a Janus whose account is registered at
// an exchange.
type site struct {
	home    *hometest.Server
	bridge  *bridgetest.Bridge
	cable   *phones.Cable // from the bridge to Janus
	x       *phones.Exchange
	service hometest.AppService
}

// account is the bridge's at the exchange.
const account = "office"

// open starts all of a site, and waits until calls can be made. Numbers are
// whose users they ring.
func open(t *testing.T, name string, o phones.GatewayOptions, vars string, numbers map[string]string) *site {
	t.Helper()
	s := &site{x: phones.StartExchange(t)}
	secret := rand.Text()
	s.cable = phones.NewCable(t, phones.StartGateway(t, o).Address)
	s.x.Account(account, secret)
	users := map[string]string{}
	for number, user := range numbers {
		s.x.Line(number, account)
		users[number] = userID(user)
	}
	listen := fmt.Sprintf("127.0.0.1:%d", phones.FreePort(t))
	s.service = hometest.AppService{
		ID: name, URL: "http://" + listen, ASToken: rand.Text() + rand.Text(), HSToken: rand.Text() + rand.Text(), Sender: "phone-" + name, Ghosts: name + "_",
	}
	s.home = dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{s.service}})

	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s.bridge = bridgetest.New(program, t.TempDir())
	s.bridge.Write(t, "registration.yaml", string(s.service.Registration()))
	s.bridge.Write(t, "vertigo.toml", fmt.Sprintf(`
rules = ["rules.toml"]

[log]
level = "debug"

[capture]
dir = "captures"

[transport.matrix]
kind         = "matrix"
mode         = "appservice"
homeserver   = %q
user         = "@%s:%s"
registration = "registration.yaml"
listen       = %q
url          = %q
ghosts       = %q

[transport.janus]
kind        = "ws-json"
url         = "ws://%s/"
subprotocol = "janus-protocol"
`, s.home.URL, s.service.Sender, hometest.ServerName, listen, s.service.URL, s.service.Ghosts, s.cable.Address))
	s.bridge.Write(t, "rules.toml", fmt.Sprintf(`include = ["matrix-janus"]
[vars]
country   = "GB"
emergency = "refuse"
sipDomain = %q
sipUser   = %q
lines     = %d
%s
[table.sipSecrets]
%s = %q
%s`, s.x.Address, account, lines, vars, account, secret, table("users", users)))
	t.Cleanup(func() { s.keeps(t, secret, s.service.ASToken, s.service.HSToken) })
	s.bridge.Start(t)
	s.bridge.StopsWith(t)
	s.bridge.Ready(t, "matrix", "janus")
	if err := s.x.WaitRegistered(soon(t), account); err != nil {
		t.Fatal(err)
	}
	s.bridge.WaitLine(t, 0, "that is all of them") // the rule by which the last line is there
	return s
}

// keeps makes sure that the bridge has written secrets nowhere.
func (s *site) keeps(t *testing.T, secrets ...string) {
	t.Helper()
	err := filepath.WalkDir(s.bridge.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{"rules.toml", "registration.yaml"}, d.Name()) { // an operator put them there
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range secrets {
			if i := bytes.Index(text, []byte(secret)); i >= 0 {
				t.Errorf("%s holds a secret, after %q", path, text[max(0, i-200):i])
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// lines is how many telephones may call at once.
const lines = 8

// table writes a table of rules.
func table(name string, rows map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[table.%s]\n", name)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "%q = %q\n", key, rows[key])
	}
	return b.String()
}

func userID(name string) string { return "@" + name + ":" + hometest.ServerName }

// ghost is the user that stands for a number.
func (s *site) ghost(number string) string {
	return userID(s.service.Ghosts + number)
}

// user makes a Matrix user.
func (s *site) user(t testing.TB, name string) *hometest.User {
	t.Helper()
	return s.home.Register(t, name, "password-of-"+name)
}

// calls has a new user call a number.
func (s *site) calls(t testing.TB, name, number string) *client {
	t.Helper()
	user := s.user(t, name)
	c := newClient(t, user, s.roomWith(t, user, number))
	c.call()
	return c
}

// roomWith makes a room of a user and a number, as clients with a dial pad do.
func (s *site) roomWith(t testing.TB, user *hometest.User, number string) (room string) {
	t.Helper()
	ghost := s.ghost(number)
	if found := user.Lookup(t, number); !slices.ContainsFunc(found, func(r gjson.Result) bool { return r.Get("userid").Str == ghost }) {
		t.Fatalf("%s is not %s, but %v", number, ghost, found)
	}
	room = user.CreateRoom(t, ghost)
	if _, err := user.WaitEvent(soon(t), func(e gjson.Result) bool {
		return e.Get("type").Str == "m.room.member" && e.Get("room_id").Str == room && e.Get("state_key").Str == ghost &&
			e.Get("content.membership").Str == "join"
	}); err != nil {
		t.Fatalf("%s does not join: %v", ghost, err)
	}
	return room
}

// rings waits until a user, who joins the room at once, is called by a number.
func (s *site) rings(t testing.TB, user *hometest.User, number string) *client {
	t.Helper()
	room, err := user.WaitInvite(soon(t), s.ghost(number))
	if err != nil {
		t.Fatalf("%s is not invited: %v", user.ID, err)
	}
	user.Join(t, room)
	return called(t, user, room)
}

// called waits until a user is called in a room, and gives the client that rings
// there. Calls that are past are not meant.
func called(t testing.TB, user *hometest.User, room string, past ...string) *client {
	t.Helper()
	c := newClient(t, user, room)
	e := c.wait("an invite", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.call.invite" && e.Get("room_id").Str == room && e.Get("sender").Str != user.ID &&
			!slices.Contains(past, e.Get("content.call_id").Str)
	})
	c.callID, c.offered = e.Get("content.call_id").Str, e.Get("content.offer.sdp").Str
	return c
}
