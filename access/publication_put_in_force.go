package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Publishing is a publication to be carried out, with its policy, and with its plan
// as it is now.
type Publishing struct {
	Publication string // id
	Draft       *Draft
	Plan        SavedPlan
	By          Decider
}

// PublishPlanned puts a policy in force to whose plan people agreed. Where that is not
// what would happen now the publication is stale, which is no error: nothing happens.
func PublishPlanned(tx store.Tx, book *policy.Book, x Publishing) (schema.Publication, error) {
	q, err := openPublication(tx, x.Publication)
	if err != nil {
		return q, err
	}
	if q.Digest != x.Draft.Book.Digest() {
		return q, fmt.Errorf("publication %s is of policy %s: %w", q.ID, brief(q.Digest), schema.ErrInvalid)
	}
	if err := x.Draft.meets(book.Publication()); err != nil {
		return q, err
	}
	nobody, err := stillVouched(tx, book, q)
	if err != nil {
		return q, err
	}
	b, err := newBoard(tx, book, q)
	if err != nil {
		return q, err
	}
	if q, err = settle(tx, b, q); err != nil {
		return q, err
	}
	if q.State != schema.PublicationApproved {
		return q, fmt.Errorf("publication %s: %s: %w", q.ID, q.Outcome, schema.ErrHeld)
	}
	q.Outcome = strings.TrimSuffix(q.Outcome+"; "+nobody, "; ")
	old, err := outdated(tx, book, q)
	if err != nil {
		return q, err
	}
	if old == "" && x.Plan.Plan.Hash != q.Plan {
		seen, err := PlanOf(tx, q.ID)
		if err != nil {
			return q, err
		}
		old = "its plan is not what would happen now: " + strings.Join(seen.Moved(x.Plan), "; ")
	}
	if old == "" { // last, for to have it raised again takes time or people
		if err := passGate(tx, &q, x.Draft.Book); err != nil {
			return q, err
		}
	}
	if old != "" {
		q.State, q.Outcome = schema.PublicationStale, old
		return endPublication(tx, q, schema.Denied, Decider{Actor: "bridge"}, "")
	}
	if q, _, err = putInForce(tx, x.Draft.Book, x.Draft.Files, q, x.By); err == nil && b.waived != "" {
		err = Report(tx, x.Draft.Book, x.By.Actor, schema.Finding{Kind: findingAlone, Subject: "policy/" + q.Digest, Reason: b.waived})
	}
	return q, err
}

// putInForce makes a policy the one in force, keeps the version and how it came to be,
// and has everyone looked at again.
func putInForce(tx store.Tx, book *policy.Book, files map[string]string, q schema.Publication, by Decider) (schema.Publication, bool, error) {
	q.Digest = book.Digest()
	before, err := store.PolicyInForce(tx)
	if err != nil || before == q.Digest {
		return q, false, err
	}
	q = begun(tx, q, before, by)
	for _, put := range []func() error{
		func() error { return noteCommit(tx, q) },
		func() error { return store.Settings.Put(tx, store.Setting{Name: store.SettingPolicy, Value: q.Digest}) },
		func() error {
			v := store.PolicyVersion{Digest: q.Digest, Published: tx.Now(), By: by.Actor, Files: files}
			if q.Signer != "" {
				v.Commit, v.Author, v.Signer = q.Commit, q.Author, q.Signer
			}
			return store.Policies.Put(tx, v)
		},
		func() error { return store.Publications.Put(tx, q) },
		func() error { return forgetDocuments(tx, q) },
		func() error { return notifyPublished(tx, q, by) },
		func() error { return NoteReadable(tx, book) },
		func() error { return recordInForce(tx, book, q, by) },
		func() error { return overtake(tx, q) },
		func() error { return folderInForce(tx, q.Digest) },
		func() error { return store.Settings.Delete(tx, settingCursor+q.Digest) },
		func() error { return tx.Wake(LaneGovernance, governanceItem, tx.Now()) }, // the register is told of at once
		func() error { return awaitSources(tx, book) },
		func() error { return holdUntilWeighed(tx, book, before) },
		func() error { return keepModes(tx, book) },
		func() error { return keepRenewals(tx, book) },
		func() error { return keepOwners(tx, book, q, by) },
	} {
		if err := put(); err != nil {
			return q, false, err
		}
	}
	return q, true, tx.Wake(LaneRollout, q.Digest, tx.Now())
}

// begun is a publication that is carried out now.
func begun(tx store.Tx, q schema.Publication, before string, by Decider) schema.Publication {
	if q.ID == "" {
		q.ID, q.From, q.Made = tx.NewID(), before, tx.Now()
	}
	if q.By == "" {
		q.By, q.Proposer = by.Actor, by.Identity
	}
	if before == "" {
		q.Outcome = "the first policy of this store, on the word of " + by.Actor
	}
	q.State, q.Published, q.Ended = schema.PublicationPublished, by.Actor, tx.Now()
	return q
}

