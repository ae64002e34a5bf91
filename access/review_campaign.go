package access

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A review is a campaign in which people look at who holds what:
//
//	opened ─► preparing ─► open ─► closed ─► signed
//	             │           │
//	             ▼           └─ overdue: escalate · suspend · revoke
//	           empty
//
// Opening it writes one row. Its items are made behind everybody else's work, a chunk
// in a transaction, so that a hundred thousand of them are no more trouble than ten.
// Where there is nothing to review, nobody hears of it.

// standardReview is how long reviewers have, where nobody says.
const standardReview = 14 * 24 * time.Hour

// An Opening is a review that is to begin.
type Opening struct {
	Kind     schema.ReviewKind
	Of       string   // a role, a connector, or an identity's id
	Roles    []string // only these
	Within   time.Duration
	Reviewer schema.Reviewer // empty is what each role says, or what is usual for the kind
	Overdue  string          // likewise
	By       Decider
	Reason   string
}

// OpenReview begins a review. One that is running of the same is ErrConflict; where
// there is nothing to review it is ErrNotFound, and nothing begins.
func OpenReview(tx store.Tx, rules *Rules, o Opening) (schema.Review, error) {
	book := rules.Book()
	v, err := o.review(tx, book)
	if err != nil {
		return v, err
	}
	for other, err := range store.Reviews.By(tx, store.ReviewOf, string(v.Kind), v.Of) {
		if err != nil {
			return v, err
		}
		if other.Running() {
			return v, fmt.Errorf("review %s of %s is running: %w", other.ID, v.About(), schema.ErrConflict)
		}
	}
	return beginReview(tx, book, v, o.By)
}

// beginReview writes that a review begins, which was checked; ErrNotFound is that there is
// nothing to review.
func beginReview(tx store.Tx, book *policy.Book, v schema.Review, by Decider) (schema.Review, error) {
	some, err := anything(tx, book, v)
	if err != nil {
		return v, err
	}
	if !some {
		return v, fmt.Errorf("%s: there is nothing to review: %w", v.About(), schema.ErrNotFound)
	}
	v.ID, v.Opened, v.Due, v.Policy = tx.NewID(), tx.Now(), tx.Now().Add(v.Within), book.Digest()
	if err := recordReview(tx, book, v, schema.Opened, by, "opened, to be decided by "+day(v.Due), v.Reason); err != nil {
		return v, err
	}
	if v.Kind == schema.ReviewRole {
		if err := store.ReviewClocks.Put(tx, schema.ReviewClock{Role: v.Of, Since: v.Opened, Review: v.ID}); err != nil {
			return v, err
		}
	}
	if err := store.Reviews.Put(tx, v); err != nil {
		return v, err
	}
	return v, tx.Wake(LaneReview, v.ID, tx.Now())
}

// review checks what was asked for, and fills in what was not.
func (o Opening) review(r store.Reader, book *policy.Book) (schema.Review, error) {
	v := schema.Review{
		Kind: o.Kind, Of: o.Of, Roles: schema.Sorted(o.Roles...), By: o.By.Actor, Opener: o.By.Identity, Reason: o.Reason,
		Within: o.Within, Reviewer: o.Reviewer, Overdue: o.Overdue, State: schema.ReviewPreparing,
	}
	if v.By == "" || strings.TrimSpace(v.Reason) == "" {
		return v, fmt.Errorf("review of %s: say who opens it, and why: %w", v.About(), schema.ErrInvalid)
	}
	if err := o.exists(r, book); err != nil {
		return v, err
	}
	switch {
	case v.Within < 0:
		return v, fmt.Errorf("review of %s: it ends before it begins: %w", v.About(), schema.ErrInvalid)
	case !slices.Contains([]string{"", schema.OverdueEscalate, schema.OverdueSuspend, schema.OverdueRevoke}, v.Overdue):
		return v, fmt.Errorf("review of %s: %q: what is overdue is to escalate, suspend or revoke: %w", v.About(), v.Overdue, schema.ErrInvalid)
	case !slices.Contains([]schema.Reviewer{"", schema.ByOwner, schema.ByManager, schema.ByEntitlementOwner}, v.Reviewer):
		return v, fmt.Errorf("review of %s: %q: the reviewer is the owner, the manager or the entitlementOwner: %w", v.About(), v.Reviewer, schema.ErrInvalid)
	}
	terms := termsOf(r, book, o.Kind, o.Of)
	v.Within = cmp.Or(v.Within, terms.Within)
	if v.Kind != schema.ReviewChange { // in which each role says its own
		v.Reviewer, v.Overdue = cmp.Or(v.Reviewer, terms.Reviewer), cmp.Or(v.Overdue, terms.Overdue)
	}
	return v, nil
}

