package console_test

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/console"
	"drawbridge/store"
)

var (
	attributes = regexp.MustCompile(`(?:href|src|action|formaction|hx-get)="([^"]*)"`)
	inline     = regexp.MustCompile(`(?i)<style|\sstyle=|<script(?:\s[^>]*)?>[^<]|\son[a-z]+="|javascript:`)
)

// crawl walks every link that leads from the front page, and returns the pages by
// address and the addresses that forms are sent to.
func (b *browser) crawl() (pages map[string]string, forms []string) {
	b.w.t.Helper()
	pages = map[string]string{}
	sent := map[string]bool{}
	next := []string{"/console/"}
	for len(next) > 0 && len(pages) < 500 {
		at := next[0]
		next = next[1:]
		if _, done := pages[at]; done {
			continue
		}
		res, text := b.do(b.request(http.MethodGet, at, nil))
		if res.StatusCode != http.StatusOK {
			b.w.t.Errorf("%s: %d, and a page links to it", at, res.StatusCode)
		}
		if got := res.Header.Get("Content-Security-Policy"); got != csp {
			b.w.t.Errorf("%s has the policy %q", at, got)
		}
		pages[at] = ""
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			continue
		}
		pages[at] = text
		for _, found := range attributes.FindAllStringSubmatch(text, -1) {
			to := html.UnescapeString(found[1])
			switch {
			case strings.HasPrefix(to, "#"), strings.HasPrefix(to, "/console/log/"): // of those there are as many as decisions
			case strings.HasPrefix(found[0], "action"), strings.HasPrefix(found[0], "formaction"):
				sent[to] = true
			case strings.HasPrefix(to, "/console/"):
				next = append(next, to)
			default:
				b.w.t.Errorf("%s leads to %s, which is not ours", at, to)
			}
		}
	}
	return pages, slices.Sorted(maps.Keys(sent))
}

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// TestEveryLinkLeadsSomewhere walks the console as each role: every link is a page,
// every form goes where forms are taken, whatever people are called is text, and
// nothing in a page is script or style.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	w.as("iam@example.com").sends("/console/requests", "/console/requests", "role", "editor", "identity", "ada@example.com", "reason", evil)
	for _, role := range schema.APIRoles() {
		b := w.as(string(role))
		pages, forms := b.crawl()
		if len(pages) < 40 {
			t.Errorf("%s sees %d pages only", role, len(pages))
		}
		for at, text := range pages {
			judge(t, at, text)
		}
		for _, to := range forms {
			if to == "/console/logout" || to == "/console/people" || to == "/console/roles" || to == "/console/log" || to == "/console/findings" || to == "/console/notices" || to == "/console/evidence/pack" {
				continue // the first is tried by itself, the others are searches
			}
			if status, text := b.post(to, url.Values{"form": {"wrong"}}); status != http.StatusForbidden || !strings.Contains(text, "This form") {
				t.Errorf("a form that is not this session's, sent to %s: %d", to, status)
			}
		}
	}
}

// judge looks at what every page must be.
func judge(t *testing.T, at, text string) {
	t.Helper()
	if text == "" {
		return
	}
	if found := inline.FindString(text); found != "" {
		t.Errorf("%s has script or style in it: %q", at, found)
	}
	if strings.Contains(text, "<img") || strings.Contains(text, "<b>") {
		t.Errorf("%s has somebody's text in it as markup", at)
	}
	if at == "/console/now" {
		return // a part of a page
	}
	for _, want := range []string{`<html lang="en">`, "<title>", `<main id="main"`, `href="#main"`, "<h1>", "<nav aria-label="} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s has %d of %s, want 1", at, strings.Count(text, want), want)
		}
	}
	if strings.Count(text, "<table") != strings.Count(text, "<caption") {
		t.Errorf("%s has a table without a caption", at)
	}
	if strings.Contains(text, "<title> ·") {
		t.Errorf("%s has no title", at)
	}
}

