package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

const oneMode = "  mode: enforce\n  identity:"

// governing is a policy that two of the board must agree to replace, by a plan.
const governing = "  mode: enforce\n  publication: { approvers: { group: Board, min: 2, excludeAuthor: true }, require: [plan], planMaxAge: 24h }\n  identity:"

// A draft is documents, after replacing some of their text: old, new, ...
func draft(t testing.TB, replace ...string) *access.Draft {
	t.Helper()
	d, err := access.DraftOf(map[string]string{"policy.yaml": strings.NewReplacer(replace...).Replace(documents)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A council is a world where policies are published by people.
type council struct {
	*world
	ids map[string]string
}

func newCouncil(w *world, first *access.Draft) *council {
	c := &council{w, map[string]string{}}
	c.force(first)
	var board schema.Group
	w.update(func(tx store.Tx) (err error) {
		board, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "board"})
		return err
	})
	for name, in := range map[string]bool{"ada": false, "lead": false, "one": true, "two": true, "three": true} {
		c.ids[name] = w.admit(person{name: name, department: "Engineering"})
		if in {
			w.update(func(tx store.Tx) error {
				_, err := access.Join(tx, w.hr(), schema.Member{Group: board.ID, Member: c.ids[name]})
				return err
			})
		}
	}
	w.work()
	return c
}

// force puts a draft in force, whatever the rules.
func (c *council) force(d *access.Draft) {
	c.t.Helper()
	if c.rules.Book().Publication().Needs() > 0 {
		c.forged = true // nobody agreed
	}
	c.rules.Use(d.Book)
	c.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, d.Book, "token/test", d.Files)
		return err
	})
	c.work()
}

func (c *council) as(who string) access.Decider {
	return access.Decider{Actor: "token/" + who, Identity: c.ids[who], Auth: "token"}
}

func (c *council) proposing(d *access.Draft) access.Proposing {
	plan := c.savePlan(d.Book)
	return access.Proposing{Draft: d, Plan: plan, Seen: plan, By: c.as("ada"), Reason: "engineers look after it"}
}

func (c *council) propose(x access.Proposing) (q schema.Publication, err error) {
	c.t.Helper()
	err = c.store.Update(c.t.Context(), func(tx store.Tx) (err error) {
		q, err = access.Propose(tx, c.rules.Book(), x)
		return err
	})
	return q, err
}

func (c *council) approve(q schema.Publication, who string) (schema.Publication, error) {
	c.t.Helper()
	err := c.store.Update(c.t.Context(), func(tx store.Tx) (err error) {
		q, err = access.ApprovePublication(tx, c.rules.Book(), access.Choice{Request: q.ID, By: c.as(who), Reason: "I looked at it"})
		return err
	})
	return q, err
}

func (c *council) publishPlanned(q schema.Publication, d *access.Draft) (schema.Publication, error) {
	c.t.Helper()
	plan := c.savePlan(d.Book)
	err := c.store.Update(c.t.Context(), func(tx store.Tx) (err error) {
		q, err = access.PublishPlanned(tx, c.rules.Book(), access.Publishing{Publication: q.ID, Draft: d, Plan: plan, By: c.as("ada")})
		return err
	})
	if err == nil && q.State == schema.PublicationPublished {
		c.rules.Use(d.Book)
	}
	return q, err
}

func (c *council) must(q schema.Publication, err error) schema.Publication {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return q
}

func (c *council) refuses(what string, err error, kind error) {
	c.t.Helper()
	if !errors.Is(err, kind) {
		c.t.Errorf("%s: got %v, want %v", what, err, kind)
	}
}

