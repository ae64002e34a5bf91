package access_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// badges has badges of the kinds be unique.
func badges(of string, kinds ...string) access.Uniqueness {
	return access.Uniqueness{Of: of, Attributes: kinds, Values: func(resource json.RawMessage) (values []string, err error) {
		var r map[string]string
		err = json.Unmarshal(resource, &r)
		for _, kind := range kinds {
			if r[kind] != "" {
				values = append(values, kind+"="+r[kind])
			}
		}
		return values, err
	}}
}

// keepUnique looks at all there is, and returns in how many turns.
func (w *world) keepUnique(u access.Uniqueness) (turns int) {
	w.t.Helper()
	turns, unread := w.keepUniqueOf(u)
	for _, why := range unread {
		w.t.Error(why)
	}
	return turns
}

// keepUniqueOf is keepUnique, of records of which some cannot be read.
func (w *world) keepUniqueOf(u access.Uniqueness) (turns int, unread []error) {
	w.t.Helper()
	for more := true; more; turns++ {
		w.update(func(tx store.Tx) (err error) {
			var some []error
			more, some, err = access.KeepUnique(tx, w.rules.Book(), u)
			unread = append(unread, some...)
			return err
		})
	}
	return turns, unread
}

// shared are the findings of what is not unique, in words.
func (w *world) shared() (told []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		for f, err := range store.Findings.All(r, "not-unique") {
			if err != nil {
				return err
			}
			both, _, _ := strings.Cut(f.Reason, " of source")
			told = append(told, f.Subject+" "+f.Object+": "+both)
		}
		return nil
	})
	return told
}

// recorded is how many decisions there are.
func (w *world) recorded() (n int64) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		n, err = store.LogSize(r)
		return err
	})
	return n
}

// TestWhatBecomesUnique has attributes become unique of which several people have one
// value already: each is found by theirs, the first who has one is told of with another,
// and that ends when it is so no more. What is unique no longer is nobody's to be found by.
func TestWhatBecomesUnique(t *testing.T) {
	w := newWorld(t, enginetest.Memory(1))
	defer func() { _ = w.store.Close() }()
	const people = 270
	ids := make([]string, people)
	tell := func(i int, badge string) {
		w.update(func(tx store.Tx) error {
			id := person{name: fmt.Sprintf("p%03d", i)}.identity(t)
			id.ID, id.Resource = ids[i], json.RawMessage(`{"badge":"`+badge+`","desk":"d"}`)
			if ids[i] != "" {
				id.Unique = []string{"badge=" + badge}
			}
			got, err := access.Admit(tx, w.hr(), id)
			ids[i] = got.ID
			return err
		})
	}
	for i := range people {
		tell(i, fmt.Sprint(i%269)) // the first and the last have one
	}
	if turns := w.keepUnique(badges(access.UniqueUsers)); turns != 1 {
		t.Errorf("nothing is unique, and it takes %d turns to see that", turns)
	}

	if turns := w.keepUnique(badges(access.UniqueUsers, "badge")); turns < 2 {
		t.Errorf("%d people are looked at in %d turns", people, turns)
	}
	pair := fmt.Sprintf("%s badge: %s and %s", ids[0], ids[0], ids[269])
	if told := w.shared(); !slices.Equal(told, []string{pair}) {
		t.Errorf("told is %q, want %q", told, pair)
	}
	w.view(func(r store.Reader) error {
		for i, id := range ids {
			n := 0
			for got, err := range store.Identities.By(r, store.IdentityUnique, "hr", fmt.Sprint("badge=", i%269)) {
				if err != nil {
					return err
				}
				if got.ID == id {
					n++
				}
				if got.Version != 1 {
					t.Errorf("%s has version %d: nobody changed it", got.ID, got.Version)
				}
			}
			if n != 1 {
				t.Fatalf("person %d is found %d times by their badge", i, n)
			}
		}
		return nil
	})
	w.check()

	size := w.recorded()
	w.keepUnique(badges(access.UniqueUsers, "badge"))
	if now := w.recorded(); now != size {
		t.Errorf("looking again writes %d decisions", now-size)
	}

	tell(269, "other")
	if told := w.shared(); len(told) > 0 {
		t.Errorf("they share nothing any more, and %q is told", told)
	}
	tell(0, "7")
	tell(1, "7")
	if told, want := w.shared(), []string{fmt.Sprintf("%s badge: %s and %s", ids[0], ids[0], ids[1])}; !slices.Equal(told, want) {
		t.Errorf("of three, told is %q, want %q", told, want)
	}
	w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ids[0]) })
	if told, want := w.shared(), []string{fmt.Sprintf("%s badge: %s and %s", ids[1], ids[1], ids[7])}; !slices.Equal(told, want) {
		t.Errorf("of the two that are left, told is %q, want %q", told, want)
	}
	tell(1, "1")
	if told := w.shared(); len(told) > 0 {
		t.Errorf("nobody shares anything, and %q is told", told)
	}

	w.keepUnique(badges(access.UniqueUsers, "badge", "desk"))
	if told := w.shared(); len(told) != 1 || !strings.Contains(told[0], " desk: ") {
		t.Errorf("of a desk that everybody has, told is %q", told)
	}
	w.keepUnique(badges(access.UniqueUsers))
	if told := w.shared(); len(told) > 0 {
		t.Errorf("nothing is unique any more, and %q is told", told)
	}
	w.view(func(r store.Reader) error {
		for range store.IdentityUnique.Firsts(r) {
			t.Error("somebody is found by what is unique no more")
		}
		return nil
	})
	w.check()
}

