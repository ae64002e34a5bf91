package access_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestAnyOrder has five sources, which are trusted with more or less, tell of people in
// two ways that end in the same: each at once, and with everything that they may say,
// unsay and correct on the way. Who is one, what is known of them and from whom must
// then be the same, and whose an account is. Without the one that is trusted least all
// of it must be the same too; without all who vouch for nobody, who is one and who ended. R-SRC-8.
func TestAnyOrder(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		anyOrder(t, r)
	})
}

func anyOrder(t *testing.T, r *rapid.T) {
	is := map[string]attested{} // who is there in the end, by slot
	for _, slot := range []string{"hr 1", "hr 2", "payroll 1", "payroll 2", "okta 1", "okta 2", "dir 1", "dir 2", "spy 1"} {
		if rapid.IntRange(0, 3).Draw(r, slot) > 0 {
			is[slot] = anyRecord(r, slot)
		}
	}
	slots := slices.Sorted(maps.Keys(is))
	order := rapid.SampledFrom([]string{
		`department: { type: string, from: [okta, hr, payroll] }`, `department: { type: string }`,
	}).Draw(r, "order")
	straight, winding := newSlots(t, r, order), newSlots(t, r, order)
	defer straight.store.Close()
	defer winding.store.Close()
	for _, slot := range rapid.Permutation(slots).Draw(r, "straight") {
		straight.say(slot, is[slot])
	}
	for range rapid.IntRange(0, 8).Draw(r, "steps") {
		slot := rapid.SampledFrom([]string{"hr 1", "hr 2", "payroll 1", "okta 1", "okta 2", "dir 1", "spy 1"}).Draw(r, "slot")
		if _, stays := is[slot]; !stays || lesserSlot(slot) {
			if rapid.IntRange(0, 2).Draw(r, "unsay") == 0 {
				winding.unsay(slot)
				continue
			}
		}
		winding.say(slot, anyRecord(r, slot))
		if rapid.IntRange(0, 5).Draw(r, "work") == 0 {
			winding.work()
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(winding.ids)) {
		if _, stays := is[slot]; !stays {
			winding.unsay(slot)
		}
	}
	for _, slot := range rapid.Permutation(slots).Draw(r, "winding") {
		winding.say(slot, is[slot])
	}
	trusted, sure := newSlots(t, r, order), newSlots(t, r, order)
	defer trusted.store.Close()
	defer sure.store.Close()
	for _, slot := range slots {
		if !leastSlot(slot) {
			trusted.say(slot, is[slot])
		}
		if !lesserSlot(slot) {
			sure.say(slot, is[slot])
		}
	}
	worlds := []*slotted{straight, winding, trusted, sure}
	for _, w := range worlds {
		w.work()
		w.accounts()
	}
	if one, other := straight.sum(nobody, true), winding.sum(nobody, true); one != other {
		violated("straight:\n%s\nwinding:\n%s", one, other)
	}
	if one, other := trusted.sum(nobody, false), winding.sum(leastSlot, false); one != other {
		violated("without whom nobody trusts:\n%s\nwith them:\n%s", one, other)
	}
	if one, other := sure.ends(), winding.ends(); one != other {
		violated("without those who vouch for nobody:\n%s\nwith them:\n%s", one, other)
	}
	for _, w := range worlds {
		if report, err := w.store.Check(w.t.Context()); err != nil || !report.OK() {
			violated("%v %v", report.Faults, err)
		}
	}
}

// leastSlot reports whether what is in a slot is of the source that is trusted least.
func leastSlot(slot string) bool { return strings.HasPrefix(slot, "spy") }

// lesserSlot reports whether it is of one that vouches for nobody.
func lesserSlot(slot string) bool {
	return leastSlot(slot) || strings.HasPrefix(slot, "okta") || strings.HasPrefix(slot, "dir")
}

func nobody(string) bool { return false }

// anyRecord is what a source may say of somebody.
func anyRecord(r *rapid.T, slot string) attested {
	source, _, _ := strings.Cut(slot, " ")
	word := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(r, what) }
	return attested{
		source: source, name: slot, email: word("email", "", "a@x", "A@x", "b@x"), number: word("number", "", "1", "2"),
		external: slot + word("externalId", "", "!"), department: word("department", "", "Engineering", "Operations"),
		inactive: rapid.IntRange(0, 4).Draw(r, "inactive") == 0, kind: schema.Human,
	}
}

