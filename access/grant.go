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

// Grant gives one identity one role for a time, which somebody decided: By says
// who, Approvals who agreed. Only a role that is asked for can be granted, only
// to who is eligible, and never without an end unless its template states
// permanence. A zero From means now, a zero Until the role's default. A grant is
// a new decision, so it lifts the tombstone of an earlier one.
//
// What a rule refuses is ErrForbidden, and is logged as denied by the caller's
// choice (Deny); what cannot be meant is ErrInvalid.
func Grant(tx store.Tx, book *policy.Book, g schema.Grant) (schema.Grant, error) {
	role, err := grantable(book, g)
	if err != nil {
		return g, err
	}
	return give(tx, book, role, g)
}

// give writes a grant that was decided, where the role may be held for that long by
// whom it is for, and there is a place among those who may hold it at once.
func give(tx store.Tx, book *policy.Book, role *policy.Role, g schema.Grant) (schema.Grant, error) {
	now := tx.Now()
	if g.From.IsZero() {
		g.From = now
	}
	if err := mayHold(tx, book, role, &g); err != nil {
		return g, err
	}
	g.ID, g.Ended, g.EndedBy, g.Permanent = tx.NewID(), time.Time{}, "", ""
	if g.Until.IsZero() {
		g.Permanent = role.Endless()
	}
	if err := takePlace(tx, role, g); err != nil {
		return g, err
	}
	if err := store.Tombstones.Delete(tx, g.Identity, g.Role); err != nil {
		return g, err
	}
	if err := store.Grants.Put(tx, g); err != nil {
		return g, err
	}
	if err := watchFrom(tx, book, g.Identity, g.Role); err != nil {
		return g, err
	}
	if err := wakePressure(tx, g); err != nil {
		return g, err
	}
	detail, err := json.Marshal(map[string]any{"reason": g.Reason, "ticket": g.Ticket, "approvals": g.Approvals})
	if err != nil {
		return g, err
	}
	reason := "without an end"
	if !g.Until.IsZero() {
		reason = "until " + g.Until.UTC().Format(time.RFC3339)
	}
	_, err = tx.Record(schema.Decision{
		Actor: g.By, Verb: schema.Granted, Subject: g.Identity, Object: "role/" + g.Role,
		Because: g.Causes(), Reason: reason, Policy: book.Digest(), Detail: detail,
	})
	if err != nil {
		return g, err
	}
	return g, tx.Wake(LaneIdentity, g.Identity, now)
}

// grantable returns the role, where it may be granted at all in this way.
func grantable(book *policy.Book, g schema.Grant) (*policy.Role, error) {
	role, ok := book.Role(g.Role)
	switch {
	case !ok:
		return nil, fmt.Errorf("role %s: %w", g.Role, schema.ErrNotFound)
	case role.Spec.ByRule():
		return nil, fmt.Errorf("role %s is held by rule, not by grant: %w", g.Role, schema.ErrForbidden)
	case g.By == "" || g.Reason == "":
		return nil, fmt.Errorf("grant of role %s: say who decided and why: %w", g.Role, schema.ErrInvalid)
	case len(g.Approvals) == 0:
		return nil, fmt.Errorf("role %s: nobody approved: %w", g.Role, schema.ErrForbidden)
	}
	by := map[string]bool{}
	for _, a := range g.Approvals {
		if a.By == "identity/"+g.Identity || by[a.By] {
			return nil, fmt.Errorf("role %s: %s may not approve this, or not twice: %w", g.Role, a.By, schema.ErrForbidden)
		}
		by[a.By] = true
	}
	return role, nil
}

// eligible asks policy whether the identity may hold the role if it is granted, and
// returns the exceptions without which it might not.
func eligible(book *policy.Book, f policy.Facts, role string, now time.Time) (by []policy.Pass, err error) {
	f.Tombstones = slices.DeleteFunc(f.Tombstones, func(t schema.Tombstone) bool { return t.Role == role })
	f.About = []string{role}
	for _, v := range book.Evaluate(f, now).Verdicts {
		if v.Role != role {
			continue
		}
		if v.Outcome == policy.Eligible || v.Outcome == policy.Assigned {
			for _, p := range f.Passes {
				if p.Admits(role) && slices.Contains(v.Cites, p.Exception) {
					by = append(by, p)
				}
			}
			return by, nil
		}
		return nil, fmt.Errorf("role %s: %s (%s): %w", role, v.Outcome, v.Reason, schema.ErrForbidden)
	}
	return nil, fmt.Errorf("role %s: %w", role, schema.ErrNotFound)
}

// A Revocation takes a role from an identity: by whom, and why.
type Revocation struct {
	Identity, Role string
	By, Reason     string
}

// Revoke ends every grant of the role to the identity and puts a tombstone
// against it, so that neither a rule nor a replay brings it back before a new
// decision does.
func Revoke(tx store.Tx, book *policy.Book, v Revocation) error {
	_, err := revoke(tx, book, v, "revoked by a person", nil)
	return err
}

