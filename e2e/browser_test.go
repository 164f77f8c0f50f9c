package e2e_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"vertigo/internal/browsertest"
	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
	"vertigo/transports/verto/vertotest/webphone"
)

//go:embed browser.html
var browserPage string

// A browser is a peer that is a real Chromium, as matrix-js-sdk drives one.
type browser struct {
	t        *testing.T
	page     *browsertest.Page
	caller   bool
	offering bool
	local    string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	page := browsertest.Open(t, "client.html", browserPage, 400, 300,
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	return &browser{t: t, page: page}
}

// run awaits what a call of one of the page's functions gives. What it throws is
// an error.
func (b *browser) run(into any, function string, args ...any) error {
	b.t.Helper()
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		b.t.Fatal(err)
	}
	var result struct {
		Value json.RawMessage
		Error string
	}
	script := fmt.Sprintf(`(async () => {
		try { return {Value: await %s(...%s)} } catch (e) { return {Error: String(e)} }
	})()`, function, list)
	b.page.Run(b.t, chromedp.Evaluate(script, &result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	if result.Error != "" {
		return fmt.Errorf("%s: %s", function, result.Error)
	}
	if err := json.Unmarshal(result.Value, into); err != nil {
		b.t.Fatal(err)
	}
	return nil
}

func (b *browser) Offer(o webphone.OfferOptions) (string, error) {
	b.caller = b.caller || b.local == ""
	b.offering = true
	direction := o.Direction
	if direction == "" {
		direction = "sendrecv"
	}
	err := b.run(&b.local, "offer", o.Restart, direction)
	return b.local, err
}

func (b *browser) Answer(sdp string) (string, error) {
	if b.offering && b.caller {
		return "", webphone.ErrIgnored
	}
	b.offering = false
	err := b.run(&b.local, "answer", sdp)
	return b.local, err
}

func (b *browser) Take(sdp string) error {
	b.offering = false
	var done bool
	return b.run(&done, "take", sdp)
}

func (b *browser) Local() string { return b.local }

func (b *browser) Packets() (in, out int) {
	b.t.Helper()
	var counted struct{ In, Out int }
	if err := b.run(&counted, "packets"); err != nil {
		b.t.Fatal(err)
	}
	return counted.In, counted.Out
}

func (b *browser) Talk(hz float64) {
	b.t.Helper()
	b.page.Run(b.t, chromedp.Evaluate(fmt.Sprintf("tone.frequency.value = %v", hz), nil))
}

func (b *browser) Hears(ctx context.Context, hz float64) (heard bool) {
	b.t.Helper()
	deadline, _ := ctx.Deadline()
	if err := b.run(&heard, "hears", hz, time.Until(deadline).Milliseconds()); err != nil {
		b.t.Fatal(err)
	}
	return heard
}

// TestBrowser tells the stories that depend on what a real browser makes of the
// bridge's descriptions. The sound is told by the browser's own analysis of it.
func TestBrowser(t *testing.T) {
	services := []*service{newService(t, "browser0", ""), newService(t, "browser1", "")}
	home := dendritetest.Start(t, hometest.Options{AppServices: []hometest.AppService{services[0].AppService, services[1].AppService}})
	for i, w := range directions("browser") {
		t.Run(w.name, func(t *testing.T) {
			w.peer = newBrowser(t)
			at := services[i].open(t, home, vertotest.Options{}, talkRules([]way{w}))
			at.pbx.Handle(echoNumber, echo)
			k := at.talkOf(t, w)
			k.flows()
			step := func(name string, play func(l *lost)) {
				began := time.Now()
				play(&lost{site: at, talks: []*conversation{k}})
				t.Logf("%s: %v", name, time.Since(began).Round(time.Millisecond))
			}
			hold := func(*lost) {
				k.holds()
				k.answered("recvonly")
				k.isHeld(true)
				k.silent()
				k.resumes()
				k.answered("sendrecv")
				k.isHeld(false)
				k.flows()
			}
			lose := func(l *lost) { l.breaks(); l.returns() }
			move := func(*lost) { k.movesAndFlows() }
			step("hold and resume", hold)
			step("the client moves", move)
			step("the socket is lost", lose)
			step("hold and resume", hold)
			step("the socket is lost once more", lose)
			step("the client moves", move)
			step("the client moves while the socket is lost", func(l *lost) {
				l.breaks()
				k.moves()
				k.trickle()
				l.returns()
			})
			step("hold and resume", hold)
			k.over()
		})
	}
}
