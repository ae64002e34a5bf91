package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The life of a policy that somebody would put in force:
//
//	Propose ─► proposed ──ApprovePublication──► approved ──PublishPlanned──► published
//	              │  ├─RefusePublication ─► refused        │
//	              │  └─WithdrawPublication ─► withdrawn    │
//	              └─the plan is not what would happen now ─┴─► stale
//
// What counts is the policy in force, at each step. People agree to a plan: what it
// would do is worked out again before it is done, and done only if it is the same.

// A Proposing is a policy with its plan as it is now, which somebody proposes.
type Proposing struct {
	Draft          *Draft
	Plan           SavedPlan // worked out just now
	Seen           SavedPlan // which they looked at, if they did
	By             Decider
	Author, Commit string // as was said
	Reason         string
	Back           bool // it goes back to a version that was in force before
}

// Propose opens a publication. What can not come to anything is refused at once: a draft
// that the policy in force would not let through, a plan that moved, too few people who
// could agree.
func Propose(tx store.Tx, book *policy.Book, x Proposing) (schema.Publication, error) {
	q, err := proposal(tx, x)
	if err != nil {
		return q, err
	}
	nobody, err := x.demanded(tx, book, &q)
	if err != nil {
		return q, err
	}
	b, err := newBoard(tx, book, q)
	switch {
	case err != nil:
		return q, err
	case nobody != "" && len(b.seats) == 0:
		return q, fmt.Errorf("%s, nor does anybody have to agree: it is for one person to publish on their own word: %w", nobody, schema.ErrHeld)
	}
	for other, err := range store.Publications.By(tx, store.PublicationDigest, q.Digest) {
		if err != nil {
			return q, err
		}
		if !other.Final() && other.Plan == q.Plan {
			return q, fmt.Errorf("this plan is proposed already, as %s: %w", other.ID, schema.ErrConflict)
		}
	}
	if err := b.fillable(); err != nil {
		return q, err
	}
	q.Waived = b.q.Waived
	q.State, q.Outcome = schema.PublicationProposed, b.withWaived(b.seats.must()+" must agree"+escalated(q))
	if len(b.seats) == 0 {
		q.State, q.Outcome = schema.PublicationApproved, "the policy in force demands nobody's approval"
	}
	if err := recordPublication(tx, q, schema.Proposed, x.By, q.Outcome+"; plan "+brief(q.Plan), x.Reason); err != nil {
		return q, err
	}
	if err := keepPlan(tx, q, x.Draft, x.Plan); err != nil {
		return q, err
	}
	if err := notifyBoard(tx, b, q); err != nil {
		return q, err
	}
	return q, store.Publications.Put(tx, q)
}

// proposal is a publication as it begins, of what could be published at all.
func proposal(tx store.Tx, x Proposing) (schema.Publication, error) {
	q := schema.Publication{
		Digest: x.Draft.Book.Digest(), From: x.Plan.Plan.From, By: x.By.Actor, Proposer: x.By.Identity, Author: x.Author, Commit: x.Commit,
		Reason: x.Reason, Back: x.Back, Plan: x.Plan.Plan.Hash, Planned: x.Plan.Plan.At, Owners: x.Draft.owners(), Made: tx.Now(),
	}
	if q.By == "" || strings.TrimSpace(q.Reason) == "" {
		return q, fmt.Errorf("policy %s: say who proposes it and why: %w", brief(q.Digest), schema.ErrInvalid)
	}
	now, err := store.PolicyInForce(tx)
	switch {
	case err != nil:
		return q, err
	case now == q.Digest:
		return q, fmt.Errorf("policy %s is in force already: %w", brief(q.Digest), schema.ErrConflict)
	case now != q.From:
		return q, fmt.Errorf("another policy came into force meanwhile, %s: plan again: %w", brief(now), schema.ErrConflict)
	}
	if x.Seen.Plan.Hash != "" {
		if moved := x.Seen.Moved(x.Plan); len(moved) > 0 {
			return q, staleError(q, moved)
		}
	}
	q.ID = tx.NewID()
	return q, nil
}

