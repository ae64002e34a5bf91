package access

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// settingQuarantine is the roles in quarantine, as JSON: role to reason. There is
// no such row where none is. Whoever decides reads it in their own transaction, so
// that it holds from the commit on, in every process and after a restart.
const settingQuarantine = "quarantine"

const governanceItem = "roles"

// Quarantined returns the roles that nobody new gets, and why.
func Quarantined(r store.Reader) (map[string]string, error) {
	all, err := unanswered(r)
	return rolesAmong(all), err
}

// rolesAmong are the roles among what is in quarantine.
func rolesAmong(all map[string]string) map[string]string {
	roles := maps.Clone(all)
	maps.DeleteFunc(roles, func(name, _ string) bool { return isRef(name) })
	return roles
}

// unanswered returns the roles in quarantine, and other documents that nobody answers for,
// as KIND/NAME, each with the reason.
func unanswered(r store.Reader) (map[string]string, error) {
	row, err := store.Settings.Get(r, settingQuarantine)
	if schema.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var roles map[string]string
	if err := json.Unmarshal([]byte(row.Value), &roles); err != nil {
		return nil, fmt.Errorf("setting %s: %w", settingQuarantine, err)
	}
	return roles, nil
}

// inForce is the policy with what is in quarantine now.
func inForce(r store.Reader, book *policy.Book) (*policy.Book, error) {
	all, err := unanswered(r)
	if err != nil || len(all) == 0 {
		return book, err
	}
	return book.With(all), nil
}

// wakeGovernance has the roles' governance looked at, once for all that happens
// meanwhile.
func wakeGovernance(tx store.Tx) error {
	return tx.Wake(LaneGovernance, governanceItem, tx.Now().Add(settleTime))
}

// Govern looks at who answers for the roles in force. A role whose owner left,
// with no deputy who is there, or whose approvers are all gone, is put in
// quarantine: what is held stays, nobody new gets it. It comes out when somebody
// answers for it again, and then everyone is looked at. Who was never heard of is
// not held against a role here.
func Govern(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	g := governance{book: rules.Book()}
	if g.book.Unreadable() != "" {
		return func(tx store.Tx) (time.Time, error) { return tx.Now().Add(untilReadable), nil }, nil
	}
	if err := enrol(ctx, s, g.book); err != nil {
		return nil, err
	}
	if err := s.View(ctx, g.look); err != nil {
		return nil, err
	}
	return func(tx store.Tx) (time.Time, error) {
		if stale, err := tx.Rewoken(item); err != nil || stale {
			return time.Time{}, err
		}
		return g.next, g.write(tx)
	}, nil
}

// A governance is one look at who answers for the roles.
type governance struct {
	book        *policy.Book
	reader      store.Reader
	known       map[string]presence
	quarantined map[string]string         // role, or another document as KIND/NAME, to reason
	orphaned    map[string]string         // subject to reason, where the deputy answers for it
	since       map[string]schema.Finding // those that are known to be orphaned, by subject
	unlooked    map[string]string         // subject of an exception to reason, where it is to be looked at again
	overlooked  map[string]bool           // those of them that nobody looked at in time
	pressed     map[string]string         // subject of a rule to reason, where so many are excepted from it that it is wrong
	undrilled   map[string]string         // subject of a break-glass role to reason, where nobody tried for too long whether it can be taken
	next        time.Time                 // when somebody's last day is over, or a deputy's time is; zero if none is known
	now         time.Time                 // as of which it is
	asked       *attendance               // what was asked about the document that is looked at
	standings   map[string]*attendance    // of each document, by kind and name, of a role by its name alone
	people      bool                      // only people count
	coming      bool                      // the policy is not in force yet
	admitted    []schema.Observation      // of roles that were withheld, and are ready by now
}

// look works out what is so now.
func (g *governance) look(r store.Reader) error {
	g.reader, g.now, g.known, g.next = r, r.Now(), map[string]presence{}, time.Time{}
	g.standings = map[string]*attendance{}
	g.quarantined, g.orphaned = map[string]string{}, map[string]string{}
	g.undrilled, g.admitted = map[string]string{}, nil
	var err error
	if g.since, err = findings(r, findingOwner); err != nil {
		return err
	}
	if err := g.documents(); err != nil {
		return err
	}
	if err := g.exceptions(); err != nil {
		return err
	}
	if err := g.lookAgain(); err != nil {
		return err
	}
	for _, role := range g.book.Roles() {
		if err := g.about(role.Metadata.Name, func() error { return g.role(role) }); err != nil {
			return err
		}
		if err := g.emergency(role); err != nil {
			return err
		}
		if err := g.withheld(role); err != nil {
			return err
		}
	}
	return nil
}

