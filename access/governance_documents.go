package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Everything has an owner, and everything that an owner left has a clock: the deputy
// answers for it, by a decision, until somebody is named. Where nobody is in time, what
// gives access gives none to anybody new, and what allows a deviation allows it no more:
//
//   - a connector, an entitlement, an approval flow, a trigger set: the roles that rest on
//     it go into quarantine, and what ends access there goes on;
//   - a source: nothing is concluded from what it says, as if it were stale; ends that it
//     tells of count;
//   - an exception ends;
//   - a constraint stands, and with nobody to ask, nobody is excepted from it.
//
// Roles (governance.go) and machines (machine.go) have their own.

// isRef reports whether a name in quarantine is a document's that is no role.
func isRef(name string) bool { return strings.Contains(name, "/") }

// sourceRef is a source as a document.
func sourceRef(name string) string { return "Source/" + name }

// subjectOf is how decisions and findings call what is in quarantine.
func subjectOf(name string) string {
	kind, rest, other := strings.Cut(name, "/")
	if !other {
		return "role/" + name
	}
	return strings.ToLower(kind) + "/" + rest
}

// documents looks at who answers for what is neither role nor machine.
func (g *governance) documents() error {
	for _, d := range g.book.Owned() {
		if strings.HasPrefix(d.Ref, "Role/") || strings.HasPrefix(d.Ref, "NHI/") {
			continue
		}
		if err := g.about(d.Ref, func() error { return g.document(d) }); err != nil {
			return err
		}
	}
	return nil
}

func (g *governance) document(d policy.Owned) error {
	away, err := g.away(d.User)
	if err != nil || !away {
		return err
	}
	deputy, err := g.presence(d.Deputy)
	if err != nil {
		return err
	}
	subject, stands := subjectOf(d.Ref), "nobody stands in"
	if deputy == here {
		stands = "the deputy " + d.Deputy + " answers for it"
	}
	g.orphaned[subject] = fmt.Sprintf("its owner %s left; %s until a new owner is named", d.User, stands)
	if g.outOfTime(subject) {
		g.quarantined[d.Ref] = fmt.Sprintf("its owner %s left, and for %s nobody named another", d.User, policy.Duration(nameOwner))
	}
	return nil
}

// ownerIsBack is why a deputy answers for something no more.
const ownerIsBack = "whom it names answers for it"

// promote records who answers for something from now on.
func (g *governance) promote(tx store.Tx, subject, reason string) error {
	return g.record(tx, g.called(subject), schema.Decision{Verb: schema.Reassigned, Subject: subject, Object: objectOwner, Reason: reason})
}

// settingOwners is who answers for the documents of the policy in force, as JSON, by kind
// and name.
const settingOwners = "owners"

// keepOwners records of each document that is in the policy still, and that somebody else
// answers for from now on, who does: a change of owner is a decision like any other.
func keepOwners(tx store.Tx, book *policy.Book, q schema.Publication, by Decider) error {
	was, err := readOwners(tx)
	if err != nil {
		return err
	}
	now := ownersIn(book)
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		before, known := was[ref]
		if !known || before == now[ref] {
			continue
		}
		_, err := tx.Record(schema.Decision{
			Actor: by.Actor, Verb: schema.Reassigned, Subject: subjectOf(ref), Object: objectOwner, Because: []string{publicationRef(q.ID)},
			Reason: handedOver(before, now[ref]), Policy: q.Digest,
		})
		if err != nil {
			return err
		}
	}
	if maps.Equal(was, now) {
		return nil
	}
	value, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: settingOwners, Value: string(value)})
}

// ownersIn are those who answer for the documents of a policy, by kind and name.
func ownersIn(book *policy.Book) map[string]policy.Owner {
	owners := map[string]policy.Owner{}
	for _, d := range book.Owned() {
		owners[d.Ref] = d.Owner
	}
	return owners
}

func handedOver(was, is policy.Owner) string {
	return fmt.Sprintf("%s answered for it, and %s does now", named(was), named(is))
}

func readOwners(r store.Reader) (owners map[string]policy.Owner, err error) {
	row, err := store.Settings.Get(r, settingOwners)
	if schema.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(row.Value), &owners); err != nil {
		return nil, fmt.Errorf("setting %s: %w", settingOwners, err)
	}
	return owners, nil
}

func named(owner policy.Owner) string {
	if owner.Deputy == "" {
		return owner.User
	}
	return owner.User + " (deputy " + owner.Deputy + ")"
}