// R-PUB-2: a policy comes into force when as many agreed to its plan as the version in
// force demands, other than who wrote or proposed it; what it says itself of that does
// not count.
func TestPublicationTakesTheApprovalsOfTheVersionInForce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		next := draft(t, "grants: [{ connector: wiki, entitlement: readers }]", "grants: [{ connector: wiki, entitlement: admins }]") // demands nothing of the one after it
		x := c.proposing(next)
		blind := x
		blind.Seen = access.SavedPlan{}
		_, err := c.propose(blind)
		c.refuses("without a plan", err, schema.ErrForbidden)
		x.Author = "one@example.com"
		q := c.must(c.propose(x))
		if q.State != schema.PublicationProposed {
			t.Fatalf("it is %s", q.State)
		}
		_, err = c.propose(x)
		c.refuses("proposed twice", err, schema.ErrConflict)
		_, err = c.publishPlanned(q, next)
		c.refuses("published before anybody agreed", err, schema.ErrHeld)
		for _, who := range []string{"ada", "one"} {
			_, err := c.approve(q, who)
			c.refuses(who+", who proposed or wrote it, agrees", err, schema.ErrForbidden)
		}
		q = c.must(c.approve(q, "two"))
		_, err = c.approve(q, "two")
		c.refuses("agreed twice", err, schema.ErrForbidden)
		_, err = c.publishPlanned(q, next)
		c.refuses("published by one approval", err, schema.ErrHeld)
		if q = c.must(c.approve(q, "lead")); len(q.Reviews) != 1 || q.State != schema.PublicationProposed {
			t.Errorf("reviewed by the owner of a role: %d reviews, %s", len(q.Reviews), q.State)
		}
		if q = c.must(c.approve(q, "three")); q.State != schema.PublicationApproved {
			t.Fatalf("two agreed, and it is %s: %s", q.State, q.Outcome)
		}
		w.admit(person{id: c.ids["three"], name: "three", inactive: true})
		w.work()
		_, err = c.publishPlanned(q, next)
		c.refuses("one who agreed left", err, schema.ErrHeld)
		w.admit(person{id: c.ids["three"], name: "three", department: "Engineering"})
		w.work()
		q = c.must(c.publishPlanned(q, next))
		if q.State != schema.PublicationStale { // three was looked at anew: what the plan saw of them is no more
			t.Fatalf("after three came back it is %s: %s", q.State, q.Outcome)
		}
		q = c.must(c.propose(c.proposing(next)))
		c.must(c.approve(q, "one"))
		c.must(c.approve(q, "two"))
		if q = c.must(c.publishPlanned(q, next)); q.State != schema.PublicationPublished || w.rules.Book() != next.Book {
			t.Fatalf("it is %s: %s", q.State, q.Outcome)
		}
		w.work()
		w.want(c.ids["ada"], "Admins")
		w.view(func(r store.Reader) error {
			now, err := access.InForceDigest(r)
			if now != next.Book.Digest() {
				t.Errorf("in force is %s", now)
			}
			var last schema.Decision
			for e, err := range store.LogAbout(r, "policy/"+now) {
				if err != nil {
					return err
				}
				last = e.Decision
			}
			cited := strings.Join(last.Because, " ")
			if last.Verb != schema.Published || !strings.Contains(cited, "identity/"+c.ids["one"]) || !strings.Contains(cited, "identity/"+c.ids["two"]) {
				t.Errorf("the log says %+v, want who agreed", last)
			}
			if plan, err := access.PlanOf(r, q.ID); err != nil || plan.Plan.Hash != q.Plan || len(plan.Files) > 0 {
				t.Errorf("its plan: %+v, %v; want it kept, without the documents", plan.Plan.Hash, err)
			}
			return err
		})
		// The version in force demands nobody now: one word is enough, and back again.
		first := draft(t, oneMode, governing)
		back := c.proposing(first)
		back.Back = true
		w.update(func(tx store.Tx) (err error) {
			q, err = access.PublishNow(tx, w.rules.Book(), back, false)
			return err
		})
		w.rules.Use(first.Book)
		w.work()
		w.want(c.ids["ada"], "Readers")
		explained(w)
	})
}

