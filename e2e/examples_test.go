package e2e_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix"
	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// An example is a configuration of examples/ at work: as it stands there, but
// for names and addresses.
type example struct {
	*site
	name  string
	edits map[string][]edit   // by file
	rooms map[string]string   // by user and number
	past  map[string][]string // calls, by room
}

// An edit is text that stands once in a file of an example, and what the test has
// in its place.
type edit struct{ old, new string }

// newExample makes a bridge of an example, and the Verto server that it is for.
func newExample(t testing.TB, name string) *example {
	t.Helper()
	e := &example{
		name: name, edits: map[string][]edit{}, rooms: map[string]string{}, past: map[string][]string{},
		site: &site{service: service{bridge: newBridge(t), listen: freeAddress(t)}},
	}
	e.pbx = vertotest.NewServer(vertotest.Options{Timing: vertotest.Timing{Dialplan: 0.05}})
	closeLater(t, e.pbx)
	password := rand.Text()
	planted.credential("the password of a Verto account", password)
	e.pbx.AddAccount(login, password)
	e.bridge.Env = append(e.bridge.Env, "VERTIGO_VERTO_PASSWORD="+password)
	e.edit("vertigo.toml", `"wss://pbx.example.org:8082"`, strconv.Quote(e.pbx.URL))
	e.edit("vertigo.toml", `"vertigo@pbx.example.org"`, strconv.Quote(login))
	return e
}

func (e *example) edit(file, old, text string) {
	e.edits[file] = append(e.edits[file], edit{old, text})
}

// write gives the bridge the example's files.
func (e *example) write(t testing.TB) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "examples", e.name, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if ext := filepath.Ext(name); ext != ".toml" && ext != ".csv" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, change := range e.edits[name] {
			if n := strings.Count(text, change.old); n != 1 {
				t.Fatalf("%s has %s %d times", file, change.old, n)
			}
			text = strings.Replace(text, change.old, change.new, 1)
		}
		text = strings.ReplaceAll(text, "example.org", hometest.ServerName)
		if name == "vertigo.toml" {
			if !strings.Contains(text, "[capture]") {
				text += "\n[capture]\ndir = \"captures\"\n"
			}
			text += "\n[log]\nlevel = \"debug\"\n"
		}
		e.bridge.Write(t, name, text)
	}
}

// openService starts an example that is an application service, and its
// homeserver.
func (e *example) openService(t testing.TB) {
	t.Helper()
	e.write(t)
	e.program(t, "registration")
	file := filepath.Join(e.bridge.Dir, "registration.yaml")
	written, err := matrix.ReadRegistration(file)
	if err != nil {
		t.Fatal(err)
	}
	e.Ghosts, e.ASToken, e.HSToken = "tel_", written.ASToken, written.HSToken
	e.plant()
	e.home = dendritetest.Start(t, hometest.Options{RegistrationFiles: []string{file}})
	e.edit("vertigo.toml", `"http://127.0.0.1:8008"`, strconv.Quote(e.home.URL))
	e.begin(t)
}

// begin starts the bridge for the first time.
func (e *example) begin(t testing.TB) {
	t.Helper()
	e.write(t)
	e.program(t, "check")
	e.bridge.Start(t)
	e.bridge.StopsWith(t)
	e.bridge.ready(t)
}

