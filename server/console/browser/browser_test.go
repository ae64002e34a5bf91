package browser

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// paths are the pages that are looked at.
var paths = []string{
	"/console/", "/console/inbox", "/console/requests", "/console/reviews", "/console/reviews/mine", "/console/halt", "/console/people", "/console/people?q=ann", "/console/people/anna.kowalska@northwind.example",
	"/console/people/julia.weber@northwind.example", "/console/people/julia.weber@northwind.example/why?entitlement=crm/invoices",
	"/console/entitlements?entitlement=wiki/readers", "/console/people/anna.kowalska@northwind.example?at=2026-01-31",
	"/console/roles", "/console/roles/finance", "/console/roles/crm-export", "/console/machines", "/console/exceptions", "/console/held", "/console/findings",
	"/console/work", "/console/sweeps", "/console/sweeps/expiry", "/console/sweeps/expiry/runs/quiet:expiry", "/console/connectors", "/console/connectors/crm", "/console/policy",
	"/console/log", "/console/log/10", "/console/log?verb=assigned&by=bridge", "/console/bypasses", "/console/exposure", "/console/exposure?days=30&by=trigger",
	"/console/evidence", "/console/notices", "/console/nothing",
}

// TestPages walks the pages in the light, in the dark and on a phone: the browser
// complains of nothing, axe finds nothing, and nothing is wider than the screen.
func TestPages(t *testing.T) {
	b := serve(t)
	p := sits(t, b)
	p.opens("/console/roles")
	p.judged("the login")
	p.pictured("login")
	p.logsIn("priya.nair" + domain)
	p.sees("Roles")
	p.opens("/console/")
	p.sees("is explained") // counted, and shown without loading the page again
	all := append(slices.Clone(paths), "/console/findings/"+b.first("findings"), "/console/reviews/"+b.first("reviews"), "/console/requests/"+b.first("requests"),
		"/console/policy/publications/"+b.proposes())
	for _, l := range []look{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"phone", 360, "light"}, {"phone-dark", 390, "dark"}} {
		p.looks(l)
		for _, path := range all {
			p.complaints()
			p.opens(path)
			where := path + " (" + l.name + ")"
			p.pictured(fileName(path) + "-" + l.name)
			for _, bad := range p.complaints() {
				if path != "/console/nothing" || !strings.Contains(bad, "404") {
					t.Errorf("%s: the browser complains: %s", where, bad)
				}
			}
			var wide int
			p.asks(`document.documentElement.scrollWidth - window.innerWidth`, &wide)
			if wide > 0 {
				t.Errorf("%s: it is %d pixels wider than the screen", where, wide)
			}
			var broken []string
			p.asks(brokenWords, &broken)
			for _, text := range broken {
				t.Errorf("%s: a line ends inside a word of %q", where, text)
			}
			p.judged(where)
		}
	}
}

// brokenWords are the addresses of which a line ends inside a word, and not behind it.
const brokenWords = `(() => {
	const all = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (texts.nextNode()) {
		const text = texts.currentNode, of = text.parentElement
		if (!of.textContent.includes("@") || of.closest("textarea, option, script")) continue
		for (const word of text.data.matchAll(/[\p{L}\p{N}]{1,24}(?![\p{L}\p{N}])/gu)) {
			const is = document.createRange()
			is.setStart(text, word.index)
			is.setEnd(text, word.index + word[0].length)
			const lines = new Set([...is.getClientRects()].map(r => Math.round(r.top)))
			if (lines.size > 1) all.push(of.textContent.trim().slice(0, 80))
		}
	}
	return all
})()`

// TestApproveByKeyboard decides about a request without a mouse.
func TestApproveByKeyboard(t *testing.T) {
	b := serve(t)
	p := sits(t, b)
	p.logsIn("omar.haddad" + domain)
	p.opens("/console/")
	p.tabsTo("a.skip")
	p.tabsTo(`nav a[href="/console/inbox"]`)
	p.do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("textarea", chromedp.ByQuery))
	p.sees("george.lam" + domain + " asks for crm-export")
	p.tabsTo("textarea")
	p.do(chromedp.KeyEvent("the figures are due"))
	p.tabsTo("button.first")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.sees("Approved.")
	var requests struct {
		Items []struct {
			Stage     int `json:"stage"`
			Approvals []struct {
				Auth   string `json:"auth"`
				Reason string `json:"reason"`
			} `json:"approvals"`
		} `json:"items"`
	}
	b.call("GET", "/api/v1/requests?identity=george.lam"+domain, adminToken, nil, &requests)
	if len(requests.Items) != 1 || len(requests.Items[0].Approvals) != 1 || requests.Items[0].Approvals[0].Auth != "oidc" || requests.Items[0].Approvals[0].Reason != "the figures are due" {
		t.Errorf("the bridge has %+v", requests)
	}
}

// TestSearchWhileTyping finds people without loading a page, and the address says what
// was looked for.
func TestSearchWhileTyping(t *testing.T) {
	b := serve(t)
	p := sits(t, b)
	p.logsIn("george.lam" + domain)
	p.opens("/console/people")
	p.asks(`window.before = true`, nil)
	p.do(chromedp.SendKeys("#q", "HAN", chromedp.ByQuery))
	p.until(`!document.querySelector("#found").innerText.includes("anna.kowalska") && document.querySelector("#found").innerText.includes("hanna.virtanen")`)
	var same bool
	var at string
	p.asks(`window.before === true`, &same)
	p.do(chromedp.Location(&at))
	if !same || !strings.Contains(at, "q=HAN") {
		t.Errorf("at %s, and the page is the same: %v", at, same)
	}
	if bad := p.complaints(); len(bad) > 0 {
		t.Errorf("the browser complains: %v", bad)
	}
}

// TestStrangersStayOut is of somebody whom the provider knows and no source does.
func TestStrangersStayOut(t *testing.T) {
	b := serve(t)
	p := sits(t, b)
	p.logsIn("eve@elsewhere.example")
	p.sees("no source of this bridge vouches for you")
}
