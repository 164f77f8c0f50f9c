package e2e_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// TestIdentity shows each side who the other one is.
func TestIdentity(t *testing.T) {
	tel := newService(t, "names", "")
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{tel.AppService}})
	const dialled, calling = "+442079460292", "+442079460192"
	id := func(name string) string { return "@" + name + ":" + hometest.ServerName }
	// Dialling waits for candidates here, so that the names of users are known by then.
	s := tel.open(t, home, vertotest.Options{Timing: vertotest.Timing{Dialplan: 0.3}}, britain+"candidatePolicy = \"quiet\"\ncandidateQuiet = \"1s\"\n"+
		table("users", map[string]string{dialled: id("called")})+
		table("callerID", map[string]string{id("hidden"): "withheld", id("named"): "1001"})+
		"[table.showName]\n\""+id("named")+"\" = true\n\""+id("hidden")+"\" = true\n")

	t.Run("the far end changes", func(t *testing.T) {
		t.Parallel()
		c := s.dials(t, "watcher", "9203")
		c.isShown("Alice Display", tel.ghost("5551000"))
		c.isShown("Bob Display", tel.ghost("5552000"))
		c.hangUp()
	})
	t.Run("the caller's name is no news", func(t *testing.T) {
		t.Parallel()
		user := home.Register(t, "called", password("called"))
		r := s.callTo(t, []*hometest.User{user}, calling, dialled)
		c := r.rings(0)
		c.accept()
		c.echoes(440)
		call := s.waits(t, soon(t), func(call vertotest.Call) bool { return call.CallerNumber == nationalNumber(calling) })
		if !s.pbx.Display(call.ID, "Guy Callee", "02079460193") {
			t.Fatal("the call is not up")
		}
		c.isShown("Guy Callee", tel.ghost("+442079460193"))
		c.hangUp()
		r.ended()
	})
	t.Run("a withheld number has no name either", func(t *testing.T) {
		t.Parallel()
		user := home.Register(t, "hidden", password("hidden"))
		s.isCalledBy(t, user, "anonymous", "Anonymous")
	})
	t.Run("a user may be shown by the name that they go by", func(t *testing.T) {
		t.Parallel()
		user := home.Register(t, "named", password("named"))
		path := "/_matrix/client/v3/profile/" + url.PathEscape(user.ID) + "/displayname"
		if _, err := user.Do(t.Context(), http.MethodPut, path, map[string]any{"displayname": "Zoë <Quinn>"}); err != nil {
			t.Fatal(err)
		}
		s.isCalledBy(t, user, "1001", "Zoë Quinn")
	})
}

// isShown waits until the client is told whom its user talks to, by both names of
// the event.
func (c *client) isShown(name, id string) {
	c.t.Helper()
	for _, typ := range []string{"m.call.asserted_identity", "org.matrix.call.asserted_identity"} {
		c.wait(typ+" of "+name, func(e gjson.Result) bool {
			who := e.Get("content.asserted_identity")
			return e.Get("type").Str == typ && e.Get("content.call_id").Str == c.callID && e.Get("sender").Str != c.user.ID &&
				who.Get("display_name").Str == name && who.Get("id").Str == id
		})
	}
}

// isCalledBy has a user call the echo, and makes sure of whom that sees.
func (s *site) isCalledBy(t *testing.T, user *hometest.User, number, name string) {
	t.Helper()
	c := newCaller(t, user, s.lookUp(t, user, "9196"))
	c.call()
	c.take()
	call := s.waits(t, soon(t), func(call vertotest.Call) bool { return call.CallerNumber == number })
	if call.CallerName != name {
		t.Errorf("the far end is shown %q", call.CallerName)
	}
	c.echoes(440)
	c.hangUp()
	s.ends(t, call.ID)
}
