// Package browsertest opens pages in a real browser, for tests of what people
// see.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
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