// program runs a command of the program that must succeed.
func (e *example) program(t testing.TB, args ...string) {
	t.Helper()
	if out, err := e.bridge.Command(args...).CombinedOutput(); err != nil {
		t.Fatalf("vertigo %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// people registers users.
func (e *example) people(t testing.TB, names ...string) []*hometest.User {
	t.Helper()
	var users []*hometest.User
	for _, name := range names {
		users = append(users, e.home.Register(t, name, password(name)))
	}
	return users
}

// dials lets a user call a contact and talk to it, and gives the call as the far
// end saw it.
func (e *example) dials(t testing.TB, user *hometest.User, room, number string) vertotest.Call {
	t.Helper()
	e.pbx.Handle(number, echo)
	c := newClient(t, user, room)
	c.call()
	c.take()
	c.echoes(440)
	call, err := e.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
		return !call.Outbound && call.Destination == number && call.State == vertotest.Active
	})
	if err != nil {
		t.Fatal(err)
	}
	c.hangUp()
	call = e.ends(t, call.ID)
	wantEnd(t, call, vertotest.NormalClearing, vertotest.ClientSide)
	e.over(t, c)
	return call
}

// refused lets a user call a contact in vain.
func (e *example) refused(t testing.TB, user *hometest.User, room, sentence string) *client {
	t.Helper()
	before := len(e.pbx.Calls())
	c := newClient(t, user, room)
	c.invite(c.fullOffer(), time.Minute)
	c.wants("m.call.reject user_hangup")
	notice(t, user, room, sentence)
	if calls := e.pbx.Calls(); len(calls) != before {
		t.Errorf("a call was dialled: %+v", calls[before:])
	}
	return c
}

// contact makes a room of a user with what they typed on the dial pad.
func (e *example) contact(t testing.TB, user *hometest.User, typed string) (room string) {
	t.Helper()
	ghost := e.lookUp(t, user, typed)
	room = user.CreateRoom(t, ghost)
	await(t, user, ghost+" joins", func(e gjson.Result) bool {
		return e.Get("type").Str == "m.room.member" && e.Get("room_id").Str == room && e.Get("state_key").Str == ghost &&
			e.Get("content.membership").Str == "join"
	})
	return room
}

// wantShown makes sure of whom the far end was shown.
func wantShown(t testing.TB, call vertotest.Call, name, number string) {
	t.Helper()
	if call.CallerName != name || call.CallerNumber != number {
		t.Errorf("the far end was shown %q %s, not %q %s", call.CallerName, call.CallerNumber, name, number)
	}
}

// rings waits until a user is called by a number, in the room that they have with
// it, or get and join.
func (e *example) rings(r *arrival, n int) *client {
	r.t.Helper()
	user := r.users[n]
	pair := user.ID + " " + r.number
	if e.rooms[pair] == "" {
		e.rooms[pair] = r.join(n)
	}
	room := e.rooms[pair]
	c := called(r.t, user, room, e.past[room]...)
	e.past[room] = append(e.past[room], c.callID)
	return c
}

func TestExampleOffice(t *testing.T) {
	t.Parallel()
	const sales, caller = "+442079460001", "+442079460199"
	e := newExample(t, "office")
	e.edit("vertigo.toml", `"127.0.0.1:29328"`, strconv.Quote(e.listen))
	e.edit("rules.toml", `now.In(timezone("Europe/London"))`, `date("2026-11-23T12:00:00Z")`) // the office is open
	e.openService(t)
	users := e.people(t, "anna", "ben", "cleo", "reception")
	anna := users[0]

	t.Run("a number abroad that is allowed is dialled, and shown the number of the department", func(t *testing.T) {
		call := e.dials(t, anna, e.contact(t, anna, "+33 1 42 68 53 00"), "+33142685300")
		wantShown(t, call, "Example Ltd", sales)
	})
	e.record(t, "abroad-refused", func(t *testing.T) []*client {
		return []*client{e.refused(t, anna, e.contact(t, anna, "+1 212 555 0123"), "Numbers abroad may not be called from here.")}
	})
	t.Run("all of sales decline, and the reception rings at once", func(t *testing.T) {
		r := e.callTo(t, users, caller, sales)
		for n := range 3 {
			e.rings(r, n).send("m.call.reject", map[string]any{})
		}
		c := e.rings(r, 3)
		c.accept()
		c.echoes(440)
		r.hangUp()
		c.wants("m.call.hangup user_hangup")
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ServerSide)
		e.over(t, c)
	})
	e.record(t, "hunt-group", func(t *testing.T) []*client {
		r := e.callTo(t, users, caller, sales)
		anna, ben, cleo := e.rings(r, 0), e.rings(r, 1), e.rings(r, 2)
		ben.accept()
		anna.wants("m.call.hangup answered_elsewhere")
		cleo.wants("m.call.hangup answered_elsewhere")
		ben.echoes(440)
		ben.hangUp()
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ClientSide)
		return []*client{anna, ben, cleo}
	})
	t.Run("nobody of sales answers, and then the reception rings", func(t *testing.T) {
		e.edit("rules.toml", `"15s"`, `"3s"`) // roundTime
		e.write(t)
		said := len(e.bridge.Said())
		e.bridge.Signal(t, syscall.SIGHUP)
		e.bridge.WaitLine(t, said, "rules reloaded")
		r := e.callTo(t, users, caller, sales)
		anna, ben, cleo := e.rings(r, 0), e.rings(r, 1), e.rings(r, 2)
		for _, c := range []*client{anna, ben, cleo} {
			c.wants("m.call.hangup invite_timeout")
		}
		c := e.rings(r, 3)
		c.accept()
		c.echoes(440)
		c.hangUp()
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ClientSide)
		e.over(t, c, anna, ben, cleo)
	})
}