// TestPagesShow says what is on each page.
func TestPagesShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.full()
	b := w.as("auditor")
	told := html.EscapeString(evil)
	if _, byAge, ok := strings.Cut(b.shows("/console/", "Everything is halted", "account/wiki", "Findings by age"), "Findings by age"); !ok ||
		!strings.Contains(byAge, ">orphan</a>") || strings.Index(byAge, ">drift</a>") < strings.Index(byAge, ">orphan</a>") {
		t.Errorf("the orphan, found an hour before the drift, is not before it in %s", byAge)
	}
	b.shows("/console/people?q=ADA", "ada@example.com")
	b.shows("/console/people?q="+ada.ID, "ada@example.com")
	b.shows("/console/people?q=zz", "Nobody is called so")
	b.shows("/console/people/"+ada.ID, "wiki/readers", "/console/roles/engineer", "assigned", "Readers", "Engineering", "admitted")
	b.shows("/console/people/ada@example.com/why?entitlement=wiki/readers", "its rule matches", "ada@example.com should have wiki/readers", "its target has yet to agree")
	b.shows("/console/roles", "Engineers &lt;b&gt;read&lt;/b&gt;", "E-OWNER")
	b.shows("/console/roles/engineer", "ada@example.com", "iam@example.com", "identity.department == &#34;Engineering&#34;")
	b.shows("/console/roles/unowned", "nobody owns Role/unowned")
	b.shows("/console/held", "source/hr", "40 changes", "grant:engineer")
	b.shows("/console/held/grant:engineer", "ada@example.com", "grant wiki/readers")
	b.shows("/console/findings?kind=orphan", told)
	b.shows("/console/reviews", "role engineer", "59 min")
	b.shows("/console/reviews/01900000-0000-7000-8000-0000000000aa", "ada@example.com", told, "nobody tells whether it is used")
	w.as("iam@example.com").shows("/console/reviews", "Take it away")
	b.shows("/console/work", "ada@example.com", "overdue")
	b.shows("/console/sweeps", "drift", "failed")
	b.shows("/console/sweeps/drift", told)
	b.shows("/console/connectors", "wiki", "does not answer", "hr")
	b.shows("/console/connectors/wiki?state=parked", "ada@example.com", told)
	b.shows("/console/machines", "robot", "nobody")
	b.shows("/console/policy", "test", "What people are yet to decide")
	b.shows("/console/log?subject=ada@example.com", "assigned", "its rule matches")
	b.shows("/console/log/0", "Decision 0", "admitted")
	for _, list := range []string{"people", "requests", "exceptions", "findings", "work", "machines", "policy", "log", "sweeps/drift", "connectors/wiki", "roles/engineer?grants=", "roles/engineer?holders=", "roles/engineer?history=", "held/grant:engineer"} {
		if !strings.Contains(list, "?") {
			list += "?cursor="
		}
		if status, text := b.get("/console/" + list + "%00nonsense%22"); status != http.StatusUnprocessableEntity || !strings.Contains(text, "none of this list") {
			t.Errorf("%s with a cursor of nobody's: %d", list, status)
		}
	}
	if status, _ := b.get("/console/nothing"); status != http.StatusNotFound {
		t.Errorf("what is no page: %d", status)
	}
	if status, _ := b.get("/console/people/nobody@example.com"); status != http.StatusNotFound {
		t.Errorf("who is nobody: %d", status)
	}
}

// TestCoverageIsOnTheFrontPage waits until everybody was looked at: R-READY-4.
func TestCoverageIsOnTheFrontPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	b := w.as("viewer")
	end := time.Now().Add(2 * time.Minute) // it takes moments, but on a machine that is busy
	for text := ""; !strings.Contains(text, "of the access that targets show is explained"); {
		if time.Now().After(end) {
			t.Fatalf("coverage is not counted\n%s", text)
		}
		text = b.shows("/console/")
	}
}

// TestViewersSeeNoWords holds pages to what the API shows each role: people's own
// words and what rules read are for auditors.
func TestViewersSeeNoWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.full()
	w.as("iam@example.com").sends("/console/requests", "/console/requests", "role", "editor", "identity", "ada@example.com", "reason", "for the moon")
	for _, at := range []string{"/console/requests", "/console/people/" + ada.ID, "/console/people/ada@example.com/why?entitlement=wiki/readers"} {
		if text := w.as("viewer").shows(at); strings.Contains(text, "for the moon") || strings.Contains(text, ">Engineering") {
			t.Errorf("a viewer is shown people's own words at %s", at)
		}
	}
}

