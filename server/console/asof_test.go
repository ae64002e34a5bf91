package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestAsOf shows what somebody had at another time, and why, also when they are gone, and
// what it is a page about now. R-LOG-5.
func TestAsOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var ada schema.Identity
	w.update(func(tx store.Tx) (err error) {
		hr := access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}
		ada, err = access.Admit(tx, hr, schema.Identity{UserName: "ada@example.com", Email: "ada@example.com", Active: true,
			Resource: []byte(`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Engineering"}}`)})
		return err
	})
	before := time.Now().Add(-time.Second)
	w.reconcile()
	had := time.Now()
	w.update(func(tx store.Tx) error {
		return access.Remove(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}, ada.ID)
	})
	w.reconcile()

	b := w.as("viewer")
	page, why := "/console/people/"+ada.ID, "/console/people/"+ada.ID+"/why?entitlement=wiki/readers"
	at := func(t time.Time) string { return "at=" + url.QueryEscape(t.UTC().Format(time.RFC3339Nano)) }
	if text := b.shows(page, "What they hold, and why"); strings.Contains(text, "wiki/readers</strong>") {
		t.Errorf("she is gone, and holds something:\n%s", text)
	}
	text := b.shows(page+"?"+at(had), "What they held at 2", "wiki/readers</strong>", "its rule matches", "the target had yet to agree", "/console/roles/engineer")
	for _, found := range attributes.FindAllStringSubmatch(text, -1) {
		if to := found[1]; strings.Contains(to, "/why?") {
			b.shows(strings.ReplaceAll(to, "&amp;", "&"), "was to have wiki/readers", "assigned")
		}
	}
	if text := b.shows(page + "?" + at(before)); strings.Contains(text, "wiki/readers</strong>") {
		t.Errorf("she had it before anybody told of her:\n%s", text)
	}
	b.shows(why+"&"+at(had), "was to have wiki/readers", "As it is now")
	b.shows(why+"&"+at(before), "nobody had decided that they should")
	today := time.Now().UTC().Format(time.DateOnly)
	b.shows(page+"?at="+today, "What they held at the end of "+today)
	who := "/console/entitlements?entitlement=wiki/readers"
	if text := b.shows(who, "Nobody."); strings.Contains(text, "ada@example.com") {
		t.Errorf("she is gone, and has it:\n%s", text)
	}
	b.shows(who+"&"+at(had), "Who had it", "ada@example.com", "itself", "had yet to agree", "/console/roles/engineer")
	w.rules.Use(booktest.CompileBut(t, "Role", strings.Replace(documents, "target: Editors, risk: moderate }", "target: Editors, risk: moderate, confers: [wiki/readers] }", 1)))
	w.update(func(tx store.Tx) error {
		for i := range 60 {
			err := store.Assignments.Put(tx, schema.Assignment{Identity: fmt.Sprintf("p%02d", i), Connector: "wiki", Entitlement: "editors", Because: []string{"role/author"}, Mode: schema.Enforce})
			if err != nil {
				return err
			}
		}
		return nil
	})
	more := regexp.MustCompile(`href="([^"]*)">Show more`).FindStringSubmatch(b.shows(who, "wiki/editors, which confers it", "p00"))
	if more == nil {
		t.Fatal("there are 60, and no page after the first")
	}
	b.shows(strings.ReplaceAll(more[1], "&amp;", "&"), "p59")
	for _, bad := range []string{page + "?at=soon", why + "&at=2999-01-01", page + "?at=2999-01-01", who + "&at=then", "/console/entitlements?entitlement=wiki"} {
		if status, _ := b.get(bad); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, status)
		}
	}
}
