package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	cdpinput "github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"vertigo/engine"
	"vertigo/rules"
)

// The page is for those who may look, and may do nothing but what it needs.
func TestThePageIsGuarded(t *testing.T) {
	o := shown()
	o.API = http.NotFoundHandler()
	h := guarded(Config{Listen: "127.0.0.1:7480", Password: "p"}, o)
	for _, path := range []string{"/", "/console/", "/console/console.js", "/api/state"} {
		if w := ask(h, "GET", path, "localhost"); w.Code != 401 {
			t.Errorf("%s without the password: %d", path, w.Code)
		}
		if w := ask(h, "GET", path, "evil.example.org"); w.Code != 421 {
			t.Errorf("%s by another name: %d", path, w.Code)
		}
	}
	h = guarded(Config{Listen: "127.0.0.1:7480"}, o)
	if w := ask(h, "GET", "/", "localhost"); w.Code != 302 || w.Header().Get("Location") != "console/" {
		t.Errorf("the address leads to %d %q", w.Code, w.Header().Get("Location"))
	}
	for path, kind := range map[string]string{"/console/": "text/html", "/console/console.js": "text/javascript", "/console/base.css": "text/css", "/console/icon.svg": "image/svg+xml"} {
		w := ask(h, "GET", path, "localhost")
		if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, kind) {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
	if w := ask(h, "GET", "/console/nothing", "localhost"); w.Code != 404 {
		t.Errorf("what is not there: %d", w.Code)
	}
}

// numbers gives what the rows of a part of the table of calls are about.
func (p *shownPage) numbers(group string) []string {
	p.t.Helper()
	return p.texts("#" + group + "-calls td.number")
}

func (p *shownPage) wants(what string, got []string, want ...string) {
	p.t.Helper()
	if !slices.Equal(got, want) {
		p.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Calls show up as they begin, change as they go on, and are found by whatever an
// operator may know of them.
func TestCallsAreListedAndFound(t *testing.T) {
	w := watch(t)
	p := w.open(1280, "")
	p.until(`document.getElementById("calls-empty").textContent === "There was no call yet."`)
	w.some()
	p.until(`document.querySelectorAll("#live-calls tr").length === 3 && document.querySelectorAll("#ended-calls tr").length === 1`)
	p.wants("under way", p.numbers("live"), "→ 0900123456", "→ +442079460002", "→ +442079460001")
	p.wants("ended", p.numbers("ended"), "→ +442079460003")
	p.wants("states", p.texts("#live-calls td.state"), "refused", "talking", "ringing")
	p.wants("the headings", p.texts("#calls-table th[scope=rowgroup]"), "Under way: 3", "Ended: 1")
	p.wants("failed", p.texts("tr.has-failed .failed-count"), "1 failed")
	p.wants("the cause", p.texts("#ended-calls td.cause"), "USER_BUSY")

	w.step("pbx", "verto.bye", w.key("c-talks", "pbx"), `{"cause":"NORMAL_CLEARING"}`)
	p.until(`document.querySelectorAll("#ended-calls tr").length === 2 && document.querySelectorAll("#live-calls tr").length === 2`)
	p.wants("ended, who began last first", p.numbers("ended"), "→ +442079460003", "→ +442079460002")

	for _, search := range []struct{ typed, finds string }{
		{"460001", "→ +442079460001"}, // a number
		{"CARLA", "→ +442079460003"},  // a user
		{string(w.call("c-talks")), "→ +442079460002"},
		{"c-rings", "→ +442079460001"}, // what a peer calls it
		{"user_busy", "→ +442079460003"},
		{"call_barred", "→ 0900123456"},
	} {
		p.enters("#q", search.typed)
		p.until(fmt.Sprintf(`[...document.querySelectorAll("#calls-table td.number")].map((e) => e.textContent).join() === %q /* by %s */`, search.finds, search.typed))
		p.wants("how many", p.texts("#calls-found"), "1 call found")
	}
	p.enters("#q", "nobody")
	p.until(`document.getElementById("calls-empty").textContent === "No call is found." && document.getElementById("calls-table").hidden`)
	p.enters("#q", "4420")
	p.click("#search label:last-of-type span")
	p.until(`location.hash === "#/calls?q=4420&state=ended" && document.querySelectorAll("#calls-table td.number").length === 2`)
	p.Run(t, chromedp.Reload())
	p.until(`document.getElementById("q").value === "4420" && document.querySelectorAll("#calls-table td.number").length === 2`)
	p.AskedOnly(t, w.url)
}

// key gives what a peer calls a call.
func (w *watched) key(call, transport string) string {
	w.t.Helper()
	c, _, _, _ := w.recorder.story(w.call(call))
	for _, k := range c.Keys {
		if k.Transport == transport {
			return k.Key
		}
	}
	w.t.Fatalf("%s has no key of %s: %v", call, transport, c.Keys)
	return ""
}

// The ladder tells each message, and a message opens to all that is known of it.
func TestTheLadderOfACall(t *testing.T) {
	w := watch(t)
	w.some()
	p := w.open(1280, "")
	p.until(`document.querySelectorAll("#ended-calls tr").length === 1`)
	p.click("#ended-calls td.number a")
	p.until(`document.querySelectorAll("#ladder li").length === 4`)
	p.wants("the names", p.texts("#steps .names span"), "matrix", "vertigo", "pbx")
	var told []string
	p.Eval(t, `[...document.querySelectorAll("#ladder .message, #ladder .rule, #ladder .across")].map((e) => e.textContent)`, &told)
	p.wants("the ladder", told,
		"matrix to Vertigo: m.call.invite", "a Matrix user calls begins → ringing", "Vertigo to pbx: verto.invite",
		"pbx to Vertigo: verto.answer", "answered ringing → talking", "Vertigo to matrix: m.call.answer",
		"pbx to Vertigo: verto.bye USER_BUSY", "the far end hangs up talking → end", "Vertigo to matrix: m.call.hangup",
		"the call ends: USER_BUSY, after 0:00")
	p.wants("arrows to the right", p.texts("#ladder .right .label"), "m.call.invite", "verto.invite")

	p.click(`#ladder li[data-type="m.call.invite"] button`)
	p.until(`document.querySelector("#detail .candidates")`)
	if hash := p.hash(); !strings.HasSuffix(hash, "/0") {
		t.Errorf("the address of the message is %s", hash)
	}
	for _, line := range []string{"- a=two", "+ a=three", "+ a=mid:0"} {
		if !slices.ContainsFunc(p.texts("#detail .came, #detail .went"), func(text string) bool { return strings.TrimSpace(text) == line }) {
			t.Errorf("it does not show %s as what differs: %q", line, p.texts("#detail .came, #detail .went"))
		}
	}

	// A call goes on while it is looked at.
	rings := w.key("c-rings", "pbx")
	p.goes("#/calls/" + string(w.call("c-rings")))
	p.until(`document.querySelectorAll("#ladder li").length === 1 && document.getElementById("call-state").textContent === "ringing"`)
	w.step("pbx", "verto.answer", rings, `{}`)
	w.step("pbx", "verto.answer", rings, `{"sdp":"v=0\r\n"}`)
	p.until(`document.querySelectorAll("#ladder li").length === 3 && document.getElementById("call-state").textContent === "talking"`)
	p.until(`document.querySelector("#ladder .rule.unmatched").innerText === "no rule is for it"`) // once it is drawn

	// Why a rule did not fire: the piece of its condition that was false.
	p.click(`#ladder li[data-outcome="unmatched"] button`)
	p.until(`document.querySelector("#detail [data-verdict=condition]")`)
	p.wants("the false condition", p.texts("#detail [data-verdict=condition] .source"), "msg.sdp != nil")
	p.wants("its values", p.texts("#detail [data-verdict=condition] .values"), "msg.sdp = nil")

	p.goes("#/calls/" + string(w.call("c-barred")) + "/0")
	p.until(`document.querySelector("#detail [data-verdict=condition]")`)
	p.wants("the values of a barred number", p.texts("#detail [data-verdict=condition] .values li"), `msg.number = "0900123456"`, `vars.barred = "0900"`)

	p.goes("#/calls/nobody")
	p.until(`document.getElementById("call-note").textContent.includes("not known here")`)
	p.AskedOnly(t, w.url)
}

func (p *shownPage) hash() (hash string) {
	p.t.Helper()
	p.Eval(p.t, "location.hash", &hash)
	return hash
}

// Of several peers those have columns that take part; what is sent elsewhere is
// told beside.
func TestALadderOfManyPeers(t *testing.T) {
	w := watch(t)
	for _, width := range []int64{360, 1000} {
		p := w.open(width, "")
		p.Eval(t, `import("/console/ladder.js").then(({Ladder}) => {
			const host = document.createElement("div");
			document.querySelector("main").prepend(host);
			const ladder = new Ladder(host, "many");
			ladder.peers = ["matrix", "pbx1", "pbx2", "gateway", "door"];
			const at = (s) => "2026-11-22T12:00:0" + s + "Z";
			ladder.add({n: 0, at: at(0), transport: "matrix", type: "m.call.invite", outcome: "fired", rule: "begins", to: "invited", sent: [{to: "gateway", type: "message.call"}]});
			ladder.add({n: 1, at: at(1), transport: "gateway", type: "event.accepted", outcome: "fired", rule: "goes on", from: "invited", to: "invited",
				sent: [{to: "pbx2", type: "verto.invite", body: {cause: "A_RATHER_LONG_CAUSE_THAT_BREAKS"}}, {to: "calllog", type: "call"}]});
			ladder.add({n: 2, at: at(1), transport: "gateway", type: "event.accepted", again: true, outcome: "failed", error: "why", rule: "fails", from: "invited", to: "invited"});
			ladder.add({n: 3, at: at(2), transport: "engine", type: "timer.nothing", outcome: "unmatched"});
		})`, nil)
		p.until(`document.querySelectorAll("#many li").length === 4`)
		var told []string
		p.Eval(t, `[...document.querySelectorAll("#many .message, #many .rule")].filter((e) => e.checkVisibility()).map((e) => e.textContent)`, &told)
		p.wants("the ladder", told, "matrix to Vertigo: m.call.invite", "begins begins → invited", "Vertigo to gateway: message.call",
			"gateway to Vertigo: event.accepted", "goes on", "Vertigo to pbx2: verto.invite A_RATHER_LONG_CAUSE_THAT_BREAKS", "into calllog: call", "fails — it failed")
		p.wants("the columns", p.texts("main > .ladder .names span"), "matrix", "vertigo", "pbx2", "gateway")
		var wide int
		p.Eval(t, `document.documentElement.scrollWidth - innerWidth`, &wide)
		if wide > 0 {
			t.Errorf("%d pixels too wide", wide)
		}
		p.picture(fmt.Sprintf("many-%d", width))
	}
}

// The rules show what they do, and what came of the last reload.
func TestRulesAndTheirReload(t *testing.T) {
	w := watch(t)
	w.some()
	p := w.open(1280, "#/rules")
	p.until(`document.querySelectorAll("#rules-list tr").length === 5`)
	p.wants("hits", p.texts("#rules-list td.hits"), "3", "1", "2", "0", "1")
	p.wants("never fired", p.texts("#rules-list tr.never td.name"), "somebody in the call is named")
	p.enters("#rules-q", "verto.answer")
	p.until(`document.querySelectorAll("#rules-list tr").length === 1`)
	p.wants("found by its message", p.texts("#rules-list tr td:not(.last)"), "2", "answered", "pbx verto.answer", "ringing", "rules.toml:22:1")
	p.enters("#rules-q", "")

	_, found := w.compile(func(string) ([]byte, error) { return []byte("wen = 1\n"), nil })
	w.recorder.Reloaded(false, found)
	p.until(`document.querySelector("#rules-findings li.error")`)
	if text := strings.Join(p.texts("#rules-findings"), ""); !strings.Contains(text, "rules.toml:1:1") || !strings.Contains(text, "unknown key wen") {
		t.Errorf("the findings are %q", text)
	}
	p.wants("the alarm", p.texts("#alarm"), "The last reload of the rules was refused.")
	p.picture("findings")
	w.recorder.Reloaded(true, nil)
	p.until(`document.getElementById("alarm").hidden && !document.querySelector("#rules-findings li")`)

	w.pbxUp = false
	w.step("pbx", engine.TransportDown, "", "{}")
	p.until(`document.getElementById("alarm").textContent === "pbx is not connected."`)
	p.goes("#/health")
	p.until(`document.querySelector("#transports .down")`)
	p.wants("calls by state", p.texts("#states dt"), "refused", "ringing", "talking")
	p.AskedOnly(t, w.url)
}

// A changed copy of the rules is tried, and can be taken away.
func TestTryingRules(t *testing.T) {
	w := watch(t)
	w.some()
	p := w.open(1280, "#/try")
	p.until(`document.getElementById("text").value.includes("0900") && !document.getElementById("run").disabled`)
	p.click("#run")
	p.until(`document.getElementById("tried").textContent.startsWith("No difference, in 4 calls")`)

	p.enters("#text", strings.Replace(watchedRules, `"0900"`, `"+44"`, 1))
	p.click("#run")
	p.until(`document.querySelector("#differences .changes")`)
	id := w.call("c-talks")
	var texts []string
	p.Eval(t, fmt.Sprintf(`[...document.querySelectorAll("#differences section")].filter((e) => e.querySelector("a").hash === "#/calls/%s").flatMap((e) => [...e.querySelectorAll("li")].map((e) => e.textContent))`, id), &texts)
	if text := strings.Join(texts, "\n"); !strings.Contains(text, "m.call.reject") || !strings.Contains(text, "verto.invite") {
		t.Errorf("the differences of the call that would be refused are\n%s", text)
	}
	p.picture("differences")

	if name, text := p.Downloaded(t, func() { p.click("#download") }); name != "rules.toml" || !strings.Contains(text, `barred = "+44"`) {
		t.Errorf("what was downloaded is %s:\n%s", name, text)
	}

	p.enters("#text", strings.Replace(watchedRules, "when = 'msg.sdp", "wen  = 'msg.sdp", 1))
	p.click("#run")
	p.until(`document.querySelector("#differences .findings li.error")`)
	p.wants("what came of it", p.texts("#tried"), "These rules cannot be used.")
	p.click("#differences .findings button")
	var chosen, marked string
	p.Eval(t, `getSelection().toString() || document.getElementById("text").value.slice(document.getElementById("text").selectionStart, document.getElementById("text").selectionEnd)`, &chosen)
	p.Eval(t, `document.querySelector("#lines .wrong").textContent.trim()`, &marked)
	if !strings.HasPrefix(chosen, "wen  =") || marked != "26" {
		t.Errorf("the place of the fault is %q, and line %s is marked", chosen, marked)
	}
	p.picture("faulty")

	// What was edited is still there after a reload of the page, until it is undone.
	p.Run(t, chromedp.Reload())
	p.until(`document.getElementById("text").value.includes("wen  =") && !document.getElementById("restore").disabled`)
	p.click("#restore")
	p.until(`!document.getElementById("text").value.includes("wen  =") && document.getElementById("restore").disabled`)
	p.AskedOnly(t, w.url)
}

// enters puts a text in the place of the one in a field, as who types it.
func (p *shownPage) enters(selector, text string) {
	p.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Eval(p.t, fmt.Sprintf(`(() => { const field = document.querySelector(%q); field.value = %s; field.dispatchEvent(new Event("input", {bubbles: true})); })()`, selector, quoted), nil)
}

// A file whose lines end as on Windows is tried and taken away as its author wrote
// it. One that is too long to be shown is named.
func TestTryingAFileOfWindows(t *testing.T) {
	w := watch(t)
	w.some()
	l := w.recorder.followed()
	l.Files = []File{{"rules.toml", strings.ReplaceAll(watchedRules, "\n", "\r\n")}, {"long.toml", strings.Repeat("#", shownText)}}
	w.recorder.SetRules(l, w.now)
	p := w.open(1000, "#/try")
	p.until(`document.getElementById("text").value.includes("0900") && !document.getElementById("run").disabled`)
	p.wants("what is left out", p.texts("#try-files"), "Too long to be changed here, and tried as they are: long.toml")
	if name, text := p.Downloaded(t, func() { p.click("#download") }); name != "rules.toml" || text != l.Files[0].Text {
		t.Errorf("what was downloaded is %s:\n%q", name, text)
	}
	p.Eval(t, `{ const fetched = fetch; window.fetch = (url, options) => { window.sent = options?.body ?? window.sent; return fetched(url, options); }; }`, nil)
	var sent string
	p.click("#run")
	p.until(`document.getElementById("tried").textContent.startsWith("No difference, in 4 calls")`)
	p.Eval(t, `window.sent`, &sent)
	if sent != `{"files":[]}` {
		t.Errorf("unchanged, the page sends %s", sent)
	}
	p.enters("#text", strings.Replace(watchedRules, `"0900"`, `"+44"`, 1))
	p.click("#run")
	p.until(`document.querySelector("#differences .changes")`)
	p.Eval(t, `JSON.parse(window.sent).files.map(({name, text}) => name + " " + text).join()`, &sent)
	if sent != "rules.toml "+strings.Replace(l.Files[0].Text, `"0900"`, `"+44"`, 1) {
		t.Errorf("the page sends %q", sent)
	}
	p.wants("nothing is missing", p.texts("#tried-note"))
	w.recorder.mu.Lock()
	w.recorder.lose(w.now)
	w.recorder.mu.Unlock()
	p.click("#run")
	p.until(`document.getElementById("tried-note").textContent.startsWith("Not all that came at that time is still kept")`)
	if text := strings.Join(p.texts("#tried"), ""); strings.Contains(text, "more") {
		t.Errorf("it says %q", text)
	}
}

// A call is told where no stream of events can be had.
func TestACallWithoutAStream(t *testing.T) {
	w := watch(t)
	w.some()
	p := w.open(1000, "")
	for range mostPages {
		_, leave := w.recorder.join("")
		if leave != nil {
			defer leave()
		}
	}
	p.goes("#/calls/" + string(w.call("c-talks")))
	p.until(`document.querySelectorAll("#ladder li").length === 3`)
}

// A call that is no longer what was searched for leaves the list.
func TestACallThatIsNoLongerFound(t *testing.T) {
	w := watch(t)
	far := w.begins("c-one", "@anna:example.org", "+442079460001")
	w.step("pbx", "verto.answer", far, `{"sdp":"v=0\r\n"}`)
	p := w.open(1000, "#/calls?q=7946")
	p.until(`document.querySelectorAll("#live-calls tr").length === 1`)
	w.recorder.mu.Lock()
	w.recorder.all[0].number = "0"
	w.recorder.mu.Unlock()
	w.step("pbx", "verto.display", far, `{"number":"nobody"}`)
	p.until(`document.querySelectorAll("#live-calls tr").length === 0 && document.getElementById("calls-found").textContent === "0 calls found"`)
}

// The ladder of a call with very many messages shows the first and the last of them.
func TestAVeryLongLadder(t *testing.T) {
	p := watch(t).open(800, "")
	p.Eval(t, `import("/console/ladder.js").then(({Ladder}) => {
		const host = document.createElement("div");
		document.querySelector("main").prepend(host);
		const ladder = new Ladder(host, "long");
		for (let n = 0; n < 1200; n++) {
			ladder.add({n, at: "2026-11-22T12:00:00Z", transport: "matrix", type: "m.call.candidates", outcome: "unmatched"});
			if (n === 100) ladder.select(100);
		}
		window.last = ladder.last;
	})`, nil)
	p.until(`document.querySelectorAll("#long li").length === 1000 && window.last === 1199`)
	var numbers string
	p.Eval(t, `[...document.querySelectorAll("#long li")].map((li) => li.dataset.n).filter((n, i) => [0, 99, 100, 101, 999].includes(i)).join()`, &numbers)
	if numbers != "0,99,100,301,1199" {
		t.Errorf("the ladder has %s", numbers)
	}
}

// What peers say is text, wherever it is shown.
func TestThePageRunsNoScriptOfOthers(t *testing.T) {
	const script = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"' onfocus=window.pwned=1 javascript:window.pwned=1`
	w := watch(t)
	quoted, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	far := w.begins(script, script, script)
	w.step("pbx", "verto.answer", far, fmt.Sprintf(`{"sdp":"v=0\r\na=%s\r\n","name":%s,%s:1}`, strings.Trim(string(quoted), `"`), quoted, quoted))
	w.step("pbx", script, far, fmt.Sprintf(`{"cause":%s}`, quoted))
	w.step("pbx", "verto.bye", far, fmt.Sprintf(`{"cause":%s}`, quoted))
	id := w.call(script)
	w.recorder.Reloaded(false, rules.Findings{{Msg: script, Hint: script, Source: script}})
	p := w.open(360, "")
	p.until(`document.querySelector("#ended-calls td.cause").textContent.includes("onerror")`)
	for _, view := range []struct{ place, shows string }{
		{"#/calls/" + string(id), `document.querySelector("#ladder .across")`},
		{"#/calls/" + string(id) + "/1", `document.querySelector("#detail .candidates")`},
		{"#/calls/" + string(id) + "/2", `document.querySelector("#detail h3").textContent.includes("onerror")`},
		{"#/rules?q=" + script, `document.getElementById("rules-findings").textContent.includes("onerror")`},
		{"#/health", `document.getElementById("transports").children.length`},
		{"#/try", `document.getElementById("text").value`},
		{"#/" + script, `!document.getElementById("nowhere").hidden`},
	} {
		p.goes(view.place)
		p.until(view.shows)
		var seen struct {
			Pwned         bool
			Scripts, Imgs int
			Wide          int
		}
		p.Eval(t, `({Pwned: "pwned" in window, Scripts: document.scripts.length, Imgs: document.images.length, Wide: document.documentElement.scrollWidth - innerWidth})`, &seen)
		if seen.Pwned || seen.Scripts != 1 || seen.Imgs > 0 || seen.Wide > 0 {
			t.Errorf("%s: %+v", view.place, seen)
		}
	}
	p.AskedOnly(t, w.url)
}

// An operator finds a call and why a rule did not fire without a mouse.
func TestThePageIsUsedByKeyboard(t *testing.T) {
	w := watch(t)
	w.some()
	p := w.open(1280, "#/health")
	p.until(`document.querySelectorAll("#transports li").length === 2`)
	focused := func(what, selector string) {
		t.Helper()
		p.until(fmt.Sprintf(`document.activeElement.matches(%q) /* %s */`, selector, what))
	}
	p.Run(t, cdpinput.DispatchKeyEvent(cdpinput.KeyRawDown).WithKey("/")) // the page takes it for itself, so no text comes of it
	focused("the search", "#q")
	p.keys("+", "4", "4")
	p.until(`document.querySelectorAll("#calls-table td.number").length === 3`)
	p.keys(kb.ArrowDown)
	focused("the first call", "#live-calls tr:first-child a")
	p.keys(kb.ArrowDown, kb.ArrowDown)
	focused("the third call", "#ended-calls tr:first-child a")
	p.keys(kb.Home)
	focused("the first call", "#live-calls tr:first-child a")
	p.keys(kb.Enter)
	p.until(`document.querySelectorAll("#ladder li").length === 3`)
	focused("the call's name", "#call-title")
	p.keys(kb.Tab)
	focused("the first message", "#ladder li:first-child button")
	p.keys(kb.ArrowDown, kb.Enter)
	p.until(`document.querySelector("#detail h3").textContent === "verto.answer"`)
	focused("the message, which stays where one is", "#ladder li:nth-child(2) button")
	p.keys(kb.ArrowDown)
	p.until(`document.querySelector("#detail h3").textContent === "verto.display"`)
	p.keys(kb.Tab)
	focused("the message's own buttons", "#detail [data-act=before]")
	p.keys(kb.Enter)
	p.until(`document.querySelector("#detail h3").textContent === "verto.answer"`)
	focused("the same button", "#detail [data-act=before]")
	p.keys(kb.Escape)
	p.until(`document.getElementById("detail").hidden`)
	focused("the message that was open", "#ladder li:nth-child(2) button")
	p.Eval(t, `history.back()`, nil)
	p.until(`location.hash === "#/calls?q=%2B44" && document.querySelectorAll("#calls-table td.number").length === 3`)
	p.AskedOnly(t, w.url)
}

// A page that was cut off connects anew, and shows what it has missed.
func TestThePageConnectsAnew(t *testing.T) {
	w := watch(t)
	far := w.begins("c-1", "@anna:example.org", "+442079460001")
	p := w.open(800, "#/calls/"+string(w.call("c-1")))
	p.until(`document.querySelectorAll("#ladder li").length === 1`)
	w.server.CloseClientConnections()
	w.step("pbx", "verto.answer", far, `{"sdp":"v=0\r\n"}`)
	p.until(`document.querySelectorAll("#ladder li").length === 2 && document.getElementById("link").textContent === "Live"`)
	p.goes("#/calls")
	p.until(`document.querySelectorAll("#live-calls tr").length === 1 && document.getElementById("link").textContent === "Live"`)
	w.server.CloseClientConnections()
	w.begins("c-2", "@ben:example.org", "+442079460002")
	p.until(`document.querySelectorAll("#live-calls tr").length === 2 && document.getElementById("link").textContent === "Live"`)
}

// Who brings the password sees the page, by its own login alone.
func TestThePageBehindAPassword(t *testing.T) {
	w := watchGuarded(t, Config{Password: "hunter2 & co"})
	w.some()
	p := w.open(800, "")
	p.until(`document.querySelectorAll("#live-calls tr").length === 3`)
	w.begins("c-new", "@dora:example.org", "+442079460009")
	p.until(`document.querySelectorAll("#live-calls tr").length === 4`)
	p.goes("#/try")
	p.until(`!document.getElementById("run").disabled`)
	p.click("#run")
	p.until(`document.getElementById("tried").textContent.startsWith("No difference")`)
}

// A busy day: the page stays small, and scrolls.
func TestThePageOfABusyBridge(t *testing.T) {
	w := watch(t)
	const calls = 2000
	far := make([]string, 0, calls)
	begin := func(i int) {
		far = append(far, w.begins(fmt.Sprintf("c-%d", i), fmt.Sprintf("@user%d:example.org", i), fmt.Sprintf("+4420794%05d", i)))
	}
	for i := range calls {
		begin(i)
	}
	p := w.open(1280, "")
	p.until(`document.querySelectorAll("#live-calls tr").length === 200 && document.querySelector("#live-head th").textContent === "Under way: 200 of 2000"`)
	// 200 messages a second for five seconds, and then as many as fast as they go.
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for i := range 400 {
		if i < 200 {
			<-tick.C
		}
		for j := range 5 {
			one := far[(i*5+j)%len(far)]
			switch i % 4 {
			case 0, 1:
				w.step("pbx", "verto.answer", one, `{"sdp":"v=0\r\na=far\r\n"}`)
			case 2:
				w.step("pbx", "verto.bye", one, `{"cause":"NORMAL_CLEARING"}`)
			case 3:
				begin(calls + i*5 + j)
			}
		}
	}
	p.until(`document.querySelector("#live-calls td.number").textContent === "→ +442079403999"`)
	p.until(`document.querySelectorAll("#live-calls tr").length <= 200 && document.querySelectorAll("#ended-calls tr").length <= 200`)
	p.until(`document.querySelector("#live-head th").textContent === "Under way: 200 of 2000"`)
	if p.numbers("ended")[0] == "" {
		t.Error("no call has ended")
	}
	var at float64
	p.Eval(t, `(() => { scrollTo(0, document.body.scrollHeight); return scrollY; })()`, &at)
	if at < 5000 {
		t.Errorf("it scrolls to %v", at)
	}
	p.click("#live-more button")
	p.until(`document.querySelectorAll("#live-calls tr").length === 400`)
	var used float64
	p.Run(t, heapprofiler.CollectGarbage())
	p.Eval(t, `performance.memory.usedJSHeapSize`, &used)
	t.Logf("the page holds %.1f MB", used/1e6)
	if used > 100e6 {
		t.Errorf("the page holds %.0f MB", used/1e6)
	}
	p.AskedOnly(t, w.url)
}