// TestApproveByForm asks for a role, which another person grants: each is an API call
// as the person, and the decision is theirs.
func TestApproveByForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.full()
	asked := w.as("operator").sends("/console/requests", "/console/requests", "role", "editor", "identity", "ada@example.com", "reason", "release notes", "lasts", "2h")
	if !strings.Contains(asked, "Asked. You see here how far it comes.") {
		t.Fatalf("asking says\n%s", asked)
	}
	b := w.as("iam@example.com")
	inbox := b.shows("/console/inbox", "ada@example.com asks for editor", "release notes", "It is for: Edit the wiki for a while.", "<span class=\"badge\">")
	action := regexp.MustCompile(`action="(/console/requests/[^"]+/approve)"`).FindStringSubmatch(inbox)
	if action == nil {
		t.Fatalf("the inbox has no form to approve\n%s", inbox)
	}
	if text := b.sends(action[1], "/console/inbox", "reason", "she wrote them"); !strings.Contains(text, "Approved.") || strings.Contains(text, "asks for editor") {
		t.Errorf("approving says\n%s", text)
	}
	w.reconcile()
	w.as("auditor").shows("/console/people/"+ada.ID, "wiki/editors", "she wrote them", "release notes")
	if text := b.sends(action[1], "/console/inbox", "reason", "again"); !strings.Contains(text, "Not done.") {
		t.Errorf("approving again says\n%s", text)
	}
}

// TestHaltAndResume stops everything and lets it go on.
func TestHaltAndResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as("operator")
	b.shows("/console/halt", "Halt everything")
	if text := b.sends("/console/halts", "/console/halt", "reason", "the feed looks wrong"); !strings.Contains(text, "Resume everything") || !strings.Contains(text, "the feed looks wrong") {
		t.Errorf("halting says\n%s", text)
	}
	b.shows("/console/", "Everything is halted")
	if text := b.sends("/console/halts/resume", "/console/halt", "reason", "it was right"); strings.Contains(text, "Everything is halted") {
		t.Errorf("resuming says\n%s", text)
	}
	if text := w.as("viewer").shows("/console/halt"); strings.Contains(text, "<textarea") {
		t.Error("a viewer is shown the form")
	}
}

// TestFragmentsHaveNoForms keeps forms out of what a page replaces by itself: nobody's
// words are lost while they type.
func TestFragmentsHaveNoForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	if text := w.as("admin").shows("/console/now"); strings.Contains(text, "<form") || strings.Contains(text, "<input") {
		t.Errorf("the front page's own part has a form\n%s", text)
	}
}

// TestRefusedFormsKeepWords shows what was typed again where it was not right.
func TestRefusedFormsKeepWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	b := w.as("viewer")
	text := b.sends("/console/requests", "/console/requests", "role", "editor", "identity", "nobody@example.com", "reason", "typed with care", "lasts", "soon")
	if !strings.Contains(text, "Not done.") || !strings.Contains(text, "typed with care") || !strings.Contains(text, `value="soon"`) {
		t.Errorf("what was typed is lost:\n%s", text)
	}
	if again := b.shows("/console/requests"); strings.Contains(again, "typed with care") {
		t.Error("it is said twice")
	}
}

// TestActionsNeedTheirRole compares what the console offers with what the API says each
// operation takes, and tries each as the role below.
func TestActionsNeedTheirRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	needs := w.needs()
	roles := schema.APIRoles()
	for path, a := range console.Actions() {
		want, ok := needs["post /api/v1"+a.API]
		if !ok {
			t.Errorf("%s calls %s, which the API does not have", path, a.API)
			continue
		}
		if a.Least != want {
			t.Errorf("%s is offered to %s, and the API lets %s", path, a.Least, want)
		}
		at := slices.Index(roles, want)
		if at == 0 {
			continue
		}
		b := w.as(string(roles[at-1]))
		b.shows("/console/")
		to := "/console/" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x")
		if text := b.sends(to, "/console/"); !strings.Contains(text, "This needs the role") {
			t.Errorf("%s as %s:\n%s", to, roles[at-1], text)
		}
	}
}