// R-PLAN-2: what was agreed to is published only if it is what would happen.
func TestPublicationGoesStale(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		next := draft(t, oneMode, governing, "grants: [{ connector: wiki, entitlement: readers }]", "grants: [{ connector: wiki, entitlement: admins }]")
		for _, x := range []struct {
			name, why string
			happen    func()
		}{
			{"somebody joined", "eve: it would change something for them, too", func() {
				w.admit(person{name: "eve", department: "Engineering"})
				w.work()
			}},
			{"somebody moved", "lead: it would change nothing for them any more", func() {
				w.admit(person{id: c.ids["lead"], name: "lead", department: "Sales"})
				w.work()
			}},
			{"it lay about for a day", "its plan is older than 1d", func() { time.Sleep(25 * time.Hour) }}, //nolint:forbidigo // of the bubble's own time
			{"another policy came into force", "another policy came into force meanwhile", func() {
				c.force(draft(t, oneMode, governing, "Engineers read the wiki.", "Engineers may read the wiki."))
			}},
		} {
			q := c.must(c.propose(c.proposing(next)))
			c.must(c.approve(q, "one"))
			c.must(c.approve(q, "two"))
			before := w.rules.Book()
			x.happen()
			got, err := c.publishPlanned(q, next)
			if errors.Is(err, schema.ErrConflict) { // it was found out before
				w.view(func(r store.Reader) (err error) {
					got, err = store.Publications.Get(r, q.ID)
					return err
				})
			} else if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			if got.State != schema.PublicationStale || !strings.Contains(got.Outcome, x.why) {
				t.Errorf("%s: it is %s: %s; want %s", x.name, got.State, got.Outcome, x.why)
			}
			if w.rules.Book() != before && x.name != "another policy came into force" {
				t.Errorf("%s: another policy is in force", x.name)
			}
		}
		w.want(c.ids["ada"], "Readers")
		seen := c.proposing(next)
		w.admit(person{name: "fay", department: "Engineering"})
		w.work()
		seen.Plan = w.savePlan(next.Book)
		_, err := c.propose(seen)
		c.refuses("proposed by a plan that moved", err, schema.ErrConflict)
		explained(w)
	})
}

// TestNobodyCouldAgree has a board that is too small: what is proposed is refused at once,
// and somebody may publish on their own word, which is found.
func TestNobodyCouldAgree(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		next := draft(t)
		alone := func() error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.PublishNow(tx, w.rules.Book(), c.proposing(next), true)
				return err
			})
		}
		c.refuses("alone, where others could agree", alone(), schema.ErrForbidden)
		for _, name := range []string{"one", "two"} {
			w.admit(person{id: c.ids[name], name: name, inactive: true})
		}
		w.work()
		_, err := c.propose(c.proposing(next))
		c.refuses("proposed where one could agree", err, schema.ErrForbidden)
		if err := alone(); err != nil {
			t.Fatal(err)
		}
		if got := w.findings("unapproved-policy"); len(got) != 1 || got[0] != "policy/"+next.Book.Digest() {
			t.Errorf("findings about %v", got)
		}
	})
}

// TestReviewedPlan asks whether who answers for a role looked at a plan.
func TestReviewedPlan(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		reviewed := func(role string) bool {
			t.Helper()
			ok := false
			w.view(func(r store.Reader) (err error) {
				_, ok, err = access.ReviewedPlan(r, w.rules.Book(), role, 24*time.Hour)
				return err
			})
			return ok
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		q := c.must(c.propose(c.proposing(draft(t, oneMode, governing, "Engineers read the wiki.", "Engineers may read the wiki."))))
		c.must(c.approve(q, "one"))
		if reviewed("engineer") {
			t.Error("reviewed by somebody who does not answer for the role")
		}
		c.must(c.approve(q, "lead"))
		if !reviewed("engineer") || reviewed("seller") {
			t.Errorf("reviewed by the owner of engineer: engineer %v, seller %v", reviewed("engineer"), reviewed("seller"))
		}
		time.Sleep(25 * time.Hour) //nolint:forbidigo // likewise
		if reviewed("engineer") {
			t.Error("a review of a plan that is older than a day counts")
		}
	})
}

