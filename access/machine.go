package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// answered adds to the facts of a machine what people decided of it, whether those who
// answer for it are there, what else uses what is its own, and what it holds. It
// returns when somebody's last day is over, where that is known.
func answered(r store.Reader, book *policy.Book, f *policy.Facts) (until time.Time, err error) {
	id := f.Identity.ID
	if f.Machine, err = store.Machines.Get(r, id); err != nil && !schema.IsNotFound(err) {
		return until, err
	}
	for line, err := range store.Assignments.All(r, id) {
		if err != nil {
			return until, err
		}
		f.Held = append(f.Held, line)
	}
	if f.Shares, err = shares(r, book, *f); err != nil {
		return until, err
	}
	g := governance{book: book, reader: r, known: map[string]presence{}, people: true}
	owner, deputy := book.Stewards(*f)
	for _, one := range []struct {
		name string
		is   *schema.Presence
	}{{owner, &f.Owner}, {deputy, &f.Deputy}} {
		there, err := g.presence(one.name)
		if err != nil {
			return until, err
		}
		*one.is = map[presence]schema.Presence{here: schema.Present, left: schema.Departed}[there]
	}
	if f.Owner != schema.Unheard {
		active := f.Owner == schema.Present
		f.OwnerActive = &active
	}
	return g.next, nil
}

// shares says what another machine has that is to be this one's alone (NHI9): a name
// by which workloads are told of, an account at a target.
func shares(r store.Reader, book *policy.Book, f policy.Facts) (all []string, err error) {
	id := f.Identity.ID
	for _, name := range book.WorkloadNames(f) {
		for b, err := range store.Bindings.All(r, name) {
			if err != nil {
				return nil, err
			}
			if b.Machine != id {
				all = append(all, "machine identity "+b.Machine+" goes by the name "+name+" too")
			}
		}
	}
	for _, line := range f.Held {
		a, err := store.Accounts.Get(r, line.Connector, id)
		if schema.IsNotFound(err) || err == nil && a.RemoteID == "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		for other, err := range store.Accounts.By(r, store.AccountRemote, line.Connector, a.RemoteID) {
			if err != nil {
				return nil, err
			}
			if other.Identity != id {
				all = append(all, "its account at "+line.Connector+" is that of identity "+other.Identity+" too")
			}
		}
	}
	return schema.Sorted(all...), nil
}

// machineNotices are the kinds of finding about a machine: the ids of the ten risks.
func machineNotices() (kinds []schema.FindingKind) {
	for _, id := range policy.RiskIDs() {
		kinds = append(kinds, string(id))
	}
	return kinds
}

// answer keeps who answers for a machine, and who does when they leave, so that it is
// looked at when anything is new of them; and that there is such a machine.
func (l *look) answer(tx store.Tx) error {
	id := l.facts.Identity
	if !policy.IsMachine(id.Kind) {
		return nil
	}
	if l.facts.Machine.Kind != id.Kind && l.facts.Into == "" {
		m, err := store.Machines.Get(tx, id.ID) // people may have decided meanwhile
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		m.Identity, m.Kind = id.ID, id.Kind
		if err := store.Machines.Put(tx, m); err != nil {
			return err
		}
	}
	owner, deputy := l.book.Stewards(l.facts)
	names := slices.DeleteFunc(schema.Sorted(store.Fold(owner), store.Fold(deputy)), func(name string) bool { return name == "" || l.facts.Into != "" })
	for o, err := range store.Ownership.By(tx, store.OwnedBy, id.ID) {
		if err != nil {
			return err
		}
		if i := slices.Index(names, o.Owner); i >= 0 {
			names = slices.Delete(names, i, i+1)
			continue
		}
		if err := store.Ownership.Delete(tx, o.Owner, o.Machine); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := store.Ownership.Put(tx, store.Owned{Owner: name, Machine: id.ID}); err != nil {
			return err
		}
	}
	return nil
}

