package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// clearing is a policy whose board is cleared for a moderate risk: beyond that one of the
// group Security has to agree besides.
const clearing = "  mode: enforce\n  publication: { approvers: { group: Board }, clearance: moderate, escalate: { group: Security }, require: [plan] }\n  identity:"

// R-PUB-2: those who agree to a policy let it give no more than they are cleared for: what
// is about more takes others besides, each of them another person, and it is asked again when
// it is published.
func TestNobodyClearsThemselves(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, clearing))
		c.group("Security", "lead", "three")
		small := draft(t, oneMode, clearing, "Engineers read the wiki.", "Engineers may read the wiki.")
		q := c.must(c.propose(c.proposing(small)))
		if len(q.Beyond) > 0 || q.Outcome != "1 of the group Board must agree" {
			t.Errorf("what they are cleared for: beyond %q, %s", q.Beyond, q.Outcome)
		}
		c.refuses("on one word", c.publishNow(small), schema.ErrHeld)
		more := draft(t, oneMode, clearing, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
		if err := c.publishNow(more); err == nil || !strings.Contains(err.Error(), "1 of the group Board and 1 of the group Security must agree to it first, because beyond the clearance there is Role/admin") {
			t.Errorf("on one word: %v", err)
		}
		q = c.must(c.propose(c.proposing(more)))
		if strings.Join(q.Beyond, " ") != "Role/admin" {
			t.Fatalf("beyond is %q", q.Beyond)
		}
		c.awaits(q, 2, "lead", "one", "three", "two")
		if q = c.must(c.approve(q, "one")); q.State != schema.PublicationProposed {
			t.Errorf("the board agreed, and it is %s: %s", q.State, q.Outcome)
		}
		if q = c.must(c.approve(q, "two")); q.State != schema.PublicationProposed {
			t.Errorf("two of the board agreed, and it is %s: %s", q.State, q.Outcome)
		}
		_, err := c.publishPlanned(q, more)
		c.refuses("published by the board alone", err, schema.ErrHeld)
		c.awaits(q, 1, "lead", "three")
		if q = c.must(c.approve(q, "lead")); q.State != schema.PublicationApproved {
			t.Errorf("both agreed, and it is %s: %s", q.State, q.Outcome)
		}
		if q = c.must(c.publishPlanned(q, more)); q.State != schema.PublicationPublished {
			t.Fatalf("it is %s: %s", q.State, q.Outcome)
		}
		w.work()
		w.want(c.ids["ada"], "Admins Readers")
		explained(w)
	})
}

// TestOnePersonTakesOneSeat has somebody in both groups, who is one person all the same; and
// the folder beside the bridge, on which nobody could agree.
func TestOnePersonTakesOneSeat(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		first := draft(t, oneMode, clearing)
		c := newCouncil(w, first)
		c.group("Security", "one", "three") // who are of the board, too
		more := draft(t, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
		q := c.must(c.propose(c.proposing(more)))
		if strings.Join(q.Beyond, " ") != "PolicySet/test Role/admin" {
			t.Errorf("beyond is %q", q.Beyond)
		}
		if q = c.must(c.approve(q, "one")); q.State != schema.PublicationProposed {
			t.Errorf("somebody of both groups agreed, and it is %s", q.State)
		}
		c.awaits(q, 1, "three", "two")
		if q = c.must(c.approve(q, "two")); q.State != schema.PublicationApproved {
			t.Errorf("somebody of each group agreed, and it is %s: %s", q.State, q.Outcome)
		}
		open := draft(t, oneMode, "  mode: enforce\n  publication: { clearance: moderate, escalate: { group: Security } }\n  identity:")
		c.force(open)
		w.update(func(tx store.Tx) error {
			got, err := access.TakeUp(tx, open, more, "bridge")
			if got.Changed || !strings.Contains(got.Stays, "1 of the group Security must agree to it") {
				t.Errorf("the folder: %+v", got)
			}
			return err
		})
	})
}

// group has a group of some people.
func (c *council) group(name string, members ...string) {
	c.t.Helper()
	c.update(func(tx store.Tx) error {
		group, err := access.AdmitGroup(tx, c.hr(), schema.Group{DisplayName: name})
		for _, who := range members {
			if err == nil {
				_, err = access.Join(tx, c.hr(), schema.Member{Group: group.ID, Member: c.ids[who]})
			}
		}
		return err
	})
	c.work()
}

// awaits checks how many more must agree, and who could.
func (c *council) awaits(q schema.Publication, lacks int, who ...string) {
	c.t.Helper()
	c.view(func(r store.Reader) error {
		able, n, err := access.ApproversOf(r, c.rules.Book(), q, 10)
		var names []string
		for _, id := range able {
			names = append(names, id.UserName)
		}
		if got := strings.Join(schema.Sorted(names...), " "); n != lacks || got != strings.Join(who, " ") {
			c.t.Errorf("%d more must agree, of %s; want %d, of %v", n, got, lacks, who)
		}
		return err
	})
}
