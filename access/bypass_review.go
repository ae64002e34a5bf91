package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The kinds of evidence that do something: a credential was rotated (the text names
// it), and a removal was seen to have happened where no target can be read back.
const (
	evidenceRotated = "rotated"
	evidenceRemoved = "removed"
)

// A Furnishing is evidence that somebody gives about a bypass.
type Furnishing struct {
	Bypass, Kind, Text string
	By                 Decider
}

// Furnish adds evidence to a bypass. That a credential was rotated, or a removal
// seen, is for somebody else to say than whoever had the access.
func Furnish(tx store.Tx, book *policy.Book, f Furnishing) (schema.Bypass, error) {
	y, err := store.Bypasses.Get(tx, f.Bypass)
	if err != nil {
		return y, err
	}
	if f.By.Actor == "" || strings.TrimSpace(f.Kind) == "" || strings.TrimSpace(f.Text) == "" {
		return y, fmt.Errorf("evidence about bypass %s: say who gives it, of what kind it is, and what it says: %w", f.Bypass, schema.ErrInvalid)
	}
	if f.Kind == evidenceRotated || f.Kind == evidenceRemoved {
		if f.By.Actor == y.By || f.By.Identity == y.Identity {
			return y, fmt.Errorf("bypass %s: that it was %s is for somebody else to say: %w", y.ID, f.Kind, schema.ErrForbidden)
		}
	}
	w := watch{Tx: tx, book: book, y: &y}
	switch f.Kind {
	case evidenceRotated:
		if !slices.Contains(y.Rotate, f.Text) || y.Ended.IsZero() {
			return y, fmt.Errorf("bypass %s: no credential %q is to be rotated now: %w", y.ID, f.Text, schema.ErrInvalid)
		}
		y.Rotate = slices.DeleteFunc(slices.Clone(y.Rotate), func(name string) bool { return name == f.Text })
		if err := resolve(tx, schema.Finding{Kind: findingRotate, Subject: y.Identity, Object: rotateRef(y, f.Text)}); err != nil {
			return y, err
		}
	case evidenceRemoved:
		if y.Ended.IsZero() || !y.Removed.IsZero() {
			return y, fmt.Errorf("bypass %s: no removal is to be confirmed now: %w", y.ID, schema.ErrConflict)
		}
		if err := w.confirmed("somebody saw that it is gone"); err != nil {
			return y, err
		}
	}
	y.Evidence = append(y.Evidence, schema.Evidence{Kind: f.Kind, Text: f.Text, By: f.By.Actor, At: tx.Now()})
	y.Owed = slices.DeleteFunc(slices.Clone(y.Owed), func(kind string) bool { return kind == f.Kind })
	err = recordBypass(tx, book, y, schema.Furnished, f.By.Actor, f.Kind, map[string]any{"evidence": f.Text})
	if err != nil {
		return y, err
	}
	return y, keepBypass(tx, y)
}

// ReviewBypass takes one reviewer's judgement of a bypass, once all evidence that is
// owed is there. A yes counts until there are as many as it needs, also after its
// time; a no ends the access, if it has not ended, and is reported.
func ReviewBypass(tx store.Tx, book *policy.Book, c Choice, agree bool) (schema.Bypass, error) {
	y, err := reviewable(tx, book, c)
	if err != nil {
		return y, err
	}
	verb, reason := schema.Approved, fmt.Sprintf("reviewed, by %d of %d; known by %s", len(y.Reviews)+1, y.Needs, c.By.Auth)
	if !agree {
		verb, reason = schema.Denied, "a reviewer does not agree to it; known by "+c.By.Auth
	}
	err = recordAbout(tx, book, y.Identity, y.Role, recorded{
		verb: verb, by: c.By, because: schema.Sorted(bypassRef(y.ID), identityActor(c.By.Identity)), reason: reason,
		detail: map[string]any{"reason": c.Reason},
	})
	if err != nil {
		return y, err
	}
	wasOverdue := y.State == schema.BypassOverdue
	review := schema.Approval{By: identityActor(c.By.Identity), At: tx.Now(), Reason: c.Reason, Auth: c.By.Auth}
	switch {
	case !agree:
		y.State = schema.BypassRejected
		if err := reject(tx, book, &y); err != nil {
			return y, err
		}
	default:
		if y.Reviews = append(y.Reviews, review); len(y.Reviews) >= y.Needs {
			y.State = schema.BypassReviewed
		}
	}
	if wasOverdue && y.State != schema.BypassOverdue {
		if err := wakeGovernance(tx); err != nil {
			return y, err
		}
	}
	return y, keepBypass(tx, y)
}

// reject ends and reports what a reviewer did not agree to.
func reject(tx store.Tx, book *policy.Book, y *schema.Bypass) error {
	if err := cutShort(tx, book, y, "rejected", "a reviewer does not agree to its bypass"); err != nil {
		return err
	}
	if err := resolve(tx, schema.Finding{Kind: findingUnreviewed, Subject: y.Identity, Object: bypassRef(y.ID)}); err != nil {
		return err
	}
	return Report(tx, book, "bridge", schema.Finding{
		Kind: findingRejected, Subject: y.Identity, Object: bypassRef(y.ID),
		Reason: "role " + y.Role + " was taken before anybody agreed, and a reviewer does not",
	})
}

// reviewable returns the bypass, where somebody may review it now.
func reviewable(r store.Reader, book *policy.Book, c Choice) (schema.Bypass, error) {
	y, err := store.Bypasses.Get(r, c.Request)
	switch {
	case err != nil:
		return y, err
	case y.State != schema.BypassOpen && y.State != schema.BypassOverdue:
		return y, fmt.Errorf("bypass %s is %s already: %w", y.ID, y.State, schema.ErrConflict)
	case c.By.Identity == "":
		return y, fmt.Errorf("bypass %s is for people to review, and %s is no person whom a source knows: %w", y.ID, c.By.Actor, schema.ErrForbidden)
	case strings.TrimSpace(c.Reason) == "":
		return y, fmt.Errorf("bypass %s: say why: %w", y.ID, schema.ErrInvalid)
	}
	if err := mayReview(r, book, y, c.By.Identity); err != nil {
		return y, err
	}
	if len(y.Owed) > 0 {
		return y, fmt.Errorf("bypass %s: %s is still owed, and is what there is to review: %w", y.ID, strings.Join(y.Owed, ", "), schema.ErrConflict)
	}
	return y, nil
}

// mayReview returns nil where a person may review a bypass: they are in the group of
// its reviewers, there, not whoever took it, and did not review it before.
func mayReview(r store.Reader, book *policy.Book, y schema.Bypass, person string) error {
	f, err := present(r, book, person)
	if err != nil {
		return err
	}
	who := someoneOf(book, f)
	for i, id := range append([]string{y.Identity}, approvers(y.Reviews)...) {
		other, err := whole(r, book, id, false)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case !who.is(someoneOf(book, other)):
		case i == 0:
			return fmt.Errorf("nobody reviews what they took themselves: %w", schema.ErrForbidden)
		default:
			return fmt.Errorf("whoever reviewed it already does not review it twice: %w", schema.ErrForbidden)
		}
	}
	if !inGroup(book, f, y.Reviewers) {
		return fmt.Errorf("the bypass is for others to review: %w", schema.ErrForbidden)
	}
	return nil
}

// approvers are the ids of who gave approvals.
func approvers(all []schema.Approval) (ids []string) {
	for _, a := range all {
		ids = append(ids, identityOf(a.By))
	}
	return ids
}

// AwaitingReview returns the bypasses that a person may review, the oldest first.
func AwaitingReview(r store.Reader, book *policy.Book, person schema.Identity) ([]schema.Bypass, error) {
	f, err := Gather(r, book, person.Base())
	if err != nil {
		return nil, err
	}
	found := []schema.Bypass{}
	for _, group := range f.Groups {
		for y, err := range store.Bypasses.By(r, store.BypassAwaits, "group/"+store.Fold(group)) {
			if err != nil {
				return nil, err
			}
			switch err := mayReview(r, book, y, person.Base()); {
			case err == nil:
				found = append(found, y)
			case !errors.Is(err, schema.ErrForbidden):
				return nil, err
			}
		}
	}
	slices.SortFunc(found, func(a, b schema.Bypass) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(found, func(a, b schema.Bypass) bool { return a.ID == b.ID }), nil
}
