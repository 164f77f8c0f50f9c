package e2e_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// Without sound, since only signalling is measured.
const setupOffer = "v=0\r\no=- 525345177320668785 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:LmjS\r\na=ice-pwd:yJZhvWwNxtT5zKK94s6ydJ9J\r\n" +
	"a=fingerprint:sha-256 54:A4:4E:5A:C2:BC:CC:58:F8:DD:F5:63:62:C1:F5:3B:DC:2A:85:30:AC:BA:8C:16:E5:46:90:DF:BA:E2:C6:EE\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n"

// BenchmarkCallSetup measures what the bridge adds to a call's set-up, out of
// its own capture: from the arrival of the first usable candidate to
// verto.invite on the wire, and from verto.answer to the m.call.answer that
// goes to the homeserver. How long the homeserver then takes is shown beside it.
// One iteration is one call; 200 are asked for: -benchtime 200x.
func BenchmarkCallSetup(b *testing.B) {
	home := dendritetest.Start(b)
	bot := home.Register(b, "phone", "password-of-the-bot")
	user := home.Register(b, "caller", "password-of-the-caller")
	pbx := vertotest.NewServer(vertotest.Options{NoMedia: true})
	b.Cleanup(pbx.Close)
	set := asBot(bot, home.URL)
	set.url, set.login, set.password, set.captures = pbx.URL, "1008@fs.test", "1234", true
	set.rules = rulesTo("9196") + "callsPerMinute = 100000\ncallsPerDay = 100000\n"
	br := startBridge(b, set)
	br.ready(b)
	room := user.CreateRoom(b, bot.ID)
	comes(b, user, room, bot.ID)
	for b.Loop() {
		setUp(b, user, room)
	}
	b.StopTimer()
	br.Stop(b, syscall.SIGTERM)
	report(b, br.Dir)
}

// setUp makes one call and ends it.
func setUp(b *testing.B, user *hometest.User, room string) {
	id, party := uuid.NewString(), "BENCH123"
	with := func(fields map[string]any) map[string]any {
		fields["call_id"], fields["version"], fields["party_id"] = id, "1", party
		return fields
	}
	user.Send(b, room, "m.call.invite", with(map[string]any{"lifetime": 60000, "offer": map[string]any{"type": "offer", "sdp": setupOffer}}))
	user.Send(b, room, "m.call.candidates", with(map[string]any{"candidates": []any{
		map[string]any{"candidate": "candidate:1 1 udp 2122260223 127.0.0.1 48595 typ host", "sdpMid": "0", "sdpMLineIndex": 0},
	}}))
	answer, err := user.WaitEvent(soon(b), func(e gjson.Result) bool {
		return e.Get("type").Str == "m.call.answer" && e.Get("content.call_id").Str == id
	})
	if err != nil {
		b.Fatal(err)
	}
	user.Send(b, room, "m.call.select_answer", with(map[string]any{"selected_party_id": answer.Get("content.party_id").Str}))
	user.Send(b, room, "m.call.hangup", with(map[string]any{"reason": "user_hangup"}))
}

// report reads the capture and reports percentiles in microseconds.
func report(b *testing.B, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "captures", "*.ndjson"))
	if err != nil || len(files) != 1 {
		b.Fatalf("captures: %v %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var candidate, answer, answered time.Time
	var dial, toHome, home []time.Duration
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line struct {
			TS   time.Time
			Dir  string
			Data json.RawMessage
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			b.Fatal(err)
		}
		what := gjson.GetBytes(line.Data, "method").Str + gjson.GetBytes(line.Data, "type").Str
		switch line.Dir + " " + what {
		case "in m.call.candidates":
			candidate = line.TS
		case "out verto.invite":
			dial = append(dial, line.TS.Sub(candidate))
		case "in verto.answer":
			answer = line.TS
		case "out m.call.answer":
			answered = line.TS
			toHome = append(toHome, line.TS.Sub(answer))
		case "in m.call.answer.ok":
			home = append(home, line.TS.Sub(answered))
		}
	}
	if err := sc.Err(); err != nil {
		b.Fatal(err)
	}
	for name, times := range map[string][]time.Duration{"candidate-to-invite": dial, "answer-to-homeserver": toHome, "homeserver": home} {
		if len(times) < b.N {
			b.Fatalf("%s: %d of %d calls measured", name, len(times), b.N)
		}
		slices.Sort(times)
		for _, p := range []int{50, 90, 99} {
			at := times[min(len(times)-1, len(times)*p/100)]
			b.ReportMetric(float64(at.Microseconds()), name+"-p"+map[int]string{50: "50", 90: "90", 99: "99"}[p]+"-µs")
		}
	}
}