// needs returns the least role of each operation, as the API's document has it.
func (w *world) needs() map[string]schema.APIRole {
	w.t.Helper()
	res, err := http.Get(w.url + "/api/openapi.json")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var document struct {
		Paths map[string]map[string]struct {
			Role schema.APIRole `json:"x-role"`
		} `json:"paths"`
	}
	if err := json.NewDecoder(res.Body).Decode(&document); err != nil {
		w.t.Fatal(err)
	}
	all := map[string]schema.APIRole{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			all[method+" "+path] = op.Role
		}
	}
	return all
}

// TestOthersCannotHaveFormsSent is of requests that another site has a browser send.
func TestOthersCannotHaveFormsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	b := w.as("admin")
	b.shows("/console/")
	form := url.Values{"form": {b.form}, "reason": {"x"}}
	for name, change := range map[string]func(*http.Request){
		"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site"); r.Header.Del("Origin") },
		"same-site": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-site")
			r.Header.Set("Origin", "https://evil.example")
		},
		"an old browser":      func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"an origin of nobody": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		for _, to := range []string{"/console/halts", "/console/login", "/console/logout"} {
			req := b.request(http.MethodPost, to, form)
			change(req)
			if res, _ := b.do(req); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s, to %s: %d, want 403", name, to, res.StatusCode)
			}
		}
	}
	other := w.as("admin")
	other.shows("/console/")
	if status, _ := b.post("/console/halts", url.Values{"form": {other.form}, "reason": {"x"}}); status != http.StatusForbidden {
		t.Errorf("a form of another session: %d, want 403", status)
	}
	if status, _ := b.post("/console/halts", url.Values{"reason": {"x"}}); status != http.StatusForbidden {
		t.Errorf("a form without a token: %d, want 403", status)
	}
	b.shows("/console/") // nobody was logged out
}

// TestSessionCookie looks at the cookie, and that logging in makes a new one.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]struct {
		name   string
		secure bool
	}{"": {"drawbridge_session", false}, "https://bridge.example/base": {"__Host-drawbridge_session", true}, "http://bridge.example": {"__Host-drawbridge_session", true}} {
		w := newWorld(t, func(_ string, o *server.Options) {
			if public != "" {
				o.PublicURL = public
			}
		})
		b := w.opens()
		b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		req := b.request(http.MethodPost, "/console/login", url.Values{"token": {secretOf("viewer").Reveal()}})
		if public != "" {
			req.Header.Set("Origin", strings.TrimSuffix(public, "/base"))
		}
		req.AddCookie(&http.Cookie{Name: want.name, Value: "known-before"})
		res, _ := b.do(req)
		if len(res.Cookies) != 1 || res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d with %v", public, res.StatusCode, res.Cookies)
		}
		if c := res.Cookies[0]; c.Name != want.name || !c.HttpOnly || c.Secure != want.secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" ||
			c.Domain != "" || c.Value == "known-before" || len(c.Value) < 40 {
			t.Errorf("%s: the cookie is %v", public, c)
		}
		if to := res.Header.Get("Location"); public != "" && strings.HasSuffix(public, "/base") && to != "/base/console/" {
			t.Errorf("who logged in is sent to %s", to)
		}
	}
}

// TestProposalShowsItsText proposes a policy: its page shows which lines come and which go,
// and nothing of it is a page's own.
func TestProposalShowsItsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const was, is = "Edit the wiki for a while.", "Edit " + evil
	w.update(func(tx store.Tx) error {
		book := w.rules.Book()
		if _, err := access.Publish(tx, book, "token/admin", map[string]string{"policy.yaml": documents}); err != nil {
			return err
		}
		q := schema.Publication{ID: "p1", Digest: "5f0c", From: book.Digest(), State: schema.PublicationProposed, By: "token/admin", Made: tx.Now()}
		plan, err := json.Marshal(map[string]any{"files": map[string]string{"policy.yaml": strings.Replace(documents, was, is, 1), "more.yaml": "more\n"}, "plan": access.Plan{
			Endings: []access.PlanEnding{{Connector: "crm", Accounts: 3}}, Lines: []access.PlanLine{{UserName: "ada", Change: access.PlanRevoke, ForGood: true}},
		}})
		if err != nil {
			return err
		}
		return errors.Join(store.Publications.Put(tx, q), store.Plans.Put(tx, store.KeptPlan{Publication: q.ID, Plan: plan}))
	})
	_, text := w.as("viewer").get("/console/policy/publications/p1")
	for _, want := range []string{
		"What changes in the text", "<del>  intent: " + was, "<ins>  intent: " + html.EscapeString(is), "1 line comes, 1 line goes", "<code>more.yaml</code>", "<span>  eligible:",
		"3 accounts at crm would be disabled for good", "revoke (for good)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %q\n%s", want, text)
		}
	}
	if strings.Contains(text, evil) {
		t.Error("what the policy says is the page's own")
	}
}

