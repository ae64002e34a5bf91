package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drawbridge/schema"
)

// A page is one address and what is shown there.
type page struct {
	path     string // below Root, as http.ServeMux has patterns
	name     string // of its template
	section  string // of the navigation that it is in
	title    string // unless what it shows has a title of its own
	fragment bool   // it is a part of another page
	show     func(v *visit) (any, error)
}

// A titled page says what it is about.
type titled interface{ PageTitle() string }

// pages is the list of everything that is shown.
func pages() []page {
	return []page{
		{path: "{$}", name: "now", section: "now", title: "Now", show: showNow},
		{path: "now", name: "now", section: "now", title: "Now", show: showNow, fragment: true}, // what the front page looks at again
		{path: "halt", name: "halt", section: "now", title: "Halt or resume everything", show: showHalt},
		{path: "people", name: "people", section: "people", title: "People", show: showPeople},
		{path: "people/{id}", name: "person", section: "people", show: showPerson},
		{path: "people/{id}/why", name: "why", section: "people", show: showWhy},
		{path: "entitlements", name: "entitlement", section: "people", show: showEntitlement},
		{path: "roles", name: "roles", section: "roles", title: "Roles", show: showRoles},
		{path: "roles/{name}", name: "role", section: "roles", show: showRole},
		{path: "machines", name: "machines", section: "machines", title: "Machines", show: showMachines},
		{path: "machines/{identity}", name: "machine", section: "machines", show: showMachine},
		{path: "inbox", name: "inbox", section: "inbox", title: "Inbox", show: showInbox},
		{path: "requests", name: "requests", section: "requests", title: "Requests", show: showRequests},
		{path: "requests/{id}", name: "request", section: "requests", show: showRequest},
		{path: "reviews", name: "reviews", section: "reviews", title: "Reviews", show: showReviews},
		{path: "reviews/mine", name: "myitems", section: "reviews", title: "Waiting for you", show: showMyItems},
		{path: "reviews/{id}", name: "review", section: "reviews", show: showReview},
		{path: "bypasses", name: "bypasses", section: "bypasses", title: "Break glass", show: showBypasses},
		{path: "bypasses/{id}", name: "bypass", section: "bypasses", show: showBypass},
		{path: "reviews/{id}/result", section: "reviews", show: exportReview},
		{path: "exceptions", name: "exceptions", section: "exceptions", title: "Exceptions", show: showExceptions},
		{path: "held", name: "held", section: "held", title: "Held", show: showHeld},
		{path: "held/{id}", name: "proposal", section: "held", show: showProposal},
		{path: "findings", name: "findings", section: "findings", title: "Findings", show: showFindings},
		{path: "findings/{id}", name: "finding", section: "findings", show: showFinding},
		{path: "work", name: "work", section: "work", title: "Work items", show: showWork},
		{path: "sweeps", name: "sweeps", section: "sweeps", title: "Sweeps", show: showSweeps},
		{path: "sweeps/{name}", name: "sweep", section: "sweeps", show: showSweep},
		{path: "sweeps/{name}/runs/{id}", name: "run", section: "sweeps", show: showRun},
		{path: "connectors", name: "connectors", section: "connectors", title: "Connectors", show: showConnectors},
		{path: "connectors/{name}", name: "connector", section: "connectors", show: showConnector},
		{path: "policy", name: "policy", section: "policy", title: "Policy", show: showPolicy},
		{path: "policy/publications/{id}", name: "publication", section: "policy", show: showPublication},
		{path: "policy/versions/{digest}", name: "version", section: "policy", show: showVersion},
		{path: "exposure", name: "exposure", section: "exposure", title: "Exposure", show: showExposure},
		{path: "evidence", name: "evidence", section: "evidence", title: "Evidence", show: showEvidence},
		{path: "evidence/pack", section: "evidence", show: exportPack},
		{path: "evidence/log", section: "evidence", show: exportLog},
		{path: "notices", name: "notices", section: "notices", title: "Notices", show: showNotices},
		{path: "log", name: "log", section: "log", title: "Decision log", show: showLog},
		{path: "log/{seq}", name: "entry", section: "log", show: showEntry},
		{path: "log/{seq}/proof", name: "entry", section: "log", show: showProof},
	}
}

// A visit is one request of somebody who is logged in.
type visit struct {
	*Console
	client
	ctx     context.Context
	r       *http.Request
	who     Person
	session *session
	now     time.Time
}

// q is a parameter of the request.
func (v *visit) q(name string) string { return strings.TrimSpace(v.r.URL.Query().Get(name)) }

// cursor is where the page begins in its list.
func (v *visit) cursor() string { return v.r.URL.Query().Get("cursor") }

// more is the address of the next page of the list that this page shows, if there is one.
func (v *visit) more(next string) string { return v.moreOf("cursor", next) }

// moreOf is more, of one of several lists, each of which has a parameter of its own.
func (v *visit) moreOf(list, next string) string {
	if next == "" {
		return ""
	}
	return v.with(list, next)
}

// with is the address of this page with a parameter, and without those that are named
// after it.
func (v *visit) with(name, value string, without ...string) string {
	q := v.r.URL.Query()
	q.Set(name, value)
	for _, other := range without {
		q.Del(other)
	}
	return v.base + v.r.URL.Path + "?" + q.Encode()
}

