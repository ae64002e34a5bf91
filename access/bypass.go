package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Break the glass: access first, and approval after. Only a role that is declared
// for it can be taken like this, by somebody who is eligible, while its condition
// holds, with the evidence that it demands before, and for hours. What is owed
// afterwards has its time:
//
//	BreakGlass ─► held ─► ended ─► its removal confirmed at every target
//	     │            evidence furnished, or reported as overdue
//	     └─────────── reviewed by others, or: ended at once, reported, the role suspended
//
// A bypass settles when all of it is done (schema.Bypass.Settled).

// hardEnd is how long a break-glass role is held at most, whatever a policy says.
const hardEnd = 4 * time.Hour

// A Breaking is a break-glass role that somebody takes for themselves.
type Breaking struct {
	Role           string
	By             Decider // a person
	Reason, Ticket string
	Evidence       map[string]string // by kind, beyond the reason and the ticket
	Lasts          time.Duration     // zero: as long as the role says
	Drill          bool
	Unverified     string // why the condition cannot be verified now: what says so is down
}

// BreakGlass gives a break-glass role at once. A condition that does not hold refuses
// it. One that cannot be decided, because nobody tells of the incident, refuses it
// too, unless they say why: then that is in the log, and for the reviewers to judge.
func BreakGlass(tx store.Tx, book *policy.Book, b Breaking) (schema.Bypass, error) {
	role, err := breakable(tx, book, b)
	if err != nil {
		return schema.Bypass{}, err
	}
	facts, err := present(tx, book, b.By.Identity)
	if err != nil {
		return schema.Bypass{}, err
	}
	if err := admits(tx, book, role, facts, b); err != nil {
		return schema.Bypass{}, err
	}
	rules, now := role.Spec.Bypass, tx.Now()
	y := schema.Bypass{
		ID: tx.NewID(), Role: b.Role, Identity: b.By.Identity, By: b.By.Actor, Auth: b.By.Auth, Reason: b.Reason, Ticket: b.Ticket,
		Drill: b.Drill, Unverified: b.Unverified, Taken: now, State: schema.BypassOpen,
		Owed: schema.Sorted(rules.EvidenceAfter...), OwedBy: now.Add(time.Duration(rules.EvidenceWithin)),
		Reviewers: rules.Reviewers.Group, Needs: book.ReviewersOf(role), ReviewBy: now.Add(time.Duration(rules.ReviewWithin)),
	}
	if role.Spec.OnEnd != nil {
		y.Rotate = schema.Sorted(role.Spec.OnEnd.Rotate...)
	}
	for _, h := range role.Spec.Grants {
		y.Gives = append(y.Gives, h.Connector+"/"+h.Entitlement)
	}
	for _, kind := range rules.EvidenceBefore {
		y.Evidence = append(y.Evidence, schema.Evidence{Kind: kind, Text: b.evidence(kind), By: b.By.Actor, At: now})
	}
	g := schema.Grant{Identity: y.Identity, Role: y.Role, From: now, By: b.By.Actor, Reason: b.Reason, Ticket: b.Ticket}
	if b.Lasts > 0 {
		g.Until = now.Add(b.Lasts)
	}
	if g, err = give(tx, book, role, g); err != nil {
		return y, err
	}
	y.Grant, y.Until = g.ID, g.Until
	if err := notifyTaken(tx, book, y, rules.Notify); err != nil {
		return y, err
	}
	if err := recordTaken(tx, book, y, rules.Notify); err != nil {
		return y, err
	}
	if err := store.Bypasses.Put(tx, y); err != nil {
		return y, err
	}
	if err := wakeGovernance(tx); err != nil { // a drill may have been due
		return y, err
	}
	return y, tx.Wake(LaneBypass, y.ID, nextLook(y, now))
}