// TestLoginGoesNowhereElse is of links to the login that would lead on to another site.
func TestLoginGoesNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, to := range []string{"//evil.example", "https://evil.example/console/", `/\evil.example`, "/console/../api", "/console/..%2f", "javascript:alert(1)", "/console/login", "/console/\r\nX: y", "/api/v1/status", "/consoles"} {
		b := w.opens()
		b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, _ := b.do(b.request(http.MethodPost, "/console/login", url.Values{"token": {secretOf("viewer").Reveal()}, "to": {to}}))
		if got := res.Header.Get("Location"); got != "/console/" {
			t.Errorf("to %q leads to %q", to, got)
		}
	}
	b := w.opens()
	if _, text := b.get("/console/roles?q=a"); !strings.Contains(text, `value="/console/roles?q=a"`) {
		t.Errorf("the login does not know what was wanted\n%s", text)
	}
}

// TestWrongTokens are counted by address, and a source's opens nothing here.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ string, o *server.Options) { o.Limits.Failed = 3 })
	b := w.opens()
	if status, text := b.post("/console/login", url.Values{"token": {secretOf("hr").Reveal()}}); status != http.StatusForbidden || !strings.Contains(text, "source") {
		t.Errorf("a source's token: %d", status)
	}
	last := 0
	for range 5 {
		last, _ = b.post("/console/login", url.Values{"token": {"guessed"}})
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after five guesses: %d, want 429", last)
	}
	if status, _ := b.post("/console/login", url.Values{"token": {secretOf("viewer").Reveal()}}); status != http.StatusOK {
		t.Errorf("the right one then: %d", status)
	}
}

// TestSessionEndsWithItsToken is of tokens that are revoked, or configured no more.
func TestSessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var secret string
	var issued schema.Token
	w.update(func(tx store.Tx) (err error) {
		secret, issued, err = tokens.NewKey([]byte("key")).Issue(tx, "test", schema.Token{Name: "temp", Role: schema.Viewer})
		return err
	})
	b := w.opens()
	if status, _ := b.post("/console/login", url.Values{"token": {secret}}); status != http.StatusOK {
		t.Fatalf("log in with an issued token: %d", status)
	}
	b.shows("/console/roles", "Roles")
	w.update(func(tx store.Tx) error { return tokens.Revoke(tx, "test", issued.ID) })
	if _, text := b.get("/console/roles"); !strings.Contains(text, "API token") {
		t.Error("a session outlives its token")
	}
	c := w.as("viewer")
	if err := w.serve.Use([]server.Credential{{Name: "viewer", Role: schema.Viewer, Secret: connectors.Secret("another-secret-0123456789")}}); err != nil {
		t.Fatal(err)
	}
	if _, text := c.get("/console/roles"); !strings.Contains(text, "API token") {
		t.Error("a session outlives its configured token")
	}
}

// TestLogOut ends a session, also for whoever kept its cookie.
func TestLogOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as("viewer")
	b.shows("/console/")
	at, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	kept := b.http.Jar.Cookies(at)
	if status, _ := b.post("/console/logout", url.Values{"form": {"wrong"}}); status != http.StatusForbidden {
		t.Errorf("logging out by a form from elsewhere: %d", status)
	}
	b.sends("/console/logout", "")
	b.http.Jar.SetCookies(at, kept)
	if _, text := b.get("/console/"); !strings.Contains(text, "API token") {
		t.Error("the session lives on")
	}
}

