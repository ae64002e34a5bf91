// Package erasure forgets people, where the law asks for it. What the log says stays
// provable, and of whom it speaks can no longer be learned.
package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Forgetting asks to forget the details about one identity: who asks, and why.
type Forgetting struct {
	Identity   string // by id
	By, Reason string
	DryRun     bool // say what would be forgotten, and do nothing
}

// Forget deletes what is kept beside the log's decisions about an identity, and destroys
// the key that it is sealed with: the attribute values that rules read, and people's own
// words; what its sources called it while groups waited for it; and the raw copy of what
// its source sent. People's
// words go out of the records of its grants, requests, exceptions, bypasses, reviews and
// findings, too; and its names and attributes out of its own, as far as they are not
// needed any more. The decisions stay, and so does every proof; from the salted hashes
// in them nothing can be learned.
//
// It returns how many decisions had details, and what stays for now. Of an identity that
// a source has as active it is ErrForbidden, because what somebody holds must stay
// explained in full.
//
// One transaction forgets all that an index tells of, as it is in that moment. What names
// somebody elsewhere is found beside it, so that something may be written of them between
// the look and the transaction: what is left of their names is looked for again afterwards
// until nothing is, and where others write of them all the time, that is said. Whoever works
// on the identity in that moment begins anew, and knows no more than there is. What somebody
// writes of them later, because they know the name, is not looked for.
func Forget(ctx context.Context, s *store.Store, book *policy.Book, e Forgetting) (done Erased, err error) {
	var who person
	err = s.View(ctx, func(r store.Reader) error {
		id, err := store.Identities.Get(r, e.Identity)
		if err != nil {
			return err
		}
		records, err := recordsOf(r, id)
		who = personOf(records)
		return err
	})
	if err != nil {
		return done, err
	}
	found, err := find(ctx, s, who)
	if err != nil {
		return done, err
	}
	change := s.Update
	if e.DryRun {
		change = s.Try
	}
	var then person // as they were when they were forgotten
	err = change(ctx, func(tx store.Tx) (err error) {
		done, then, err = forget(tx, book, e, found)
		return err
	})
	if err != nil || e.DryRun {
		return done, err
	}
	// Nobody knows their names afterwards: whoever asked may be gone, and it goes on.
	late, err := forgetLate(context.WithoutCancel(ctx), s, then.also(who))
	done.Kept = schema.Sorted(append(done.Kept, late...)...)
	return done, err
}

// forget does it, of what was found and of what an index tells. It returns who that was.
func forget(tx store.Tx, book *policy.Book, e Forgetting, found mentions) (done Erased, who person, err error) {
	if e.By == "" || e.Reason == "" {
		return done, who, fmt.Errorf("forgetting of %s: say who decided and why: %w", e.Identity, schema.ErrInvalid)
	}
	id, err := store.Identities.Get(tx, e.Identity)
	if err != nil {
		return done, who, err
	}
	known, records, err := forgettable(tx, id)
	if err != nil {
		return done, who, err
	}
	who = personOf(records)
	for _, decision := range known {
		if err := store.Forget(tx, decision); err != nil {
			return done, who, err
		}
	}
	if err := errors.Join(forgetWords(tx, id.ID), eraseFindings(tx, found.findings), store.Baselines.Delete(tx, id.ID)); err != nil {
		return done, who, err
	}
	done.Decisions = len(known)
	if done.Kept, who.stays, err = eraseRecords(tx, book, records, found); err != nil {
		return done, who, err
	}
	// Who looks at them now has what they were called in mind, and looks again.
	return done, who, errors.Join(recordForgotten(tx, e, id.ID, len(known)), tx.Wake(access.LaneIdentity, id.ID, tx.Now()))
}

// rounds is how often what names somebody is looked for again. What one look leaves is what
// was written while it went on, or more than one transaction erases.
const rounds = 8

// forgetLate forgets what was written of somebody while they were being forgotten, and goes
// by what they were called before.
func forgetLate(ctx context.Context, s *store.Store, who person) (kept []string, err error) {
	for range rounds {
		found, err := find(ctx, s, who)
		if err != nil || found.only(len(kept)) { // what stays is found again
			return kept, err
		}
		err = s.Update(ctx, func(tx store.Tx) (err error) {
			kept, err = eraseMentions(tx, who, found)
			return errors.Join(err, eraseFindings(tx, found.findings))
		})
		if err != nil {
			return nil, err
		}
	}
	return append(kept, "some of what others write of them, without end, while they are being forgotten"), nil
}

// DisownKeys begins anew with other keys of people, where a store's own are lost: what was
// sealed for them can not be read any more. It returns for how many.
func DisownKeys(tx store.Tx, by, reason string) (people int, err error) {
	if by == "" || reason == "" {
		return 0, fmt.Errorf("people's keys: say who decided and why: %w", schema.ErrInvalid)
	}
	if people, err = store.DisownKeys(tx); err != nil {
		return 0, err
	}
	why, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return 0, err
	}
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return 0, err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Forgotten, Subject: "log/details", Policy: digest, Detail: why,
		Reason: fmt.Sprintf("the keys of %d people were lost, and with them the details of decisions about them", people),
	})
	return people, err
}

func recordForgotten(tx store.Tx, e Forgetting, identity string, details int) error {
	why, err := json.Marshal(map[string]string{"reason": e.Reason})
	if err != nil {
		return err
	}
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: e.By, Verb: schema.Forgotten, Subject: identity, Policy: digest, Detail: why,
		Reason: fmt.Sprintf("the details of %d decisions, by a person", details),
	})
	return err
}

// detailed returns the decisions about an identity that have details.
func detailed(r store.Reader, identity string) (decisions []string, err error) {
	for entry, err := range store.LogAbout(r, identity) {
		if err != nil {
			return nil, err
		}
		if entry.Decision.DetailHash == "" {
			continue
		}
		switch _, err := store.Detail(r, entry.Decision.ID); {
		case err == nil:
			decisions = append(decisions, entry.Decision.ID)
		case !errors.Is(err, schema.ErrNotFound):
			return nil, err
		}
	}
	return decisions, nil
}

// recordsOf returns an identity with each of its records.
func recordsOf(r store.Reader, id schema.Identity) ([]schema.Identity, error) {
	records := []schema.Identity{id}
	for rec, err := range store.Identities.By(r, store.IdentityOf, id.ID) {
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

// forgettable returns the decisions that have details about an identity, and about each
// of its records, whose raw copies it deletes; and these.
func forgettable(tx store.Tx, id schema.Identity) (known []string, records []schema.Identity, err error) {
	if records, err = recordsOf(tx, id); err != nil {
		return nil, nil, err
	}
	for _, rec := range records {
		if rec.Active && !rec.Gone() {
			return nil, nil, fmt.Errorf("%s is active at source %s: what is forgotten could no longer explain what they hold: %w", rec.UserName, rec.Source, schema.ErrForbidden)
		}
		others, err := access.Pseudonyms(tx, rec) // of when groups waited for them
		if err != nil {
			return nil, nil, err
		}
		for _, who := range append(others, rec.ID) {
			some, err := detailed(tx, who)
			if err != nil {
				return nil, nil, err
			}
			known = append(known, some...)
			if err := store.ForgetKey(tx, who); err != nil {
				return nil, nil, err
			}
		}
		if err := access.ForgetRaw(tx, rec.ID); err != nil {
			return nil, nil, err
		}
	}
	return schema.Sorted(known...), records, nil // one may be about two of them
}
