package console

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"vertigo/engine"
	"vertigo/internal/browsertest"
	"vertigo/replay"
	"vertigo/rules"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
)

// watchedRules are those of the bridge that the page shows.
const watchedRules = `
[vars]
barred = "0900"

[[rule]]
name = "a Matrix user calls"
on   = "matrix m.call.invite"
when = '!hasPrefix(msg.number, vars.barred)'
new  = true
next = "ringing"
set  = { direction = '"out"', user = 'msg.sender', number = 'msg.number' }
send = [{ to = "pbx", type = "verto.invite", body = { callID = '${ call.uuid }', number = '${ msg.number }', sdp = '${ replace(msg.sdp, "a=two\r\n", "a=three\r\na=mid:0\r\n") }' } }]

[[rule]]
name = "a barred number"
on   = "matrix m.call.invite"
new  = true
next = "refused"
set  = { direction = '"out"', user = 'msg.sender', number = 'msg.number', cause = '"OUTGOING_CALL_BARRED"' }
send = [{ to = "matrix", type = "m.call.reject", room = '${ msg.room }', body = { call_id = '${ msg.call_id }' } }]

[[rule]]
name = "answered"
on   = "pbx verto.answer"
in   = "ringing"
when = 'msg.sdp != nil'
next = "talking"
send = [{ to = "matrix", type = "m.call.answer", room = '!r:example.org', body = { call_id = '${ call.matrix.key }', sdp = '${ msg.sdp }' } }]

[[rule]]
name = "somebody in the call is named"
on   = "pbx verto.display"
in   = "talking"
when = 'int(msg.number) > 0'

[[rule]]
name = "the far end hangs up"
on   = "pbx verto.bye"
next = "end"
set  = { cause = 'msg.cause' }
send = [{ to = "matrix", type = "m.call.hangup", room = '!r:example.org', body = { call_id = '${ call.matrix.key }' } }]
`

// A watched is a bridge without transports, and the address of its console.
type watched struct {
	t        *testing.T
	recorder *Recorder
	engine   *engine.Engine
	url      string
	password string
	server   *httptest.Server
	now      time.Time
	pbxUp    bool
	compile  func(read func(string) ([]byte, error)) (*rules.Set, rules.Findings)
}

func watch(t *testing.T) *watched {
	t.Helper()
	return watchGuarded(t, Config{})
}

func watchGuarded(t *testing.T, cfg Config) *watched {
	t.Helper()
	w := &watched{t: t, now: time.Now(), pbxUp: true}
	peers := []replay.Peer{
		{
			Peer:     engine.Peer{Name: "matrix", Protocol: engine.Protocol{Kind: "matrix", Key: []string{"call_id"}, Address: []string{"room"}}},
			NewCodec: func(transport string) replay.Codec { return matrix.NewCodec(transport) },
			Shape:    replay.Shape{Type: "type", Body: "content"},
		},
		{
			Peer:     engine.Peer{Name: "pbx", Protocol: engine.Protocol{Kind: "verto", Key: []string{"callID"}}},
			NewCodec: func(transport string) replay.Codec { return verto.NewCodec(transport) },
			Shape:    replay.Shape{Type: "method", Body: "params"},
		},
	}
	w.compile = func(read func(string) ([]byte, error)) (*rules.Set, rules.Findings) {
		return rules.Load([]string{"rules.toml"}, rules.Options{Peers: []engine.Peer{peers[0].Peer, peers[1].Peer}, ReadFile: read, Parts: true})
	}
	set, found := w.compile(func(string) ([]byte, error) { return []byte(watchedRules), nil })
	if set == nil {
		t.Fatal(found)
	}
	up := func() bool { return true }
	w.recorder = NewRecorder(RecorderOptions{Version: "v1.2.3", Transports: []Transport{
		{Name: "matrix", Kind: "matrix", Up: up}, {Name: "pbx", Kind: "verto", Up: func() bool { return w.pbxUp }},
	}})
	w.recorder.SetRules(Rules{Set: set, Files: []File{{"rules.toml", watchedRules}}, Hash: "5ab1e0c0ffee"}, w.now)
	w.engine = engine.New(set.Ruleset, engine.Options{Observe: w.recorder.Observe})
	w.step("matrix", engine.TransportUp, "", "{}")
	w.step("pbx", engine.TransportUp, "", "{}")

	o := shown()
	o.API = NewAPI(w.recorder, APIOptions{Peers: func(*rules.Set) []replay.Peer { return peers }, Compile: w.compile})
	cfg.Listen = "127.0.0.1:0"
	w.server = httptest.NewServer(guarded(cfg, o))
	t.Cleanup(w.server.Close)
	w.url, w.password = w.server.URL, cfg.Password
	return w
}

// step lets a message come, a little later than the one before.
func (w *watched) step(transport, typ, key, body string) []engine.Action {
	w.t.Helper()
	w.now = w.now.Add(20 * time.Millisecond)
	return stepped(w.engine, w.recorder, w.now, engine.Message{Transport: transport, Type: typ, Key: key, At: w.now, Body: json.RawMessage(body)})
}

const theirSDP = `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=one\r\na=two\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n`

// begins has a Matrix user call a number; it gives the call's key on the other
// side, "" if the number is barred.
func (w *watched) begins(id, user, number string) (far string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"call_id": id, "sender": user, "number": number, "room": "!r:example.org"})
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.TrimSuffix(string(body), "}") + `,"sdp":"` + theirSDP + `"}`
	for _, a := range w.step("matrix", "m.call.invite", id, text) {
		if a.To == "pbx" {
			return a.Key
		}
	}
	return ""
}

