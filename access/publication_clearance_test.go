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
		c.security("lead", "three")
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
		c.security("one", "three") // who are of the board, too
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

// TestSeatThatNobodyFills has nobody of Security who could agree, for none is there or the only
// one proposes: the board agrees all the same, and that Security did not is found.
func TestSeatThatNobodyFills(t *testing.T) {
	for name, security := range map[string][]string{"none is there": nil, "the only one proposes": {"ada"}} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				c := newCouncil(w, draft(t, oneMode, clearing))
				if security != nil {
					c.security(security...)
				}
				more := draft(t, oneMode, clearing, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
				_, err := c.publishAlone(more)
				c.refuses("past the board", err, schema.ErrForbidden)
				if err == nil || !strings.Contains(err.Error(), "1 of the group Board must agree to it, and as many could") {
					t.Errorf("past the board: %v", err)
				}
				const waived = "; 1 of the group Security had to agree, and 0 could"
				q := c.must(c.propose(c.proposing(more)))
				if want := "1 of the group Board must agree, because beyond the clearance there is Role/admin" + waived; q.Outcome != want {
					t.Errorf("proposed: %s; want %s", q.Outcome, want)
				}
				c.awaits(q, 1, "one", "three", "two")
				_, err = c.publishPlanned(q, more)
				c.refuses("before anybody agreed", err, schema.ErrHeld)
				q = c.must(c.approve(q, "one"))
				if q = c.must(c.publishPlanned(q, more)); q.State != schema.PublicationPublished || q.Outcome != "as many agreed as must"+waived {
					t.Errorf("it is %s: %s", q.State, q.Outcome)
				}
				if got := w.findings("unapproved-policy"); len(got) != 1 || got[0] != "policy/"+q.Digest {
					t.Errorf("findings about %v", got)
				}
				w.work()
				explained(w)
			})
		})
	}
}

// TestSeatThatIsFilledAgain has somebody join Security after its seat was waived: they are
// demanded, then.
func TestSeatThatIsFilledAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, clearing))
		more := draft(t, oneMode, clearing, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
		q := c.must(c.propose(c.proposing(more)))
		q = c.must(c.approve(q, "one"))
		c.security("lead")
		c.awaits(q, 1, "lead")
		_, err := c.publishPlanned(q, more)
		c.refuses("without Security", err, schema.ErrHeld)
		if q = c.must(c.approve(q, "lead")); q.State != schema.PublicationApproved || q.Outcome != "as many agreed as must" || len(q.Waived) > 0 {
			t.Errorf("it is %s, without %q: %s", q.State, q.Waived, q.Outcome)
		}
	})
}

// TestNobodyFillsAnySeat has nobody there of either group: one person publishes, and it is said
// of each which of them could not.
func TestNobodyFillsAnySeat(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, clearing))
		for _, name := range []string{"one", "two", "three"} {
			w.admit(person{id: c.ids[name], name: name, department: "Engineering", inactive: true})
		}
		w.work()
		more := draft(t, oneMode, clearing, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
		_, err := c.propose(c.proposing(more))
		c.refuses("proposed to nobody", err, schema.ErrForbidden)
		q := c.must(c.publishAlone(more))
		if want := "1 of the group Board had to agree, and 0 could; 1 of the group Security had to agree, and 0 could: on the word of token/ada alone"; q.Outcome != want {
			t.Errorf("it says %q, want %q", q.Outcome, want)
		}
		if got := w.findings("unapproved-policy"); len(got) != 1 {
			t.Errorf("findings about %v", got)
		}
	})
}

// TestTwoIdentitiesAtTwoSeats has one person be two identities, one in each group: they sit
// where either does, once.
func TestTwoIdentitiesAtTwoSeats(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, clearing))
		w.admit(person{id: c.ids["three"], name: "three", department: "Engineering", inactive: true})
		twin := person{id: "twin", name: "one", department: "Engineering"}.identity(t)
		twin.UserName, twin.Source, c.ids["one-admin"] = "one-admin", "hr", twin.ID
		w.update(func(tx store.Tx) error { return store.Identities.Put(tx, twin) }) // whose records nobody joined
		c.security("one-admin")
		more := draft(t, oneMode, clearing, `identity.department == "Operations"`, `identity.department in ["Operations", "Engineering"]`)
		q := c.must(c.propose(c.proposing(more)))
		if len(q.Waived) > 0 {
			t.Errorf("waived is %q", q.Waived)
		}
		c.awaits(q, 2, "one", "one-admin", "two")
		q = c.must(c.approve(q, "one-admin"))
		_, err := c.approve(q, "one")
		c.refuses("the same person again", err, schema.ErrForbidden)
		if q = c.must(c.approve(q, "two")); q.State != schema.PublicationApproved {
			t.Errorf("two people agreed, and it is %s: %s", q.State, q.Outcome)
		}
	})
}

// publishAlone has ada publish something on her own word.
func (c *council) publishAlone(d *access.Draft) (q schema.Publication, err error) {
	c.t.Helper()
	x := c.proposing(d)
	err = c.store.Update(c.t.Context(), func(tx store.Tx) (err error) {
		q, err = access.PublishNow(tx, c.rules.Book(), x, true)
		return err
	})
	return q, err
}

// security has some people be the group Security.
func (c *council) security(members ...string) {
	c.t.Helper()
	c.update(func(tx store.Tx) error {
		group, err := access.AdmitGroup(tx, c.hr(), schema.Group{DisplayName: "Security"})
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
