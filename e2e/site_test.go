package e2e_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// A site is a homeserver, a bridge and a Verto server.
type site struct {
	home *hometest.Server
	pbx  *vertotest.Server
	bot  *hometest.User // the bridge's user in bot mode
	service
}

// A service is a bridge as an application service, before it runs.
type service struct {
	hometest.AppService
	listen string // where it listens
	more   string // of its table [transport.matrix]
	bridge *bridge
}

// newService draws tokens and a port for a bridge of that name. A homeserver
// reaches it at url, or if that is "" where it listens.
func newService(t testing.TB, name, url string) *service {
	t.Helper()
	s := &service{listen: freeAddress(t), bridge: newBridge(t)}
	if url == "" {
		url = "http://" + s.listen
	}
	s.AppService = hometest.AppService{
		ID: name, URL: url, ASToken: rand.Text() + rand.Text(), HSToken: rand.Text() + rand.Text(),
		Sender: "phone-" + name, Ghosts: name + "_",
	}
	s.bridge.Write(t, "registration.yaml", string(s.Registration()))
	s.plant()
	return s
}

// registerByProgram lets `vertigo registration` write the registration of a
// bridge, and reads it.
func registerByProgram(t testing.TB, name string) (s *service, file string) {
	t.Helper()
	listen := freeAddress(t)
	s = &service{listen: listen, bridge: newBridge(t)}
	s.Sender, s.Ghosts, s.URL = "phone-"+name, name+"_", "http://"+listen
	s.bridge.configure(t, s.settings("http://127.0.0.1:1")) // no homeserver runs yet
	if out, err := s.bridge.Command("registration", "-c", "vertigo.toml").CombinedOutput(); err != nil {
		t.Fatalf("vertigo registration: %v\n%s", err, out)
	}
	file = filepath.Join(s.bridge.Dir, "registration.yaml")
	written, err := matrix.ReadRegistration(file)
	if err != nil {
		t.Fatal(err)
	}
	s.ID, s.ASToken, s.HSToken = written.ID, written.ASToken, written.HSToken
	s.plant()
	return s, file
}

func (s *service) plant() {
	planted.credential("as_token", s.ASToken)
	planted.credential("hs_token", s.HSToken)
}

// settings are those of the service at a homeserver.
func (s *service) settings(homeserver string) settings {
	return settings{matrix: fmt.Sprintf(`mode = "appservice"
homeserver = %q
user = "@%s:%s"
registration = "registration.yaml"
listen = %q
url = %q
ghosts = %q
%s`, homeserver, s.Sender, hometest.ServerName, s.listen, s.URL, s.Ghosts, s.more)}
}

// ghost is the user that stands for a number.
func (s *service) ghost(number string) string {
	local := strings.NewReplacer("*", "=2a", "#", "=23").Replace(number)
	return "@" + s.Ghosts + local + ":" + hometest.ServerName
}

// login is the bridge's account at the Verto server.
const login = "1008@fs.test"

// open starts a Verto server and the service's bridge, and waits until both are
// connected.
func (s *service) open(t testing.TB, home *hometest.Server, pbx vertotest.Options, rules string) *site {
	t.Helper()
	password := rand.Text()
	planted.credential("the password of a Verto account", password)
	at := &site{home: home, service: *s, pbx: vertotest.NewServer(pbx)}
	closeLater(t, at.pbx)
	at.pbx.AddAccount(login, password)
	set := s.settings(home.URL)
	set.url, set.login, set.password, set.captures = at.pbx.URL, login, password, true
	set.rules = "include = [\"matrix-verto\"]\n" + rules
	at.bridge.configure(t, set)
	at.bridge.Start(t)
	at.bridge.StopsWith(t)
	at.bridge.ready(t)
	return at
}

// found are the users of this bridge that a lookup finds.
func (s *service) found(results []gjson.Result) []string {
	var users []string
	for _, r := range results {
		if id := r.Get("userid").Str; strings.HasPrefix(id, "@"+s.Ghosts) {
			users = append(users, id)
		}
	}
	return users
}

// lookUp gives the user that somebody finds under what they typed.
func (s *site) lookUp(t testing.TB, user *hometest.User, typed string) string {
	t.Helper()
	users := s.found(user.Lookup(t, typed))
	if len(users) != 1 {
		t.Fatalf("%q is %v", typed, users)
	}
	return users[0]
}

// request asks the bridge something as its homeserver does.
func (s *service) request(t testing.TB, method, path string, body []byte) (status int, answer gjson.Result) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.listen+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.HSToken)
	res, err := direct.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, gjson.ParseBytes(text)
}

// direct keeps no connection, and so leaves nothing behind.
var direct = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ends waits until a call at the Verto server is over.
func (s *site) ends(t testing.TB, callID string) vertotest.Call {
	t.Helper()
	call, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.ID == callID && call.State == vertotest.Ended })
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// records are the lines of the call log, once the bridge has stopped.
func (s *site) records(t testing.TB) []gjson.Result {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.bridge.Dir, "state", "calls.ndjson"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	var records []gjson.Result
	for line := range bytes.Lines(text) {
		records = append(records, gjson.ParseBytes(line))
	}
	return records
}

// table writes a table of rules.
func table(name string, rows map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[table.%s]\n", name)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "%q = %q\n", key, rows[key])
	}
	return b.String()
}

// closeLater closes a Verto server at the end of the test, and notes the secrets
// of its calls.
func closeLater(t testing.TB, pbx *vertotest.Server) {
	t.Cleanup(func() {
		pbx.Close()
		planted.frames(pbx)
	})
}

// freeAddress is where nobody listens, with a port below those that systems give
// to outgoing connections.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+mathrand.IntN(8000)))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}
