package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestAnyReviews makes random histories of reviews of every kind, of all that reviewers and
// time do in them, and of what sources say and policies come into force meanwhile; what the
// bridge does about reviews is cut off anywhere. People have what their rules give, but for
// what a reviewer revoked, until somebody decides anew, and for what rests because nobody
// decided, until somebody does: nothing that is kept is taken, and nothing that is revoked
// stays. Nobody is asked twice about one decision, and nobody decides about their own.
// R-REV-2, R-REV-6, R-ENG-6.
func TestAnyReviews(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		reviewed(r, w)
	})
}

// A reviewing is a random history of reviews, and what they come to.
type reviewing struct {
	*moving
	r        *rapid.T
	people   []string
	works    map[string]bool     // who is an engineer
	revoked  map[whoAndRole]bool // what nobody has until somebody decides anew
	resting  map[whoAndRole]bool // of what nobody decided in time
	deciders []string
}

type whoAndRole struct{ who, role string }

// reviewedRoles are those of engineers, by what they give at the wiki.
var reviewedRoles = map[string]string{"Admins": "keeper", "Editors": "guide", "Readers": "engineer", "Writers": "scribe"}

func reviewed(r *rapid.T, w *world) {
	h := &reviewing{moving: newMoving(w), r: r, works: map[string]bool{}, revoked: map[whoAndRole]bool{}, resting: map[whoAndRole]bool{}}
	w.publish(w.rules.Book())
	for i := range 3 {
		h.people = append(h.people, w.under(person{name: fmt.Sprint("p", i), department: "Engineering"}, h.before))
		h.works[h.people[i]] = true
	}
	h.deciders = append([]string{h.lead, h.second, h.iam, h.before, h.after}, h.people...)
	w.work()
	for range rapid.IntRange(1, 20).Draw(r, "steps") {
		h.step()
		if rapid.Bool().Draw(r, "cut off") {
			h.cutOff()
		}
		w.work()
		for _, id := range h.people {
			if got, want := h.holds(id), h.should(id); got != want {
				violated("%s has %q, want %q", id, got, want)
			}
			h.once(id)
		}
	}
	w.check()
}

// should is what somebody is to have.
func (h *reviewing) should(id string) string {
	var all []string
	for target, role := range reviewedRoles {
		if at := (whoAndRole{id, role}); h.works[id] && !h.revoked[at] && !h.resting[at] {
			all = append(all, target)
		}
	}
	return strings.Join(schema.Sorted(all...), " ")
}

// once finds what reviews of moves ask twice about somebody.
func (h *reviewing) once(id string) {
	asked := map[string]string{}
	for _, i := range h.about(id) {
		v := h.review(i.Review)
		switch other := asked[i.Holding]; {
		case !i.Awaited() && len(i.Awaits) > 0:
			violated("%s is %s, and asks %v still", i.Holding, i.State, i.Awaits)
		case !i.Awaited() || !v.Running() || v.Kind != schema.ReviewChange:
		case other != "":
			violated("reviews %s and %s both ask about %s of %s", other, v.ID, i.Holding, id)
		default:
			asked[i.Holding] = v.ID
		}
	}
}

// cutOff has what is due of the reviews done, up to a point.
func (h *reviewing) cutOff() {
	var all []string
	h.view(func(r store.Reader) error {
		all = nil
		for v, err := range store.Reviews.All(r) {
			if err != nil {
				return err
			}
			all = append(all, v.ID)
		}
		return nil
	})
	reviews := &access.Reviews{Store: h.store, Rules: h.rules}
	for _, id := range all {
		ctx := &ending{Context: h.t.Context(), left: rapid.IntRange(0, 40).Draw(h.r, "left")}
		_, _ = reviews.Attend(ctx, store.Item{ID: id}) // what came of it is done again
	}
}

func (h *reviewing) step() {
	who := rapid.SampledFrom(h.people).Draw(h.r, "who")
	role := rapid.SampledFrom([]string{"engineer", "guide", "keeper", "scribe"}).Draw(h.r, "role")
	switch rapid.SampledFrom([]string{"open", "judge", "judge", "judge", "pass on", "time", "overdue", "moves", "moves", "publish", "close", "lift"}).Draw(h.r, "step") {
	case "open":
		h.open(who, role)
	case "judge":
		h.judgeSome(who, role)
	case "pass on":
		h.passOn(who, role)
	case "time":
		time.Sleep(time.Duration(rapid.IntRange(1, 72).Draw(h.r, "hours")) * time.Hour) //nolint:forbidigo // of the bubble's own time
	case "overdue":
		h.overdue()
	case "moves":
		department := rapid.SampledFrom([]string{"Engineering", "Engineering", "Sales"}).Draw(h.r, "to")
		h.under(person{id: who, name: fmt.Sprint("p", slices.Index(h.people, who)), department: department}, rapid.SampledFrom([]string{h.before, h.after}).Draw(h.r, "boss"))
		h.works[who] = department == "Engineering"
	case "publish":
		h.publish(h.rules.Book())
	case "close":
		for _, v := range h.running() {
			h.try(func(tx store.Tx) error {
				_, err := access.CloseReview(tx, h.rules.Book(), access.Choice{Request: v.ID, By: access.Decider{Actor: v.By}, Reason: "enough"})
				return err
			})
		}
	case "lift": // somebody decides anew
		h.try(func(tx store.Tx) error {
			return access.Lift(tx, h.rules.Book(), access.Lifting{Identity: who, Role: role, By: "token/x", Reason: "after all"})
		})
		delete(h.revoked, whoAndRole{who, role})
		delete(h.resting, whoAndRole{who, role})
	}
}

