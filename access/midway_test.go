package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// leaseOne leases the one item that is due in a lane.
func (w *world) leaseOne(lane store.Lane) (item store.Item) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		items, err := tx.Lease(lane, 1, time.Minute)
		if err != nil || len(items) != 1 {
			w.t.Errorf("lane %s has %d items due, want 1: %v", lane, len(items), err)
			return err
		}
		item = items[0]
		return nil
	})
	return item
}

// finish ends a lease as the loop does.
func (w *world) finish(item store.Item, finish access.Finish) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		next, err := finish(tx)
		if err != nil {
			return err
		}
		return tx.Done(item, next)
	})
}

func (w *world) account(identity string) (a schema.Account) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		a, err = store.Accounts.Get(r, "wiki", identity)
		return err
	})
	return a
}

// An identity that is edited faster than it can be looked at is looked at all the
// same, once a second. R-ENG-5.
func TestEditsDoNotStarve(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		for range 3 {
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
			w.admit(person{id: id, name: "ada", department: "Operations"})
			item := w.leaseOne(access.LaneIdentity)
			finish, err := access.Reconcile(t.Context(), w.store, w.rules, item)
			if err != nil {
				t.Fatal(err)
			}
			w.admit(person{id: id, name: "ada", department: "Sales"}) // while it is being decided
			w.finish(item, finish)
			w.view(func(r store.Reader) error {
				for a, err := range store.Assignments.All(r, id) {
					if err != nil {
						return err
					}
					if a.Ref() != "crm/sales" {
						t.Errorf("ada, who is in Sales by now, has %s", a.Ref())
					}
				}
				return nil
			})
		}
		w.work()
		w.want(id, "")
	})
}

// A policy that came into force while an identity was looked at is what is
// decided by. R-ENG-5.
func TestPolicyChangesWhileDeciding(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		w.work()
		id := w.admit(person{name: "ada", department: "Engineering"})
		item := w.leaseOne(access.LaneIdentity)
		finish, err := access.Reconcile(t.Context(), w.store, w.rules, item)
		if err != nil {
			t.Fatal(err)
		}
		next := book(t, `department == "Engineering"`, `department == "Research"`)
		w.publish(next)
		w.finish(item, finish)
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, id) {
				if err != nil {
					return err
				}
				if e.Decision.Verb == schema.Assigned {
					t.Errorf("assigned under policy %s, which is no longer in force", e.Decision.Policy)
				}
			}
			return nil
		})
	})
}

// What a target was told before more became known counts: the exposure of a
// revocation is not lost when there is nothing left to tell it.
func TestWokenWhileProvisioning(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.admit(person{id: id, name: "ada", department: "Engineering", inactive: true})
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(t.Context(), w.store, w.rules, item)
		})
		var told []schema.Change
		provision := func(meanwhile func()) {
			item := w.leaseOne(access.LaneAccount("wiki"))
			o := access.Outcome{}
			w.view(func(r store.Reader) (err error) {
				o.Work, err = access.WorkFor(r, w.rules, "wiki", id, 1)
				return err
			})
			o.Got, o.Steps = o.Work.Have, connectors.Plan(o.Work.Have, o.Work.Want)
			if len(o.Steps) > 0 {
				o.Sent = time.Now()
				time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
				o.Got = w.apply("wiki", o.Work.Have, o.Work.Want)
				o.Acked = time.Now()
			}
			meanwhile()
			w.finish(item, func(tx store.Tx) (time.Time, error) {
				done, err := access.Observe(tx, w.rules, item, o)
				if !done.IsZero() {
					told = append(told[:0], done) // it may run again
				}
				return time.Time{}, err
			})
		}
		provision(func() {
			w.update(func(tx store.Tx) error { return tx.Wake(access.LaneAccount("wiki"), id, tx.Now()) })
		})
		if a := w.account(id); a.State != schema.Pending {
			t.Fatalf("the account is %s, want pending", a.State)
		}
		provision(func() {})
		a := w.account(id)
		if !a.Due.IsZero() || a.Last.Acknowledged.IsZero() || a.Last.Exposure() < time.Second {
			t.Errorf("the account has due %v, last %+v; want what was sent and acknowledged", a.Due, a.Last)
		}
		if len(told) != 1 || told[0].Exposure() < time.Second || !told[0].Ends {
			t.Errorf("what was measured is %+v, want a revocation of 1s and more", told)
		}
	})
}

