package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// lookAtRequests is how often an open request is looked at without a cause: those
// whom it waits for may have left.
const lookAtRequests = time.Hour

// current returns a request as it stands under the policy in force, with who may
// decide. Where the flow demands something else by now it begins anew, and what was
// agreed to under the other one is void.
func current(tx store.Tx, book *policy.Book, q schema.Request) (schema.Request, *panel, error) {
	role, ok := book.Role(q.Role)
	if !ok {
		return q, nil, fmt.Errorf("role %s is not in force any more: %w", q.Role, schema.ErrForbidden)
	}
	p, err := newPanel(tx, book, role, q)
	if err != nil || p.flow.Digest() == q.Flow {
		return q, p, err
	}
	for i := range q.Approvals {
		if q.Approvals[i].Void == "" {
			q.Approvals[i].Void = "the flow demands something else by now"
		}
	}
	q.Flow = p.flow.Digest()
	if p, err = newPanel(tx, book, role, q); err != nil {
		return q, nil, err
	}
	err = recordRequest(tx, book, q, schema.Requested, Decider{Actor: "bridge"}, "the policy demands something else by now: stage 1 is open again", nil)
	if err != nil {
		return q, p, err
	}
	q, err = openStage(tx, p, q, 0)
	return q, p, err
}

// openStage has a request wait for those who may decide at a stage.
func openStage(tx store.Tx, p *panel, q schema.Request, n int) (schema.Request, error) {
	stage := p.flow.Spec.Stages[n]
	var err error
	q.State, q.Stage, q.Due, q.Outcome = schema.RequestOpen, n, p.within(stage), ""
	if q.Awaits, err = p.awaits(stage); err != nil {
		return q, err
	}
	if err := store.Requests.Put(tx, q); err != nil {
		return q, err
	}
	if err := notifyApprovers(tx, p, q); err != nil {
		return q, err
	}
	return q, tx.Wake(LaneRequest, q.ID, earlier(q.Due, tx.Now().Add(lookAtRequests)))
}

// advance looks at what was agreed to: it voids what those agreed who are not there
// any more, opens the first stage that lacks somebody, or makes the request a grant.
func advance(tx store.Tx, book *policy.Book, q schema.Request) (schema.Request, error) {
	q, p, err := current(tx, book, q)
	if err != nil {
		return denyByRule(tx, book, q, err)
	}
	voided := false
	for i, a := range q.Approvals {
		if a.Void != "" {
			continue
		}
		here, err := p.stands(a)
		if err != nil {
			return q, err
		}
		if !here {
			q.Approvals[i].Void, voided = "who gave it is not there any more", true
		}
	}
	if voided {
		if p, err = newPanel(tx, book, p.role, q); err != nil {
			return q, err
		}
	}
	for n, stage := range p.flow.Spec.Stages {
		if agreedAt(q, n) >= stage.Needs() {
			continue
		}
		if n == q.Stage && q.State == schema.RequestOpen {
			return p.renewAwaits(tx, q)
		}
		if voided {
			reason := fmt.Sprintf("stage %d is open again: who agreed to it is not there any more", n+1)
			if err := recordRequest(tx, book, q, schema.Requested, Decider{Actor: "bridge"}, reason, nil); err != nil {
				return q, err
			}
		}
		return openStage(tx, p, q, n)
	}
	return fulfil(tx, book, q)
}