// open opens a review of any kind.
func (h *reviewing) open(who, role string) {
	o := rapid.SampledFrom([]access.Opening{
		{Kind: schema.ReviewRole, Of: role}, {Kind: schema.ReviewConnector, Of: "wiki"}, {Kind: schema.ReviewManager},
		{Kind: schema.ReviewManager, Of: h.before}, {Kind: schema.ReviewChange, Of: who},
	}).Draw(h.r, "kind")
	o.Within, o.By, o.Reason = 48*time.Hour, access.Decider{Actor: "token/x"}, "again"
	o.Overdue = rapid.SampledFrom([]string{"", schema.OverdueEscalate, schema.OverdueSuspend, schema.OverdueRevoke}).Draw(h.r, "overdue")
	o.Reviewer = rapid.SampledFrom([]schema.Reviewer{"", schema.ByOwner, schema.ByManager}).Draw(h.r, "reviewer")
	h.try(func(tx store.Tx) error { _, err := access.OpenReview(tx, h.rules, o); return err })
}

// try does something that may be refused.
func (h *reviewing) try(fn func(store.Tx) error) {
	if err := h.store.Update(h.t.Context(), fn); err != nil && !refusal(err) {
		violated("%v", err)
	}
}

// refusal reports whether an error says no to who asks.
func refusal(err error) bool {
	return slices.ContainsFunc([]error{schema.ErrForbidden, schema.ErrConflict, schema.ErrNotFound, schema.ErrInvalid}, func(kind error) bool { return errors.Is(err, kind) })
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

// judgeSome has somebody decide about a role of somebody, in every review that runs.
func (h *reviewing) judgeSome(who, role string) {
	verdict := rapid.SampledFrom([]schema.ItemState{schema.ItemKept, schema.ItemKept, schema.ItemRevoked, schema.ItemModified}).Draw(h.r, "verdict")
	by := rapid.SampledFrom(h.deciders).Draw(h.r, "by")
	at := whoAndRole{who, role}
	for _, i := range h.about(who) {
		if i.Holding != "role/"+role {
			continue
		}
		err := h.judge(i, verdict, by)
		switch {
		case err != nil && !refusal(err):
			violated("judge: %v", err)
		case err != nil:
			continue
		case by == who:
			violated("%s decided about their own", who)
		case !i.Awaited():
			violated("%s decided about what was %s already", by, i.State)
		case verdict == schema.ItemRevoked:
			h.revoked[at] = true
			delete(h.resting, at)
		case i.Stone && !h.revoked[at]:
			delete(h.resting, at)
		}
		if again := h.judge(i, schema.ItemRevoked, by); !errors.Is(again, schema.ErrConflict) {
			violated("%s decided twice about %s: %v", by, i.Holding, again)
		}
	}
}

// passOn has somebody else decide about a role of somebody, or whoever comes next.
func (h *reviewing) passOn(who, role string) {
	by, to := rapid.SampledFrom(h.deciders).Draw(h.r, "by"), rapid.SampledFrom(h.deciders).Draw(h.r, "to")
	up := rapid.Bool().Draw(h.r, "up")
	for _, i := range h.about(who) {
		if i.Holding != "role/"+role {
			continue
		}
		decider := access.Decider{Actor: "token/" + by, Identity: by}
		h.try(func(tx store.Tx) (err error) {
			if up {
				_, err = access.Escalate(tx, h.rules.Book(), access.Judgement{Review: i.Review, Identity: i.Identity, Holding: i.Holding, By: decider, Reason: "not for me"})
				return err
			}
			_, err = access.Delegate(tx, h.rules.Book(), access.Delegation{Review: i.Review, Identity: i.Identity, Holding: i.Holding, To: to, By: decider, Reason: "they know"})
			return err
		})
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
			at := whoAndRole{i.Identity, strings.TrimPrefix(i.Holding, "role/")}
			switch {
			case acted && v.OverdueOf(i) == schema.OverdueSuspend:
				h.resting[at] = true
			case acted:
				h.revoked[at] = true
			}
		}
	}
}
