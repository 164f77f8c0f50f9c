package vertotest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

const captures = "../../../testdata/captures"

// notCovered names the captures that this server does not repeat, and why.
var notCovered = map[string]string{
	"conference_3500_two_members_livearray": "conferences and their live arrays",
	"conference_3600_video":                 "a conference",
	"conference_reconnect_attach":           "a conference",
	"chrome_conf_3600_video":                "a conference",
	"subscribe_broadcast":                   "event channels, and presence of calls outside the capture",
	"jsapi_fsapi_echo":                      "the operator's methods jsapi and fsapi",
	"chrome_p2p_1001_1002":                  "an offer made of Chromium's own list: PCMA, VP9 and stereo",
	"media_never_connects_9201":             "calls of another test come in between; TestMediaThatNeverConnects has the rest",
	"ring_timeout_9200_60s":                 "two pings at 30 s cadence against a bye at 60 s: the order is a matter of clocks; TestRingTimeout and ping_idle_75s have both",
}

// A scene is what a capture's lines do not tell: how the server was set up,
// and what was done to it in between.
type scene struct {
	options func(*Options)
	before  map[int]func(*stage) // before the line of that number, from 1
	after   func(*stage)
}

// patient keeps the server's queue closed for long: the client of these
// captures spoke before it opened.
func patient(o *Options) { o.Timing.Poll = 500 * time.Millisecond }

// slow lets the dialplan take its real time.
func slow(o *Options) { o.Timing.Dialplan = 1 }

func originate(o OriginateOptions) func(*stage) {
	return func(st *stage) {
		st.wg.Go(func() { _, _ = st.server.Originate(context.Background(), "1008@fs.test", o) })
	}
}

func handle(pattern string, e Extension) func(*stage) {
	return func(st *stage) { st.server.Handle(pattern, e) }
}

// dropThen drops A and expects the only call to end by cause.
func dropThen(conn string, cause Cause) func(*stage) {
	return func(st *stage) {
		st.drop(conn)
		c := st.wait(func(c Call) bool { return c.State == Ended })
		if c.Cause != cause || c.EndedBy != ServerSide {
			st.t.Errorf("the call ended by %v of the %v, want %v", c.Cause, c.EndedBy, cause)
		}
	}
}

