package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Judgement is one reviewer's decision about one item of a review.
type Judgement struct {
	Review, Identity, Holding string
	Verdict                   schema.ItemState // kept, modified or revoked
	Until                     time.Time        // of modified: when it is to end
	By                        Decider
	Reason                    string
}

// Judge takes a reviewer's decision. What is kept answers what triggers asked about it,
// and has its effect again where it had none; what is modified ends sooner than it
// would; what is revoked ends, as if a person had revoked it by itself: a tombstone
// stands against it, so that neither a rule nor a later review brings it back.
//
// The errors are ErrForbidden (it is for others), ErrConflict (it is decided, or held no
// more), ErrInvalid and ErrNotFound.
func Judge(tx store.Tx, rules *Rules, j Judgement) (schema.ReviewItem, error) {
	book := rules.Book()
	v, i, f, err := judged(tx, book, j)
	if err != nil {
		return i, err
	}
	did := map[schema.ItemState]func(store.Tx, *Rules, schema.Review, *schema.ReviewItem, Judgement) (string, error){
		schema.ItemKept: keepItem, schema.ItemModified: shorten, schema.ItemRevoked: takeAway,
	}[j.Verdict]
	if did == nil {
		return i, fmt.Errorf("%q is no decision: an item is kept, modified or revoked: %w", j.Verdict, schema.ErrInvalid)
	}
	if i.Decision, err = did(tx, rules, v, &i, j); err != nil {
		return i, fmt.Errorf("%s of %s: %w", i.Holding, f.Identity.UserName, err)
	}
	i.State, i.Awaits, i.Decided = j.Verdict, nil, tx.Now()
	i.By, i.Judge, i.Auth, i.Reason = j.By.Actor, j.By.Identity, j.By.Auth, j.Reason
	if err := store.ReviewItems.Put(tx, i); err != nil {
		return i, err
	}
	return i, tx.Wake(LaneReview, v.ID, tx.Now())
}

// judged returns what a decision is about, where it may be made.
func judged(tx store.Tx, book *policy.Book, j Judgement) (v schema.Review, i schema.ReviewItem, f policy.Facts, err error) {
	if v, err = store.Reviews.Get(tx, j.Review); err != nil {
		return v, i, f, err
	}
	if i, err = store.ReviewItems.Get(tx, j.Review, j.Identity, j.Holding); err != nil {
		return v, i, f, err
	}
	switch {
	case !v.Running():
		err = fmt.Errorf("review %s is %s: %w", v.ID, v.State, schema.ErrConflict)
	case !i.Awaited():
		err = fmt.Errorf("%s is %s already, by %s: %w", i.Holding, i.State, i.By, schema.ErrConflict)
	case j.By.Actor == "" || strings.TrimSpace(j.Reason) == "":
		err = fmt.Errorf("%s: say who decides and why: %w", i.Holding, schema.ErrInvalid)
	}
	if err != nil {
		return v, i, f, err
	}
	if f, err = whole(tx, book, i.Identity, false); err != nil {
		return v, i, f, err
	}
	return v, i, f, newBench(tx, book, v).may(i, f, j.By.Identity)
}

// keepItem lets somebody have what they have.
func keepItem(tx store.Tx, rules *Rules, v schema.Review, i *schema.ReviewItem, j Judgement) (string, error) {
	role, isRole := roleOf(i.Holding)
	restored := false
	if i.Stone {
		var err error
		if restored, err = unbury(tx, v, i.Identity, role); err != nil {
			return "", err
		}
	}
	if !restored {
		if held, err := stillHeld(tx, *i); err != nil || !held {
			return "", orConflict(err, "it is held no more, and a review gives nothing back that was taken away")
		}
	}
	because := []string{v.Ref()}
	if isRole {
		answered, err := answer(tx, i.Identity, role, j.By)
		if err != nil {
			return "", err
		}
		because = append(because, answered...)
	}
	reason := "a reviewer agreed that it stays"
	if restored {
		reason += ", and it has its effect again"
	}
	d, err := recordJudgement(tx, rules.Book(), *i, j, schema.Reapproved, because, reason)
	if err != nil {
		return "", err
	}
	return d, tx.Wake(LaneIdentity, i.Identity, tx.Now())
}