func (g *governance) role(role *policy.Role) error {
	name, owner := role.Metadata.Name, role.Metadata.Owner
	there, err := g.presence(owner.User)
	if err != nil {
		return err
	}
	if there == left {
		deputy, err := g.presence(owner.Deputy)
		if err != nil {
			return err
		}
		if deputy != here {
			g.quarantined[name] = fmt.Sprintf("its owner %s left, and no deputy is there", owner.User)
			return nil
		}
		g.orphaned["role/"+name] = fmt.Sprintf("its owner %s left; the deputy %s answers for it until a new owner is named", owner.User, owner.Deputy)
		if g.outOfTime("role/" + name) {
			g.quarantined[name] = fmt.Sprintf("its owner %s left, and for %s nobody named another", owner.User, policy.Duration(nameOwner))
			return nil
		}
	}
	for i, stage := range g.book.Stages(role) {
		gone, err := g.abandoned(stage)
		if err != nil {
			return err
		}
		if gone {
			g.quarantined[name] = fmt.Sprintf("nobody is left who could approve it at stage %d", i+1)
			return nil
		}
	}
	for _, ref := range g.book.RestsOn(role) {
		why, alone := g.quarantined[ref]
		if alone {
			g.asked.rests(ref, why)
			g.quarantined[name] = fmt.Sprintf("it rests on %s: %s", ref, why)
			return nil
		}
	}
	return nil
}

// nameOwner is how long a deputy answers for what an owner left, before it is in
// quarantine.
const nameOwner = policy.NameOwner

// outOfTime reports whether nobody was named for too long, and has the role looked at
// again when that will be so.
func (g *governance) outOfTime(subject string) bool {
	end := g.now.Add(nameOwner)
	if f, known := g.since[subject]; known {
		end = f.First.Add(nameOwner)
		g.asked.deputised(f.First)
	}
	if !g.now.Before(end) {
		return true
	}
	if g.next.IsZero() || end.Before(g.next) {
		g.next = end
	}
	return false
}

// abandoned reports whether everybody who could agree at a stage is known to be
// gone.
func (g *governance) abandoned(stage policy.Stage) (bool, error) {
	for _, a := range stage.Approvers {
		var there presence
		var err error
		switch {
		case a.User != "":
			there, err = g.presence(a.User)
		case a.Group != "":
			there, err = g.group(a.Group)
		}
		if err != nil || there != left {
			return false, err
		}
	}
	return len(stage.Approvers) > 0, nil
}

// write makes the store agree, with a decision for every role that goes into
// quarantine or comes out of it.
func (g *governance) write(tx store.Tx) error {
	was, err := unanswered(tx)
	if err != nil {
		return err
	}
	if err := g.report(tx); err != nil {
		return err
	}
	if err := g.admit(tx); err != nil {
		return err
	}
	if maps.Equal(was, g.quarantined) {
		return nil
	}
	freed := false
	for _, role := range slices.Sorted(maps.Keys(was)) {
		if _, still := g.quarantined[role]; still {
			continue
		}
		freed = true
		if err := g.decide(tx, schema.Released, role, hasOwner); err != nil {
			return err
		}
	}
	for _, role := range slices.Sorted(maps.Keys(g.quarantined)) {
		if was[role] == g.quarantined[role] {
			continue
		}
		freed = freed || strings.HasPrefix(role, "Exception/") // what it allowed ends
		if err := g.decide(tx, schema.Quarantined, role, g.quarantined[role]); err != nil {
			return err
		}
	}
	if err := g.keep(tx); err != nil || !freed {
		return err
	}
	return wakeEveryone(tx)
}

func (g *governance) keep(tx store.Tx) error {
	if len(g.quarantined) == 0 {
		return store.Settings.Delete(tx, settingQuarantine)
	}
	value, err := json.Marshal(g.quarantined)
	if err != nil {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: settingQuarantine, Value: string(value)})
}

// hasOwner is why something is in quarantine no more.
const hasOwner = "somebody answers for it again"

func (g *governance) decide(tx store.Tx, verb schema.Verb, role, reason string) error {
	return g.record(tx, role, schema.Decision{Verb: verb, Subject: subjectOf(role), Object: objectQuarantine, Reason: reason})
}

// report raises the findings that hold, and resolves those that do no more.
func (g *governance) report(tx store.Tx) error {
	quarantined := map[string]string{}
	for name, why := range g.quarantined {
		quarantined[subjectOf(name)] = why
	}
	for kind, subjects := range map[schema.FindingKind]map[string]string{
		findingQuarantine: quarantined, findingOwner: g.orphaned, findingDrill: g.undrilled, findingPressure: g.pressed, findingLookAgain: g.unlooked,
	} {
		open, err := findings(tx, kind)
		if err != nil {
			return err
		}
		for subject, reason := range subjects {
			f, known := open[subject]
			delete(open, subject)
			if known && f.Reason == reason {
				continue
			}
			if kind == findingOwner {
				if err := g.promote(tx, subject, reason); err != nil {
					return err
				}
			}
			if kind == findingLookAgain {
				if err := g.tellWaived(tx, subject, reason); err != nil {
					return err
				}
			}
			if err := Report(tx, g.book, "bridge", schema.Finding{Kind: kind, Subject: subject, Reason: reason}); err != nil {
				return err
			}
		}
		for _, f := range open {
			if err := resolve(tx, f); err != nil {
				return err
			}
			if kind == findingOwner {
				if err := g.promote(tx, f.Subject, ownerIsBack); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
