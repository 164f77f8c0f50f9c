package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

func rulesTo(extension string) string {
	return fmt.Sprintf("include = [\"matrix-verto\"]\n[vars]\nemergency = \"refuse\"\nextension = %q\n", extension)
}

// begin starts a site with rules of its own.
func begin(t *testing.T, name, rules string) (*site, *hometest.User) {
	t.Helper()
	home := dendritetest.Start(t)
	s := &site{home: home, bot: home.Register(t, "phone", "password-of-the-bot")}
	s.pbx = vertotest.NewServer(vertotest.Options{})
	closeLater(t, s.pbx)
	set := asBot(s.bot, home.URL)
	set.url, set.login, set.password, set.rules, set.captures = s.pbx.URL, "1008@fs.test", "1234", rules, true
	s.bridge = startBridge(t, set)
	s.bridge.ready(t)
	return s, home.Register(t, name, "password-of-"+name)
}

// talking makes a call that sound has come back from.
func talking(t *testing.T, s *site, user *hometest.User) *client {
	t.Helper()
	c := newCaller(t, user, s.bot.ID)
	c.call()
	c.take()
	c.echoes(440)
	return c
}

func TestReloadChangesTheNextCallOnly(t *testing.T) {
	s, user := begin(t, "anna", rulesTo("9196")+"\n[table.hangupReason]\nNORMAL_CLEARING = \"user_hangup\"\n")
	old := talking(t, s, user)

	s.bridge.Write(t, "rules.toml", rulesTo("9199")+"\n[table.hangupReason]\nNORMAL_CLEARING = \"user_busy\"\n")
	said := len(s.bridge.Said())
	s.bridge.Signal(t, syscall.SIGHUP)
	_, said = s.bridge.WaitLine(t, said, "rules reloaded")

	next := newCaller(t, user, s.bot.ID)
	next.call()
	next.wants("m.call.reject user_busy") // 9199 is busy

	s.bridge.Write(t, "rules.toml", "include = [\"matrix-verto\"]\n[[rule]]\nnaem = \"x\"\n")
	s.bridge.Signal(t, syscall.SIGHUP)
	s.bridge.WaitLine(t, said, "rules.toml:3:1: error: unknown key naem")
	s.bridge.WaitLine(t, said, "hint: did you mean name?")

	after := newCaller(t, user, s.bot.ID)
	after.call()
	after.wants("m.call.reject user_busy") // a faulty file changes nothing

	if !s.pbx.Hangup(s.callOf(t, old), vertotest.NormalClearing) {
		t.Fatal("the first call is gone")
	}
	old.wants("m.call.hangup user_hangup") // by the rules that it began with
}

// callOf finds the callID of a call that is up.
func (s *site) callOf(t *testing.T, c *client) string {
	t.Helper()
	call, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.State == vertotest.Active })
	if err != nil {
		t.Fatal(err)
	}
	return call.ID
}

func TestALostVertoSocketComesBackAndEndsWhatIsLost(t *testing.T) {
	s, user := begin(t, "bert", rulesTo("9196"))
	c := talking(t, s, user)
	s.pbx.ForgetCalls()
	said := len(s.bridge.Said())
	if n := s.pbx.DropSockets("1008@fs.test"); n != 1 {
		t.Fatalf("%d sockets dropped", n)
	}
	c.wants("m.call.hangup ice_timeout")
	notice(t, user, c.room, "was lost")
	sessids := map[string]bool{}
	logins := 0
	for _, f := range s.pbx.Frames() {
		if f.Dir == "in" && gjson.GetBytes(f.Data, "method").Str == "login" {
			logins++
			sessids[gjson.GetBytes(f.Data, "params.sessid").Str] = true
		}
	}
	if logins < 2 || len(sessids) != 1 {
		t.Errorf("%d logins with %d sessids", logins, len(sessids))
	}
	s.bridge.WaitLine(t, said, "msg=connected", "transport=pbx")
	talking(t, s, user) // and the next call works
}

func TestSIGTERMSaysGoodbyeToBothSides(t *testing.T) {
	s, user := begin(t, "carl", rulesTo("9196"))
	c := talking(t, s, user)
	s.bridge.Signal(t, syscall.SIGTERM)
	c.wants("m.call.hangup unknown_error")
	if _, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool {
		return call.State == vertotest.Ended && call.EndedBy == vertotest.ClientSide
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.bridge.Wait(t); err != nil {
		t.Errorf("the bridge ended with %v", err)
	}
}

func TestWhatIsCapturedHoldsNoSecret(t *testing.T) {
	s, user := begin(t, "dora", rulesTo("9196"))
	c := talking(t, s, user)
	c.hangUp()
	if _, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.State == vertotest.Ended }); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"the token": s.bot.Token}
	for _, f := range s.pbx.Frames() {
		if sessid := gjson.GetBytes(f.Data, "params.sessid").Str; sessid != "" {
			secrets["the sessid"] = sessid
		}
	}
	for _, line := range strings.Split(c.phone.Local()+c.answer.Get("answer.sdp").Str, "\r\n") {
		for _, attribute := range []string{"a=ice-pwd:", "a=fingerprint:sha-256 "} {
			if value, ok := strings.CutPrefix(line, attribute); ok {
				secrets[attribute+value[:4]] = value
			}
		}
	}
	s.bridge.Stop(t, syscall.SIGTERM)
	files, err := filepath.Glob(filepath.Join(s.bridge.Dir, "captures", "*.ndjson"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no capture was written: %v", err)
	}
	written := strings.Join(s.bridge.Said(), "\n")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		written += string(data)
	}
	if !strings.Contains(written, "m.call.invite") || !strings.Contains(written, "verto.answer") {
		t.Error("the capture does not hold the call")
	}
	for what, secret := range secrets {
		if strings.Contains(written, secret) {
			t.Errorf("%s is in a log or a capture", what)
		}
	}
	if strings.Contains(written, `"passwd":"1234"`) {
		t.Error("the password is in a log or a capture")
	}
}

