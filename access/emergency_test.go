package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// readers is the role of the documents that is taken away.
const readers = `apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read the wiki.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
`

// TestOneTakesAccessAway has one person publish, in an emergency, what only takes access
// away, where two must agree to anything else; and nothing that looks like it. R-PUB-2.
func TestOneTakesAccessAway(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		c.want(c.ids["ada"], "Readers")
		now := func(d *access.Draft, seen bool) (q schema.Publication, err error) {
			x := c.proposing(d)
			if !seen {
				x.Seen = access.SavedPlan{}
			}
			err = c.store.Update(t.Context(), func(tx store.Tx) (err error) {
				q, err = access.PublishNow(tx, c.rules.Book(), x, false)
				return err
			})
			return q, err
		}
		gone := draft(t, oneMode, governing, readers, "")
		if _, err := now(gone, false); err == nil {
			t.Error("it was published without the plan that is demanded")
		}
		for name, d := range map[string]*access.Draft{
			"and another rule":     draft(t, oneMode, governing, readers, "", `"writers" in identity.groups`, `"editors" in identity.groups`),
			"and more of another":  draft(t, oneMode, governing, readers, "", "entitlement: admins }]", "entitlement: admins }, { connector: wiki, entitlement: writers }]"),
			"and fewer to approve": draft(t, oneMode, strings.Replace(governing, "min: 2", "min: 1", 1), readers, ""),
			"no end any more":      draft(t, oneMode, governing, "action: revoke", "action: hold"),
			"another role instead": draft(t, oneMode, governing, "name: engineer", "name: builder"),
		} {
			if _, err := now(d, true); err == nil {
				t.Errorf("%s: one person published it", name)
			}
		}
		q := c.must(now(gone, true))
		if q.State != schema.PublicationPublished || !strings.Contains(q.Outcome, "takes access away") {
			t.Errorf("it is %s: %s", q.State, q.Outcome)
		}
		c.rules.Use(gone.Book)
		c.work()
		c.want(c.ids["ada"], "")
	})
}