// demanded returns nil where what is proposed is as the policy in force demands; of what is
// signed the publication tells, then; where nobody could sign it, nobody says so.
func (x Proposing) demanded(r store.Reader, book *policy.Book, q *schema.Publication) (nobody string, err error) {
	rules := book.Publication()
	if err := x.Draft.meets(rules); err != nil {
		return "", err
	}
	q.Beyond = book.Beyond(x.Draft.Book)
	c, nobody, err := vouched(r, book, x.Draft)
	if err != nil {
		return "", err
	}
	if c.ID != "" {
		q.Commit, q.Folder = c.ID, c.Folder
	}
	if c.Signer != "" {
		q.Author, q.Signer = c.Author, c.Signer
	}
	if rules.Requires(policy.RequirePlan) && x.Seen.Plan.Hash == "" {
		return "", fmt.Errorf("the policy in force demands a plan that somebody looked at: %w", schema.ErrForbidden)
	}
	return nobody, nil
}

// mostBeyond is how many documents one sentence names.
const mostBeyond = 5

// escalated says why others must agree besides those who do in any case.
func escalated(q schema.Publication) string {
	if len(q.Beyond) == 0 {
		return ""
	}
	return ", because beyond the clearance there is " + joinLimited(q.Beyond, mostBeyond)
}

func staleError(q schema.Publication, moved []string) error {
	return fmt.Errorf("policy %s would not do what the plan says: %s; plan again: %w", brief(q.Digest), strings.Join(moved, "; "), schema.ErrConflict)
}