// A sheet is what a template is given: what every page has, and what this one shows.
type sheet struct {
	Title   string
	Section string
	Base    string
	Version string
	Who     Person
	Token   string // of forms
	Sign    bool   // people log in elsewhere
	Flash   *flash
	Inbox   int // what waits for the person; one more than fit says more
	Now     time.Time
	Here    string // the address of this page
	Main    any

	Called func(identity string) string // what somebody is called; nothing where that cannot be told
}

// Was returns what was typed into a field before it was refused.
func (s sheet) Was(field string) string {
	if s.Flash == nil {
		return ""
	}
	return s.Flash.Form.Get(field)
}

// page answers requests for a page of whoever is logged in.
func (c *Console) page(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := c.enter(w, r, !p.fragment)
		if v == nil {
			return
		}
		main, err := p.show(v)
		if err != nil {
			c.fail(w, r, v, err)
			return
		}
		if f, ok := main.(file); ok {
			f.write(w)
			return
		}
		s := v.sheet(p, main)
		if !p.fragment {
			s.Flash = v.session.said()
			s.Inbox = v.inbox()
		}
		c.render(w, r, http.StatusOK, p, s)
	}
}

func (v *visit) sheet(p page, main any) sheet {
	s := sheet{
		Title: p.title, Section: p.section, Base: v.base, Version: v.Version, Who: v.who, Token: v.session.token,
		Now: v.now, Here: v.r.URL.RequestURI(), Main: main,
		Called: v.names(),
	}
	if t, ok := main.(titled); ok {
		s.Title = t.PageTitle()
	}
	return s
}

// enter returns the visit of whoever is logged in, or answers who is not. It uses their
// session, unless the request is a page's own.
func (c *Console) enter(w http.ResponseWriter, r *http.Request, uses bool) *visit {
	id := c.shown(r, sessionCookie)
	s, ok := c.sessions.of(id, uses)
	if !ok {
		c.toLogin(w, r)
		return nil
	}
	if c.stale(s) {
		c.again(w, r, s)
		return nil
	}
	if err := c.Door.Still(r.Context(), s.who); err != nil {
		if errors.Is(err, schema.ErrForbidden) || errors.Is(err, schema.ErrNotFound) || errors.Is(err, schema.ErrConflict) {
			c.sessions.end(id)
			c.Log.InfoContext(r.Context(), "console session ended", "who", s.who.Name, "reason", err)
			c.toLogin(w, r)
			return nil
		}
		c.fail(w, r, nil, err)
		return nil
	}
	if wait, ok := c.Door.Spend(s.who); !ok {
		c.fail(w, r, nil, tooMany(w, wait))
		return nil
	}
	return &visit{
		Console: c, client: client{&http.Client{Transport: c.API(s.who, r.Header.Get("X-Request-Id"))}},
		ctx: r.Context(), r: r, who: s.who, session: s, now: time.Now().UTC(),
	}
}

// toLogin sends who is not logged in to where one logs in, and from there back. A
// fragment is not worth coming back to: its whole page is loaded.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	to := c.base + Root + "login"
	if r.Method == http.MethodGet && r.URL.Path != Root && r.Header.Get("HX-Request") == "" {
		to += "?" + url.Values{"to": {r.URL.RequestURI()}}.Encode()
	}
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fail answers with what went wrong. What is the bridge's own fault is for the log.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	p := &problem{}
	if !errors.As(err, &p) {
		if r.Context().Err() != nil {
			return // nobody is there any more
		}
		c.Log.ErrorContext(r.Context(), "console page failed", "request", r.Header.Get("X-Request-Id"), "path", r.URL.Path, "error", err)
		p = &problem{Status: http.StatusInternalServerError, Detail: "Something went wrong in the bridge; its log says what, under the request " + r.Header.Get("X-Request-Id") + "."}
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	s := sheet{Title: p.Title, Base: c.base, Version: c.Version, Main: p, Now: time.Now().UTC()}
	if v != nil {
		s = v.sheet(page{title: p.Title}, p)
		s.Inbox = v.inbox()
	}
	c.render(w, r, p.Status, page{name: "problem"}, s)
}

// render writes a page. It is made whole before anything of it goes out, so that
// nobody sees half of one.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, p page, s sheet) {
	s.Sign = c.Provider != nil
	var text bytes.Buffer
	block := "page"
	if p.fragment {
		block = "live"
	}
	if err := c.pages[p.name].ExecuteTemplate(&text, block, s); err != nil {
		c.Log.ErrorContext(r.Context(), "console page failed", "request", r.Header.Get("X-Request-Id"), "path", r.URL.Path, "error", err)
		http.Error(w, "Something went wrong in the bridge; its log says what.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(withBreaks(text.Bytes())) // a browser that left misses nothing
}

// A file is a page that browsers keep.
type file struct {
	name string
	kind string
	text io.ReadCloser
}

// patience is how long a browser may take for some of a file.
const patience = time.Minute

// write hands a file on as it is made, for as long as that takes: only a browser is timed.
// Where it is not made whole the connection is cut:
// half of one is not to be taken for it.
func (f file) write(w http.ResponseWriter) {
	defer func() { _ = f.text.Close() }() // whoever makes it stops
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Now().Add(patience)) // a server without deadlines has none to move
	_ = out.Flush()
	for some := make([]byte, 64<<10); ; {
		_ = out.SetWriteDeadline(time.Time{}) // over HTTP/2 the stream is reset when it passes, written to or not
		n, err := f.text.Read(some)
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		if _, failed := w.Write(some[:n]); failed != nil {
			return // a browser that left misses nothing
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			panic(http.ErrAbortHandler)
		}
	}
}