var scenes = map[string]scene{
	"auth_by_ip_domain_and_forced": {
		options: func(o *Options) { o.Domain = "fs.test" },
		before: map[int]func(*stage){
			1: func(st *stage) { st.server.AddAccount("1001@127.0.0.1", "1234") },
			5: func(st *stage) {
				st.forced = quick(st.t, func(o *Options) { o.ForceDomain = true })
				st.on = map[string]*Server{"B": st.forced, "C": st.forced}
			},
		},
	},
	"call_echo_wss":                          {options: patient},
	"call_no_replies":                        {options: patient},
	"call_error_replies":                     {options: func(o *Options) { patient(o); slow(o) }},
	"duplicate_callid":                       {options: slow},
	"dtmf_9202":                              {options: slow},
	"chrome_trickle_9196":                    {options: patient},
	"flood_of_requests_delays_server_events": {options: func(o *Options) { o.Timing.Poll = 2 * time.Second }},
	"chat_info_msg": {before: map[int]func(*stage){23: func(st *stage) {
		st.server.Push("1010@fs.test", "verto.info", map[string]any{
			"msg": map[string]any{"from": "1000@fs.test", "to": "1010@fs.test", "body": "api chat text"},
		})
	}}},
	"detach_timeout_no_reconnect": {
		options: func(o *Options) { o.Timing.Detach = 50 * time.Millisecond },
		before:  map[int]func(*stage){9: dropThen("A", RecoveryOnTimerExpire)},
	},
	"norecover_recoverCall_false":          {after: dropThen("A", NormalClearing)},
	"socket_drop_while_ringing_inbound":    {before: map[int]func(*stage){5: originate(OriginateOptions{})}, after: dropThen("B", DestinationOutOfOrder)},
	"socket_drop_right_after_verto_answer": {options: func(o *Options) { o.NoMedia = false }, after: dropThen("A", DestinationOutOfOrder)},
	"ws_ping_frames":                       {before: map[int]func(*stage){5: pingFrame, 6: pingFrame, 7: pingFrame}},
	"malformed": {before: map[int]func(*stage){73: func(st *stage) {
		st.write("A", websocket.BinaryMessage, `{"jsonrpc":"2.0","method":"verto.ping","id":500}`)
		st.write("A", websocket.BinaryMessage, "\x01\x02")
	}}},
	"ping_idle_75s": {options: func(o *Options) { o.Timing.Ping = time.Second }},
	"inbound_no_rpc_replies": {
		before: map[int]func(*stage){4: originate(OriginateOptions{CallerNumber: "12345"})},
	},
	"chrome_inbound_originate": {
		options: patient,
		before:  map[int]func(*stage){3: originate(OriginateOptions{CallerName: "Ext", CallerNumber: "+4412345"})},
	},
	"originate_echo": {before: map[int]func(*stage){
		5: originate(OriginateOptions{
			CallerName: "Ext Caller", CallerNumber: "+441234567890", Extension: "9196",
			Variables: map[string]string{"verto_svar_k": "v"}, Headers: map[string]string{"verto_h_X": "y"},
		}),
		9:  func(st *stage) { st.server.Display(st.inHand(), "New Name", "777") },
		11: func(st *stage) { st.server.Hangup(st.inHand(), CallRejected) },
	}},
	"originate_ring_no_answer_timeout": {before: map[int]func(*stage){
		5: originate(OriginateOptions{Timeout: 100 * time.Millisecond}),
	}},
	"originate_video": {before: map[int]func(*stage){
		5: originate(OriginateOptions{CallerNumber: "1", Codecs: []string{"opus"}}),
	}},
	"sip_inbound_44_to_verto_1008": {before: map[int]func(*stage){
		5: originate(OriginateOptions{
			CallerName: "Sip Caller", CallerNumber: "+15551234567", Codecs: []string{"PCMU"}, Phone: true,
		}),
		11: func(st *stage) { st.server.Hangup(st.inHand(), NormalClearing) },
	}},
	"sip_outbound_2001_180_forever": {before: map[int]func(*stage){1: handle("2001", park)}},
	"sip_outbound_2001_486": {before: map[int]func(*stage){
		1: handle("2001", func(ctx context.Context, l *Leg) error {
			_ = l.Wait(ctx, 500*time.Millisecond)
			return UserBusy
		}),
	}},
	"sip_outbound_2001_180_then_200": {before: map[int]func(*stage){
		1: handle("2001", func(ctx context.Context, l *Leg) error {
			if err := l.Answer(ctx); err != nil {
				return err
			}
			l.Display("Outbound Call", "2001")
			return l.srv.await(ctx, func() bool { return string(l.digits) == "5" })
		}),
	}},
	"media_reneg_by_server_9196": {before: map[int]func(*stage){9: func(st *stage) {
		st.server.Renegotiate(st.wait(func(c Call) bool { return c.State == Active }).ID, "sendrecv")
	}}},
	"relogin_same_sessid_after_other_user_gone": {before: map[int]func(*stage){9: func(st *stage) { st.drop("A") }}},
	"zz_server_graceful_shutdown_during_call": {before: map[int]func(*stage){11: func(st *stage) {
		st.shut = true
		st.server.Shutdown()
	}}},
}

func pingFrame(st *stage) { st.write("A", websocket.PingMessage, "payload") }

// TestCaptures says each capture's out lines to a server, and wants each in
// line of it as the server's next message on that socket. Ids, keys, ports,
// times and what names the host may differ; nothing else.
func TestCaptures(t *testing.T) {
	matchAll(t, captures+"/verto/*.ndjson", 83, notCovered, scenes)
}

// matchAll makes sure that so many captures match, and that those left out and
// those with a scene exist.
func matchAll(t *testing.T, pattern string, atLeast int, leftOut map[string]string, scenes map[string]scene) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var matched atomic.Int32
	t.Run("each", func(t *testing.T) {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".ndjson")
			names[name] = true
			if _, skipped := leftOut[name]; skipped {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				perform(t, vertoLines(t, file), scenes[name])
				if !t.Failed() {
					matched.Add(1)
				}
			})
		}
	})
	for _, name := range slices.Sorted(maps.Keys(leftOut)) {
		t.Logf("not covered: %s: %s", name, leftOut[name])
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(leftOut)), slices.Collect(maps.Keys(scenes))) {
		if !names[name] {
			t.Errorf("there is no capture %s", name)
		}
	}
	t.Logf("%d of %d captures match", matched.Load(), len(files))
	if got := int(matched.Load()); got < atLeast {
		t.Errorf("%d captures match, want %d at least", got, atLeast)
	}
}

// A line is one line of a capture.
type line struct {
	Transport string          `json:"transport"`
	Dir       string          `json:"dir"`
	Conn      string          `json:"conn"`
	Raw       bool            `json:"raw"`
	Data      json.RawMessage `json:"data"`
	number    int
}