// TestFolderIsTakenUp starts a bridge with one folder after another.
func TestFolderIsTakenUp(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := &council{w, nil}
		take := func(now, folder *access.Draft) (got access.TakenUp) {
			t.Helper()
			w.update(func(tx store.Tx) (err error) {
				got, err = access.TakeUp(tx, now, folder, "bridge")
				return err
			})
			return got
		}
		first, second := draft(t), draft(t, "Engineers read the wiki.", "Engineers may read the wiki.")
		if got := take(nil, first); !got.Changed || got.Draft != first {
			t.Errorf("the first: %+v", got)
		}
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, "policy/"+first.Book.Digest()) {
				if err != nil {
					return err
				}
				if want := "the first policy of this store, on the word of bridge"; !strings.Contains(e.Decision.Reason, want) {
					t.Errorf("the log says %q, want %q", e.Decision.Reason, want)
				}
			}
			return nil
		})
		if got := take(first, second); !got.Changed || got.Draft != second {
			t.Errorf("another folder where the policy demands nothing: %+v", got)
		}
		c.force(first)  // by another way
		w.forged = true // nobody agreed to it
		if got := take(first, second); got.Changed || got.Draft != first || !strings.Contains(got.Stays, "did not change") {
			t.Errorf("an old folder: %+v", got)
		}
		if got := w.findings("policy-folder"); len(got) != 1 {
			t.Errorf("findings about %v, want the folder", got)
		}
		governed := draft(t, oneMode, governing)
		if got := take(first, governed); !got.Changed || len(w.findings("policy-folder")) > 0 {
			t.Errorf("a folder that changed: %+v, findings %v", got, w.findings("policy-folder"))
		}
		if got := take(governed, second); got.Changed || got.Draft != governed || !strings.Contains(got.Stays, "2 of the group Board must agree") {
			t.Errorf("another folder where people must agree: %+v", got)
		}
		if c.force(second); len(w.findings("policy-folder")) > 0 {
			t.Errorf("what the folder says is in force, and there are findings: %v", w.findings("policy-folder"))
		}
		tested := draft(t, oneMode, "  mode: enforce\n  publication: { require: [lint, tests] }\n  identity:")
		c.force(tested)
		if got := take(tested, governed); got.Changed || !strings.Contains(got.Stays, "demands tests that pass, and there is none") {
			t.Errorf("a folder without a test where tests are demanded: %+v", got)
		}
	})
}

// TestWhatIsDemandedOfTheNext has the policy in force demand that lint refuses nothing of the next
// one, or that its tests pass: it comes into force where that is so, and not otherwise. R-PUB-2.
func TestWhatIsDemandedOfTheNext(t *testing.T) {
	const flow = "\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n"
	tested := func(assigned string) []string {
		return []string{flow, "\napiVersion: drawbridge/v1\nkind: Test\nmetadata: { name: engineers }\nspec:\n  now: 2026-11-24T09:00:00Z\n" +
			"  identity: { kind: human, active: true, department: Engineering, employment: { status: active } }\n  expect: { assigned: [" + assigned + "] }\n---" + flow}
	}
	for name, c := range map[string]struct {
		require string
		next    []string
		refused string
	}{
		"nothing is wrong with it":     {"lint", nil, ""},
		"a role without an owner":      {"lint", []string{"metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }", "metadata: { name: engineer }"}, "E-OWNER"},
		"the same where it may be":     {"plan", []string{"metadata: { name: seller, owner: { user: iam@example.com, deputy: iam2@example.com } }", "metadata: { name: seller }"}, ""},
		"its test passes":              {"tests", tested("engineer"), ""},
		"its test fails":               {"tests", tested("seller"), "1 of 1 failed: engineers: "},
		"it has none":                  {"tests", nil, "there is none"},
		"it fails, and nobody demands": {"plan", tested("seller"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				demanding := []string{oneMode, "  mode: enforce\n  publication: { require: [" + c.require + "] }\n  identity:"}
				council := newCouncil(w, draft(t, demanding...))
				before := w.rules.Book().Digest()
				err := council.publishNow(draft(t, append(append(demanding, c.next...), "Edit the wiki for a while.", "Edit the wiki for some time.")...))
				if c.refused == "" {
					if err != nil || w.rules.Book().Digest() == before {
						t.Errorf("it is refused: %v", err)
					}
					return
				}
				council.refuses(name, err, schema.ErrForbidden)
				if err == nil || !strings.Contains(err.Error(), c.refused) || w.rules.Book().Digest() != before {
					t.Errorf("refused because %v, want %s", err, c.refused)
				}
			})
		})
	}
}

