package access

import (
	"errors"
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What nobody decided in time has no effect until somebody does, or ends, where the role
// says so. It is a sweep that acts (scheduler), so that the guard looks at all of it
// first. What is suspended is buried under a stone of the review's own: its grants stay,
// and a reviewer who keeps it takes the stone away.

// OverdueItem acts on one item of a review whose time is over. It reports whether it
// did: not where somebody decided meanwhile, nor where nothing can be done, which stays
// open for people.
func OverdueItem(tx store.Tx, rules *Rules, actor string, i schema.ReviewItem) (bool, error) {
	book := rules.Book()
	v, err := store.Reviews.Get(tx, i.Review)
	if err != nil {
		return false, err
	}
	now, err := store.ReviewItems.Get(tx, i.Review, i.Identity, i.Holding)
	if err != nil {
		return false, err
	}
	if now.State != schema.ItemOpen || !v.Running() || tx.Now().Before(v.Due) {
		return false, nil
	}
	if can, err := canAct(tx, rules, v, now); err != nil || !can {
		return false, err
	}
	switch v.OverdueOf(now) {
	case schema.OverdueSuspend:
		return suspendItem(tx, book, actor, v, now)
	case schema.OverdueRevoke:
		return revokeItem(tx, rules, actor, v, now)
	}
	return false, nil
}

// OverdueActs reports whether OverdueItem would do anything about an item of a review.
func OverdueActs(r store.Reader, rules *Rules, v schema.Review, i schema.ReviewItem) (bool, error) {
	if i.State != schema.ItemOpen || v.OverdueOf(i) == schema.OverdueEscalate {
		return false, nil
	}
	return canAct(r, rules, v, i)
}

// canAct reports whether an open item can be acted on: what is held no more is let go of
// when the review is looked through, what no role gives has no rule that could rest, and
// what must not be written to is for people.
func canAct(r store.Reader, rules *Rules, v schema.Review, i schema.ReviewItem) (bool, error) {
	held, err := stillHeld(r, i)
	if err != nil || !held {
		return false, err
	}
	role, isRole := roleOf(i.Holding)
	rests := v.OverdueOf(i) == schema.OverdueSuspend
	if isRole && rests {
		buried, err := store.Tombstones.Has(r, i.Identity, role)
		return !buried, err
	}
	if isRole || rests {
		return isRole, nil
	}
	connector, _, _ := entitlementOf(i.Holding)
	_, err = takeable(r, rules, connector, i.Identity)
	if errors.Is(err, schema.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

func suspendItem(tx store.Tx, book *policy.Book, actor string, v schema.Review, i schema.ReviewItem) (bool, error) {
	role, _ := roleOf(i.Holding)
	stone := schema.Tombstone{Identity: i.Identity, Role: role, At: tx.Now(), By: v.Ref(), Reason: "nobody decided in time whether it stays"}
	if err := store.Tombstones.Put(tx, stone); err != nil {
		return false, err
	}
	d, err := tx.Record(schema.Decision{
		Actor: actor, Verb: schema.Suspended, Subject: i.Identity, Object: i.Holding, Because: []string{v.Ref()},
		Reason: "nobody decided by " + day(v.Due) + " whether it stays", Policy: book.Digest(),
	})
	if err != nil {
		return false, err
	}
	if err := notifyLost(tx, book, i.Identity, role, "it has no effect until somebody decides, because nobody did by "+day(v.Due)+" whether it stays"); err != nil {
		return false, err
	}
	i.State, i.Stone, i.Suspended, i.Decision = schema.ItemSuspended, true, tx.Now(), d.ID
	if err := store.ReviewItems.Put(tx, i); err != nil {
		return false, err
	}
	return true, tx.WakeUrgent(LaneIdentity, i.Identity)
}

func revokeItem(tx store.Tx, rules *Rules, actor string, v schema.Review, i schema.ReviewItem) (bool, error) {
	reason := "nobody decided by " + day(v.Due) + " whether it stays"
	var err error
	if role, isRole := roleOf(i.Holding); isRole {
		i.Decision, err = revoke(tx, rules.Book(), Revocation{Identity: i.Identity, Role: role, By: actor, Reason: reason}, reason, []string{v.Ref()})
	} else {
		j := Judgement{By: Decider{Actor: actor}, Reason: reason}
		i.Decision, err = takeOther(tx, rules, v, &i, j)
	}
	if err != nil {
		return false, fmt.Errorf("%s of identity %s: %w", i.Holding, i.Identity, err)
	}
	i.State, i.Awaits, i.Decided, i.By, i.Reason = schema.ItemRevoked, nil, tx.Now(), actor, reason
	if err := store.ReviewItems.Put(tx, i); err != nil {
		return false, err
	}
	return true, tx.Wake(LaneReview, v.ID, tx.Now())
}

// A Delegation has somebody else decide about one item of a review.
type Delegation struct {
	Review, Identity, Holding string
	To                        string // id of a person
	By                        Decider
	Reason                    string
}

// Delegate has somebody else decide about an item too. Whoever may decide about it may
// delegate it, and only to a person who is there and whose access it is not.
func Delegate(tx store.Tx, book *policy.Book, d Delegation) (schema.ReviewItem, error) {
	j := Judgement{Review: d.Review, Identity: d.Identity, Holding: d.Holding, By: d.By, Reason: d.Reason}
	v, i, f, err := judged(tx, book, j)
	if err != nil {
		return i, err
	}
	b := newBench(tx, book, v)
	to := i
	to.Delegate = d.To
	if err := b.may(to, f, d.To); err != nil {
		return i, fmt.Errorf("delegate %s to identity %s: %w", i.Holding, d.To, err)
	}
	if to.Awaits, err = b.awaits(to, f); err != nil {
		return i, err
	}
	_, err = recordJudgement(tx, book, to, j, schema.Delegated, []string{v.Ref(), identityActor(d.To)}, "somebody else is to decide: "+identityActor(d.To))
	if err != nil {
		return i, err
	}
	return to, store.ReviewItems.Put(tx, to)
}

// Escalate has whoever comes next decide about an item too, because whoever may decide
// will not.
func Escalate(tx store.Tx, book *policy.Book, j Judgement) (schema.ReviewItem, error) {
	v, i, f, err := judged(tx, book, j)
	if err != nil {
		return i, err
	}
	b := newBench(tx, book, v)
	was := i.Level
	if i.Level, err = b.upTo(was+1, i, f); err != nil {
		return i, err
	}
	if i.Level == was {
		return i, fmt.Errorf("%s of %s: nobody comes next who could decide: %w", i.Holding, f.Identity.UserName, schema.ErrConflict)
	}
	if i.Awaits, err = b.awaits(i, f); err != nil {
		return i, err
	}
	if _, err := recordJudgement(tx, book, i, j, schema.Escalated, []string{v.Ref()}, "who comes next may decide too"); err != nil {
		return i, err
	}
	return i, store.ReviewItems.Put(tx, i)
}

// ReviewDue returns the review of a role that is to begin now, if one is. It says why a
// role is reviewed twice as often as it says.
func ReviewDue(r store.Reader, book *policy.Book, role string) (o Opening, due bool, err error) {
	feeds, err := useFeeds(r, book)
	if err != nil {
		return o, false, err
	}
	terms, ok := book.ReviewOf(role, feeds, r.Now())
	if !ok {
		return o, false, nil
	}
	clock, err := store.ReviewClocks.Get(r, role)
	if schema.IsNotFound(err) {
		return o, false, nil // it is met for the first time
	}
	if err != nil || r.Now().Before(clock.Since.Add(terms.Every)) {
		return o, false, err
	}
	o = Opening{
		Kind: schema.ReviewRole, Of: role, Within: terms.Within, Reviewer: terms.Reviewer, Overdue: terms.Overdue,
		Reason: "it is due each " + policy.Duration(terms.Every).String(),
	}
	if len(terms.Halved) > 0 {
		o.Reason += ", which is twice as often as the role says, because nobody tells of use at " + joinLimited(terms.Halved, firstDeeds)
	}
	return o, true, nil
}

// OpenDue begins the review of a role, if it is due. A role that says nothing of reviews
// has no clock, one that is met for the first time gets one, and one that nobody holds is
// looked at again after another period: nobody hears of it.
func OpenDue(tx store.Tx, rules *Rules, actor, role string) error {
	o, due, err := ReviewDue(tx, rules.Book(), role)
	if err != nil {
		return err
	}
	if !due {
		if _, says := rules.Book().ReviewOf(role, nil, tx.Now()); !says {
			return nil
		}
		known, err := store.ReviewClocks.Has(tx, role)
		if err != nil || known {
			return err
		}
		return store.ReviewClocks.Put(tx, schema.ReviewClock{Role: role, Since: tx.Now()})
	}
	o.By = Decider{Actor: actor}
	_, err = OpenReview(tx, rules, o)
	if schema.IsNotFound(err) {
		return store.ReviewClocks.Put(tx, schema.ReviewClock{Role: role, Since: tx.Now()})
	}
	if err != nil && nothingToReview(err) {
		return nil // the one before is running still
	}
	return err
}