// A slotted is a world in which sources tell of people by slot.
type slotted struct {
	*world
	ids map[string]string
}

func newSlots(t *testing.T, r *rapid.T, order string) *slotted {
	w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
	w.rules.Use(severally(t, `department: { type: string, from: [hr] }`, order, `metadata: { name: okta, owner`, `metadata: { name: spy, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: observed, correlateBy: [userName, email, employeeNumber] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: dir, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, correlateBy: [employeeNumber, email] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: okta, owner`))
	return &slotted{world: w, ids: map[string]string{}}
}

func (w *slotted) say(slot string, a attested) {
	a.id = w.ids[slot]
	w.ids[slot] = w.tell(a)
}

func (w *slotted) unsay(slot string) {
	if id, known := w.ids[slot]; known {
		source, _, _ := strings.Cut(slot, " ")
		w.remove(source, id)
		delete(w.ids, slot)
	}
}

// accounts panics where an account is not whose it was made for, or of whom that one
// is a record now.
func (w *slotted) accounts() {
	w.view(func(r store.Reader) error {
		for a, err := range store.Accounts.All(r, "wiki") {
			if err != nil {
				return err
			}
			made, ok := strings.CutPrefix(a.RemoteID, "r-")
			if !ok || made == a.Identity && a.From == "" {
				continue
			}
			rec, err := store.Identities.Get(r, made)
			if err != nil {
				return err
			}
			if rec.Base() != a.Identity || a.From == "" {
				violated("account %s, of %s, is that of %s (from %q)", a.RemoteID, rec.Base(), a.Identity, a.From)
			}
		}
		return nil
	})
}

// ends is which of those that are vouched for are one, and whether they ended.
func (w *slotted) ends() string {
	parties, ended := map[string][]string{}, map[string]bool{}
	w.view(func(r store.Reader) error {
		clear(parties)
		for slot, id := range w.ids {
			rec, err := store.Identities.Get(r, id)
			if err != nil {
				return err
			}
			if lesserSlot(slot) {
				continue
			}
			f, err := access.Gather(r, w.rules.Book(), rec.Base())
			if err != nil {
				return err
			}
			parties[rec.Base()], ended[rec.Base()] = append(parties[rec.Base()], slot), w.rules.Book().Ended(f, time.Now())
		}
		return nil
	})
	var lines []string
	for base, slots := range parties {
		slices.Sort(slots)
		lines = append(lines, fmt.Sprint(slots, ended[base]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sum is who is one, and what is known of them and from whom, but for some slots. Whether
// one that vouches for nobody waits or is in doubt may be left out: who is trusted
// alike may make that doubtful, and nothing else. It panics where something is known
// from a source that may not say it.
func (w *slotted) sum(but func(slot string) bool, places bool) string {
	book := w.rules.Book()
	parties := map[string][]string{}
	var lines []string
	w.view(func(r store.Reader) error {
		lines = nil
		clear(parties)
		for slot, id := range w.ids {
			rec, err := store.Identities.Get(r, id)
			if err != nil {
				return err
			}
			switch {
			case but(slot):
			case places || !lesserSlot(slot):
				parties[rec.Base()] = append(parties[rec.Base()], fmt.Sprintf("%s(%s)", slot, rec.Place))
			default:
				parties[rec.Base()] = append(parties[rec.Base()], slot)
			}
		}
		for base, slots := range parties {
			f, err := access.Gather(r, book, base)
			if err != nil {
				return err
			}
			said := book.Said(f)
			delete(said, "identity.id")
			for name, from := range book.Origins(f) {
				if i := strings.LastIndexByte(name, '.'); name == "identity.userName" || name == "identity.employment.status" {
					continue
				} else if slices.ContainsFunc(from.Sources, func(source string) bool { return !book.Authority(source, name[i+1:]) }) {
					violated("%s", name+" is from "+strings.Join(from.Sources, " and "))
				}
			}
			slices.Sort(slots)
			if !book.Vouched(f) { // it holds nothing, whatever is known of it
				lines = append(lines, fmt.Sprint(slots, "waits"))
				continue
			}
			lines = append(lines, fmt.Sprint(slots, said, origins(book, f), book.Ended(f, time.Now())))
		}
		return nil
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func origins(book *policy.Book, f policy.Facts) string { return fmt.Sprint(book.Origins(f)) }
