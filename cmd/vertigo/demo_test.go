package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"vertigo/internal/browsertest"
)

// A shown is a demonstration with its page open in a browser.
type shown struct {
	t     *testing.T
	page  *browsertest.Page
	url   string
	rules string // path of the rules
}

// startDemo runs the command until the test ends, and gives what it printed
// first: the page's address and the path of the rules.
func startDemo(t *testing.T) (url, rules string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var complaints strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"demo", "--no-open"}, in, &lockedWriter{w: &complaints})
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("the command ended with %d:\n%s", code, complaints.String())
		}
		if _, err := os.Stat(filepath.Dir(rules)); !os.IsNotExist(err) {
			t.Errorf("the directory is still there: %v", err)
		}
	})
	lines := bufio.NewScanner(out)
	for (url == "" || rules == "") && lines.Scan() {
		if len(lines.Text()) > 80 {
			t.Errorf("%q is wider than 80 columns", lines.Text())
		}
		switch word := strings.TrimSpace(lines.Text()); {
		case strings.HasPrefix(word, "http"):
			url = word
		case strings.HasSuffix(word, "rules.toml"):
			rules = word
		}
	}
	if rules == "" {
		t.Fatal("the command ended before it was ready")
	}
	go io.Copy(io.Discard, out) // the rest, until the command ends
	return url, rules
}

func openDemo(t *testing.T, url, rules string, width int64) *shown {
	t.Helper()
	s := &shown{t: t, url: url, rules: rules}
	// As any browser, it hides the machine's addresses from the page.
	s.page = browsertest.Open(t, "empty.html", "", width, 900,
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true))
	s.page.Run(t, chromedp.Navigate(url))
	s.until(`!document.getElementById("call").disabled`)
	return s
}

