package access_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
)

// A desk is a person at a system that no program can reach, with the accounts that it
// has there.
type desk struct {
	*world
	has    map[string]schema.Account // by identity
	chance *rand.Rand
}

// TestWhatPeopleDoComesToWhatIsWanted is the contract of connectors for those that people
// tend: whatever changes, whenever somebody does what they are asked, declines it, or
// confirms what is no longer asked, nothing counts as done that nobody confirmed, and once
// all is confirmed the system is as policy wants it. R-PROV-2.
func TestWhatPeopleDoComesToWhatIsWanted(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			tended(t, func(t *testing.T, w *world) {
				d := desk{world: w, has: map[string]schema.Account{}, chance: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // it is to be the same each time
				people := make([]string, 3)
				for i := range people {
					people[i] = w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"})
				}
				w.work()
				for range 25 {
					i := d.chance.IntN(len(people))
					d.something(people[i], fmt.Sprint("p", i))
					w.work()
					d.agrees(people)
				}
				d.finish(people)
			})
		})
	}
}

// something happens to somebody: HR tells of a change, they get a role, or the desk does
// something about them.
func (d *desk) something(id, name string) {
	switch d.chance.IntN(6) {
	case 0:
		d.admit(person{id: id, name: name, department: "Engineering"})
	case 1:
		d.admit(person{id: id, name: name, department: "Sales"})
	case 2:
		d.admit(person{id: id, name: name, department: "Engineering", inactive: true})
	case 3:
		time.Sleep(30 * time.Hour) //nolint:forbidigo // of the bubble's own time
	case 4:
		if item, ok := d.asked(id); ok { // what was asked before is not what is asked now
			_ = d.say(access.Confirm, access.Confirmation{Connector: "wiki", Identity: id, Plan: item.Plan + "x", By: "token/desk", Words: "late"})
		}
	default:
		d.do(id)
	}
}

// do does what is asked about somebody, and says so.
func (d *desk) do(id string) {
	d.t.Helper()
	item, ok := d.asked(id)
	if !ok {
		return
	}
	d.has[id] = item.Want
	if err := d.say(access.Confirm, access.Confirmation{Connector: "wiki", Identity: id, Plan: item.Plan, By: "token/desk", Words: "CHG-1"}); err != nil {
		d.t.Errorf("confirm %s: %v", item.What, err)
	}
}

// agrees holds that the bridge takes for done what the desk did, and no more: what is not
// done is asked.
func (d *desk) agrees(people []string) {
	d.t.Helper()
	for _, id := range people {
		a, there := d.account(id), d.has[id]
		if a.Active != there.Active || fmt.Sprint(a.Entitlements) != fmt.Sprint(there.Entitlements) {
			d.t.Fatalf("the bridge takes %s to be active %v with %q; it is %v with %q", id, a.Active, a.Entitlements, there.Active, there.Entitlements)
		}
		item, open := d.asked(id)
		if left := connectors.Plan(a, item.Want); open != (len(left) > 0) && open {
			d.t.Fatalf("%s is asked, and nothing is left to do: %s", id, item.What)
		}
		if a.State == schema.Settled && open {
			d.t.Fatalf("%s is settled, and %s is still asked", id, item.What)
		}
	}
}

// finish does all that is asked, and holds that the system is as it should be.
func (d *desk) finish(people []string) {
	d.t.Helper()
	for range 3 {
		for _, id := range people {
			d.do(id)
		}
		d.work()
	}
	for i, id := range people {
		if item, open := d.asked(id); open {
			d.t.Errorf("%s is still asked", item.What)
		}
		d.admit(person{id: id, name: fmt.Sprint("p", i), department: "Engineering"})
	}
	d.work()
	for _, id := range people {
		d.do(id)
	}
	d.work()
	for _, id := range people {
		if there := d.has[id]; !there.Active || fmt.Sprint(there.Entitlements) != "[Readers]" {
			d.t.Errorf("in the end %s is active %v with %q, want it to be there with Readers", id, there.Active, there.Entitlements)
		}
	}
}
