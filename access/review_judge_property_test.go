package access_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestRevokedStaysRevoked makes random histories of reviews, of all that reviewers and
// time do in them, and of what sources say and policies come into force meanwhile: access
// that was revoked in a review is never held again before somebody decided anew, and what
// rests because nobody decided is not held before somebody did. R-REV-6, R-ENG-6.
func TestRevokedStaysRevoked(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		reviewed(r, w)
	})
}

// A reviewing is a random history of reviews.
type reviewing struct {
	*world
	r       *rapid.T
	staff   governors
	people  []string
	revoked map[string]bool // who may hold the role no more
	resting map[string]bool // of whom nobody decided in time
}

func reviewed(r *rapid.T, w *world) {
	h := &reviewing{world: w, r: r, staff: w.governors(), revoked: map[string]bool{}, resting: map[string]bool{}}
	w.publish(w.rules.Book())
	for i := range 3 {
		h.people = append(h.people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
	}
	w.work()
	for range rapid.IntRange(1, 20).Draw(r, "steps") {
		h.step()
		w.work()
		for _, id := range h.people {
			if has := w.holds(id) != ""; has && (h.revoked[id] || h.resting[id]) {
				violated("%s has %s, and it was revoked (%v), or rests (%v)", id, w.holds(id), h.revoked[id], h.resting[id])
			}
		}
	}
	w.check()
}

func (h *reviewing) step() {
	who := h.people[rapid.IntRange(0, 2).Draw(h.r, "who")]
	switch rapid.SampledFrom([]string{"open", "judge", "judge", "judge", "time", "overdue", "moves", "publish", "close", "lift"}).Draw(h.r, "step") {
	case "open":
		overdue := rapid.SampledFrom([]string{schema.OverdueEscalate, schema.OverdueSuspend, schema.OverdueRevoke}).Draw(h.r, "overdue")
		o := access.Opening{Kind: schema.ReviewRole, Of: "engineer", Within: 48 * time.Hour, Overdue: overdue, By: access.Decider{Actor: "token/x"}, Reason: "again"}
		if rapid.Bool().Draw(h.r, "at the connector") {
			o.Kind, o.Of = schema.ReviewConnector, "wiki"
		}
		h.try(func(tx store.Tx) error { _, err := access.OpenReview(tx, h.rules, o); return err })
	case "judge":
		h.judgeSome(who)
	case "time":
		time.Sleep(time.Duration(rapid.IntRange(1, 72).Draw(h.r, "hours")) * time.Hour) //nolint:forbidigo // of the bubble's own time
	case "overdue":
		h.overdue()
	case "moves":
		department := rapid.SampledFrom([]string{"Engineering", "Sales"}).Draw(h.r, "to")
		h.admit(person{id: who, name: who, department: department})
	case "publish":
		h.publish(h.rules.Book())
	case "close":
		for _, v := range h.running() {
			h.try(func(tx store.Tx) error {
				_, err := access.CloseReview(tx, h.rules.Book(), access.Choice{Request: v.ID, By: access.Decider{Actor: "token/x"}, Reason: "enough"})
				return err
			})
		}
	case "lift": // somebody decides anew
		h.try(func(tx store.Tx) error {
			return access.Lift(tx, h.rules.Book(), access.Lifting{Identity: who, Role: "engineer", By: "token/x", Reason: "after all"})
		})
		delete(h.revoked, who)
		delete(h.resting, who)
	}
}

// try does something that may be refused.
func (h *reviewing) try(fn func(store.Tx) error) {
	err := h.store.Update(h.t.Context(), fn)
	for _, kind := range []error{schema.ErrForbidden, schema.ErrConflict, schema.ErrNotFound, schema.ErrInvalid} {
		if errors.Is(err, kind) {
			return
		}
	}
	if err != nil {
		violated("%v", err)
	}
}

func (h *reviewing) running() (all []schema.Review) {
	h.view(func(r store.Reader) error {
		all = nil
		for v, err := range store.Reviews.By(r, store.ReviewState, string(schema.ReviewOpen)) {
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	return all
}

func (h *reviewing) judgeSome(who string) {
	verdict := rapid.SampledFrom([]schema.ItemState{schema.ItemKept, schema.ItemKept, schema.ItemRevoked, schema.ItemModified}).Draw(h.r, "verdict")
	by := rapid.SampledFrom([]string{h.staff.lead, h.staff.second, h.staff.iam, who}).Draw(h.r, "by")
	for _, v := range h.running() {
		for _, i := range h.items(v.ID) {
			if i.Identity != who {
				continue
			}
			own := i.Stone
			err := h.judge(i, verdict, by)
			switch {
			case err != nil && !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrConflict) && !errors.Is(err, schema.ErrInvalid):
				violated("judge: %v", err)
			case err != nil:
			case by == who:
				violated("%s decided about their own", who)
			case verdict == schema.ItemRevoked:
				h.revoked[who] = true
				delete(h.resting, who)
			case own && verdict == schema.ItemKept && !h.revoked[who]:
				delete(h.resting, who)
			}
		}
	}
}

// overdue acts on what nobody decided in time.
func (h *reviewing) overdue() {
	for _, v := range h.running() {
		for _, i := range h.items(v.ID) {
			acted := false
			h.update(func(tx store.Tx) (err error) {
				acted, err = access.OverdueItem(tx, h.rules, "sweep/reviews", i)
				return err
			})
			if acted && v.Overdue == schema.OverdueSuspend {
				h.resting[i.Identity] = true
			} else if acted {
				h.revoked[i.Identity] = true
			}
		}
	}
}