// some lets calls be of every kind: one rings, one talks, one has ended, one was
// refused, in one a rule failed.
func (w *watched) some() {
	w.begins("c-rings", "@anna:example.org", "+442079460001")
	talks := w.begins("c-talks", "@ben:example.org", "+442079460002")
	w.step("pbx", "verto.answer", talks, `{"callID":"x","sdp":"v=0\r\na=far\r\n"}`)
	w.step("pbx", "verto.display", talks, `{"number":"nobody"}`)
	over := w.begins("c-over", "@carla.with-a-rather-long-name:matrix.example.org", "+442079460003")
	w.step("pbx", "verto.answer", over, `{"sdp":"v=0\r\na=far\r\n"}`)
	w.step("pbx", "verto.bye", over, `{"cause":"USER_BUSY"}`)
	w.begins("c-barred", "@anna:example.org", "0900123456")
}

// A shownPage is the console in a browser.
type shownPage struct {
	*browsertest.Page
	t   *testing.T
	url string
}

func (w *watched) open(width int64, place string) *shownPage {
	w.t.Helper()
	p := &shownPage{browsertest.Open(w.t, "empty.html", "", width, 900, chromedp.Flag("enable-precise-memory-info", true)), w.t, w.url}
	address, err := url.Parse(w.url + "/" + place)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.password != "" {
		address.User = url.UserPassword("operator", w.password)
	}
	p.Run(w.t, chromedp.Navigate(address.String()))
	p.until(`document.getElementById("link").textContent === "Live"`)
	return p
}

// until waits until an expression is true on the page.
func (p *shownPage) until(expression string) {
	p.t.Helper()
	var met bool
	script := fmt.Sprintf(`new Promise((done) => {
		const end = Date.now() + 20000;
		const look = () => { const met = (() => { try { return %s; } catch { return false; } })(); if (met || Date.now() > end) done(!!met); else setTimeout(look, 20); };
		look();
	})`, expression)
	p.Run(p.t, chromedp.Evaluate(script, &met, func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	if !met {
		var text string
		p.Eval(p.t, `location.hash + "\n" + document.body.innerText`, &text)
		p.AskedOnly(p.t, p.url)
		p.t.Fatalf("never: %s; the page says\n%s", expression, text)
	}
}

// goes leads the page to a place of its own.
func (p *shownPage) goes(place string) {
	p.t.Helper()
	p.Run(p.t, chromedp.Evaluate(fmt.Sprintf("location.hash = %q", place), nil))
}

func (p *shownPage) click(selector string) {
	p.t.Helper()
	p.Click(p.t, selector)
}

func (p *shownPage) keys(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.Run(p.t, chromedp.KeyEvent(key))
	}
}

// texts gives what is to be read in all elements that a selector finds.
func (p *shownPage) texts(selector string) (list []string) {
	p.t.Helper()
	p.Eval(p.t, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => e.checkVisibility()).map((e) => e.innerText)`, selector), &list)
	return list
}

func (p *shownPage) dark(scheme string) {
	p.t.Helper()
	p.Run(p.t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// picture keeps how the page looks where CONSOLE_PICTURES names a directory.
func (p *shownPage) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("CONSOLE_PICTURES")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		var png []byte
		p.dark(scheme)
		p.Run(p.t, chromedp.CaptureScreenshot(&png))
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), png, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	p.dark("light")
}

// views are what an operator looks at, each with what shows that it is there.
var views = []struct{ name, place, shows string }{
	{"calls", "#/calls", `document.querySelectorAll("#live-calls tr, #ended-calls tr").length === 4`},
	{"call", "#/calls/", `document.querySelectorAll("#ladder li").length === 3`},
	{"detail", "#/calls//1", `document.querySelector("#detail .candidates")`},
	{"rules", "#/rules", `document.querySelectorAll("#rules-list tr").length === 5`},
	{"try", "#/try", `document.getElementById("text").value.includes("barred")`},
	{"health", "#/health", `document.querySelectorAll("#transports li").length === 2`},
}

// place is that of a view, about a call.
func place(view string, call engine.CallID) string {
	return strings.Replace(view, "/calls/", "/calls/"+string(call), 1)
}

// call gives the id of the call with a key.
func (w *watched) call(key string) (id engine.CallID) {
	w.t.Helper()
	w.recorder.each(func(c *record) {
		if c.matches(key) {
			id = c.id
		}
	})
	if id == "" {
		w.t.Fatalf("no call has the key %s", key)
	}
	return id
}

// On no screen anything is cut off or stands beside it, and the dark page is dark.
func TestThePageFits(t *testing.T) {
	w := watch(t)
	w.some()
	id := w.call("c-talks")
	for _, width := range []int64{360, 800, 1440} {
		p := w.open(width, "")
		for _, view := range views {
			p.goes(place(view.place, id))
			p.until(view.shows)
			var wide []string
			p.Eval(t, `[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".far"))
				.filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
				.map((e) => e.outerHTML.slice(0, 120))`, &wide)
			for _, e := range wide {
				t.Errorf("%s at %d: too wide: %s", view.name, width, e)
			}
			p.picture(fmt.Sprintf("%s-%d", view.name, width))
		}
		color := func() (text string) {
			p.Eval(t, `getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color`, &text)
			return text
		}
		light := color()
		p.dark("dark")
		if dark := color(); dark == light {
			t.Errorf("the dark page is as the light one: %s", dark)
		}
		p.AskedOnly(t, w.url)
	}
}