// forgetDocuments drops the documents that were kept with a plan: the version has them.
func forgetDocuments(tx store.Tx, q schema.Publication) error {
	plan, err := PlanOf(tx, q.ID)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return keepPlan(tx, q, nil, plan)
}

// recordInForce records that a policy came into force, who agreed to it, and what it
// refuses to automate.
func recordInForce(tx store.Tx, book *policy.Book, q schema.Publication, by Decider) error {
	because := []string{publicationRef(q.ID)}
	if by.Identity != "" {
		because = append(because, identityActor(by.Identity))
	}
	for _, a := range q.Approvals {
		because = append(because, a.By)
	}
	_, err := tx.Record(schema.Decision{
		Actor: by.Actor, Verb: schema.Published, Subject: "policy/" + q.Digest, Object: publicationRef(q.ID), Because: schema.Sorted(because...),
		Policy: q.Digest, Reason: inForceBecause(book, q),
	})
	if err != nil {
		return err
	}
	for _, r := range book.Refused() {
		_, err := tx.Record(schema.Decision{
			Actor: by.Actor, Verb: schema.Refused, Subject: "role/" + r.Role, Policy: q.Digest, Reason: strings.Join(r.Codes, ", "),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inForceBecause says what a policy that came into force comes to, and how it did.
func inForceBecause(book *policy.Book, q schema.Publication) string {
	reason := fmt.Sprintf("%d roles in force, %d refused", len(book.Roles()), len(book.Refused()))
	if q.Back {
		reason += "; back to a version that was in force before"
	}
	if q.Signer != "" {
		reason += "; commit " + q.Commit + ", signed by " + q.Signer
	}
	if q.Outcome != "" {
		reason += "; " + q.Outcome
	}
	return reason
}

// overtake makes stale what was proposed under the policy that was in force until now.
func overtake(tx store.Tx, by schema.Publication) error {
	var open []schema.Publication
	for _, state := range []schema.PublicationState{schema.PublicationProposed, schema.PublicationApproved} {
		for q, err := range store.Publications.By(tx, store.PublicationState, string(state)) {
			if err != nil {
				return err
			}
			if q.ID != by.ID {
				open = append(open, q)
			}
		}
	}
	for _, q := range open {
		q.State, q.Outcome = schema.PublicationStale, "another policy came into force meanwhile, "+brief(by.Digest)
		if _, err := endPublication(tx, q, schema.Denied, Decider{Actor: "bridge"}, ""); err != nil {
			return err
		}
	}
	for f, err := range store.Findings.All(tx, findingAlone) {
		if err != nil {
			return err
		}
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// A PlanReview is somebody's look at a plan: of which, when, and when the plan was made.
type PlanReview struct {
	Publication, Plan string
	Planned           time.Time
	By                string // identity/ID
	At                time.Time
}

// ReviewedPlan returns the newest review by who answers for a role, its owner or the
// deputy, of a plan not older than an age; ok is false where there is none. Such a review
// is an approval or a review of a publication that nobody refused.
func ReviewedPlan(r store.Reader, book *policy.Book, role string, age time.Duration) (review PlanReview, ok bool, err error) {
	template, known := book.Role(role)
	if !known {
		return review, false, fmt.Errorf("role %s: %w", role, schema.ErrNotFound)
	}
	since := r.Now().Add(-age)
	for q, err := range store.Publications.From(r, idBefore(since)) {
		if err != nil {
			return review, false, err
		}
		if q.Planned.Before(since) || q.State == schema.PublicationRefused || q.State == schema.PublicationWithdrawn {
			continue
		}
		for _, a := range slices.Concat(q.Approvals, q.Reviews) {
			answers, err := answersFor(r, book, template.Metadata.Owner, identityOf(a.By))
			if err != nil {
				return review, false, err
			}
			if answers && (!ok || a.At.After(review.At)) {
				review, ok = PlanReview{Publication: q.ID, Plan: q.Plan, Planned: q.Planned, By: a.By, At: a.At}, true
			}
		}
	}
	return review, ok, nil
}

// answersFor reports whether an identity is the owner, or the deputy, and is there.
func answersFor(r store.Reader, book *policy.Book, owner policy.Owner, identity string) (bool, error) {
	if _, err := present(r, book, identity); errors.Is(err, schema.ErrForbidden) || schema.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for _, name := range []string{owner.User, owner.Deputy} {
		if name == "" {
			continue
		}
		if called, err := IsCalled(r, book, identity, name); called || err != nil {
			return called, err
		}
	}
	return false, nil
}

// idBefore is an id that sorts before all that are made from a time on (RFC 9562, 5.7).
func idBefore(t time.Time) string {
	ms := max(0, t.UnixMilli())
	return fmt.Sprintf("%08x-%04x-0000-0000-000000000000", ms>>16, ms&0xffff)
}