// orConflict is the error, or a conflict for a reason.
func orConflict(err error, why string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", why, schema.ErrConflict)
}

// unbury takes away what a review put against a role; what anybody else put there stays.
func unbury(tx store.Tx, v schema.Review, identity, role string) (bool, error) {
	stone, err := store.Tombstones.Get(tx, identity, role)
	if schema.IsNotFound(err) {
		return false, nil
	}
	if err != nil || stone.By != v.Ref() {
		return false, err
	}
	return true, store.Tombstones.Delete(tx, identity, role)
}

// answer answers what triggers ask about a role that somebody has, and notes on its
// grants that somebody looked at them.
func answer(tx store.Tx, identity, role string, by Decider) (because []string, err error) {
	var asked []schema.Firing
	for f, err := range store.Firings.All(tx, identity, role) {
		if err != nil {
			return nil, err
		}
		if f.Settled.IsZero() && f.Action == "reapprove" {
			asked = append(asked, f)
		}
	}
	for _, f := range asked {
		f.Settled, f.By = tx.Now(), by.Actor
		if err := store.Firings.Put(tx, f); err != nil {
			return nil, err
		}
		because = append(because, "trigger/"+f.Trigger)
	}
	grants, err := liveGrants(tx, identity, role)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		g.Reviewed = tx.Now()
		if err := store.Grants.Put(tx, g); err != nil {
			return nil, err
		}
		because = append(because, "grant/"+g.ID)
	}
	return because, nil
}

func liveGrants(r store.Reader, identity, role string) (live []schema.Grant, err error) {
	for g, err := range store.Grants.All(r, identity) {
		if err != nil {
			return nil, err
		}
		if g.Role == role && g.Live(r.Now()) {
			live = append(live, g)
		}
	}
	return live, nil
}

// shorten has what was granted end sooner.
func shorten(tx store.Tx, rules *Rules, v schema.Review, i *schema.ReviewItem, j Judgement) (string, error) {
	role, isRole := roleOf(i.Holding)
	grants, err := liveGrants(tx, i.Identity, role)
	switch {
	case err != nil:
		return "", err
	case !isRole || len(grants) == 0:
		return "", fmt.Errorf("it is not held by a grant, and has no end to be changed: keep it or revoke it: %w", schema.ErrInvalid)
	case !j.Until.After(tx.Now()):
		return "", fmt.Errorf("say when it is to end, in time to come: %w", schema.ErrInvalid)
	case i.Stone:
		return "", fmt.Errorf("it has no effect now, because nobody decided in time: keep it or revoke it: %w", schema.ErrConflict)
	}
	because := []string{v.Ref()}
	shorter := false
	for _, g := range grants {
		if !g.Until.IsZero() && !j.Until.Before(g.Until) {
			continue
		}
		g.Until, g.Permanent, g.Reviewed, shorter = j.Until.UTC(), "", tx.Now(), true
		if err := store.Grants.Put(tx, g); err != nil {
			return "", err
		}
		because = append(because, "grant/"+g.ID)
	}
	if !shorter {
		return "", fmt.Errorf("it ends before %s as it is: a review makes nothing longer: %w", day(j.Until), schema.ErrInvalid)
	}
	if _, err := answer(tx, i.Identity, role, j.By); err != nil {
		return "", err
	}
	i.Until = j.Until.UTC()
	d, err := recordJudgement(tx, rules.Book(), *i, j, schema.Reapproved, because, "a reviewer agreed that it stays until "+i.Until.Format(time.RFC3339))
	if err != nil {
		return "", err
	}
	return d, tx.Wake(LaneIdentity, i.Identity, tx.Now())
}

