package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// owned names an owner who is nobody else's, and no deputy who is there.
func owned(header, owner string) []string {
	at := strings.Index(documents, header)
	line := documents[at : at+strings.Index(documents[at:], "\n")]
	begin, _, _ := strings.Cut(line, "owner: {")
	return []string{line, begin + "owner: { user: " + owner + "@example.com, deputy: aide@example.com } }"}
}

// TestEveryDocumentHasAClock has the owner of each kind of document leave. The deputy
// answers for it from then on, by a decision; for two weeks all goes on, and then it is
// degraded, until a policy names somebody who is there. R-OWN-1, R-OWN-2, R-OWN-4.
func TestEveryDocumentHasAClock(t *testing.T) {
	for header, tc := range map[string]struct{ subject, then, because string }{
		"metadata: { name: wiki,":   {"connector/wiki", "Readers", "it rests on Connector/wiki"},
		"metadata: { name: leaver,": {"triggerset/leaver", "Readers", "it rests on TriggerSet/leaver"},
		"metadata: { name: hr,":     {"source/hr", "Readers", ""},
		"metadata: { name: okta,":   {"source/okta", "Readers Writers", ""},
	} {
		t.Run(tc.subject, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				c := &council{w, nil}
				c.force(draft(t, owned(header, "boss")...))
				ada := w.admit(person{name: "ada", department: "Engineering"})
				boss := w.admit(person{name: "boss"})
				w.admit(person{name: "aide"})
				w.work()
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), boss) })
				w.work()
				if got := w.verbs(tc.subject); !slices.Equal(got, []schema.Verb{schema.Reassigned, schema.Found}) {
					t.Errorf("its owner left: decisions %v, want that the deputy answers for it", got)
				}
				if got := w.findings("owner-left"); !slices.Equal(got, []string{tc.subject}) {
					t.Errorf("findings about %v, want %s", got, tc.subject)
				}
				days(13)
				bob := w.admit(person{name: "bob", department: "Engineering"})
				w.work()
				w.want(bob, "Readers")
				days(1)
				w.work()
				if got := w.findings("quarantine"); !slices.Contains(got, tc.subject) {
					t.Errorf("two weeks later: findings about %v, want %s", got, tc.subject)
				}
				eve := w.admit(person{name: "eve", department: "Engineering"})
				w.work()
				w.want(ada, "Readers") // what is held stays
				if tc.subject != "source/okta" {
					w.want(eve, "")
				}
				if tc.because != "" {
					w.view(func(r store.Reader) error {
						roles, err := access.Quarantined(r)
						if !strings.Contains(roles["engineer"], tc.because) {
							t.Errorf("in quarantine: %v, want engineer, for %s", roles, tc.because)
						}
						return err
					})
				}
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), bob) }) // whoever leaves does
				w.work()
				w.want(bob, "")
				c.force(draft(t, owned(header, "ada")...))
				w.work()
				w.want(eve, "Readers")
				if open := slices.Concat(w.findings("quarantine"), w.findings("owner-left")); len(open) > 0 {
					t.Errorf("somebody is named, and findings about %v stay open", open)
				}
				if got := w.verbs(tc.subject); !slices.Contains(got[2:], schema.Reassigned) {
					t.Errorf("another owner is named: decisions %v, want one that says so", got)
				}
			})
		})
	}
}

// TestExceptionNobodyAnswersFor has the owner of an exception leave, and nobody named in
// time: what was granted by it ends. R-OWN-2.
func TestExceptionNobodyAnswersFor(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		g.tell("keeper", "Office", "", false)
		w.publish(compiled(t, askedFor+strings.Replace(documented, "user: boss@example.com, deputy: iam@example.com", "user: keeper@example.com, deputy: gone@example.com", 1)))
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), g.ids["keeper"]) })
		w.work()
		days(13)
		time.Sleep(20 * time.Hour) //nolint:forbidigo // of the bubble's own time
		g.pay()
		w.want(g.ids["bob"], "Desk Payers")
		time.Sleep(5 * time.Hour) //nolint:forbidigo // likewise: the grant has three hours left
		w.work()
		w.want(g.ids["bob"], "Desk")
	})
}