// A stage is a server with the sockets of one capture.
type stage struct {
	t       *testing.T
	server  *Server
	forced  *Server
	on      map[string]*Server // another server for some sockets
	clients map[string]*client
	ids     map[string]string // the capture's UUIDs and what they are here
	numbers map[string]string // the capture's server request ids and what they are here, by socket
	shut    bool              // the server is going: what is said to it may be lost
	wg      sync.WaitGroup
}

func perform(t *testing.T, lines []line, sc scene) {
	st := &stage{t: t, clients: map[string]*client{}, ids: map[string]string{}, numbers: map[string]string{}}
	st.server = quick(t, func(o *Options) {
		o.NoMedia = true
		if sc.options != nil {
			sc.options(o)
		}
	})
	defer st.wg.Wait()
	defer st.server.Close()
	for _, l := range lines {
		if cue := sc.before[l.number]; cue != nil {
			cue(st)
		}
		if l.Dir == "out" {
			st.say(l)
		} else if diff := st.hear(l); diff != "" {
			t.Fatalf("line %d: %s", l.number, diff)
		}
	}
	st.silence()
	if sc.after != nil {
		sc.after(st)
	}
}

// vertoLines reads what of a capture is Verto's. Where the capture names no
// sockets, each login is that of a new one, which takes the place of the last.
func vertoLines(t *testing.T, file string) []line {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	conn := ""
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 4<<20)
	for n := 1; scanner.Scan(); n++ {
		l := line{number: n}
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if l.Transport != "verto" {
			continue
		}
		if l.Conn == "" {
			switch {
			case conn == "":
				conn = "A"
			case bytes.Contains(l.Data, []byte(`"method":"login"`)):
				conn += "2"
			}
			l.Conn = conn
		}
		lines = append(lines, l)
	}
	if err := scanner.Err(); err != nil || len(lines) == 0 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	return lines
}

// client gives a socket by its name in the capture, connecting it at first. A
// name with a 2 (A2) is the reconnect of one (A) that was dropped just before.
func (st *stage) client(name string) *client {
	if c := st.clients[name]; c != nil {
		return c
	}
	if first, again := strings.CutSuffix(name, "2"); again && st.clients[first] != nil {
		st.drop(first)
	}
	s := st.server
	if other := st.on[name]; other != nil {
		s = other
	}
	c := dial(st.t, s)
	st.clients[name] = c
	return c
}

// drop ends a socket and waits until the server knows.
func (st *stage) drop(name string) {
	st.t.Helper()
	before := len(st.clients)
	st.clients[name].drop()
	delete(st.clients, name)
	if err := st.server.await(deadline(st.t), func() bool { return len(st.server.sockets) < before }); err != nil {
		st.t.Fatal(err)
	}
}

func (st *stage) wait(want func(Call) bool) Call {
	st.t.Helper()
	c, err := st.server.WaitCall(deadline(st.t), want)
	if err != nil {
		st.t.Fatal(err)
	}
	return c
}

// inHand gives the call that the server placed, once an extension has it.
func (st *stage) inHand() string {
	st.t.Helper()
	var id string
	err := st.server.await(deadline(st.t), func() bool {
		for _, l := range st.server.history {
			if l.outbound && l.running {
				id = l.callID
			}
		}
		return id != ""
	})
	if err != nil {
		st.t.Fatal(err)
	}
	return id
}

func (st *stage) write(conn string, opcode int, data string) {
	st.t.Helper()
	if err := st.client(conn).ws.WriteMessage(opcode, []byte(data)); err != nil {
		st.t.Fatal(err)
	}
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// say sends what the capture's client said, with the ids of here.
func (st *stage) say(l line) {
	st.t.Helper()
	data := []byte(l.Data)
	if l.Raw {
		var text string
		if err := json.Unmarshal(l.Data, &text); err != nil {
			st.t.Fatal(err)
		}
		data = []byte(text)
	}
	data = uuidPattern.ReplaceAllFunc(data, func(id []byte) []byte {
		if known := st.ids[string(id)]; known != "" {
			return []byte(known)
		}
		st.ids[string(id)] = string(id)
		return id
	})
	var head struct {
		ID     json.RawMessage `json:"id"`
		Method any             `json:"method"`
	}
	if json.Unmarshal(data, &head) == nil && head.Method == nil && len(head.ID) > 0 {
		if here := st.numbers[l.Conn+string(head.ID)]; here != "" {
			data = bytes.Replace(data, append([]byte(`"id":`), head.ID...), []byte(`"id":`+here), 1)
		}
	}
	err := st.client(l.Conn).ws.WriteMessage(websocket.TextMessage, data)
	if err != nil && !st.shut {
		st.t.Fatal(err)
	}
}

// hear reads the server's next message on the socket and tells how it differs.
func (st *stage) hear(l line) string {
	st.t.Helper()
	c := st.client(l.Conn)
	select {
	case data, ok := <-c.in:
		if !ok {
			return fmt.Sprintf("%s is closed, want %s", l.Conn, l.Data)
		}
		return st.compare(l, data)
	case <-time.After(patience):
		return fmt.Sprintf("nothing on %s, want %s", l.Conn, l.Data)
	}
}

func (st *stage) compare(l line, data []byte) string {
	var want, got any
	if err := json.Unmarshal(l.Data, &want); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err.Error()
	}
	w, isObject := want.(map[string]any)
	g, _ := got.(map[string]any)
	if isObject && w["id"] != nil {
		number := fmt.Sprint(l.Conn, w["id"])
		switch {
		case w["method"] != nil:
			st.numbers[number] = fmt.Sprint(g["id"])
			g["id"] = w["id"]
		case fmt.Sprint(g["id"]) == st.numbers[number]:
			g["id"] = w["id"]
		}
	}
	want, got = st.shape("", want, true), st.shape("", got, false)
	st.learn(want, got)
	want = st.translate(want)
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Sprintf("on %s (-capture +server):\n%s", l.Conn, diff)
	}
	return ""
}