// termsOf is how a review of a kind goes where nobody says otherwise: as the role says
// that it is of, or else as is usual.
func termsOf(r store.Reader, book *policy.Book, kind schema.ReviewKind, role string) policy.Terms {
	if says, ok := book.ReviewOf(role, nil, r.Now()); ok && kind == schema.ReviewRole {
		return says
	}
	usual := policy.Terms{Within: standardReview, Reviewer: schema.ByOwner, Overdue: schema.OverdueEscalate}
	if kind == schema.ReviewManager {
		usual.Reviewer = schema.ByManager
	}
	return usual
}

// exists returns nil where there is what is to be reviewed.
func (o Opening) exists(r store.Reader, book *policy.Book) error {
	var known bool
	switch o.Kind {
	case schema.ReviewRole:
		_, known = book.Role(o.Of)
	case schema.ReviewConnector:
		_, known = book.Connector(o.Of)
	case schema.ReviewManager, schema.ReviewChange:
		if o.Of == "" && o.Kind == schema.ReviewManager {
			return nil
		}
		id, err := store.Identities.Get(r, o.Of)
		if err == nil && id.Base() != id.ID {
			err = fmt.Errorf("record %s is of identity %s: review that: %w", id.ID, id.Of, schema.ErrInvalid)
		}
		return err
	default:
		return fmt.Errorf("there is no review of kind %q: %w", o.Kind, schema.ErrInvalid)
	}
	if !known {
		return fmt.Errorf("%s %s: %w", o.Kind, o.Of, schema.ErrNotFound)
	}
	return nil
}

// CloseReview ends a review before everything in it is decided: what nobody decided
// stays as it is, and the record says so. Whoever opened it may, and whoever answers for
// what it is of.
func CloseReview(tx store.Tx, book *policy.Book, c Choice) (schema.Review, error) {
	v, err := store.Reviews.Get(tx, c.Request)
	switch {
	case err != nil:
		return v, err
	case !v.Running():
		return v, fmt.Errorf("review %s is %s already: %w", v.ID, v.State, schema.ErrConflict)
	case strings.TrimSpace(c.Reason) == "":
		return v, fmt.Errorf("review %s: say why it ends before its time: %w", v.ID, schema.ErrInvalid)
	case c.By.Actor != v.By:
		if err := mayManage(tx, book, v, c.By.Identity); err != nil {
			return v, err
		}
	}
	undecided, err := awaited(tx, v)
	if err != nil {
		return v, err
	}
	return v, closeReview(tx, book, &v, c.By, fmt.Sprintf("closed by a person; %d of %d were not decided", undecided, v.Items), c.Reason)
}

// closeReview writes that a review is over.
func closeReview(tx store.Tx, book *policy.Book, v *schema.Review, by Decider, outcome, words string) error {
	v.State, v.Ended, v.Outcome, v.Cursor, v.Next = schema.ReviewClosed, tx.Now(), outcome, nil, time.Time{}
	if v.Items == 0 {
		v.State = schema.ReviewEmpty
	}
	if err := recordReview(tx, book, *v, schema.Closed, by, outcome, words); err != nil {
		return err
	}
	if err := resolve(tx, schema.Finding{Kind: findingReview, Subject: v.Ref(), Object: v.About()}); err != nil {
		return err
	}
	if err := store.Reviews.Put(tx, *v); err != nil {
		return err
	}
	return tx.Wake(LaneReview, v.ID, tx.Now())
}