// Each fault of a connection is one clear line, and the bridge tries again.
func TestConnectionFaultsAreOneClearLine(t *testing.T) {
	home := dendritetest.Start(t)
	bot := home.Register(t, "phone", "password-of-the-bot")
	plain := vertotest.NewServer(vertotest.Options{})
	t.Cleanup(plain.Close)
	misnamed := vertotest.NewUnstartedServer(vertotest.Options{CertHosts: []string{"pbx.example.org"}})
	misnamed.StartTLS()
	t.Cleanup(misnamed.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, misnamed.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	unknown := vertotest.NewUnstartedServer(vertotest.Options{})
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()

	for name, c := range map[string]struct {
		settings
		words []string
	}{
		"a wrong password":       {settings{url: plain.URL, login: "1008@fs.test", password: "wrong"}, []string{"1008@fs.test", "Authentication Failure"}},
		"an unreachable server":  {settings{url: "ws://" + nobody, login: "1008@fs.test", password: "1234"}, []string{"nothing listens at " + nobody}},
		"a TLS name mismatch":    {settings{url: misnamed.URL, login: "1008@fs.test", password: "1234", caFile: ca}, []string{"127.0.0.1", "pbx.example.org"}},
		"an unknown certificate": {settings{url: unknown.URL, login: "1008@fs.test", password: "1234"}, []string{"ca_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := asBot(bot, home.URL)
			set.url, set.login, set.password, set.caFile, set.rules = c.url, c.login, c.password, c.caFile, rulesTo("9196")
			b := startBridge(t, set)
			line, _ := b.WaitLine(t, 0, c.words...)
			if strings.Contains(line, "wrong") {
				t.Errorf("the password is in the line: %s", line)
			}
			if !strings.Contains(line, "transport=pbx") || !strings.Contains(line, "again_in=") {
				t.Errorf("not one line that names the transport and says when it is tried again: %s", line)
			}
			if c.url == "ws://"+nobody {
				accepts(t, nobody)
			}
		})
	}
}

// accepts waits for a connection to an address that nothing listened at before.
func accepts(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if deadline, ok := soon(t).Deadline(); ok {
		_ = l.(*net.TCPListener).SetDeadline(deadline)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("the bridge does not try again: %v", err)
	}
	conn.Close()
}

func TestACallThatComesBackMuteIsEndedOnBothSides(t *testing.T) {
	s, user := begin(t, "emil", rulesTo("9196"))
	c := talking(t, s, user)
	s.pbx.DropSockets("1008@fs.test")
	c.wants("m.call.hangup ice_timeout")
	call, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.State == vertotest.Ended })
	if err != nil {
		t.Fatal(err)
	}
	if call.Cause.String() != "MEDIA_TIMEOUT" || call.EndedBy != vertotest.ClientSide {
		t.Errorf("the call ended by %s with %s", call.EndedBy, call.Cause)
	}
}

func TestAnEncryptedRoomIsToldOnceThatItCannotCall(t *testing.T) {
	s, user := begin(t, "fred", rulesTo("9196"))
	room := user.CreateEncryptedRoom(t, s.bot.ID)
	comes(t, user, room, s.bot.ID)
	encrypted := map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "s", "device_id": "d", "sender_key": "k"}
	user.Send(t, room, "m.room.encrypted", encrypted)
	user.Send(t, room, "m.room.encrypted", encrypted)
	notice(t, user, room, "encrypted")
	// A call in a room without encryption goes through the same sync: when it is
	// answered, whatever the bridge had to say of the encrypted one is there.
	talking(t, s, user)
	notices := 0
	marker := user.Send(t, room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "over"})
	await(t, user, "the marker", func(e gjson.Result) bool {
		if e.Get("room_id").Str == room && e.Get("sender").Str == s.bot.ID && e.Get("type").Str == "m.room.message" {
			notices++
		}
		return e.Get("event_id").Str == marker
	})
	if notices != 1 {
		t.Errorf("%d notices", notices)
	}
}

func TestCallsSpreadOverAccounts(t *testing.T) {
	home := dendritetest.Start(t)
	s := &site{home: home, bot: home.Register(t, "phone", "password-of-the-bot")}
	s.pbx = vertotest.NewServer(vertotest.Options{})
	closeLater(t, s.pbx)
	set := asBot(s.bot, home.URL)
	set.url, set.login, set.password, set.rules = s.pbx.URL, "1008@fs.test", "1234", rulesTo("9196")
	set.more = "[[transport.pbx.account]]\nlogin = \"1009@fs.test\"\npassword = \"1234\"\n"
	s.bridge = startBridge(t, set)
	s.bridge.ready(t)
	logins := map[string]bool{}
	var users []*hometest.User
	for _, name := range []string{"gina", "hans", "ines"} {
		users = append(users, home.Register(t, name, "password-of-"+name))
	}
	s.bridge.WaitLine(t, 0, "msg=connected", "login=1008@fs.test")
	s.bridge.WaitLine(t, 0, "msg=connected", "login=1009@fs.test")
	for _, u := range users {
		talking(t, s, u)
	}
	for _, call := range s.pbx.Calls() {
		logins[call.Login] = true
	}
	if len(logins) != 2 {
		t.Errorf("three calls went through %v", logins)
	}
}
