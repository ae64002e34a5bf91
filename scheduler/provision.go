package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Observer is told how long changes took. It is safe for concurrent use.
type Observer interface {
	// Exposure is called when a target agreed to a change: how long it was from
	// receiving it to the stage (decided, sent, acknowledged, verified).
	Exposure(connector, stage string, took time.Duration, ends bool)
	// Missed is called when access ended later than was wanted.
	Missed(connector string)
	// Swept is called after each run of a sweep.
	Swept(run schema.Run)
}

// Provision makes one connector's accounts as they should be.
type Provision struct {
	Store     *store.Store
	Rules     *access.Rules
	Name      string
	Connector connectors.Connector
	Verify    string   // one of connectors' Verify constants; empty means VerifyRevocations
	Breaker   *Breaker // is told what comes of each call; nil if there is none
	Observer  Observer

	seats seats
}

// Handle provisions the account of the identity the item names: desired minus
// observed, as they are now. What the target refuses for good is parked until
// something changes; everything else that fails is tried again. Where people tend
// the target, they are asked.
func (p *Provision) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	asker, asks := p.Connector.(connectors.Asker)
	attempt := item.Attempt
	if asks {
		attempt = 1 // people are asked, and nothing is called
	}
	if err := p.catchUp(ctx, attempt > 1); err != nil {
		return nil, err
	}
	var work access.Work
	err := p.Store.View(ctx, func(r store.Reader) (err error) {
		work, err = access.WorkFor(r, p.Rules, p.Name, item.ID, attempt)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := access.Outcome{Work: work, Steps: connectors.Plan(work.Have, work.Want), Got: work.Have}
	if work.Halted != "" { // an account that may be there would be made, to have what it has
		o.Steps = slices.DeleteFunc(o.Steps, func(s connectors.Step) bool { return !s.Ends() })
	}
	if asks {
		return func(tx store.Tx) (time.Time, error) { return access.Ask(tx, p.Rules, item, o, asker.Terms()) }, nil
	}
	if len(o.Steps) > 0 && work.Have.Due.IsZero() {
		return decidedFirst(item, o.Steps), nil
	}
	if len(o.Steps) > 0 {
		p.apply(ctx, &o)
	}
	if errors.Is(o.Err, errInUse) {
		return nil, o.Err // nothing came of it, and nothing is noted
	}
	doubted(&o)
	o.Park = o.Err != nil && parks(o.Err)
	finish := func(tx store.Tx) (time.Time, error) {
		done, err := access.Observe(tx, p.Rules, item, o)
		if err == nil {
			p.observe(done)
		}
		return time.Time{}, err
	}
	if o.Park {
		return finish, nil
	}
	return finish, o.Err
}

// decidedFirst has an identity decided about of whom something is to be done that nobody
// decided yet: a change came since, and the account was looked at before it was. That goes
// before others where the account did, or where some of it ends access.
func decidedFirst(item store.Item, steps []connectors.Step) access.Finish {
	return func(tx store.Tx) (time.Time, error) {
		if item.Urgent || slices.ContainsFunc(steps, connectors.Step.Ends) {
			return time.Time{}, tx.WakeUrgent(access.LaneIdentity, item.ID)
		}
		return time.Time{}, tx.Wake(access.LaneIdentity, item.ID, tx.Now())
	}
}

// doubted has an account looked for once more that may have been made by a call of which
// nobody heard what came of it, once the target has said that it is not there: its
// searches may be behind. Looks that failed meanwhile have said nothing.
func doubted(o *access.Outcome) {
	have := o.Work.Have
	if connectors.NotShown(have) || o.Err != nil || !connectors.IsUnnamed(have.RemoteID) || o.Got.Exists() {
		return
	}
	o.Got, o.Err = have, connectors.ErrNotShown
}

// catchUp has what was decided numbered where an account is in doubt, for what it may
// have been given meanwhile is looked up in the log. Where one process writes, nothing
// ever waits for its number.
func (p *Provision) catchUp(ctx context.Context, doubt bool) error {
	for more := doubt; more; {
		n, err := p.Store.Sequence(ctx)
		if err != nil {
			return err
		}
		more = n > 0
	}
	return nil
}

// apply asks the connector for it, and reads back what was taken away.
func (p *Provision) apply(ctx context.Context, o *access.Outcome) {
	have := o.Work.Have
	defer func() { p.seats.stand(have.Identity, o.Got.RemoteID) }()
	if connectors.Named(have.RemoteID) == nil {
		if o.Err = p.seats.sit(have.RemoteID, have.Identity); o.Err != nil {
			return
		}
	}
	o.Sent = time.Now()
	ctx = connectors.WithOwners(ctx, func(ctx context.Context, found schema.Account) error {
		return p.seats.take(found.RemoteID, have.Identity, func() error {
			return p.Store.View(ctx, func(r store.Reader) error {
				return access.MayTake(r, p.Rules, p.Name, have.Identity, found)
			})
		})
	})
	o.Got, o.Err = p.Connector.Apply(ctx, o.Work.Have, o.Work.Want)
	o.Acked = time.Now()
	if errors.Is(o.Err, errInUse) {
		return
	}
	p.Breaker.Record(o.Err)
	if o.Err != nil {
		if connectors.KindOf(o.Err) == connectors.Gone {
			p.gone(ctx, o)
		}
		return
	}
	if reader, ok := p.Connector.(connectors.Reader); ok && p.verifies(o.Steps) {
		p.readBack(ctx, reader, o)
	}
}

// readBack looks whether what the target agreed to is so, also where it was to delete
// the account.
func (p *Provision) readBack(ctx context.Context, reader connectors.Reader, o *access.Outcome) {
	is := o.Got
	if !is.Exists() {
		is = o.Work.Have
	}
	if !is.Exists() || connectors.IsUnnamed(is.RemoteID) {
		return
	}
	read, err := reader.Read(ctx, is.RemoteID)
	p.Breaker.Record(err)
	if err != nil && connectors.KindOf(err) != connectors.Gone {
		// What was there counts as there until it was read back: it is told again. Whether it
		// is nobody knows, so that it is looked at although somebody is to have it again. Of an
		// account that was found what it holds beside that is known only now.
		is.Active, is.Attributes = o.Work.Have.Active, nil
		is.Entitlements = schema.Sorted(slices.Concat(is.Entitlements, o.Work.Have.Entitlements)...)
		o.Got, o.Err = is, fmt.Errorf("read back: %w", err)
		return
	}
	read.Managed = o.Work.Have.Managed
	if left := connectors.Plan(read, o.Work.Want); slices.ContainsFunc(left, connectors.Step.Ends) {
		is.Entitlements, is.Active = read.Entitlements, read.Active
		o.Got, o.Err = is, errors.New("the target acknowledged, but read back it still gives access")
		return
	}
	o.Verified = time.Now()
}

// gone settles what is remembered of an account that its target says it has not.
// Where it can be read it is believed only then: what is not there might be
// something else than the account, and who left would keep it.
func (p *Provision) gone(ctx context.Context, o *access.Outcome) {
	have := o.Work.Have
	if o.Got.RemoteID != have.RemoteID {
		return // the connector has found out already what is there
	}
	if reader, ok := p.Connector.(connectors.Reader); ok && have.Exists() {
		read, err := reader.Read(ctx, have.RemoteID)
		p.Breaker.Record(err)
		switch {
		case err == nil:
			o.Err = fmt.Errorf("the target says that what it was told to change is gone, but has the account: %v", o.Err) //nolint:errorlint // it is not gone
			o.Got = have
			o.Got.Active, o.Got.Attributes, o.Got.Entitlements = read.Active, read.Attributes, read.Entitlements
			return
		case connectors.KindOf(err) != connectors.Gone:
			o.Got = have
			return
		}
	}
	// It no longer has what we remember: look for it anew.
	o.Got = schema.Account{Connector: have.Connector, Identity: have.Identity}
}

func (p *Provision) verifies(steps []connectors.Step) bool {
	switch p.Verify {
	case connectors.VerifyNever:
		return false
	case connectors.VerifyAlways:
		return true
	}
	return slices.ContainsFunc(steps, connectors.Step.Ends)
}

// observe tells how long the change took. It may be called again for the same
// change if the commit is run again; a histogram bears that.
func (p *Provision) observe(c schema.Change) {
	if p.Observer == nil || c.IsZero() {
		return
	}
	p.Observer.Exposure(p.Name, "decided", c.Decided.Sub(c.Received), c.Ends)
	if !c.Sent.IsZero() {
		p.Observer.Exposure(p.Name, "sent", c.Sent.Sub(c.Received), c.Ends)
	}
	if !c.Acknowledged.IsZero() {
		p.Observer.Exposure(p.Name, "acknowledged", c.Acknowledged.Sub(c.Received), c.Ends)
	}
	if !c.Verified.IsZero() {
		p.Observer.Exposure(p.Name, "verified", c.Verified.Sub(c.Received), c.Ends)
	}
	if c.Ends && !c.Objective.IsZero() && c.End().After(c.Objective) {
		p.Observer.Missed(p.Name)
	}
}

// parks reports whether trying again can not help.
func parks(err error) bool {
	kind := connectors.KindOf(err)
	return kind == connectors.Permanent || kind == connectors.Exists
}