// A MachineChange is what somebody decides about a machine identity.
type MachineChange struct {
	Identity string
	By       Decider
	Reason   string
}

// machineOf returns a machine identity that somebody is to decide about, with what was
// decided before.
func machineOf(tx store.Tx, book *policy.Book, c MachineChange) (f policy.Facts, err error) {
	if c.By.Actor == "" || c.Reason == "" {
		return f, fmt.Errorf("machine identity %s: say who decides and why: %w", c.Identity, schema.ErrInvalid)
	}
	if f, _, err = GatherAll(tx, book, c.Identity); err != nil {
		return f, err
	}
	if !policy.IsMachine(f.Identity.Kind) {
		return f, fmt.Errorf("%s is of kind %s, and no machine: %w", f.Identity.UserName, f.Identity.Kind, schema.ErrInvalid)
	}
	if f.Into != "" || f.Identity.Gone() {
		return f, fmt.Errorf("machine identity %s: its sources know it no more: %w", c.Identity, schema.ErrConflict)
	}
	f.Machine.Identity, f.Machine.Kind = f.Identity.ID, f.Identity.Kind
	return f, nil
}

// decideMachine keeps what was decided, records why, and has the machine looked at:
// before everyone else, where its access may end.
func decideMachine(tx store.Tx, book *policy.Book, m schema.Machine, c MachineChange, d schema.Decision, ends bool) error {
	if err := store.Machines.Put(tx, m); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]string{"reason": c.Reason})
	if err != nil {
		return err
	}
	d.Actor, d.Subject, d.Policy, d.Detail = c.By.Actor, m.Identity, book.Digest(), detail
	if c.By.Identity != "" {
		d.Because = append(d.Because, identityActor(c.By.Identity))
	}
	if _, err := tx.Record(d); err != nil {
		return err
	}
	return wakeFor(tx, m.Identity, ends)
}

// Assign says who answers for a machine identity from now on, and who does when they
// leave: people who are there, each the one that a name means. It counts until the
// register, or the source that states an owner, states another one.
//
// The errors are ErrInvalid (nobody who is there, or a machine) and ErrNotFound.
func Assign(tx store.Tx, book *policy.Book, c MachineChange, owner, deputy string) (schema.Machine, error) {
	f, err := machineOf(tx, book, c)
	if err != nil {
		return f.Machine, err
	}
	m := f.Machine
	m.Assigned = tx.Now()
	m.Instead, _ = book.Stated(f)
	for _, one := range []struct {
		name, what string
		is         *string
	}{{owner, "owner", &m.Owner}, {deputy, "deputy", &m.Deputy}} {
		*one.is = ""
		if one.name == "" && one.what == "deputy" {
			continue
		}
		person, err := FindCalled(tx, book, one.name)
		if err != nil {
			return m, fmt.Errorf("the %s: %w", one.what, err)
		}
		g := governance{book: book, reader: tx, known: map[string]presence{}, people: true}
		if active, _, err := g.active(person); err != nil || !active {
			return m, fmt.Errorf("the %s: %s is not a person who is there: %w", one.what, one.name, orInvalid(err))
		}
		*one.is = person.ID
	}
	if m.Owner == m.Deputy {
		return m, fmt.Errorf("%s can not stand in for themselves: %w", owner, schema.ErrInvalid)
	}
	reason := "somebody else answers for it from now on"
	if m.Deputy != "" {
		reason += ", and somebody else stands in"
	}
	d := schema.Decision{Verb: schema.Reassigned, Object: "owner/" + m.Owner, Reason: reason, Because: deputyOf(m)}
	return m, decideMachine(tx, book, m, c, d, false)
}

func deputyOf(m schema.Machine) []string {
	if m.Deputy == "" {
		return nil
	}
	return []string{"deputy/" + m.Deputy}
}

func orInvalid(err error) error {
	if err == nil {
		return schema.ErrInvalid
	}
	return err
}