// R-PLAN-3: publish(plan) does what the plan says, and then the plan is empty.
func TestPublishedPlanIsEmpty(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
		defer w.store.Close()
		anyPublication(r, w)
		w.alike()
	})
}

// moreKinds are documents of kinds that the test policy has none of: who may hold what is
// high, and who may break that for a while, a machine and what it holds.
const moreKinds = `
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: admins-are-people-of, owner: { user: boss@example.com, deputy: boss2@example.com } }
spec: { type: invariant, risk: high, rationale: Whoever runs it works there., appliesTo: { entitlements: [wiki/admins] }, require: 'identity.department == "DEPARTMENT"', enforcement: ENFORCE }
---
apiVersion: drawbridge/v1
kind: Exception
metadata: { name: for-now, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  waives: { constraint: admins-are-people-of }
  subjects: [p0@example.com, p1@example.com]
  reason: Until the move is over.
  compensating: [somebody looks]
  approvedBy: [boss@example.com]
  approvedAt: 1999-12-01T00:00:00Z
  expires: EXPIRES
---
apiVersion: drawbridge/v1
kind: NHI
metadata: { name: robot, owner: { user: boss@example.com, deputy: iam2@example.com } }
spec:
  kind: workload
  purpose: Writes what people do not.
  environment: prod
  workload: { issuer: "https://ci.example.com", audience: wiki, subject: robot }
  credential: { type: federated }
  usedBy: [robot]
  offboard: { onWorkloadGone: revoke, onOwnerGone: reassign }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: robots, owner: { user: boss@example.com, deputy: iam2@example.com } }
spec:
  type: nhi
  mode: MODE
  intent: A robot writes.
  assign: identity.kind == "workload" && identity.userName == "robot" && workload.subject == "SUBJECT"
  grants: [{ connector: wiki, entitlement: writers }]
  triggers: [leaver]
  permanent: { because: It ends with the register. }
  nhi: { interactiveLogin: deny, sharedUse: deny, environments: [prod] }
  review: { every: 365d }
`