// breakable returns the role, where it can be taken like this.
func breakable(r store.Reader, book *policy.Book, b Breaking) (*policy.Role, error) {
	role, ok := book.Role(b.Role)
	switch {
	case !ok:
		return nil, fmt.Errorf("role %s: %w", b.Role, schema.ErrNotFound)
	case role.Spec.Type != schema.BreakGlass || role.Spec.Bypass == nil:
		return nil, fmt.Errorf("role %s is not for emergencies: ask for it: %w", b.Role, schema.ErrForbidden)
	case b.By.Identity == "":
		return nil, fmt.Errorf("role %s is taken by people, and %s is no person whom a source knows: %w", b.Role, b.By.Actor, schema.ErrForbidden)
	case strings.TrimSpace(b.Reason) == "":
		return nil, fmt.Errorf("role %s: say why it is taken: %w", b.Role, schema.ErrInvalid)
	case b.Lasts < 0 || b.Lasts > hardEnd:
		return nil, fmt.Errorf("role %s is taken for %v at most: %w", b.Role, hardEnd, schema.ErrForbidden)
	}
	for _, kind := range role.Spec.Bypass.EvidenceBefore {
		if strings.TrimSpace(b.evidence(kind)) == "" {
			return nil, fmt.Errorf("role %s demands %s before it is taken: %w", b.Role, kind, schema.ErrInvalid)
		}
	}
	for g, err := range store.Grants.All(r, b.By.Identity) {
		if err != nil {
			return nil, err
		}
		if g.Role == b.Role && g.Live(r.Now()) {
			return nil, fmt.Errorf("role %s is held already, until %s: %w", b.Role, g.Until.UTC().Format(time.RFC3339), schema.ErrConflict)
		}
	}
	return role, nil
}

// evidence is what is said of a kind that is demanded before.
func (b Breaking) evidence(kind string) string {
	switch kind {
	case "reason":
		return b.Reason
	case "incident", "ticket", "change":
		return b.Ticket
	}
	return b.Evidence[kind]
}

// admits asks the role's condition.
func admits(r store.Reader, book *policy.Book, role *policy.Role, f policy.Facts, b Breaking) error {
	f, err := withTicket(r, f, b.Ticket)
	if err != nil {
		return err
	}
	outcome, why := book.Admits(role, f, b.Ticket, r.Now())
	return role.Takes(outcome, why, strings.TrimSpace(b.Unverified) != "")
}

// recordTaken records a bypass, and tells those who are to know.
func recordTaken(tx store.Tx, book *policy.Book, y schema.Bypass, notify []string) error {
	words := fmt.Sprintf("taken until %s, before anybody agreed; known by %s", y.Until.UTC().Format(time.RFC3339), y.Auth)
	if y.Drill {
		words += "; a drill"
	}
	if y.Unverified != "" {
		words += "; its condition could not be verified"
	}
	detail := map[string]any{"reason": y.Reason, "ticket": y.Ticket, "evidence": y.Evidence, "unverified": y.Unverified}
	if err := recordBypass(tx, book, y, schema.Bypassed, y.By, words, detail); err != nil {
		return err
	}
	reason := fmt.Sprintf("role %s was taken before anybody agreed, until %s", y.Role, y.Until.UTC().Format(time.RFC3339))
	if len(notify) > 0 {
		reason += "; to be told: " + strings.Join(notify, ", ")
	}
	return Report(tx, book, "bridge", schema.Finding{Kind: findingBypass, Subject: y.Identity, Object: bypassRef(y.ID), Reason: reason})
}

func bypassRef(id string) string { return "bypass/" + id }

// recordBypass records a step in the life of a bypass.
func recordBypass(tx store.Tx, book *policy.Book, y schema.Bypass, verb schema.Verb, actor, reason string, detail map[string]any) error {
	return recordAbout(tx, book, y.Identity, y.Role, recorded{
		verb: verb, by: Decider{Actor: actor}, because: schema.Sorted(bypassRef(y.ID), "grant/"+y.Grant), reason: reason, detail: detail,
	})
}

// withTicket adds to facts how a ticket stands, as far as anybody told.
func withTicket(r store.Reader, f policy.Facts, ticket string) (policy.Facts, error) {
	known := slices.ContainsFunc(f.Tickets, func(t schema.Ticket) bool { return strings.EqualFold(t.ID, ticket) })
	if ticket == "" || known {
		return f, nil
	}
	f.Tickets = slices.Clone(f.Tickets)
	for t, err := range store.Tickets.All(r, store.Fold(ticket)) {
		if err != nil {
			return f, err
		}
		f.Tickets = append(f.Tickets, t)
	}
	return f, nil
}