// shape leaves out of a message what may differ.
func (st *stage) shape(key string, v any, recorded bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if key == "variables" && !strings.HasPrefix(k, "verto_") {
				v[k] = "…"
			} else {
				v[k] = st.shape(k, v[k], recorded)
			}
		}
	case []any:
		for i := range v {
			v[i] = st.shape(key, v[i], recorded)
		}
	case string:
		if key == "sdp" {
			return sdpShape(v)
		}
	case float64:
		if key == "serno" {
			return 0.0
		}
	}
	return v
}

// learn notes which UUID of here stands for one of the capture that was not
// met before.
func (st *stage) learn(want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for k := range w {
				st.learn(w[k], g[k])
			}
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				st.learn(w[i], g[i])
			}
		}
	case string:
		g, ok := got.(string)
		if ok && st.ids[w] == "" && uuidPattern.MatchString(w) && uuidPattern.MatchString(g) {
			st.ids[w] = g
		}
	}
}

func (st *stage) translate(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = st.translate(v[k])
		}
	case []any:
		for i := range v {
			v[i] = st.translate(v[i])
		}
	case string:
		if here := st.ids[v]; here != "" {
			return here
		}
	}
	return v
}

// drawn finds in an SDP what is drawn anew for each, and what stands for it.
var drawn = []struct {
	pattern *regexp.Regexp
	shape   string
}{
	{regexp.MustCompile(`(?m)^o=FreeSWITCH \d+ \d+ `), "o=FreeSWITCH N N "},
	{regexp.MustCompile(`(?m)^m=(\w+) [1-9]\d* `), "m=$1 PORT "},
	{regexp.MustCompile(`(?m)^a=rtcp:\d+ `), "a=rtcp:PORT "},
	{regexp.MustCompile(`WMS \w{32}`), "WMS STREAM"},
	{regexp.MustCompile(`sha-256 [0-9A-F:]{95}`), "sha-256 HASH"},
	{regexp.MustCompile(`ice-ufrag:\w{16}\r`), "ice-ufrag:UFRAG\r"},
	{regexp.MustCompile(`ice-pwd:\w{24}\r`), "ice-pwd:PWD\r"},
	{regexp.MustCompile(`a=candidate:\d{10} (\d) udp (\d+) 127.0.0.1 \d+ `), "a=candidate:N $1 udp $2 127.0.0.1 PORT "},
	{regexp.MustCompile(`a=ssrc:\d+ `), "a=ssrc:N "},
	{regexp.MustCompile(`cname:\w{16}`), "cname:CNAME"},
	{regexp.MustCompile(`(msid|mslabel|label):\w{32}`), "$1:STREAM"},
}

// sdpShape gives the lines of an SDP without what is drawn anew for each.
func sdpShape(sdp string) []any {
	for _, d := range drawn {
		sdp = d.pattern.ReplaceAllString(sdp, d.shape)
	}
	var lines []any
	for l := range strings.Lines(sdp) {
		lines = append(lines, l)
	}
	return lines
}

// silence expects no message beyond those of the capture.
func (st *stage) silence() {
	st.t.Helper()
	for name, c := range st.clients {
		select {
		case data, ok := <-c.in:
			if ok {
				st.t.Errorf("more on %s than in the capture: %s", name, data)
			}
		default:
		}
	}
	st.server.mu.Lock()
	defer st.server.mu.Unlock()
	for _, k := range st.server.sockets {
		if len(k.queue) > 0 {
			st.t.Errorf("more to come than in the capture: %s", encode(k.queue[0]))
		}
	}
}