// anyDraft is any of very many policies, of all kinds of documents, some of which refuse a
// role or separate duties.
func anyDraft(r *rapid.T, t testing.TB) *access.Draft {
	pick := func(from ...string) string { return rapid.SampledFrom(from).Draw(r, "word") }
	kinds := pick("", strings.NewReplacer(
		"DEPARTMENT", pick("Operations", "Sales"), "ENFORCE", pick("prevent", "detect"), "EXPIRES", pick("1999-12-31T00:00:00Z", "2000-11-01T00:00:00Z"),
		"MODE", pick("observe", "propose", "enforce"), "SUBJECT", pick("robot", "robot", "another"),
	).Replace(moreKinds))
	return draft(t,
		firstOther, ungated(),
		`identity.department == "Engineering"`+"\n  grants", `identity.department == "`+pick("Engineering", "Sales", "Operations")+`"`+"\n  grants",
		"grants: [{ connector: wiki, entitlement: readers }]", "grants: [{ connector: wiki, entitlement: "+pick("readers", "editors", "writers")+" }]",
		"grants: [{ connector: wiki, entitlement: admins }]", pick("grants: [{ connector: wiki, entitlement: admins }]", "grants: [{ connector: wiki, entitlement: readers }, { connector: crm, entitlement: sales }]"),
		"intent: Operators look after the wiki.", pick("intent: Operators look after the wiki.", ""),
		"  mode: observe\n", "  mode: "+pick("observe", "propose", "enforce")+"\n",
		"{ id: admins, target: Admins, risk: high }", pick("{ id: admins, target: Admins, risk: high }", "{ id: admins, target: Admins, risk: high, confers: [wiki/writers] }"),
		`spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }`, `spec: { protocol: scim, trust: authoritative, `+pick("", "scope: 'identity.kind == \"human\"', ")+`authoritativeFor: ["*"] }`,
		"when: 'identity.active == false', action: suspend", "when: 'identity.active == false"+pick("", ` || identity.department == "Sales"`)+"', action: "+pick("suspend", "revoke"),
		"min: 1, within: 4h", "min: "+pick("1", "2")+", within: 4h",
		"duration: { default: 8h, max: 24h }", "duration: { default: "+pick("8h", "4h")+", max: 24h }",
		"\n---\napiVersion: drawbridge/v1\nkind: Connector\nmetadata: { name: crm,",
		strings.TrimSuffix(kinds, "\n")+pick("", "\n"+strings.Trim(strings.Replace(separation, "ENFORCE", "prevent", 1), "\n"), "\n"+strings.Trim(strings.Replace(separation, "ENFORCE", "detect", 1), "\n"))+
			"\n---\napiVersion: drawbridge/v1\nkind: Connector\nmetadata: { name: crm,",
	)
}

func anyPublication(r *rapid.T, w *world) {
	writers := w.writers()
	c := &council{w, map[string]string{"ada": ""}}
	c.force(anyDraft(r, w.t))
	w.admit(person{name: "boss", department: "Operations"})
	w.admit(person{name: "one"}) // who lets modes rise
	for i := range rapid.IntRange(0, 6).Draw(r, "people") {
		id := w.admit(person{
			name: fmt.Sprint("p", i), inactive: rapid.IntRange(0, 5).Draw(r, "inactive") == 0,
			department: rapid.SampledFrom([]string{"Engineering", "Sales", "Operations", ""}).Draw(r, "department"),
		})
		writers(id, rapid.Bool().Draw(r, "writes"))
		if rapid.IntRange(0, 2).Draw(r, "edits") == 0 {
			err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
				_, err := access.Grant(tx, w.rules.Book(), schema.Grant{Identity: id, Role: "editor", By: "token/test", Reason: "to write", Approvals: []schema.Approval{{By: "iam@example.com"}}})
				return err
			})
			if err != nil && !errors.Is(err, schema.ErrForbidden) {
				violated("granted: %v", err)
			}
		}
	}
	w.work()
	for range rapid.IntRange(1, 3).Draw(r, "publications") {
		next := anyDraft(r, w.t)
		x := c.proposing(next)
		if x.Plan.Plan.From == x.Plan.Plan.To {
			continue
		}
		before := held(w)
		w.update(func(tx store.Tx) error {
			_, err := access.PublishNow(tx, w.rules.Book(), x, false)
			return err
		})
		w.rules.Use(next.Book)
		w.work()
		p := x.Plan.Plan
		if after := held(w); p.More == 0 && after != before+p.Grants-p.Revocations {
			violated("%d lines were held and %d are; the plan said %d more and %d fewer", before, after, p.Grants, p.Revocations)
		}
		if again := w.plan(next.Book); again.Grants+again.Revocations+again.Remodes > 0 {
			violated("it was published, and its plan still has %+v", again.Totals)
		}
	}
}

func held(w *world) int {
	var n int64
	w.view(func(r store.Reader) (err error) {
		n, err = store.Assignments.Count(r)
		return err
	})
	return int(n)
}