// Rotated notes that a credential of a machine identity was changed: at a time, or now.
func Rotated(tx store.Tx, book *policy.Book, c MachineChange, credential string, at time.Time) (schema.Machine, error) {
	f, err := machineOf(tx, book, c)
	if err != nil {
		return f.Machine, err
	}
	m := f.Machine
	if at.IsZero() {
		at = tx.Now()
	}
	n, _ := book.Registered(f)
	switch known := n != nil && slices.ContainsFunc(n.Spec.Inventory(), func(x policy.MachineCredential) bool { return x.Name == credential }); {
	case !known:
		return m, fmt.Errorf("the register has no credential %q of %s: %w", credential, f.Identity.UserName, schema.ErrNotFound)
	case at.After(tx.Now()):
		return m, fmt.Errorf("credential %s: it can not have been changed at a time to come: %w", credential, schema.ErrInvalid)
	case at.Before(m.Rotated[credential]):
		return m, fmt.Errorf("credential %s was changed at %s, which is later: %w", credential, m.Rotated[credential].UTC().Format(time.RFC3339), schema.ErrConflict)
	}
	m.Rotated = withTime(m.Rotated, credential, at)
	d := schema.Decision{Verb: schema.Rotated, Object: "credential/" + credential, Reason: "it was changed at " + at.UTC().Format(time.RFC3339)}
	return m, decideMachine(tx, book, m, c, d, false)
}

// withTime returns a copy of a map with one more time, for functions that run twice.
func withTime(times map[string]time.Time, name string, at time.Time) map[string]time.Time {
	all := map[string]time.Time{name: at}
	for other, t := range times {
		if other != name {
			all[other] = t
		}
	}
	return all
}

// Stop takes everything from a machine identity until Start gives it back: the kill
// switch. Nothing is forgotten meanwhile.
func Stop(tx store.Tx, book *policy.Book, c MachineChange) (schema.Machine, error) {
	f, err := machineOf(tx, book, c)
	if err != nil {
		return f.Machine, err
	}
	m := f.Machine
	if !m.Stopped.IsZero() {
		return m, fmt.Errorf("%s is stopped already: %w", f.Identity.UserName, schema.ErrConflict)
	}
	m.Stopped, m.StoppedBy = tx.Now(), c.By.Actor
	return m, decideMachine(tx, book, m, c, schema.Decision{Verb: schema.Stopped, Reason: "a person stopped it: it holds nothing until a person starts it"}, true)
}

// Start gives a machine identity back what it was stopped from.
func Start(tx store.Tx, book *policy.Book, c MachineChange) (schema.Machine, error) {
	f, err := machineOf(tx, book, c)
	if err != nil {
		return f.Machine, err
	}
	m := f.Machine
	if m.Stopped.IsZero() {
		return m, fmt.Errorf("%s is not stopped: %w", f.Identity.UserName, schema.ErrConflict)
	}
	m.Stopped, m.StoppedBy = time.Time{}, ""
	return m, decideMachine(tx, book, m, c, schema.Decision{Verb: schema.Started, Reason: "a person started it again"}, false)
}

// Settle answers what is known of a machine identity at one of the risks that people
// answer: that a person signed in as it (NHI10:2025), that a third party's is to be
// looked at again (NHI3:2025). What comes to be known later is told again.
func Settle(tx store.Tx, book *policy.Book, c MachineChange, risk policy.RiskID) (schema.Machine, error) {
	f, err := machineOf(tx, book, c)
	if err != nil {
		return f.Machine, err
	}
	if risk != policy.RiskHumanUse && risk != policy.RiskThirdParty {
		return f.Machine, fmt.Errorf("%s ends when what it is about does, and not by somebody's word: %w", risk, schema.ErrInvalid)
	}
	m := f.Machine
	m.Settled = withTime(m.Settled, string(risk), tx.Now())
	return m, decideMachine(tx, book, m, c, schema.Decision{Verb: schema.Answered, Object: "risk/" + string(risk), Reason: "somebody looked at it, and answers for it"}, false)
}