// until waits until an expression is true on the page.
func (s *shown) until(expression string) {
	s.t.Helper()
	var met bool
	script := fmt.Sprintf(`new Promise((done) => {
		const end = Date.now() + 30000;
		const look = () => { const met = %s; if (met || Date.now() > end) done(!!met); else setTimeout(look, 20); };
		look();
	})`, expression)
	s.page.Run(s.t, chromedp.Evaluate(script, &met, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	if !met {
		s.t.Fatalf("never: %s; the page says %q of %q, and\n%s", expression, s.text("state"), s.text("peer"), strings.Join(s.ladder(), "\n"))
	}
}

func (s *shown) text(id string) (text string) {
	s.t.Helper()
	s.page.Eval(s.t, fmt.Sprintf("document.getElementById(%q).textContent", id), &text)
	return text
}

// says waits until the telephone shows a text.
func (s *shown) says(id, text string) {
	s.t.Helper()
	s.until(fmt.Sprintf("document.getElementById(%q).textContent.includes(%q)", id, text))
}

// click presses a button that is there for whoever looks at the page.
func (s *shown) click(selector string) {
	s.t.Helper()
	s.page.Click(s.t, selector)
}

// hears waits until sound goes both ways, and a tone of about so many Hz comes.
func (s *shown) hears(hz int) {
	s.t.Helper()
	s.until(fmt.Sprintf(`(() => {
		const found = /^([1-9]\d*) packets sent, ([1-9]\d*) received, a tone of (\d+) Hz$/.exec(document.getElementById("packets").textContent);
		return found && Math.abs(found[3] - %d) < 30 && document.getElementById("out").value > 0.2 && document.getElementById("in").value > 0.2;
	})()`, hz))
}

// ladder gives the messages and the rule of each step that is shown.
func (s *shown) ladder() (lines []string) {
	s.t.Helper()
	s.page.Eval(s.t, `[...document.querySelectorAll("#ladder li:not([hidden])")].map((line) => [...line.querySelectorAll(".message, .rule, .across")].map((part) => part.textContent).join(" | "))`, &lines)
	return lines
}

// tells waits until the ladder has these, one after the other with others between.
// A message is written with an arrow behind its name if it goes to the right,
// before it if it goes to the left: to the right of the bridge is the PBX.
func (s *shown) tells(parts ...string) {
	s.t.Helper()
	list := `["` + strings.Join(parts, `", "`) + `"]`
	s.until(fmt.Sprintf(`(() => {
		const lines = [...document.querySelectorAll("#ladder .message, #ladder .rule, #ladder .across")].map((line) => {
			const label = line.querySelector(".label")?.textContent.split(" ")[0];
			return line.matches(".right") ? label + " ──▶" : line.matches(".left") ? "◀── " + label : line.textContent;
		});
		let at = 0;
		for (const part of %s) {
			while (at < lines.length && !lines[at].includes(part)) at++;
			if (at === lines.length) return false;
		}
		return true;
	})()`, list))
}

func (s *shown) calls(number string) {
	s.t.Helper()
	s.click(fmt.Sprintf(`#numbers button[value="%s"]`, number))
}

func TestDemo(t *testing.T) {
	url, rules := startDemo(t)
	s := openDemo(t, url, rules, 1280)
	for _, step := range []struct {
		name string
		play func()
	}{
		{"one hears oneself, and hangs up", func() {
			s.click("#call") // 9196 stands there already
			s.says("state", "Talking")
			s.hears(620)
			s.click("#hangup")
			s.says("state", "You have hung up")
			s.tells("m.call.invite ──▶", "verto.invite ──▶", "◀── verto.answer", "m.call.select_answer ──▶", "talking", "m.call.hangup ──▶", "verto.bye ──▶")
		}},
		{"busy is shown at once, by keyboard", func() {
			s.page.Run(s.t, chromedp.SetValue("#number", "9199", chromedp.ByQuery), chromedp.SendKeys("#number", kb.Enter, chromedp.ByQuery))
			s.says("state", "Busy")
			s.tells("m.call.invite ──▶", "verto.invite ──▶", "◀── verto.bye", "◀── m.call.reject")
		}},
		{"a number that is answered late", func() {
			s.calls("9198")
			s.says("state", "Talking")
			s.hears(620)
			s.tells("◀── verto.media", "early", "◀── verto.answer", "talking")
			s.click("#far-hangup")
			s.says("state", "The other end has hung up")
			s.tells("◀── verto.bye", "◀── m.call.hangup")
		}},
		{"hold and resume", func() {
			s.calls("9197")
			s.says("state", "Talking")
			s.hears(440)
			s.tells("timer.settled") // until then FreeSWITCH is asked nothing
			s.click("#hold")
			s.says("state", "On hold")
			s.tells("m.call.negotiate ──▶", "held", "verto.modify ──▶")
			s.until(`document.getElementById("in").value < 0.1`)
			s.click("#hold")
			s.says("state", "Talking")
			s.hears(440)
			s.click("#hangup")
			s.says("state", "You have hung up")
		}},
		{"keys are read", func() {
			s.calls("9202")
			s.says("state", "Talking")
			s.hearsNothingYet()
			for _, key := range "12#" {
				s.click(fmt.Sprintf(`#pad button[value="%c"]`, key))
			}
			s.says("peer", "DTMF 12")
			s.says("state", "The other end has hung up")
		}},
		{"one is called, and answers", func() {
			s.click("#ring")
			s.says("state", "A call for you")
			s.says("peer", "Mary Jones")
			s.click("#accept")
			s.says("state", "Talking")
			s.hears(620)
			s.tells("◀── verto.invite", "◀── m.call.invite", "m.call.answer ──▶", "verto.answer ──▶", "talking")
			s.click("#hangup")
			s.says("state", "You have hung up")
			s.tells("◀── verto.bye.ok") // the telephone can call again
		}},
		{"one is called again, and declines", func() {
			s.click("#ring")
			s.says("state", "A call for you")
			s.click("#decline")
			s.says("state", "Declined")
			s.tells("m.call.reject ──▶", "verto.bye ──▶")
		}},
		{"the microphone in place of the tone", func() {
			s.click("#microphone")
			s.until(`document.getElementById("microphone").checked && !document.getElementById("microphone").disabled`)
			s.click("#tone")
			s.calls("9196")
			s.says("state", "Talking")
			s.until(`document.getElementById("out").value > 0.2 && document.getElementById("in").value > 0.2`) // it beeps
			s.click("#hangup")
			s.says("state", "You have hung up")
			s.click("#tone")
			s.click("#microphone")
		}},
		{"another rule, and the next call goes elsewhere", func() {
			text, err := os.ReadFile(s.rules)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), `# "9196"`, `"9196"`, 1)
			if changed == string(text) {
				t.Fatalf("no change is proposed in\n%s", text)
			}
			if err := os.WriteFile(s.rules, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			s.until(`document.getElementById("loaded").textContent.includes("again")`)
			s.calls("9196")
			s.says("state", "Talking")
			s.hears(440)
			s.click("#hangup")
			s.says("state", "You have hung up")
		}},
		{"rules that cannot be used are shown, and change nothing", func() {
			if err := os.WriteFile(s.rules, []byte("include = [\"matrix-verto\"]\nwen = 1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.says("loaded", "cannot be used")
			s.says("findings", "unknown key wen")
			s.calls("9196")
			s.says("state", "Talking")
			s.hears(440)
			s.click("#hangup")
			s.says("state", "You have hung up")
		}},
		{"all of a message, and why other rules did not act", func() {
			s.click(`#ladder li[data-type="m.call.invite"] button`)
			s.until(`document.querySelector("#detail pre")?.textContent.includes("call_id")`)
			s.until(`document.querySelectorAll("#detail .candidates [data-verdict=condition] .source").length > 0`)
			s.page.Run(s.t, chromedp.KeyEvent(kb.Escape))
			s.until(`document.getElementById("detail").hidden`)
		}},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			s.t = t
			step.play()
		})
		if !ok {
			break
		}
	}
	s.t = t
}

// startDemonstration runs one until the test ends.
func startDemonstration(t *testing.T) *demonstration {
	t.Helper()
	d, err := newDemonstration(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	ctx, cancel := context.WithCancel(context.Background())
	var complaints strings.Builder
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.run(ctx, streams{io.Discard, &lockedWriter{w: &complaints}}, func() { close(ready) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%v\n%s", err, complaints.String())
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.FailNow()
	}
	return d
}

// The bridge loses its socket, and the page takes the offers that bring the sound
// back, in calls of both directions.
func TestDemoCallsOutliveALostSocket(t *testing.T) {
	d := startDemonstration(t)
	s := openDemo(t, d.page.URL, "", 1280)
	for _, begin := range []func(){
		func() { s.click("#call") },
		func() { s.click("#ring"); s.says("state", "A call for you"); s.click("#accept") },
	} {
		begin()
		s.says("state", "Talking")
		s.hears(620)
		s.tells("timer.settled")
		d.pbx.DropSockets(demoLogin)
		s.tells("verto.lost", "verto.attach", "m.call.negotiate ──▶", "attaching → talking")
		s.hears(620)
		s.click("#hangup")
		s.says("state", "You have hung up")
		s.tells("◀── verto.bye.ok")
	}
}

// What peers say of themselves is text, and the page fits a narrow window.
func TestDemoRunsNoScriptOfOthers(t *testing.T) {
	d := startDemonstration(t)
	s := openDemo(t, d.page.URL, "", 360)
	const name = `<img src=x onerror="document.title='ran'"><script>document.title='ran'</script>`
	d.rings.Go(func() { d.telephone(name) })
	s.says("state", "A call for you")
	s.says("peer", name)
	s.click("#accept")
	s.says("state", "Talking")
	s.tells("talking")
	s.click(`#ladder li[data-type="verto.invite"] button`)
	s.until(`document.querySelector("#detail .candidates")`)
	s.until(`[...document.querySelectorAll("#detail pre")].some((json) => json.textContent.includes("onerror"))`)
	s.page.Run(t, chromedp.KeyEvent(kb.Escape))
	s.click("#hangup")
	s.says("state", "You have hung up")
	var title string
	var images, wide int
	s.page.Eval(t, `document.title`, &title)
	s.page.Eval(t, `document.images.length + document.querySelectorAll("body script").length`, &images)
	s.page.Eval(t, `document.documentElement.scrollWidth - innerWidth`, &wide)
	if title != "Vertigo: a call" || images > 0 || wide > 0 {
		t.Errorf("title %q, %d elements of others, %d pixels too wide", title, images, wide)
	}
}

// hearsNothingYet waits until sound goes out, which is what keys go with.
func (s *shown) hearsNothingYet() {
	s.t.Helper()
	s.until(`/^[1-9]\d* packets sent/.test(document.getElementById("packets").textContent)`)
}

// What the demonstration writes for editing is as a user would write it.
func TestDemoFiles(t *testing.T) {
	_, rules := startDemo(t)
	config := filepath.Join(filepath.Dir(rules), "vertigo.toml")
	for _, args := range [][]string{{"fmt", "--check", rules, config}, {"check", "-c", config}} {
		var out strings.Builder
		if code := run(t.Context(), args, &out, &out); code != 0 || strings.Contains(out.String(), "warning") {
			t.Errorf("vertigo %s: %d\n%s", args, code, out.String())
		}
	}
}

// TestDemoIsForItsOwnPage asks for the page as others might.
func TestDemoIsForItsOwnPage(t *testing.T) {
	url, _ := startDemo(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ask := func(method, path string, change func(*http.Request)) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(req)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for _, path := range []string{"", "config.json", "page.js"} {
		res, _ := ask(http.MethodGet, path, nil)
		if policy := res.Header.Get("Content-Security-Policy"); res.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
			t.Errorf("/%s: %d, %q", path, res.StatusCode, policy)
		}
		res, body := ask(http.MethodGet, path, func(r *http.Request) { r.Host = "evil.example:80" })
		if res.StatusCode != http.StatusMisdirectedRequest || strings.Contains(body, "password") {
			t.Errorf("/%s under another name: %d, %s", path, res.StatusCode, body)
		}
	}
	if res, _ := ask(http.MethodPost, "ring", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }); res.StatusCode != http.StatusForbidden {
		t.Errorf("another page makes the telephone call: %d", res.StatusCode)
	}
}

func TestDemoListensOnThisMachineAlone(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, address := range []string{":7481", "0.0.0.0:7481", "192.0.2.1:7481", "7481", "[::]:7481"} {
		var complaints strings.Builder
		code := run(t.Context(), []string{"demo", "--no-open", "--listen", address}, io.Discard, &complaints)
		if code != exitUnusable || !strings.Contains(complaints.String(), "127.0.0.1") {
			t.Errorf("%s: %d, %s", address, code, complaints.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