// TestAssets are served with their type, and are all there is.
func TestAssets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, kind := range map[string]string{"style.css": "text/css", "htmx.min.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		res, err := http.Get(w.url + "/console/assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) || len(text) == 0 || res.Header.Get("Content-Security-Policy") != csp {
			t.Errorf("%s: %d, %s, %v", name, res.StatusCode, res.Header.Get("Content-Type"), err)
		}
	}
}

// TestNoConsole is a bridge whose configuration says that there is none.
func TestNoConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ string, o *server.Options) { o.Pages.Off = true })
	if status, _ := w.opens().get("/console/"); status != http.StatusNotFound {
		t.Errorf("a console that is off: %d", status)
	}
}

// TestNothingEditsPolicy holds the console to showing, agreeing and publishing what was
// agreed to: no form of it proposes text (R-PUB-4).
func TestNothingEditsPolicy(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^/publications/\{id\}/(approve|deny|publish)$`)
	for path, a := range console.Actions() {
		if strings.Contains(a.API, "polic") || strings.Contains(a.API, "publication") && !allowed.MatchString(a.API) {
			t.Errorf("%s calls %s, which changes the policy", path, a.API)
		}
	}
	w := newWorld(t, nil)
	w.full()
	b := w.as("admin")
	for _, at := range []string{"/console/policy", "/console/policy/versions/" + w.rules.Book().Digest(), "/console/roles/engineer"} {
		if text := b.shows(at); strings.Contains(text, "<textarea") {
			t.Errorf("%s has something to write in", at)
		}
	}
}

// TestFiles are handed on as files: what came of a review, and only to whom the API gives
// it; what it refuses is a page that says so.
func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.full()
	const at = "/console/reviews/01900000-0000-7000-8000-0000000000aa/result"
	b := w.as("auditor")
	res, text := b.do(b.request(http.MethodGet, at, nil))
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/jsonl" || !strings.Contains(res.Header.Get("Content-Disposition"), `filename="review-01900000-`) ||
		strings.Count(text, "\n") != 2 || !strings.Contains(text, `"holding":"role/engineer"`) {
		t.Errorf("%d, %v\n%s", res.StatusCode, res.Header, text)
	}
	b = w.as("viewer")
	if res, text := b.do(b.request(http.MethodGet, at, nil)); res.StatusCode != http.StatusForbidden || !strings.Contains(text, "This needs the role") {
		t.Errorf("to a viewer: %d\n%s", res.StatusCode, text)
	}
	b = w.as("auditor")
	for path, want := range map[string]int{
		"/console/evidence/pack?framework=soc2&from=2026-01-01&to=":           http.StatusUnprocessableEntity,
		"/console/evidence/pack?framework=soc2&from=2026-01-01&to=2026-02-01": http.StatusServiceUnavailable, // nothing signs here
		"/console/log?since=yesterday":                                        http.StatusUnprocessableEntity,
	} {
		if status, text := b.get(path); status != want || !strings.Contains(text, "<h1>") {
			t.Errorf("%s: %d, want %d\n%s", path, status, want, text)
		}
	}
}

// TestInboxHasEverything has every kind of thing wait for somebody; the count at the
// menu is theirs.
func TestInboxHasEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.offering()
	b := w.as("iam@example.com")
	b.shows("/console/inbox", "ada@example.com asks for editor", "ada@example.com took glass", "It is for: Restore service when the normal path is not there.", "It stays", "It is for: Engineers read the wiki.", "Pass it up", ">4<span class=\"unseen\"> waiting")
	if text := w.as("approver").shows("/console/inbox"); !strings.Contains(text, "decide nothing here") || strings.Contains(text, "Nothing waits for you") {
		t.Errorf("who is nobody is told\n%s", text)
	}
}

// TestPagesOfWhoeverIsCalledSo shows people whose names have in them what parts or ends a
// path.
func TestPagesOfWhoeverIsCalledSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.as("viewer")
	for _, name := range []string{"corp/ada", "a,b c", "a;b", "100%ada", "a%2Fb", "a?b"} {
		id := w.person(name)
		b.shows("/console/people/"+url.PathEscape(name), "/console/people/"+id.ID+"/why?")
	}
}