// stands reports whether who gave an approval is still there.
func (p *panel) stands(a schema.Approval) (bool, error) {
	_, err := present(p.reader, p.book, identityOf(a.By))
	if schema.IsNotFound(err) || errors.Is(err, schema.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// renewAwaits keeps a request as it is, but for whom it waits for.
func (p *panel) renewAwaits(tx store.Tx, q schema.Request) (schema.Request, error) {
	awaits, err := p.awaits(p.flow.Spec.Stages[q.Stage])
	if err != nil {
		return q, err
	}
	was, err := store.Requests.Get(tx, q.ID)
	if err != nil {
		return q, err
	}
	if q.Awaits = awaits; slices.Equal(was.Awaits, awaits) && slices.Equal(was.Approvals, q.Approvals) {
		return q, nil
	}
	return q, store.Requests.Put(tx, q)
}

// fulfil makes a request to which everybody agreed a grant. If as many hold the
// role as may, it waits for one of them to end, as long as the last stage waited.
func fulfil(tx store.Tx, book *policy.Book, q schema.Request) (schema.Request, error) {
	for _, a := range q.Standing() { // who leaves at the same moment has this looked at again
		if err := store.Identities.Touch(tx, identityOf(a.By)); err != nil {
			return q, err
		}
	}
	g := grantOf(tx, q)
	g.By = "bridge" // who decided is in its approvals
	g, err := Grant(tx, book, g)
	full, isFull := errors.AsType[*fullError](err)
	switch {
	case isFull:
		return await(tx, book, q, full)
	case err != nil:
		return denyByRule(tx, book, q, err)
	}
	q.State, q.Grant, q.Ended, q.Awaits, q.Due = schema.RequestFulfilled, g.ID, tx.Now(), nil, time.Time{}
	q.Outcome = "everybody agreed"
	if err := notifyDecided(tx, q); err != nil {
		return q, err
	}
	return q, store.Requests.Put(tx, q)
}

// await has an approved request wait until somebody else holds the role no more.
func await(tx store.Tx, book *policy.Book, q schema.Request, full *fullError) (schema.Request, error) {
	if q.State != schema.RequestApproved {
		if err := recordRequest(tx, book, q, schema.Held, Decider{Actor: "bridge"}, full.Error(), nil); err != nil {
			return q, err
		}
		role, _ := book.Role(q.Role)
		stages := book.Stages(role)
		q.State, q.Awaits, q.Due = schema.RequestApproved, nil, tx.Now().Add(stages[len(stages)-1].Time())
	}
	q.Outcome = full.Error()
	if err := store.Requests.Put(tx, q); err != nil {
		return q, err
	}
	next := q.Due
	if full.free.After(tx.Now()) && full.free.Before(next) {
		next = full.free
	}
	return q, tx.Wake(LaneRequest, q.ID, next)
}

// denyByRule ends a request that a rule stands against by now. Anything else that
// went wrong is an error.
func denyByRule(tx store.Tx, book *policy.Book, q schema.Request, why error) (schema.Request, error) {
	if !errors.Is(why, schema.ErrForbidden) && !errors.Is(why, schema.ErrInvalid) && !schema.IsNotFound(why) {
		return q, why
	}
	return closeRequest(tx, book, q, closing{
		state: schema.RequestDenied, by: Decider{Actor: "bridge"}, verb: schema.Denied, reason: why.Error(),
	})
}

// A closing is how a request ends without a grant.
type closing struct {
	state  schema.RequestState
	by     Decider
	verb   schema.Verb
	reason string
	words  string // the person's own
}

func closeRequest(tx store.Tx, book *policy.Book, q schema.Request, c closing) (schema.Request, error) {
	q.State, q.Outcome, q.Ended, q.Awaits, q.Due = c.state, c.reason, tx.Now(), nil, time.Time{}
	if err := recordRequest(tx, book, q, c.verb, c.by, c.reason, map[string]any{"reason": c.words}); err != nil {
		return q, err
	}
	if err := resolve(tx, schema.Finding{Kind: findingStuck, Subject: q.Identity, Object: requestRef(q.ID)}); err != nil {
		return q, err
	}
	if err := notifyDecided(tx, q); err != nil {
		return q, err
	}
	return q, store.Requests.Put(tx, q)
}

// Attend looks at a request that is due: its time is over, or somebody whom it
// depends on may have left. Exceptions that were asked for wait in the same lane.
func Attend(_ context.Context, _ *store.Store, rules *Rules, item store.Item) (Finish, error) {
	return func(tx store.Tx) (time.Time, error) {
		q, err := store.Requests.Get(tx, item.ID)
		switch {
		case schema.IsNotFound(err):
			return attendException(tx, rules.Book(), item.ID)
		case err != nil || q.Final():
			return time.Time{}, err
		}
		book := rules.Book()
		if !tx.Now().Before(q.Due) {
			_, err := lapse(tx, book, q)
			return time.Time{}, err
		}
		if book.Unreadable() != "" { // what it demands cannot be told
			return earlier(q.Due, tx.Now().Add(untilReadable)), nil
		}
		if q, err = attend(tx, book, q); err != nil || q.Final() {
			return time.Time{}, err
		}
		return earlier(q.Due, tx.Now().Add(lookAtRequests)), nil
	}, nil
}

// lapse ends a request that nobody decided in time: silence is no.
func lapse(tx store.Tx, book *policy.Book, q schema.Request) (schema.Request, error) {
	reason := fmt.Sprintf("nobody decided about stage %d by %s", q.Stage+1, q.Due.UTC().Format(time.RFC3339))
	if q.State == schema.RequestApproved {
		reason = "as many held the role as may at once, until " + q.Due.UTC().Format(time.RFC3339)
	}
	return closeRequest(tx, book, q, closing{
		state: schema.RequestExpired, by: Decider{Actor: "bridge"}, verb: schema.Denied, reason: reason,
	})
}

// attend looks at a request whose time is not over.
func attend(tx store.Tx, book *policy.Book, q schema.Request) (schema.Request, error) {
	gone, err := outOfReach(tx, book, q)
	if err != nil {
		return q, err
	}
	if gone != nil {
		return denyByRule(tx, book, q, gone)
	}
	if q, err = advance(tx, book, q); err != nil || q.State != schema.RequestOpen {
		return q, err
	}
	return q, reportStuck(tx, book, q)
}

// outOfReach says why the role can not be given any more to whom it was asked for:
// they left, or are not eligible, whatever becomes of a grant of it that they have. What is
// undecided meanwhile waits.
func outOfReach(tx store.Tx, book *policy.Book, q schema.Request) (why, err error) {
	facts, _, err := GatherAll(tx, book, q.Identity)
	if schema.IsNotFound(err) {
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	if book.Ended(facts, tx.Now()) {
		return fmt.Errorf("whom it is for has left: %w", schema.ErrForbidden), nil
	}
	facts.About = []string{q.Role}
	for _, v := range book.Evaluate(facts.Ungranted(q.Role), tx.Now()).Verdicts {
		if v.Role == q.Role && (v.Outcome == policy.NotEligible || v.Outcome == policy.Withdrawn) {
			return fmt.Errorf("role %s: %s (%s): %w", q.Role, v.Outcome, v.Reason, schema.ErrForbidden), nil
		}
	}
	return nil, nil //nolint:nilnil // nothing stands against it, and nothing failed
}

// reportStuck raises a finding about a request that nobody could decide now, and
// resolves it when somebody can.
func reportStuck(tx store.Tx, book *policy.Book, q schema.Request) error {
	_, p, err := current(tx, book, q)
	if err != nil {
		return err
	}
	f := schema.Finding{
		Kind: findingStuck, Subject: q.Identity, Object: requestRef(q.ID),
		Reason: fmt.Sprintf("stage %d of the request of role %s: nobody who is named could decide", q.Stage+1, q.Role),
	}
	able, err := p.deciders(p.flow.Spec.Stages[q.Stage], 1)
	if err != nil {
		return err
	}
	if len(able) > 0 {
		if err := notifyApprovers(tx, p, q); err != nil { // those who have not decided since yesterday
			return err
		}
		return resolve(tx, f)
	}
	return Report(tx, book, "bridge", f)
}

// wakeRequests has the open requests that are for an identity looked at: what is
// known of it changed, its manager too.
func wakeRequests(tx store.Tx, identity string) error {
	return wakePending(tx, "identity", identity)
}

// wakeAgreed has the open requests looked at to which somebody agreed who left: they did
// not agree any more.
func wakeAgreed(tx store.Tx, identity string) error {
	for q, err := range store.Requests.By(tx, store.RequestAgreed, identityActor(identity)) {
		if err == nil {
			err = tx.Wake(LaneRequest, q.ID, tx.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wakeWaiting has the approved requests looked at that wait for a place in a role.
func wakeWaiting(tx store.Tx, role string) error {
	return wakePending(tx, "role", role)
}

func wakePending(tx store.Tx, kind, name string) error {
	for q, err := range store.Requests.By(tx, store.RequestPending, kind, name) {
		if err != nil {
			return err
		}
		if kind == "role" && q.State != schema.RequestApproved {
			continue
		}
		if err := tx.Wake(LaneRequest, q.ID, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// agreedAt counts the approvals of a stage that count.
func agreedAt(q schema.Request, stage int) (n int) {
	for _, a := range q.Standing() {
		if a.Stage == stage {
			n++
		}
	}
	return n
}
