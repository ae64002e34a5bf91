package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A person is somebody at a browser.
type person struct {
	t   *testing.T
	ctx context.Context
	at  string // of the bridge

	mu  sync.Mutex
	bad []string // what the browser complained of
}

// sits starts a browser of its own. It is not kept from the machine by a sandbox, which
// cannot be had where tests are run as root.
func sits(t *testing.T, b *bridge) *person {
	t.Helper()
	path, err := exec.LookPath("chromium")
	needs(t, err == nil, "no chromium: the console is not tried in a browser")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.ExecPath(path),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closes := chromedp.NewContext(allocated)
	t.Cleanup(closes)
	p := &person{t: t, ctx: ctx, at: b.url}
	chromedp.ListenTarget(ctx, p.hear)
	if err := chromedp.Run(ctx, log.Enable(), runtime.Enable()); err != nil { // the browser lives as long as what it is started in
		t.Fatal(err)
	}
	return p
}

// hear keeps what the browser complains of: what a policy forbade, what was not found,
// what a script did wrong.
func (p *person) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning || e.Entry.Source == log.SourceSecurity {
			p.bad = append(p.bad, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		p.bad = append(p.bad, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			p.bad = append(p.bad, fmt.Sprint(e.Type))
		}
	}
}

func (p *person) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	bad := p.bad
	p.bad = nil
	return bad
}

func (p *person) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var at, text string
		_ = chromedp.Run(p.ctx, chromedp.Location(&at), chromedp.Text("body", &text, chromedp.ByQuery))
		p.t.Fatalf("at %s: %v\n%s", at, err, text)
	}
}

// opens loads a page of the console.
func (p *person) opens(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.at+path), chromedp.WaitReady("main"))
}

// sees waits until the page says something.
func (p *person) sees(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.body && document.body.innerText.includes(%q)`, text))
}

// until waits until something is true in whatever page there is by then.
func (p *person) until(script string) {
	p.t.Helper()
	end := time.After(time.Minute) // a busy machine is no failing page
	for {
		var so bool
		if err := chromedp.Run(p.ctx, chromedp.Evaluate(script, &so)); err == nil && so { // between two pages there is none to ask
			return
		}
		select {
		case <-end:
			var text string
			p.do(chromedp.Text("body", &text, chromedp.ByQuery))
			p.t.Fatalf("after a minute it is not so that %s\n%s", script, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// asks evaluates something in the page.
func (p *person) asks(script string, into any) {
	p.t.Helper()
	p.do(chromedp.Evaluate(script, into))
}

// logsIn goes to the identity provider, says there who they are, and comes back.
func (p *person) logsIn(name string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.at+"/console/"), chromedp.Click(`a[href*="login/oidc"]`, chromedp.ByQuery),
		chromedp.WaitVisible(`input[name=login]`, chromedp.ByQuery), chromedp.SendKeys(`input[name=login]`, name, chromedp.ByQuery),
		chromedp.SendKeys(`input[name=password]`, "anything", chromedp.ByQuery), chromedp.Click(`button[type=submit]`, chromedp.ByQuery))
	p.sees("Authorize")
	p.do(chromedp.Click(`button[type=submit]`, chromedp.ByQuery))
	p.until(`!!document.querySelector("main#main")`)
	p.complaints() // of the provider's pages
}

// A look is how somebody looks at pages.
type look struct {
	name   string
	width  int64
	scheme string
}

func (p *person) looks(l look) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(l.width, 900),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}))
}

// judged has axe look at the page, by the rules of WCAG 2.2 AA and its own best practice.
func (p *person) judged(where string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(strangers, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	var found string
	p.do(chromedp.Evaluate(string(axe)+"; null", nil), chromedp.Evaluate(`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary))))`, &found,
		func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	var all []string
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range all {
		p.t.Errorf("%s: %s", where, v)
	}
}

// pictured keeps a picture of the page, where somebody wants them.
func (p *person) pictured(name string) {
	p.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	var picture []byte
	p.do(chromedp.FullScreenshot(&picture, 100))
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// tabsTo presses the tabulator until something has the focus, which is then to be seen.
func (p *person) tabsTo(selector string) {
	p.t.Helper()
	for range 80 {
		p.do(chromedp.KeyEvent(kb.Tab))
		var there, seen bool
		p.asks(fmt.Sprintf(`document.activeElement.matches(%q)`, selector), &there)
		p.asks(`document.activeElement === document.body || (s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`, &seen)
		if !seen {
			var what string
			p.asks(`document.activeElement.outerHTML.slice(0, 200)`, &what)
			p.t.Errorf("the focus cannot be seen on %s", what)
		}
		if there {
			return
		}
	}
	p.t.Fatalf("80 tabs lead to no %s", selector)
}

func fileName(path string) string {
	name := strings.Trim(strings.NewReplacer("/console/", "", "/", "-", "?", "-", "=", "-", "@northwind.example", "", "&", "-").Replace(path), "-")
	if name == "" {
		return "now"
	}
	return name
}
