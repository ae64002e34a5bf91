package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// everySweep returns the sweeps there are, those that only the program can make included.
func (w *inspectWorld) everySweep(look func(context.Context, bool) ([]access.Credential, error)) map[string]scheduler.Sweep {
	all := map[string]scheduler.Sweep{}
	targets := targets(w.target)
	for name, run := range map[string]func(context.Context, scheduler.Sweep, *schema.Run) error{
		"expiry":      scheduler.Expiry(w.store, w.rules),
		"drift":       scheduler.Drift(w.store, w.rules, targets),
		"orphans":     scheduler.Orphans(w.store, w.rules, targets),
		"reviews":     scheduler.Reviews(w.store, w.rules),
		"credentials": scheduler.Credentials(look),
		"retention":   scheduler.Retention(w.store, w.rules, func(context.Context) error { return errors.New("it signs") }),
		"everybody":   scheduler.Everybody(w.store),
		"watch":       scheduler.Watch(w.store, w.rules, func() map[string]scheduler.Sweep { return all }),
	} {
		all[name] = scheduler.Sweep{Name: name, Run: run}
	}
	for name, what := range access.Inspections() {
		all[name] = scheduler.Sweep{Name: name, Run: scheduler.Inspect(w.store, w.rules, what)}
	}
	for name, sweep := range all {
		sweep.Schedule, sweep.Age = cron.ConstantDelaySchedule{Delay: time.Hour}, time.Hour
		all[name] = sweep
	}
	return all
}

// TestEveryPreviewWritesNothing has something for every sweep that a configuration can name,
// and looks what each would do: nothing is written by it, and nothing done. R-SWEEP-1.
func TestEveryPreviewWritesNothing(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.keepFor("decisions: 730d, evidence: 365d")
		w.decide(0, 10)
		ada := w.admit("", "Engineering", true)
		settle(time.Second)
		w.tamper(ada)
		w.admitNamed("pressed", "", "Press", true) // holds a role that is reviewed
		w.target.edit("stranger", func(a *schema.Account) { a.Active = true })
		w.run(scheduler.Sweep{Name: "reviews", Run: scheduler.Reviews(w.store, w.rules)}) // since when they are waited for
		time.Sleep(3 * 365 * 24 * time.Hour)                                              //nolint:forbidigo // of the bubble's own time
		settle(time.Hour)
		w.update(func(tx store.Tx) error {
			others := 0
			for _, sweep := range sweepsToCut() { // each of other people
				if err := each(10, func(i int) error { return sweep.make(tx, others+i) }); err != nil {
					return err
				}
				others += 10
			}
			grant := schema.Grant{ID: "g", Identity: "p0000", Role: "editor", From: tx.Now().Add(-2 * time.Hour), Until: tx.Now().Add(-time.Hour)}
			feed := schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "crm", Heard: tx.Now().Add(-1000 * time.Hour)}
			return errors.Join(store.Grants.Put(tx, grant), store.Feeds.Put(tx, feed))
		})
		late := access.Credential{ID: "connector/wiki", Kind: access.ShownCredential, Holder: "connector/wiki", Expires: time.Now().Add(-time.Hour)}
		sweeps := w.everySweep(func(ctx context.Context, dry bool) (all []access.Credential, err error) {
			if !dry {
				all, _, err = access.ReviewCredentials(ctx, w.store, w.rules.Book(), time.Hour, late)
				return all, err
			}
			err = w.store.View(ctx, func(r store.Reader) (err error) {
				all, err = access.Credentials(r, w.rules.Book(), time.Hour, late)
				return err
			})
			return all, err
		})
		s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: sweeps}
		for _, known := range configs.Default().Sweeps {
			rows, commits := w.everything(), w.store.Stats().Commits
			p, err := s.Preview(w.t.Context(), known.Name)
			if err != nil || p.Run.Problem != "" || p.Run.Done != 0 || p.Run.Reported != 0 && known.Name != "watch" {
				t.Errorf("%s: %+v, %v", known.Name, p.Run, err)
			}
			if p.Run.Found+p.Run.Proposed == 0 && known.Name != "watch" && known.Name != "everybody" {
				t.Errorf("%s has something to find, and would do nothing: %+v", known.Name, p.Run)
			}
			if now, more := w.everything(), w.store.Stats().Commits-commits; now != rows || more != 0 {
				t.Errorf("%s: something was written, %d times: %d rows before, %d after", known.Name, more, rows, now)
			}
		}
	})
}

// TestPreviewSettlesNothing has an account be otherwise at its target, which is found, and as
// it should be again: looking what drift would do leaves the finding for a run to settle. R-SWEEP-1.
func TestPreviewSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.rules.Use(booktest.Compile(t, strings.Replace(documents, "authority: exclusive", "authority: shared", 1)))
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		w.target.edit("r-"+id, func(a *schema.Account) { a.Active = false })
		settle(time.Second)
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Reported != 1 {
			t.Fatalf("%+v, %v; want it reported", run, err)
		}
		w.target.edit("r-"+id, func(a *schema.Account) { a.Active = true })
		settle(time.Second)
		s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{"drift": {Name: "drift", Run: drift}}}
		commits := w.store.Stats().Commits
		if p, err := s.Preview(t.Context(), "drift"); err != nil || p.Run.Problem != "" || p.Run.Looked != 1 || p.Run.Found != 0 {
			t.Errorf("%+v, %v; want one looked at", p.Run, err)
		}
		if more := w.store.Stats().Commits - commits; more != 0 || len(w.open("drift")) != 1 {
			t.Errorf("something was written, %d times; these stand: %v", more, w.open("drift"))
		}
	})
}

// TestCredentialsSweep finds a credential that is over, says which in the run's record, and
// lets go of it when it was renewed; bound to one connector it looks at no other's. R-SWEEP-2.
func TestCredentialsSweep(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		shown := access.Credential{ID: "configured/connector/wiki", Kind: access.ShownCredential, Holder: "connector/wiki", Expires: time.Now().Add(-time.Hour)}
		well := access.Credential{ID: "configured/connector/crm", Kind: access.ShownCredential, Holder: "connector/crm", Expires: time.Now().Add(1000 * time.Hour)}
		look := func(ctx context.Context, _ bool) (all []access.Credential, err error) {
			all, _, err = access.ReviewCredentials(ctx, w.store, w.rules.Book(), time.Hour, shown, well)
			return all, err
		}
		sweep := scheduler.Sweep{Name: "credentials", Run: scheduler.Credentials(look)}
		run := w.run(sweep)
		if run.Looked != 2 || run.Found != 1 || run.Reported != 1 || len(run.First) != 1 || run.First[0].Identity != "connector/wiki" {
			t.Fatalf("it came to %+v", run)
		}
		if got := w.findings("credential"); len(got) != 1 {
			t.Errorf("it found %v", got)
		}
		sweep.Scope.Connectors = []string{"crm"}
		if run := w.run(sweep); run.Looked != 1 || run.Found != 0 {
			t.Errorf("of another connector it came to %+v", run)
		}
		sweep.Scope.Connectors, shown.Expires = nil, time.Now().Add(1000*time.Hour)
		if run := w.run(sweep); run.Found != 0 || len(w.findings("credential")) != 0 {
			t.Errorf("it was renewed: %+v, and found %v", run, w.findings("credential"))
		}
	})
}
