package access_test

import (
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestDoubtedTwice has an account in doubt of which nobody knows the id: it is found by
// its attributes, whatever else is doubted of it. R-PROV-2.
func TestDoubtedTwice(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error {
			return store.Accounts.Put(tx, schema.Account{
				Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Pending,
				Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: time.Now(), Because: []string{"d"}},
			})
		})
		w.admit(person{id: id, name: "ada", inactive: true})
		w.view(func(r store.Reader) error {
			work, err := access.WorkFor(r, w.rules, "wiki", id, 2)
			if work.Have.Attributes["userName"] != "ada" || len(connectors.Plan(work.Have, work.Want)) == 0 {
				t.Errorf("it is looked for as %+v, want by its name, to be disabled", work.Have)
			}
			return err
		})
	})
}

// TestMaybeMadeAndRenamed has somebody be renamed while nobody knows whether their
// account was made: it is looked for by the name that it was to be made with, or they
// would get another, also if they are to have none by now. R-PROV-2.
func TestMaybeMadeAndRenamed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		decide := func() {
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
		}
		id := w.admit(person{name: "ada", department: "Engineering"})
		decide() // then she is made, and the process dies before it knows
		for _, later := range []person{
			{id: id, name: "countess", department: "Engineering"},
			{id: id, name: "lovelace", department: "Engineering"},
			{id: id, name: "lovelace", inactive: true},
		} {
			w.admit(later)
			decide()
			w.view(func(r store.Reader) error {
				sure, err := access.WorkFor(r, w.rules, "wiki", id, 1)
				if err != nil || sure.Have.Exists() || len(sure.Have.Attributes) > 0 {
					t.Errorf("%s, without doubt: %+v, %v; want no account", later.name, sure.Have, err)
				}
				work, err := access.WorkFor(r, w.rules, "wiki", id, 2)
				if work.Have.RemoteID != connectors.Unnamed("ada") || work.Have.Attributes["userName"] != "ada" || work.Have.Attributes["externalId"] != id {
					t.Errorf("%s is looked for as %+v, want as ada", later.name, work.Have)
				}
				if work.Want.Active == later.inactive || len(connectors.Plan(work.Have, work.Want)) == 0 {
					t.Errorf("%s is to be %+v", later.name, work.Want)
				}
				return err
			})
		}
	})
}

// TestDoubtedWhileHalted has an account in doubt whose connector is halted, so that it is
// looked at only once what it was to have is taken back: that is taken away then, for it
// may have been given. R-PROV-2.
func TestDoubtedWhileHalted(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		decide := func() {
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
			for n := 1; n > 0; {
				var err error
				if n, err = w.store.Sequence(w.t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		id := w.admit(person{name: "ada", department: "Engineering"})
		decide() // she is made there, in her group, and the process dies before it knows
		w.update(func(tx store.Tx) error {
			_, err := access.Halt(tx, access.Halting{Connector: "wiki", Known: []string{"wiki"}, By: "token/ops", Reason: "why not"})
			return err
		})
		w.lane(access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
			var o access.Outcome
			w.view(func(r store.Reader) (err error) {
				o.Work, err = access.WorkFor(r, w.rules, "wiki", id, 2)
				return err
			})
			o.Got = o.Work.Have
			return func(tx store.Tx) (time.Time, error) {
				_, err := access.Observe(tx, w.rules, item, o)
				return time.Time{}, err
			}, nil
		})
		w.admit(person{id: id, name: "ada", department: "Sales"})
		decide()
		w.view(func(r store.Reader) error {
			work, err := access.WorkFor(r, w.rules, "wiki", id, 1)
			if !work.Have.Exists() || !slices.Contains(work.Have.Managed, "Readers") {
				t.Errorf("it is %+v, want that what it may have been given is taken away", work.Have)
			}
			return err
		})
	})
}

// TestMaybeMadeAfterAll has an attempt come to nothing, for it failed or was halted, and the
// one after it be one of which nobody wrote down what came of it, while somebody is renamed:
// what they were to be made as is remembered all along. R-PROV-2.
func TestMaybeMadeAfterAll(t *testing.T) {
	for name, first := range map[string]func(*access.Outcome){
		"failed": func(o *access.Outcome) { o.Err = schema.ErrUnavailable },
		"halted": func(o *access.Outcome) { o.Work.Halted = "a halt" },
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				id := w.admit(person{name: "ada", department: "Engineering"})
				decide := func() {
					time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
					w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
						return access.Reconcile(w.t.Context(), w.store, w.rules, item)
					})
				}
				decide()
				tried := 0
				w.lane(access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
					tried = item.Attempt
					var o access.Outcome
					w.view(func(r store.Reader) (err error) {
						o.Work, err = access.WorkFor(r, w.rules, "wiki", id, item.Attempt)
						return err
					})
					first(&o)
					return func(tx store.Tx) (time.Time, error) {
						_, err := access.Observe(tx, w.rules, item, o)
						return time.Time{}, err
					}, nil
				})
				w.admit(person{id: id, name: "countess", department: "Engineering"})
				decide()
				w.view(func(r store.Reader) error {
					work, err := access.WorkFor(r, w.rules, "wiki", id, tried+2)
					if work.Have.RemoteID != connectors.Unnamed("ada") {
						t.Errorf("after an attempt that nobody heard of it is %+v, want looked for as ada", work.Have)
					}
					if err != nil || name != "failed" {
						return err
					}
					work, err = access.WorkFor(r, w.rules, "wiki", id, tried+1)
					if work.Have.Exists() {
						t.Errorf("after the attempt that failed, and was written down, it is %+v, want none", work.Have)
					}
					return err
				})
			})
		})
	}
}