func TestExampleFamily(t *testing.T) {
	t.Parallel()
	const ours, grandma, friend = "+442079460123", "+442079460777", "+442079460888"
	e := newExample(t, "family")
	const registration = `registration = "registration.yaml"`
	e.edit("vertigo.toml", registration, registration+"\nlisten = "+strconv.Quote(e.listen))
	e.openService(t)
	users := e.people(t, "mum", "dad", "kim")
	mum, kim := users[0], users[2]

	e.record(t, "answered", func(t *testing.T) []*client {
		r := e.callTo(t, users, grandma, ours)
		mum, dad, kim := e.rings(r, 0), e.rings(r, 1), e.rings(r, 2)
		dad.accept()
		mum.wants("m.call.hangup answered_elsewhere")
		kim.wants("m.call.hangup answered_elsewhere")
		dad.echoes(440)
		r.shown(dad, "Grandma")
		r.hangUp()
		dad.wants("m.call.hangup user_hangup")
		wantEnd(t, r.ended(), vertotest.NormalClearing, vertotest.ServerSide)
		return []*client{mum, dad, kim}
	})
	t.Run("Kim calls Grandma", func(t *testing.T) {
		ghost := e.lookUp(t, kim, "020 7946 0777")
		if name := kim.Profile(t, ghost); name != "Grandma" {
			t.Errorf("Grandma's name is %q", name)
		}
		call := e.dials(t, kim, e.rooms[kim.ID+" "+grandma], grandma)
		wantShown(t, call, "The Smiths", ours)
	})
	t.Run("and nobody else", func(t *testing.T) {
		e.over(t, e.refused(t, kim, e.contact(t, kim, friend), "Ask Mum or Dad to call this number."))
	})
	t.Run("Mum calls anybody", func(t *testing.T) {
		call := e.dials(t, mum, e.contact(t, mum, friend), friend)
		wantShown(t, call, "The Smiths", ours)
	})
}

func TestExampleVucbot(t *testing.T) {
	t.Parallel()
	const conference = "3500"
	e := newExample(t, "vucbot")
	e.home = dendritetest.Start(t)
	e.bot = e.home.Register(t, "conference", password("conference"))
	planted.credential("the bot's token", e.bot.Token)
	e.bridge.Env = append(e.bridge.Env, "VERTIGO_MATRIX_TOKEN="+e.bot.Token)
	e.edit("vertigo.toml", `"https://matrix.example.org"`, strconv.Quote(e.home.URL))
	e.begin(t)
	e.pbx.Handle(conference, echo)
	anna := e.people(t, "anna")[0]

	before := newCaller(t, anna, e.bot.ID)
	e.settle(t, before)
	e.record(t, "keys", func(t *testing.T) []*client {
		c := newClient(t, anna, before.room)
		c.call()
		c.take()
		c.echoes(440)
		c.say("Hello, *5 of you.")
		c.say("*5")
		call, err := e.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.DTMF != "" })
		if err != nil {
			t.Fatal(err)
		}
		c.hangUp()
		call = e.ends(t, call.ID)
		if call.DTMF != "*5" {
			t.Errorf("the keys %q were pressed", call.DTMF)
		}
		if call.Destination != conference {
			t.Errorf("dialled %s", call.Destination)
		}
		wantShown(t, call, "Anna", "")
		wantEnd(t, call, vertotest.NormalClearing, vertotest.ClientSide)
		return []*client{c}
	})
}

// say writes in the room.
func (c *client) say(text string) {
	c.t.Helper()
	c.user.Send(c.t, c.room, "m.room.message", map[string]any{"msgtype": "m.text", "body": text})
}
