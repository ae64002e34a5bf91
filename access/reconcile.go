package access

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Finish writes what came of some work, in the transaction that ends the
// work's lease: both happen, or neither does. It returns when to look again, or
// zero if only a change can matter.
type Finish func(tx store.Tx) (next time.Time, err error)

// Reconcile works out one identity's access as things are now: facts to
// assignments, with a decision for every line that changed, and every account
// whose target should hear of it woken, urgently where access ends.
//
// Rules are evaluated outside the write transaction. If the identity was woken
// meanwhile, or another policy came into force, the Finish works it out anew, in
// its transaction: to leave it to the next time would starve whoever is changed
// faster than they can be looked at.
func Reconcile(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	all, err := ReconcileAll(ctx, s, rules, []store.Item{item})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ReconcileAll is Reconcile of several who can wait for each other, each with a Finish of
// its own: they are looked at in one snapshot, which costs each of them less. An error is
// that of any of them.
func ReconcileAll(ctx context.Context, s *store.Store, rules *Rules, items []store.Item) ([]Finish, error) {
	looks := make([]*look, len(items)) // nil of who is not there
	err := s.View(ctx, func(r store.Reader) error {
		b, err := backdropOf(r, rules)
		if err != nil {
			return err
		}
		for i, item := range items {
			if looks[i], err = b.lookAt(r, item); err != nil && !schema.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	finishes := make([]Finish, len(items))
	for i, l := range looks {
		if l == nil {
			finishes[i] = func(store.Tx) (time.Time, error) { return time.Time{}, nil }
			continue
		}
		l.evaluate()
		finishes[i] = l.finish(items[i])
	}
	return finishes, nil
}

// finish writes what was worked out, or what is worked out anew if that is stale.
func (l *look) finish(item store.Item) Finish {
	return func(tx store.Tx) (time.Time, error) {
		stale, err := tx.Rewoken(item)
		if err != nil {
			return time.Time{}, err
		}
		if !stale && l.rules.Book().Digest() == l.book.Digest() {
			return l.write(tx)
		}
		b, err := backdropOf(tx, l.rules)
		if err != nil {
			return time.Time{}, err
		}
		anew, err := b.lookAt(tx, item)
		if err != nil {
			return time.Time{}, err
		}
		anew.evaluate()
		return anew.write(tx)
	}
}

// A backdrop is what is the same for everybody who is looked at in one snapshot.
type backdrop struct {
	now     time.Time
	rules   *Rules
	book    *policy.Book                // in force, with what is in quarantine
	brake   string                      // why the policy takes nothing away by itself; nothing if it does
	formers []*policy.Book              // those before one that is held
	found   map[schema.FindingKind]bool // kinds that were asked for: whether there is any finding of it
}

func backdropOf(r store.Reader, rules *Rules) (b backdrop, err error) {
	b = backdrop{now: r.Now(), rules: rules, found: map[schema.FindingKind]bool{}}
	if b.book, err = inForce(r, rules.Book()); err != nil {
		return b, err
	}
	b.brake, b.formers, err = rules.held(r, b.book)
	return b, err
}

// A look is one identity's access as it is and as policy wants it, at a time.
type look struct {
	backdrop
	since  time.Time // when what made us look happened, or fell due
	urgent bool      // before everyone else: access may end
	facts  policy.Facts
	owned  time.Time // until when who answers for a machine is there, where that is known
	held   []schema.Assignment
	open   map[string]schema.Proposal // what is proposed, by connector/entitlement
	known  []schema.Finding           // what is known of it to be undecided, kept or held

	access   policy.Access // as policy wants it
	over     bool          // the identity ended
	compared comparison
	differs  difference
	foreseen foreseen

	attributes map[string]string
	lines      []schema.Assignment       // what it holds from now on
	because    map[string][]string       // connector to the decisions made on its lines
	urged      map[string]urge           // connector to what demands that access ends there in time
	demanded   map[string][]policy.Fired // role that its rule gives no more to the triggers that demand its end, too
	noticed    map[noticeKey]bool
	rulings    []ruling          // what is decided, and about to be recorded
	stays      map[string]string // lines that a brake keeps, and why
	lasts      []string          // lines that stay because nobody else holds them
	unfounded  map[string]ending // grants that rest on an exception which is no more, by id
}

func (b backdrop) lookAt(r store.Reader, item store.Item) (_ *look, err error) {
	l := &look{backdrop: b, since: item.Due, urgent: item.Urgent}
	if l.since.IsZero() || l.since.After(l.now) {
		l.since = l.now
	}
	if l.facts, l.owned, err = GatherAll(r, l.book, item.ID); err != nil {
		return nil, err
	}
	if l.unfounded, err = takeUnfounded(r, l.book, &l.facts, l.now); err != nil {
		return nil, err
	}
	if l.attributes, err = Attributes(l.facts.Identity); err != nil {
		return nil, err
	}
	for a, err := range store.Assignments.All(r, item.ID) {
		if err != nil {
			return nil, err
		}
		l.held = append(l.held, a)
	}
	l.facts.About = schema.RolesHeld(l.held)
	if l.open, err = proposalsOf(r, item.ID); err != nil {
		return nil, err
	}
	kinds := []schema.FindingKind{noticeUndecided, noticeKept, noticeLast, noticeOwed, noticeBlocked, noticeBreak}
	if policy.IsMachine(l.facts.Identity.Kind) {
		kinds = append(kinds, machineNotices()...)
	}
	if len(l.facts.Records) > 0 {
		kinds = append(kinds, noticeConflict)
	}
	l.known, err = b.findings(r, item.ID, kinds)
	return l, err
}

// findings returns those of the kinds about an identity. Of most kinds there is none about
// anybody, which is asked once for all who are looked at.
func (b backdrop) findings(r store.Reader, identity string, kinds []schema.FindingKind) (all []schema.Finding, err error) {
	for _, kind := range kinds {
		some, asked := b.found[kind]
		if !asked {
			if some, err = anyOf(store.Findings.All(r, kind)); err != nil {
				return nil, err
			}
			b.found[kind] = some
		}
		if !some {
			continue
		}
		for f, err := range store.Findings.All(r, kind, "", identity) {
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// anyOf reports whether there is anything to walk.
func anyOf[T any](all iter.Seq2[T, error]) (bool, error) {
	for _, err := range all {
		return err == nil, err
	}
	return false, nil
}

// evaluate works out what policy wants, and whatever of what is to be written takes only
// thought: the writer has one thing to do at a time, and everybody waits for it.
func (l *look) evaluate() {
	l.access = evaluate(l.book, l.facts, l.held, l.now)
	l.over = ended(l.book, l.facts, l.now)
	l.compared = comparison{
		book: l.book, facts: l.facts, held: l.held, access: l.access, now: l.now, brake: l.brake, formers: l.formers, proposals: l.open,
	}
	l.differs = l.compared.difference()
	l.foresee()
}

// write makes the store agree with what policy wants, in one transaction.
func (l *look) write(tx store.Tx) (time.Time, error) {
	// Of this run: an earlier one may have been taken back.
	l.because, l.noticed, l.urged = map[string][]string{}, map[noticeKey]bool{}, map[string]urge{}
	l.demanded = map[string][]policy.Fired{}
	l.rulings, l.stays, l.lasts = nil, nil, nil
	d, err := l.restrain(tx)
	if err != nil {
		return time.Time{}, err
	}
	l.stays = d.braked(l.brake)
	if l.book.Unreadable() != "" {
		return l.salvage(tx, d)
	}
	if err := l.endGrants(tx); err != nil {
		return time.Time{}, err
	}
	for _, n := range l.notices() {
		if err := l.notice(tx, n); err != nil {
			return time.Time{}, err
		}
	}
	if err := l.apply(tx, d); err != nil {
		return time.Time{}, err
	}
	if err := l.propose(tx, d); err != nil {
		return time.Time{}, err
	}
	for _, follow := range []func(store.Tx) error{
		l.record, l.forgetNotices, l.wakeAccounts, l.answer, l.bind, l.remember, l.rotate, l.reviewMoved, l.watch, l.passOn,
	} {
		if err := follow(tx); err != nil {
			return time.Time{}, err
		}
	}
	if err := wakeRequests(tx, l.facts.Identity.ID); err != nil {
		return time.Time{}, err
	}
	if l.over {
		if err := errors.Join(wakeAgreed(tx, l.facts.Identity.ID), retryWaiting(tx, l.facts.Identity.ID)); err != nil {
			return time.Time{}, err
		}
	}
	next := l.access.Next
	if next, err = l.forewarn(tx, next); err != nil {
		return time.Time{}, err
	}
	if !l.owned.IsZero() && (next.IsZero() || l.owned.Before(next)) {
		next = l.owned
	}
	return next, nil
}

// passOn has the identity looked at that this one is a record of: what concerns the
// record concerns that.
func (l *look) passOn(tx store.Tx) error {
	switch {
	case l.facts.Into == "":
		return nil
	case l.urgent:
		return tx.WakeUrgent(LaneIdentity, l.facts.Into)
	}
	return tx.Wake(LaneIdentity, l.facts.Into, tx.Now())
}

// endGrants marks the grants that reached their end, or that a trigger ended.
func (l *look) endGrants(tx store.Tx) error {
	for _, end := range l.endings() {
		if err := closeGrant(tx, end.grant, end.by); err != nil {
			return err
		}
		l.rule(tx, ruling{decision: end.decision(l.book.Digest()), roles: []string{end.grant.Role}})
	}
	return nil
}

// endings returns the grants that end now, but for those of which a brake keeps what
// they give.
func (l *look) endings() (ends []ending) {
	for _, g := range l.facts.Grants {
		if !g.Ended.IsZero() {
			continue
		}
		if end, ok := l.unfounded[g.ID]; ok {
			ends = append(ends, end)
			continue
		}
		if !g.Until.IsZero() && !l.now.Before(g.Until) {
			ends = append(ends, ending{g, "bridge", schema.Expired, "expired", reached(g)})
			continue
		}
		i := slices.IndexFunc(l.access.Fired, func(f policy.Fired) bool { return f.Grant == g.ID && f.Action == "revoke" })
		if i >= 0 && !l.spared("grant/"+g.ID) {
			trigger := "trigger/" + l.access.Fired[i].Trigger
			ends = append(ends, ending{g, trigger, schema.Revoked, trigger, "its trigger fired"})
		}
	}
	return ends
}

// apply writes the difference, with a decision for every line of it.
func (l *look) apply(tx store.Tx, d difference) error {
	l.lines = d.lines
	for _, line := range d.begun {
		if line.Since.IsZero() {
			line.Since = tx.Now()
		}
		if err := store.Assignments.Put(tx, line); err != nil {
			return err
		}
		l.decide(tx, schema.Assigned, line)
	}
	for _, k := range d.kept {
		if err := l.notice(tx, keptOf(k)); err != nil {
			return err
		}
	}
	for _, line := range d.back {
		if err := l.notice(tx, backOf(line, l.brake)); err != nil {
			return err
		}
	}
	for _, line := range d.ended {
		last, err := l.last(tx, line)
		if err != nil {
			return err
		}
		if last {
			l.lines = append(l.lines, line)
			continue
		}
		if err := store.Assignments.Delete(tx, line.Identity, line.Connector, line.Entitlement); err != nil {
			return err
		}
		l.decide(tx, schema.Unassigned, line)
	}
	return nil
}

// wakeAccounts wakes the account at every connector where something is to be
// done now. Accounts are read in this transaction, not in the look, because
// provisioning writes them meanwhile.
func (l *look) wakeAccounts(tx store.Tx) error {
	for _, connector := range l.connectors() {
		acc, err := account(tx, connector, l.facts.Identity.ID)
		if err != nil {
			return err
		}
		lines := slices.DeleteFunc(slices.Clone(l.lines), func(a schema.Assignment) bool { return a.Connector != connector })
		if ours(l.rules, l.book, connector, l.attributes["userName"]) && acc.Exists() {
			var changed bool
			if acc, changed = claim(l.book, lines, acc); changed {
				if err := store.Accounts.Put(tx, acc); err != nil {
					return err
				}
			}
		}
		want, err := ramped(tx, acc, desired(l.rules, l.book, l.facts, l.attributes, lines, acc))
		if err != nil {
			return err
		}
		if err := l.wakeAccount(tx, acc, want); err != nil {
			return err
		}
	}
	return nil
}

// connectors returns those of the policy and those of the lines, sorted.
func (l *look) connectors() []string {
	var names []string
	for _, c := range l.book.Connectors() {
		names = append(names, c.Metadata.Name)
	}
	for _, a := range l.held {
		names = append(names, a.Connector)
	}
	return schema.Sorted(names...)
}
