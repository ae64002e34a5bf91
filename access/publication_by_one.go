package access

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// PublishNow puts a policy in force to which nobody has to agree: where the policy in
// force says so, or is the first; and of any what lowers modes, or takes access away by a
// plan, and does nothing else. Alone says that somebody does it on their own word
// where those who must agree are too few, or nobody is there who could sign; it is
// refused where they are not, be it at one seat: who sits there agrees.
func PublishNow(tx store.Tx, book *policy.Book, x Proposing, alone bool) (schema.Publication, error) {
	var lowers, removes bool
	var more error // what keeps one person from it
	if book != nil {
		lowers = book.OnlyLowers(x.Draft.Book) == nil
		if !lowers {
			more = onlyRemoves(book, x)
			removes = more == nil
		}
	}
	nobody := "" // could sign it
	q, err := proposal(tx, x)
	if err == nil && !lowers {
		nobody, err = x.demanded(tx, book, &q)
	}
	if err != nil {
		return q, err
	}
	why := ""
	switch must := seatsOf(book.Publication(), q.Beyond); {
	case len(must) == 0 && nobody == "":
	case lowers:
		q.Outcome = "it lowers modes and does nothing else"
	case removes:
		q.Outcome = fmt.Sprintf("it takes access away and does nothing else: %d lines end, and none begins", x.Plan.Plan.Revocations)
	default:
		if why, err = onOneWord(tx, book, q, alone, more, nobody); err != nil {
			return q, err
		}
		q.Outcome = strings.Trim(q.Outcome+"; "+why, "; ")
	}
	if err := passGate(tx, &q, x.Draft.Book); err != nil { // last, for to have it raised again takes time or people
		return q, err
	}
	if q, _, err = putInForce(tx, x.Draft.Book, x.Draft.Files, q, x.By); err != nil {
		return q, err
	}
	if why != "" {
		err = Report(tx, x.Draft.Book, x.By.Actor, schema.Finding{Kind: findingAlone, Subject: "policy/" + q.Digest, Reason: why})
	}
	if err == nil {
		err = keepPlan(tx, q, nil, x.Plan)
	}
	return q, err
}

// onlyRemoves returns nil where a policy takes access away and does nothing else, by its
// documents and by its plan; otherwise it says what more.
func onlyRemoves(book *policy.Book, x Proposing) error {
	if err := book.OnlyRemoves(x.Draft.Book); err != nil {
		return err
	}
	switch n := x.Plan.Plan.Anew; {
	case n.Grants > 0:
		return fmt.Errorf("somebody gets something by it: %d lines begin", n.Grants)
	case n.Holds > 0:
		return fmt.Errorf("not all of it ends: %d lines stay that nothing gives any more", n.Holds)
	case n.Undecided > 0:
		return fmt.Errorf("%d roles cannot be decided by it that can be now", n.Undecided)
	case n.Quarantined > 0:
		return fmt.Errorf("it puts %d roles in quarantine, of which what people hold stays", n.Quarantined)
	}
	return nil
}

// onOneWord says on whose word a policy comes into force to which people should have agreed,
// of whom there are too few, or which nobody could sign. More is why it is not for one person
// anyway.
func onOneWord(tx store.Tx, book *policy.Book, q schema.Publication, alone bool, more error, nobody string) (string, error) {
	b, err := newBoard(tx, book, q)
	switch {
	case err != nil:
		return "", err
	case len(b.seats) > 0:
	case alone:
		return nobody + ": " + onTheWordOf(q), nil
	default:
		return "", fmt.Errorf("%s: one person may publish it all the same, on their own word alone: %w", nobody, schema.ErrHeld)
	}
	could, err := b.could()
	kept, _ := b.seats.waive(b.seats.vacant(could))
	switch {
	case err != nil:
		return "", err
	case !alone:
		return "", fmt.Errorf("%s must agree to it first%s: propose it; one person may only lower modes, or take access away, and %w: %w", b.seats.must(), escalated(q), more, schema.ErrHeld)
	case kept.needed() > 0:
		return "", fmt.Errorf("%s must agree to it, and as many could: propose it: %w", kept.must(), schema.ErrForbidden)
	}
	why := b.seats.short("had to", could) + ": " + onTheWordOf(q)
	return strings.TrimPrefix(nobody+"; "+why, "; "), nil
}

// onOnesOwnWord reports whether that is how a publication came into force, whatever else
// its outcome says.
func onOnesOwnWord(q schema.Publication) bool {
	return slices.ContainsFunc(strings.Split(q.Outcome, "; "), func(part string) bool { return strings.HasSuffix(part, onTheWordOf(q)) })
}

// onTheWordOf says who put a policy in force by themselves.
func onTheWordOf(q schema.Publication) string { return "on the word of " + q.By + " alone" }