// takeAway ends what somebody has.
func takeAway(tx store.Tx, rules *Rules, v schema.Review, i *schema.ReviewItem, j Judgement) (string, error) {
	role, isRole := roleOf(i.Holding)
	if !isRole {
		return takeOther(tx, rules, v, i, j)
	}
	i.Stone = false
	return revoke(tx, rules.Book(), Revocation{Identity: i.Identity, Role: role, By: j.By.Actor, Reason: j.Reason},
		"a reviewer revoked it", schema.Sorted(v.Ref(), identityActor(j.By.Identity)))
}

// takeOther ends what an account holds and no role gives: the bridge answers for it from
// now on, and takes it away because nothing gives it.
func takeOther(tx store.Tx, rules *Rules, v schema.Review, i *schema.ReviewItem, j Judgement) (string, error) {
	connector, target, _ := entitlementOf(i.Holding)
	d, err := recordJudgement(tx, rules.Book(), *i, j, schema.Revoked, []string{v.Ref()}, "a reviewer revoked it, and no role gives it")
	if err != nil {
		return "", err
	}
	return d, disclaim(tx, rules, connector, i.Identity, target, d)
}

// takeable returns the account of which something is to be taken away that the bridge did
// not give: where nothing may be written to it, ErrForbidden says why.
func takeable(r store.Reader, rules *Rules, connector, identity string) (schema.Account, error) {
	acc, err := account(r, connector, identity)
	if err != nil {
		return acc, err
	}
	id, err := store.Identities.Get(r, identity)
	if err != nil {
		return acc, err
	}
	switch {
	case rules.Book().Mode("", connector) == schema.Observe:
		return acc, fmt.Errorf("connector %s is observed, and nothing is written there: %w", connector, schema.ErrForbidden)
	case rules.Protected(connector, id.UserName):
		return acc, fmt.Errorf("its account at %s is protected by the configuration: %w", connector, schema.ErrForbidden)
	}
	return acc, nil
}

// disclaim has the bridge take away what an account holds and the bridge did not give,
// because somebody decided so.
func disclaim(tx store.Tx, rules *Rules, connector, identity, target, decision string) error {
	acc, err := takeable(tx, rules, connector, identity)
	if err != nil {
		return err
	}
	if !acc.Holds(target) {
		return fmt.Errorf("its account at %s has it no more: %w", connector, schema.ErrConflict)
	}
	acc.Managed = schema.Sorted(append(slices.Clone(acc.Managed), target)...)
	acc.Due = acc.Due.Join(schema.Change{Received: tx.Now(), Decided: tx.Now(), Ends: true, Because: []string{decision}})
	acc.State, acc.Problem = schema.Pending, ""
	if err := store.Accounts.Put(tx, acc); err != nil {
		return err
	}
	if err := tx.WakeUrgent(LaneAccount(connector), identity); err != nil {
		return err
	}
	return tx.WakeUrgent(LaneIdentity, identity)
}

// recordJudgement records what a reviewer decided, and returns the decision's id.
func recordJudgement(tx store.Tx, book *policy.Book, i schema.ReviewItem, j Judgement, verb schema.Verb, because []string, reason string) (string, error) {
	detail, err := json.Marshal(map[string]string{"reason": j.Reason})
	if err != nil {
		return "", err
	}
	if j.By.Identity != "" {
		because = append(because, identityActor(j.By.Identity))
	}
	d, err := tx.Record(schema.Decision{
		Actor: j.By.Actor, Verb: verb, Subject: i.Identity, Object: objectOf(i.Holding),
		Because: schema.Sorted(because...), Reason: reason, Policy: book.Digest(), Detail: detail,
	})
	return d.ID, err
}

// objectOf is how decisions name what an item is about.
func objectOf(holding string) string { return strings.TrimPrefix(holding, holdingOther) }
