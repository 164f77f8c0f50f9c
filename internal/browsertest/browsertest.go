// Package browsertest opens pages in a real browser, for tests of what people
// see.
package browsertest

import (
	"context"
	"fmt"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// names are what the browser is called by those who package it.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// A Page is an open page, and what happened on it.
type Page struct {
	ctx context.Context

	mu       sync.Mutex
	requests []string
	dialogs  int
	faults   []string // errors that scripts of the page did not catch
}

// Open opens a page with this text, in a window of so many pixels. The test is
// skipped where there is no browser, and fails where CI has none. Flags are
// further ones of the browser.
func Open(t *testing.T, name, text string, width, height int64, flags ...chromedp.ExecAllocatorOption) *Page {
	t.Helper()
	program := find()
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no browser: install chromium")
		}
		t.Skip("there is no browser: install chromium")
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox) // tests may be run as root
	ctx, cancelProgram := chromedp.NewExecAllocator(ctx, append(options, flags...)...)
	t.Cleanup(cancelProgram)
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithLogf(t.Logf))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
	})
	p := &Page{ctx: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			p.requests = append(p.requests, event.Request.URL)
		case *page.EventJavascriptDialogOpening:
			p.dialogs++
		case *runtime.EventExceptionThrown:
			p.faults = append(p.faults, event.ExceptionDetails.Error())
		}
	})
	p.Run(t,
		network.Enable(),
		emulation.SetDeviceMetricsOverride(width, height, 1, false),
		chromedp.Navigate("file://"+file),
	)
	return p
}

// find gives the path of a browser, "" if there is none.
func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Run lets the browser do something, and fails the test if it cannot.
func (p *Page) Run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// Eval evaluates JavaScript on the page into a value.
func (p *Page) Eval(t *testing.T, script string, into any) {
	t.Helper()
	p.Run(t, chromedp.Evaluate(script, into))
}

// Click clicks on an element, once it is there to be seen and moves no more: a mouse
// hits what is at a place.
func (p *Page) Click(t *testing.T, selector string) {
	t.Helper()
	still := fmt.Sprintf(`new Promise((done) => {
		let before = "";
		const look = () => {
			const element = document.querySelector(%q);
			if (element?.checkVisibility()) {
				element.scrollIntoView({ block: "center", behavior: "instant" });
				const { x, y, width, height } = element.getBoundingClientRect();
				const now = [x, y, width, height].join();
				if (now === before) return done();
				before = now;
			}
			requestAnimationFrame(look);
		};
		look();
	})`, selector)
	await := func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }
	p.Run(t, chromedp.Evaluate(still, nil, await), chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// Downloaded gives the name and the text of the file that the page has the browser
// save when press is called.
func (p *Page) Downloaded(t *testing.T, press func()) (name, text string) {
	t.Helper()
	dir := t.TempDir()
	saved := make(chan struct{})
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	once := sync.OnceFunc(func() { close(saved) })
	chromedp.ListenTarget(ctx, func(event any) {
		if progress, ok := event.(*browser.EventDownloadProgress); ok && progress.State == browser.DownloadProgressStateCompleted {
			once()
		}
	})
	p.Run(t, browser.SetDownloadBehavior(browser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(dir).WithEventsEnabled(true))
	press()
	select {
	case <-saved:
	case <-ctx.Done():
		t.Fatalf("nothing was saved: %v", ctx.Err())
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("saved are %q, %v", names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(names[0]), string(data)
}

// AskedOnly fails the test if the page that was opened after the first one asked
// for anything but what stands below a URL, spoke up, or has a script with a fault.
func (p *Page) AskedOnly(t *testing.T, url string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, request := range p.requests[1:] {
		address, err := neturl.Parse(request)
		if err != nil {
			t.Errorf("the page asks for %s: %v", request, err)
			continue
		}
		address.User = nil
		if !strings.HasPrefix(address.String(), url+"/") {
			t.Errorf("the page asks for %s", request)
		}
	}
	for _, fault := range p.faults {
		t.Errorf("a script of the page fails: %s", fault)
	}
	if p.dialogs > 0 {
		t.Errorf("%d dialogs were opened", p.dialogs)
	}
}

// AskedNobody fails the test if the page asked for anything but itself, or spoke
// up.
func (p *Page) AskedNobody(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) != 1 {
		t.Errorf("the page asks for %q", p.requests)
	}
	if p.dialogs > 0 {
		t.Errorf("%d dialogs were opened", p.dialogs)
	}
}