// TestGroupsBecomeUnique does the same with groups.
func TestGroupsBecomeUnique(t *testing.T) {
	w := newWorld(t, enginetest.Memory(1))
	defer func() { _ = w.store.Close() }()
	var ids []string
	for i := range 2 {
		w.update(func(tx store.Tx) error {
			g, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: fmt.Sprint("g", i), Resource: json.RawMessage(`{"code":"7"}`)})
			ids = append(ids, g.ID)
			return err
		})
	}
	w.keepUnique(badges(access.UniqueGroups, "code"))
	if told, want := w.shared(), []string{fmt.Sprintf("group/%s code: %s and %s", ids[0], ids[0], ids[1])}; !slices.Equal(told, want) {
		t.Errorf("told is %q, want %q", told, want)
	}
	w.update(func(tx store.Tx) error { return access.RemoveGroup(tx, w.hr(), ids[0]) })
	if told := w.shared(); len(told) > 0 {
		t.Errorf("one group is left, and %q is told", told)
	}
	w.check()
}

// TestWhatCannotBeReadIsPassedOver has one record of many be such that what is to be
// unique cannot be read of it: it is told of, and the others are found by theirs.
func TestWhatCannotBeReadIsPassedOver(t *testing.T) {
	w := newWorld(t, enginetest.Memory(1))
	defer func() { _ = w.store.Close() }()
	const broken, people = 1, 3
	ids := make([]string, people)
	for i := range people {
		w.update(func(tx store.Tx) error {
			id := person{name: fmt.Sprint("p", i)}.identity(t)
			id.Resource = json.RawMessage(fmt.Sprintf(`{"badge":"%d"}`, i))
			if i == broken {
				id.Resource = json.RawMessage(`{"badge":1}`)
			}
			got, err := access.Admit(tx, w.hr(), id)
			ids[i] = got.ID
			return err
		})
	}
	_, unread := w.keepUniqueOf(badges(access.UniqueUsers, "badge"))
	if len(unread) != 1 || !strings.Contains(unread[0].Error(), ids[broken]) {
		t.Errorf("unread is %v, want why %s is", unread, ids[broken])
	}
	w.view(func(r store.Reader) error {
		for i, id := range ids {
			found := false
			for got, err := range store.Identities.By(r, store.IdentityUnique, "hr", fmt.Sprint("badge=", i)) {
				if err != nil {
					return err
				}
				found = found || got.ID == id
			}
			if found == (i == broken) {
				t.Errorf("person %d is found by their badge: %t", i, found)
			}
		}
		return nil
	})
}
