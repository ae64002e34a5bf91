package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestExpiryWithinItsScope ends the grants that are due of what the sweep is bound to, holds them
// by its limits, and leaves the others alone. R-SWEEP-2.
func TestExpiryWithinItsScope(t *testing.T) {
	for name, test := range map[string]struct {
		scope  scheduler.Scope
		limits policy.Brake
		want   []string // the grants that end
		held   bool
	}{
		"everything":              {want: []string{"engineer/ada", "engineer/bob", "nothing/cyd"}},
		"a role":                  {scope: scheduler.Scope{Roles: []string{"engineer"}}, want: []string{"engineer/ada", "engineer/bob"}},
		"a connector":             {scope: scheduler.Scope{Connectors: []string{"wiki"}}, want: []string{"engineer/ada", "engineer/bob"}},
		"another connector":       {scope: scheduler.Scope{Connectors: []string{"crm"}}},
		"people":                  {scope: scheduler.Scope{Where: `identity.department == "Press"`}, want: []string{"engineer/bob"}},
		"a role and people":       {scope: scheduler.Scope{Roles: []string{"nothing"}, Where: `identity.department == "Press"`}},
		"a role beyond its limit": {scope: scheduler.Scope{Roles: []string{"engineer"}}, limits: policy.Brake{Count: 1}, held: true},
		"a role within its limit": {scope: scheduler.Scope{Roles: []string{"nothing"}}, limits: policy.Brake{Count: 1}, want: []string{"nothing/cyd"}},
		"everything, beyond it":   {limits: policy.Brake{Count: 2}, held: true},
		"beyond the percentage":   {scope: scheduler.Scope{Roles: []string{"engineer"}}, limits: policy.Brake{Percent: 25}, held: true},
		"all of a small role":     {scope: scheduler.Scope{Roles: []string{"engineer"}}, limits: policy.Brake{Percent: 50}, want: []string{"engineer/ada", "engineer/bob"}},
		"within the percentage":   {scope: scheduler.Scope{Roles: []string{"nothing"}}, limits: policy.Brake{Percent: 50}, want: []string{"nothing/cyd"}},
	} {
		t.Run(name, func(t *testing.T) {
			inspecting(t, func(w *inspectWorld) {
				// Each has one grant that is due: whoever is woken by the end of one loses all.
				people := map[string]string{"ada": w.admitNamed("ada", "", "Engineering", true), "bob": w.admitNamed("bob", "", "Press", true), "cyd": w.admitNamed("cyd", "", "Engineering", true)}
				settle(time.Second)
				due := []string{"engineer/ada", "engineer/bob", "nothing/cyd"}
				grant := func(of string, until time.Time) schema.Grant {
					role, who := of[:len(of)-4], of[len(of)-3:]
					return schema.Grant{ID: role, Identity: people[who], Role: role, From: until.Add(-time.Hour), Until: until}
				}
				w.update(func(tx store.Tx) error {
					for _, of := range due {
						if err := store.Grants.Put(tx, grant(of, tx.Now().Add(-time.Minute))); err != nil {
							return err
						}
					}
					g := grant("nothing/bob", tx.Now().Add(time.Hour)) // is not due
					return store.Grants.Put(tx, g)
				})
				run := w.run(scheduler.Sweep{Name: "expiry", Scope: test.scope, Limits: test.limits, Run: scheduler.Expiry(w.store, w.rules)})
				var ended []string
				for _, of := range due {
					g := grant(of, time.Now())
					err := w.store.View(t.Context(), func(r store.Reader) (err error) {
						g, err = store.Grants.Get(r, g.Identity, g.ID)
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
					if !g.Ended.IsZero() {
						ended = append(ended, of)
					}
				}
				if !slices.Equal(ended, test.want) || run.Done != len(test.want) || (run.Held != "") != test.held || run.Problem != "" {
					t.Errorf("it ended %v, want %v: %+v", ended, test.want, run)
				}
			})
		})
	}
}

// TestDriftWithinItsScope has accounts of two people differ, and a third account be given up:
// a sweep that is bound to some people leaves the others' alone. R-SWEEP-2, R-DRIFT-1.
func TestDriftWithinItsScope(t *testing.T) {
	for name, test := range map[string]struct {
		where      string
		ada, bob   string // what they hold then
		found, did int
	}{
		"everybody":    {"", "Readers", "Readers", 2, 2},
		"some people":  {`identity.department == "Engineering" && identity.userName == "bob"`, "Editors Readers", "Readers", 1, 1},
		"nobody there": {`identity.department == "Press"`, "Editors Readers", "Editors Readers", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inspecting(t, func(w *inspectWorld) {
				ids := map[string]string{}
				for _, who := range []string{"ada", "bob"} {
					ids[who] = w.admitNamed(who, "", "Engineering", true)
				}
				settle(time.Second)
				for _, id := range ids {
					a := w.target.accounts["r-"+id]
					a.Entitlements = []string{"Editors", "Readers"}
					w.target.accounts["r-"+id] = a
				}
				settle(time.Second)
				run := w.run(scheduler.Sweep{
					Name: "drift", Scope: scheduler.Scope{Where: test.where}, Limits: policy.Brake{Count: 10, Percent: 100},
					Run: scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target}),
				})
				settle(time.Second)
				if run.Found != test.found || run.Done != test.did || run.Problem != "" {
					t.Errorf("%+v, want %d found and %d woken", run, test.found, test.did)
				}
				for who, want := range map[string]string{"ada": test.ada, "bob": test.bob} {
					if got := strings.Join(w.target.accounts["r-"+ids[who]].Entitlements, " "); got != want {
						t.Errorf("%s holds %q, want %q", who, got, want)
					}
				}
			})
		})
	}
}
