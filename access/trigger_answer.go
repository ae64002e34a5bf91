package access

import (
	"encoding/json"
	"fmt"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Answer is somebody's yes to what a trigger asks of people: that a role stays
// with whom it is with. Trigger, SET/NAME, is which; empty is all that is asked.
type Answer struct {
	Identity, Role, Trigger string
	By, Reason              string
	Person                  string // id of the identity who answers, where it is known
}

// Reapprove answers what triggers ask about a role that an identity has: a new
// approval, an owner, another secret, a review; or that what happened to them is no
// reason any more. Its clock stops; what such a trigger took from a role that is held by
// rule, or suspended, comes back, and a grant that it ended does not: that takes a new
// one. Nobody answers for themselves.
//
// The errors are ErrInvalid, ErrForbidden, and ErrNotFound where nothing is asked.
func Reapprove(tx store.Tx, book *policy.Book, a Answer) error {
	switch {
	case a.By == "" || a.Reason == "":
		return fmt.Errorf("reapproval of role %s: say who decided and why: %w", a.Role, schema.ErrInvalid)
	case a.By == "identity/"+a.Identity || a.Person == a.Identity:
		return fmt.Errorf("role %s: nobody reapproves what is their own: %w", a.Role, schema.ErrForbidden)
	}
	var asked []schema.Firing
	for f, err := range store.Firings.All(tx, a.Identity, a.Role) {
		if err != nil {
			return err
		}
		if !book.Answers(f, a.Trigger) {
			continue
		}
		over, err := isOver(tx, f)
		if err != nil {
			return err
		}
		if !over {
			asked = append(asked, f)
		}
	}
	if len(asked) == 0 {
		return fmt.Errorf("nothing is asked about role %s of %s: %w", a.Role, a.Identity, schema.ErrNotFound)
	}
	var because []string
	for _, f := range asked {
		f.Settled, f.By = tx.Now(), a.By
		if err := store.Firings.Put(tx, f); err != nil {
			return err
		}
		because = append(because, "trigger/"+f.Trigger)
		if f.Grant == "" {
			continue
		}
		because = append(because, "grant/"+f.Grant)
		if err := reviewed(tx, f); err != nil {
			return err
		}
	}
	detail, err := json.Marshal(map[string]string{"reason": a.Reason})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: a.By, Verb: schema.Reapproved, Subject: a.Identity, Object: "role/" + a.Role, Because: schema.Sorted(because...),
		Reason: "somebody agreed that it stays", Policy: book.Digest(), Detail: detail,
	})
	if err != nil {
		return err
	}
	return tx.Wake(LaneIdentity, a.Identity, tx.Now())
}

// isOver reports whether the grant that a trigger asks about is over: it is too late to say
// that it stays, though nobody looked at it since.
func isOver(r store.Reader, f schema.Firing) (bool, error) {
	if f.Grant == "" {
		return false, nil
	}
	g, err := store.Grants.Get(r, f.Identity, f.Grant)
	if schema.IsNotFound(err) {
		return true, nil
	}
	return err == nil && g.Over(r.Now()), err
}

// reviewed notes on the grant that somebody looked at it.
func reviewed(tx store.Tx, f schema.Firing) error {
	g, err := store.Grants.Get(tx, f.Identity, f.Grant)
	if err != nil || !g.Ended.IsZero() {
		return err
	}
	g.Reviewed = tx.Now()
	return store.Grants.Put(tx, g)
}

// due says what is owed on a role, and by when.
func due(f policy.Fired) string {
	words := []string{"role " + f.Role + ": " + f.Action}
	if f.Silent {
		words = append(words, "because nobody told of what it depends on for too long")
	}
	if f.Within > 0 {
		words = append(words, "within "+f.Within.String())
	}
	if !f.Due.IsZero() && f.Action != "revoke" && f.Action != "suspend" {
		words = append(words, "by "+day(f.Due)+", or it ends")
	} else if !f.Due.IsZero() {
		words = append(words, "at "+day(f.Due))
	}
	return strings.Join(words, " ")
}