// revoke is Revoke for a reason that the log has, and because of what led to it. It
// returns the decision's id.
func revoke(tx store.Tx, book *policy.Book, v Revocation, reason string, because []string) (string, error) {
	if v.By == "" || v.Reason == "" {
		return "", fmt.Errorf("revocation of role %s: say who decided and why: %w", v.Role, schema.ErrInvalid)
	}
	if _, err := store.Identities.Get(tx, v.Identity); err != nil {
		return "", err
	}
	for g, err := range store.Grants.All(tx, v.Identity) {
		if err != nil {
			return "", err
		}
		if g.Role != v.Role || !g.Ended.IsZero() {
			continue
		}
		if err := closeGrant(tx, g, "revoked"); err != nil {
			return "", err
		}
	}
	stone := schema.Tombstone{Identity: v.Identity, Role: v.Role, At: tx.Now(), By: v.By, Reason: v.Reason}
	if err := store.Tombstones.Put(tx, stone); err != nil {
		return "", err
	}
	detail, err := json.Marshal(map[string]string{"reason": v.Reason})
	if err != nil {
		return "", err
	}
	d, err := tx.Record(schema.Decision{
		Actor: v.By, Verb: schema.Revoked, Subject: v.Identity, Object: "role/" + v.Role, Because: because,
		Reason: reason, Policy: book.Digest(), Detail: detail,
	})
	if err != nil {
		return "", err
	}
	if err := notifyLost(tx, book, v.Identity, v.Role, reason); err != nil {
		return "", err
	}
	return d.ID, tx.WakeUrgent(LaneIdentity, v.Identity)
}

// Losing returns the entitlements (connector/id) that an identity should hold
// because of a role and of no other: what a Revocation would take. A role that
// neither policy nor a grant of the identity names is ErrNotFound: a slip of the
// pen is not to end as a tombstone.
func Losing(r store.Reader, book *policy.Book, identity, role string) ([]string, error) {
	if err := known(r, book, identity, role); err != nil {
		return nil, err
	}
	refs := []string{}
	for line, err := range store.Assignments.All(r, identity) {
		if err != nil {
			return nil, err
		}
		if roles := line.Roles(); len(roles) == 1 && roles[0] == role {
			refs = append(refs, line.Ref())
		}
	}
	return refs, nil
}

func known(r store.Reader, book *policy.Book, identity, role string) error {
	_, inForce := book.Role(role)
	if inForce || slices.ContainsFunc(book.Refused(), func(f policy.Refusal) bool { return f.Role == role }) {
		return nil
	}
	for g, err := range store.Grants.All(r, identity) {
		if err != nil || g.Role == role {
			return err
		}
	}
	return fmt.Errorf("role %s: %w", role, schema.ErrNotFound)
}

// Expire ends a grant whose time has come, and has its identity looked at before
// the others. One that ended already, or has time left, is left alone; it
// reports whether this call ended it.
func Expire(tx store.Tx, actor, policyDigest string, g schema.Grant) (bool, error) {
	ended, err := ExpireAll(tx, actor, policyDigest, []schema.Grant{g})
	return len(ended) > 0, err
}

// ExpireAll is Expire of many grants, of which nothing but the keys is looked at. It
// returns those that this call ended.
func ExpireAll(tx store.Tx, actor, policyDigest string, grants []schema.Grant) (ended []schema.Grant, err error) {
	var identities, roles []string
	excepted := false
	for _, g := range grants {
		g, err := store.Grants.Get(tx, g.Identity, g.ID)
		if err != nil {
			return nil, err
		}
		if !g.Ended.IsZero() || g.Until.IsZero() || tx.Now().Before(g.Until) {
			continue
		}
		end := ending{g, actor, schema.Expired, "expired", reached(g)}
		if err := markEnded(tx, end.grant, end.by); err != nil {
			return nil, err
		}
		if _, err := tx.Record(end.decision(policyDigest)); err != nil {
			return nil, err
		}
		ended = append(ended, g)
		identities, roles = append(identities, g.Identity), append(roles, g.Role)
		excepted = excepted || len(g.Excepted) > 0
	}
	if excepted {
		if err := wakeGovernance(tx); err != nil {
			return nil, err
		}
	}
	for _, role := range schema.Sorted(roles...) {
		if err := wakeWaiting(tx, role); err != nil {
			return nil, err
		}
	}
	return ended, tx.WakeAllUrgent(LaneIdentity, schema.Sorted(identities...))
}

// reached says when a grant came to its end.
func reached(g schema.Grant) string {
	return "reached its end at " + g.Until.UTC().Format(time.RFC3339)
}

// endGrant marks a grant as ended and records why.
func endGrant(tx store.Tx, digest string, e ending) error {
	if err := closeGrant(tx, e.grant, e.by); err != nil {
		return err
	}
	_, err := tx.Record(e.decision(digest))
	return err
}

// closeGrant marks a grant as ended, and has those looked at who wait for its place.
func closeGrant(tx store.Tx, g schema.Grant, by string) error {
	if err := markEnded(tx, g, by); err != nil {
		return err
	}
	if err := wakePressure(tx, g); err != nil {
		return err
	}
	return wakeWaiting(tx, g.Role)
}

func markEnded(tx store.Tx, g schema.Grant, by string) error {
	g.Ended, g.EndedBy = tx.Now(), by
	return store.Grants.Put(tx, g)
}
