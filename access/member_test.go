package access_test

import (
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestManyMoveAtOnce has many join a group and leave it at once. It is recorded as
// a few things, and everybody finds those about them, and no others.
func TestManyMoveAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var group schema.Group
		var edges []schema.Member
		var names []string
		w.update(func(tx store.Tx) (err error) {
			group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
			return err
		})
		for i := range 120 {
			id := w.admit(person{name: fmt.Sprint("p", i)})
			edges, names = append(edges, schema.Member{Group: group.ID, Member: id}), append(names, id)
		}
		w.work()
		before := w.logged()
		w.update(func(tx store.Tx) error {
			if news, err := access.JoinAll(tx, w.hr(), edges); err != nil || news != 120 {
				t.Errorf("%d joined, %v", news, err)
			}
			news, err := access.JoinAll(tx, w.hr(), edges[:10])
			if news != 0 {
				t.Errorf("%d joined twice", news)
			}
			return err
		})
		if n := w.logged() - before; n != 2 {
			t.Errorf("%d decisions tell of 120 who joined, want 2", n)
		}
		w.work()
		w.want(names[119], "Writers")
		w.update(func(tx store.Tx) error {
			rest, err := access.LeaveAll(tx, w.hr(), group.ID, append([]string{"stranger"}, names[100:]...))
			if len(rest) != 1 || rest[0] != "stranger" {
				t.Errorf("not in the group: %q", rest)
			}
			return err
		})
		w.work()
		w.want(names[99], "Writers")
		w.want(names[100], "")
		for i, want := range map[int][]schema.Verb{99: {schema.Joined}, 100: {schema.Joined, schema.Parted}, 119: {schema.Joined, schema.Parted}} {
			var got []schema.Verb
			for _, verb := range w.verbs(names[i]) {
				if verb == schema.Joined || verb == schema.Parted {
					got = append(got, verb)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("person %d: %v, want %v", i, got, want)
			}
		}
	})
}

// logged is how many decisions there are.
func (w *world) logged() (n int64) {
	for moved := 1; moved > 0; {
		var err error
		if moved, err = w.store.Sequence(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.view(func(r store.Reader) (err error) {
		n, err = store.LogSize(r)
		return err
	})
	return n
}

// TestManyLeaveWhileOneIsDecided has very many leave a group at once while one of them
// is looked at: what was worked out of them before that is not written. R-ENG-5.
func TestManyLeaveWhileOneIsDecided(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var group schema.Group
		w.update(func(tx store.Tx) (err error) {
			group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
			return err
		})
		var edges []schema.Member
		var ids []string
		for i := range 150 {
			id := w.admit(person{name: fmt.Sprint("p", i)})
			edges, ids = append(edges, schema.Member{Group: group.ID, Member: id}), append(ids, id)
		}
		w.update(func(tx store.Tx) error {
			_, err := access.JoinAll(tx, w.hr(), edges)
			return err
		})
		w.work()
		w.want(ids[77], "Writers")
		w.update(func(tx store.Tx) error { return tx.WakeUrgent(access.LaneIdentity, ids[77]) })
		item := w.leaseOne(access.LaneIdentity)
		finish, err := access.Reconcile(t.Context(), w.store, w.rules, item)
		if err != nil {
			t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			_, err := access.LeaveAll(tx, w.hr(), group.ID, ids)
			return err
		})
		w.finish(item, finish)
		w.view(func(r store.Reader) error {
			for a, err := range store.Assignments.All(r, ids[77]) {
				t.Errorf("still assigned %s, %v", a.Ref(), err)
			}
			return nil
		})
		w.work()
		for _, id := range ids {
			w.want(id, "")
		}
	})
}