// SignReview has management acknowledge what came of a review: somebody who answers for
// what it is of, or for the policy, and decided nothing in it themselves.
func SignReview(tx store.Tx, book *policy.Book, c Choice) (schema.Review, error) {
	v, err := store.Reviews.Get(tx, c.Request)
	switch {
	case err != nil:
		return v, err
	case v.State != schema.ReviewClosed:
		return v, fmt.Errorf("review %s is %s: what is closed is signed off: %w", v.ID, v.State, schema.ErrConflict)
	case strings.TrimSpace(c.Reason) == "":
		return v, fmt.Errorf("review %s: say what you acknowledge: %w", v.ID, schema.ErrInvalid)
	}
	if err := mayManage(tx, book, v, c.By.Identity); err != nil {
		return v, err
	}
	for _, err := range store.ReviewItems.By(tx, store.ItemJudge, v.ID, c.By.Identity) {
		if err != nil {
			return v, err
		}
		return v, fmt.Errorf("review %s: who decided in it does not sign it off: %w", v.ID, schema.ErrForbidden)
	}
	v.State = schema.ReviewSigned
	v.Signature = &schema.Approval{By: identityActor(c.By.Identity), At: tx.Now(), Reason: c.Reason, Auth: c.By.Auth}
	if err := recordReview(tx, book, v, schema.Signed, c.By, "management acknowledges it: "+v.Outcome, c.Reason); err != nil {
		return v, err
	}
	return v, store.Reviews.Put(tx, v)
}

// mayManage returns nil where a person answers for what a review is of, or for the
// policy as a whole.
func mayManage(r store.Reader, book *policy.Book, v schema.Review, person string) error {
	refused := fmt.Errorf("review %s is for those to close and to sign who answer for %s, or for the policy: %w", v.ID, v.About(), schema.ErrForbidden)
	if person == "" {
		return refused
	}
	f, err := present(r, book, person)
	if err != nil {
		return err
	}
	names := append(someoneOf(book, f).names, store.Fold(person))
	owners := []policy.Owner{book.Owner()}
	if role, ok := book.Role(v.Of); ok && v.Kind == schema.ReviewRole {
		owners = append(owners, role.Metadata.Owner)
	}
	if c, ok := book.Connector(v.Of); ok && v.Kind == schema.ReviewConnector {
		owners = append(owners, c.Metadata.Owner)
	}
	for _, o := range owners {
		if slices.Contains(names, store.Fold(o.User)) || o.Deputy != "" && slices.Contains(names, store.Fold(o.Deputy)) {
			return nil
		}
	}
	return refused
}

// awaited counts the items that people have yet to decide about.
func awaited(r store.Reader, v schema.Review) (n int, err error) {
	counts, err := ReviewCounts(r, v.ID)
	return counts[schema.ItemOpen] + counts[schema.ItemSuspended], err
}

// ReviewCounts returns how many items of a review are in each state. It reads a row for
// each state, however many items there are.
func ReviewCounts(r store.Reader, review string) (map[schema.ItemState]int, error) {
	counts := map[schema.ItemState]int{}
	for _, state := range schema.ItemStates() {
		n, err := store.ItemState.Kept(r, store.ItemsIn(review, state))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			counts[state] = int(n)
		}
	}
	return counts, nil
}

// recordReview records something about a review as a whole.
func recordReview(tx store.Tx, book *policy.Book, v schema.Review, verb schema.Verb, by Decider, reason, words string) error {
	d := schema.Decision{
		Actor: by.Actor, Verb: verb, Subject: v.Ref(), Object: v.About(), Reason: reason, Policy: book.Digest(),
	}
	if v.Kind == schema.ReviewManager || v.Kind == schema.ReviewChange {
		d.Object = ""
		if v.Of != "" {
			d.Also = []string{v.Of}
		}
	}
	if by.Identity != "" {
		d.Because = []string{identityActor(by.Identity)}
	}
	if words != "" {
		detail, err := json.Marshal(map[string]string{"reason": words})
		if err != nil {
			return err
		}
		d.Detail = detail
	}
	_, err := tx.Record(d)
	return err
}

// nothingToReview reports whether an error says that a review did not begin because
// there is nothing for it to be about, or because it runs already.
func nothingToReview(err error) bool {
	return schema.IsNotFound(err) || errors.Is(err, schema.ErrConflict)
}