// keepPlan keeps the plan that people are to agree to, with its documents.
func keepPlan(tx store.Tx, q schema.Publication, d *Draft, plan SavedPlan) error {
	plan.Files, plan.Evidence, plan.Commit, plan.Author = nil, nil, q.Commit, q.Author
	if !q.Final() {
		plan.Files = d.Files // of what was published the version has them
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	return store.Plans.Put(tx, store.KeptPlan{Publication: q.ID, Plan: text})
}

// PlanOf returns the plan of a publication, with its documents for as long as it is not
// final.
func PlanOf(r store.Reader, publication string) (plan SavedPlan, err error) {
	row, err := store.Plans.Get(r, publication)
	if err != nil {
		return plan, err
	}
	return plan, json.Unmarshal(row.Plan, &plan)
}

// ApprovePublication takes one person's yes to a plan. Of one whom the policy in force
// names it counts; of one who answers for a part of the policy it is kept as a review. A
// publication that can come to nothing any more is stale by it, which is no error.
func ApprovePublication(tx store.Tx, book *policy.Book, c Choice) (schema.Publication, error) {
	q, b, err := decidingOn(tx, book, c)
	if err != nil || q.Final() {
		return q, err
	}
	counts, err := b.may(c.By.Identity)
	if err != nil {
		return q, fmt.Errorf("publication %s: %w", q.ID, err)
	}
	yes := schema.Approval{By: identityActor(c.By.Identity), At: tx.Now(), Reason: c.Reason, Auth: c.By.Auth}
	words := "reviewed by somebody who answers for a part of it"
	if counts {
		q.Approvals, b.q.Approvals = append(q.Approvals, yes), append(b.q.Approvals, yes)
		words = "agreed to by one of " + b.seats.groups()
	} else {
		q.Reviews = append(slices.DeleteFunc(slices.Clone(q.Reviews), func(a schema.Approval) bool { return a.By == yes.By }), yes)
	}
	if err := recordPublication(tx, q, schema.Approved, c.By, words+", known by "+c.By.Auth+"; plan "+brief(q.Plan), c.Reason); err != nil {
		return q, err
	}
	return settle(tx, b, q)
}

// settle writes how many more must agree, and of whom nobody has to.
func settle(tx store.Tx, b *board, q schema.Publication) (schema.Publication, error) {
	lacks, err := b.lacks()
	if err != nil {
		return q, err
	}
	q.State, q.Outcome = schema.PublicationApproved, "as many agreed as must"
	if lacks > 0 {
		q.State, q.Outcome = schema.PublicationProposed, fmt.Sprintf("%d more of %s must agree", lacks, b.seats.groups())
	}
	if q.Outcome = b.withWaived(q.Outcome); b.waived == "" {
		q.Waived = nil // they are enough by now
	}
	return q, store.Publications.Put(tx, q)
}

// RefusePublication takes the no of one of those who must agree, which ends it.
func RefusePublication(tx store.Tx, book *policy.Book, c Choice) (schema.Publication, error) {
	q, b, err := decidingOn(tx, book, c)
	if err != nil || q.Final() {
		return q, err
	}
	if _, err := b.may(c.By.Identity); err != nil {
		return q, fmt.Errorf("publication %s: %w", q.ID, err)
	}
	q.State, q.Outcome = schema.PublicationRefused, "refused by a person"
	return endPublication(tx, q, schema.Denied, c.By, c.Reason)
}

// WithdrawPublication takes a proposal back, which whoever made it may do.
func WithdrawPublication(tx store.Tx, _ *policy.Book, c Choice) (schema.Publication, error) {
	q, err := openPublication(tx, c.Request)
	if err != nil {
		return q, err
	}
	if c.By.Actor != q.By && (c.By.Identity == "" || c.By.Identity != q.Proposer) {
		return q, fmt.Errorf("publication %s is for those to withdraw who proposed it: %w", q.ID, schema.ErrForbidden)
	}
	q.State, q.Outcome = schema.PublicationWithdrawn, "taken back"
	return endPublication(tx, q, schema.Withdrawn, c.By, c.Reason)
}

func openPublication(r store.Reader, id string) (schema.Publication, error) {
	q, err := store.Publications.Get(r, id)
	if err == nil && q.Final() {
		err = fmt.Errorf("publication %s is %s already: %w", q.ID, q.State, schema.ErrConflict)
	}
	return q, err
}

// decidingOn returns a publication that a person may still decide about, and who may; one
// that is stale is final by it.
func decidingOn(tx store.Tx, book *policy.Book, c Choice) (q schema.Publication, b *board, err error) {
	if q, err = openPublication(tx, c.Request); err != nil {
		return q, nil, err
	}
	switch {
	case c.By.Identity == "":
		return q, nil, fmt.Errorf("publication %s is for people to decide, and %s is no person whom a source knows: %w", q.ID, c.By.Actor, schema.ErrForbidden)
	case strings.TrimSpace(c.Reason) == "":
		return q, nil, fmt.Errorf("publication %s: say why: %w", q.ID, schema.ErrInvalid)
	}
	old, err := outdated(tx, book, q)
	if err != nil {
		return q, nil, err
	}
	if old != "" {
		q.State, q.Outcome = schema.PublicationStale, old
		q, err = endPublication(tx, q, schema.Denied, Decider{Actor: "bridge"}, "")
		return q, nil, err
	}
	b, err = newBoard(tx, book, q)
	return q, b, err
}

// outdated says why a plan is too old to agree to, or to publish; nothing if it is not.
func outdated(r store.Reader, book *policy.Book, q schema.Publication) (string, error) {
	now, err := store.PolicyInForce(r)
	switch most := book.Publication().PlanAge(); {
	case err != nil:
		return "", err
	case now != q.From:
		return "another policy came into force meanwhile, " + brief(now), nil
	case r.Now().Sub(q.Planned) > most:
		return fmt.Sprintf("its plan is older than %s", policy.Duration(most)), nil
	}
	return "", nil
}

// endPublication writes a publication that came to nothing.
func endPublication(tx store.Tx, q schema.Publication, verb schema.Verb, by Decider, words string) (schema.Publication, error) {
	q.Ended = tx.Now()
	if err := recordPublication(tx, q, verb, by, q.Outcome, words); err != nil {
		return q, err
	}
	if plan, err := PlanOf(tx, q.ID); err == nil {
		if err := keepPlan(tx, q, nil, plan); err != nil {
			return q, err
		}
	} else if !schema.IsNotFound(err) {
		return q, err
	}
	if err := notifyPublished(tx, q, by); err != nil {
		return q, err
	}
	return q, store.Publications.Put(tx, q)
}

// recordPublication records a step in a publication's life. The policy that it is decided
// by is the one in force, and of the first one itself.
func recordPublication(tx store.Tx, q schema.Publication, verb schema.Verb, by Decider, reason, words string) error {
	detail, err := json.Marshal(map[string]string{"reason": words, "author": q.Author, "commit": q.Commit, "signer": q.Signer})
	if err != nil {
		return err
	}
	because := []string{publicationRef(q.ID)}
	if by.Identity != "" {
		because = append(because, identityActor(by.Identity))
	}
	digest := q.From
	if digest == "" {
		digest = q.Digest
	}
	_, err = tx.Record(schema.Decision{
		Actor: by.Actor, Verb: verb, Subject: "policy/" + q.Digest, Object: publicationRef(q.ID), Because: schema.Sorted(because...),
		Reason: reason, Policy: digest, Detail: detail,
	})
	return err
}

func publicationRef(id string) string { return "publication/" + id }
