package goals

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// consolePages is how long the console's pages take with very many people, from asking
// until the last byte is there. Coverage is counted meanwhile, which looks at everybody.
func consolePages(m *measure) {
	s := large(m)
	defer dropLarge() // nobody else measures with what is in it then
	const reviewer = 0
	s.crowded(m, reviewer)
	p := spawn(m, "bridge", part{Dir: s.dir, Connectors: connectorNames(3)})
	base := "http://" + p.addr
	as := func(token string) *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			m.Fatal(err)
		}
		browser := &http.Client{Jar: jar, Timeout: time.Minute}
		login, err := browser.PostForm(base+"/console/login", url.Values{"token": {token}})
		if err != nil {
			m.Fatal(err)
		}
		_ = login.Body.Close()
		return browser
	}
	admin, person := as(adminToken), as(reviewerToken)
	for _, page := range []struct {
		what string
		path func() (path, shows string)
	}{
		{"the front page", func() (string, string) { return "/console/", "in the lanes" }},
		{"people, as one types a name", func() (string, string) {
			name := userName(rand.N(len(s.ids)))
			return "/console/people?q=" + url.QueryEscape(name[:len(name)-rand.N(4)]), name[:4]
		}},
		{"everybody, the first page", func() (string, string) { return "/console/people", "Show more" }},
		{"a person", func() (string, string) { id := s.ids[rand.N(len(s.ids))]; return "/console/people/" + id, "Timeline" }},
		{"roles", func() (string, string) { return "/console/roles", "Owner" }},
		{"connectors", func() (string, string) { return "/console/connectors", "Telling" }},
		{"the log", func() (string, string) { return "/console/log", "Decision log" }},
		{"a role", func() (string, string) { return "/console/roles/engineering", "Who has c00/engineering by it" }},
		{"exposure", func() (string, string) { return "/console/exposure", "Exposure" }},
		{"findings", func() (string, string) { return "/console/findings?kind=drift&connector=c00", "it is there" }},
		{"the inbox", func() (string, string) { return "/console/inbox", "Pass it up" }},
		{"reviews", func() (string, string) { return "/console/reviews", "role engineering" }},
		{"what is held", func() (string, string) { return "/console/held", "sweep/drift" }},
		{"the log, looked through for words", func() (string, string) { return "/console/log?text=rule+matches", "#" }},
		{"the log, looked through in vain", func() (string, string) { return "/console/log?text=zebra&role=base", "Nothing was decided" }},
	} {
		browser := admin
		if page.what == "the inbox" {
			browser = person
		}
		var took []time.Duration
		for range max(10, m.edits/20) {
			path, shows := page.path()
			err := timed(&took, func() error { return loads(browser, base+path, shows) })
			if err != nil {
				m.Fatal(err)
			}
		}
		m.atMost("console", fmt.Sprintf("p99 of %s among 1M people", page.what), float64(quantile(took, 0.99))/float64(time.Millisecond), 100, "ms")
	}
	p.stop()
}

// loads loads a page that shows something.
func loads(browser *http.Client, at, shows string) error {
	res, err := browser.Get(at)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil && (res.StatusCode != http.StatusOK || !strings.Contains(string(text), shows)) {
		err = fmt.Errorf("%s: %d, and it does not show %q", at, res.StatusCode, shows)
	}
	return err
}