// Where the catalogue loses an entitlement that a role still confers, the role is
// refused and what is held stays, at the target too. R-POL-1.
func TestEntitlementLeavesTheCatalogue(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		leaver := w.admit(person{name: "bob", department: "Engineering"})
		w.publish(w.rules.Book())
		w.work()
		w.want(id, "Readers")
		without := refused(t, "    - { id: readers, target: Readers, risk: low }\n", "")
		if n := len(without.Refused()); n != 1 {
			t.Fatalf("%d roles are refused, want 1", n)
		}
		w.publish(without)
		w.work()
		w.want(id, "Readers")
		w.admit(person{id: id, name: "ada.lovelace", department: "Engineering"})
		w.work()
		w.want(id, "Readers")
		w.admit(person{id: leaver, name: "bob", department: "Engineering", inactive: true})
		w.work()
		w.want(leaver, "")
	})
}

// A role that is removed with its entitlement takes it away.
func TestRoleLeavesWithItsEntitlement(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.publish(w.rules.Book())
		w.work()
		next := book(t,
			"    - { id: readers, target: Readers, risk: low }\n", "",
			"entitlement: readers", "entitlement: writers")
		plan, err := access.PlanPolicy(t.Context(), w.store, w.rules.Book(), next)
		if err != nil {
			t.Fatal(err)
		}
		const why = "confers this no more"
		for _, line := range plan.Lines {
			if strings.Contains(line.Reason, why) != (line.Change == access.PlanRevoke) {
				t.Errorf("the plan has %s of %s because %q", line.Change, line.Entitlement, line.Reason)
			}
		}
		w.publish(next)
		w.work()
		w.want(id, "Writers")
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, id) {
				if err != nil {
					return err
				}
				if d := e.Decision; strings.Contains(d.Reason, why) != (d.Verb == schema.Unassigned) {
					t.Errorf("%s of %s because %q", d.Verb, d.Object, d.Reason)
				}
			}
			return nil
		})
	})
}

// Those who lose access because their group is gone go before a queue. R-SLO-2.
func TestGroupsEndOvertakesImport(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada"})
		var g schema.Group
		w.update(func(tx store.Tx) (err error) {
			if g, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"}); err != nil {
				return err
			}
			_, err = access.Join(tx, w.hr(), schema.Member{Group: g.ID, Member: id})
			return err
		})
		w.work()
		w.want(id, "Writers")
		for _, name := range []string{"b", "c", "d"} {
			w.admit(person{name: name, department: "Engineering"})
		}
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
		w.update(func(tx store.Tx) error { return access.RemoveGroup(tx, w.hr(), g.ID) })
		w.lane(access.LaneGroup, func(item store.Item) (access.Finish, error) {
			return access.Regroup(t.Context(), w.store, w.rules, item)
		})
		if item := w.leaseOne(access.LaneIdentity); item.ID != id {
			t.Errorf("the first to be looked at is %s, want who lost a group", item.ID)
		}
	})
}

// A rollout that begins before this process has taken up its policy waits for it:
// nothing is held for a weight that is never found.
func TestRolloutWaitsForItsPolicy(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		limited := func(department string) *policy.Book {
			return book(t, "  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 5 } }\n  identity:",
				`department == "Engineering"`, `department == "`+department+`"`)
		}
		w.publish(limited("Engineering"))
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		next := limited("Research")
		w.update(func(tx store.Tx) error {
			_, err := access.Publish(tx, next, "token/test", nil)
			return err
		})
		item := w.leaseOne(access.LaneRollout)
		finish, err := access.Rollout(t.Context(), w.store, w.rules, item) // under the one before
		w.rules.Use(next)
		w.update(func(tx store.Tx) error {
			if err != nil {
				return tx.Retry(item, tx.Now())
			}
			at, err := finish(tx)
			if err != nil {
				return err
			}
			return tx.Done(item, at)
		})
		w.work()
		w.want(id, "")
	})
}

// TestALookAtEverybodyGoesOn asks for one while another is under way: that goes on where it is,
// so that looks that take longer than it is from one to the next come to their end. R-ENG-5.
func TestALookAtEverybodyGoesOn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		ids := []string{w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"}), w.admit(person{name: "eve", department: "Engineering"})}
		w.work()
		slices.Sort(ids)
		looked := func() (all []string) {
			w.update(access.LookAgain)
			w.lane(access.LaneRollout, func(item store.Item) (access.Finish, error) {
				return access.Rollout(t.Context(), w.store, w.rules, item)
			})
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				all = append(all, item.ID)
				return access.Reconcile(t.Context(), w.store, w.rules, item)
			})
			slices.Sort(all)
			return all
		}
		w.update(func(tx store.Tx) error { // it is behind the first
			return store.Settings.Put(tx, store.Setting{Name: "rollout/" + w.rules.Book().Digest(), Value: ids[0]})
		})
		if got := looked(); !slices.Equal(got, ids[1:]) {
			t.Errorf("it looks at %v, want %v", got, ids[1:])
		}
		if got := looked(); !slices.Equal(got, ids) {
			t.Errorf("the next one looks at %v, want %v", got, ids)
		}
	})
}
