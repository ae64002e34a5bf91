package access

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A secret of a machine that is to be changed is changed by whoever keeps it, where the
// register says at which connector that is, and the connector can ask for it (R-NHI-3).
// Otherwise people are asked, by what is owed and by what the machine is at risk of. The
// secret never comes here.

// rotateAgain is how soon a change is asked for again that was refused, or whose
// connector is halted.
const rotateAgain = time.Hour

// A Rotation is a secret that is to be changed now, and where.
type Rotation struct {
	Connector string
	connectors.Rotation
}

// rotations returns the secrets of a machine that are to be changed now and that a
// connector may be able to: because they are older than the register or a role that the
// machine holds allows, or somebody who left could read them, or because a trigger of a
// role asks for it that gives something there, and they were not changed since it began to.
func rotations(book *policy.Book, now policy.Access) (due []policy.Secret) {
	asked := map[string]time.Time{} // since when, by connector
	for _, x := range now.Fired {
		role, ok := book.Role(x.Role)
		if !ok || x.Action != "rotate" || strings.HasPrefix(x.Trigger, "nhi/") {
			continue
		}
		for _, known := range now.Firings {
			if known.Role != x.Role || known.Trigger != x.Trigger || !known.Settled.IsZero() {
				continue
			}
			for _, h := range role.Spec.Grants {
				asked[h.Connector] = latest(asked[h.Connector], known.Since)
			}
		}
	}
	for _, s := range now.Secrets {
		if s.Connector != "" && s.Rotates() && (s.Why != "" || s.Since.Before(asked[s.Connector])) {
			due = append(due, s)
		}
	}
	return due
}

// rotate has the connectors asked that keep secrets of a machine which are to be changed.
func (l *look) rotate(tx store.Tx) error {
	if !policy.IsMachine(l.facts.Identity.Kind) {
		return nil
	}
	due := rotations(l.book, l.access)
	if err := l.rotatedElsewhere(tx, due); err != nil || len(due) == 0 {
		return err
	}
	return tx.Wake(LaneRotation, l.facts.Identity.ID, l.now)
}

// Rotations returns which secrets of a machine are to be changed now, at connectors that
// may be written to, and whether others wait for one that is halted.
func Rotations(r store.Reader, rules *Rules, machine string) (due []Rotation, wait bool, err error) {
	book, err := inForce(r, rules.Book())
	if err != nil {
		return nil, false, err
	}
	f, _, err := GatherAll(r, book, machine)
	if schema.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if f.Into != "" || f.Identity.Gone() {
		return nil, false, nil
	}
	for _, s := range rotations(book, book.Evaluate(f, r.Now())) {
		if book.Mode("", s.Connector) != schema.Enforce {
			continue
		}
		_, halted, err := HaltOf(r, s.Connector)
		if err != nil {
			return nil, false, err
		}
		if halted {
			wait = true
			continue
		}
		a, err := account(r, s.Connector, machine)
		if err != nil {
			return nil, false, err
		}
		due = append(due, Rotation{s.Connector, connectors.Rotation{
			ID:      strings.Join([]string{machine, s.Name, s.Since.UTC().Format(time.RFC3339)}, " "),
			Machine: f.Identity.UserName, Account: a.RemoteID, Credential: s.Name, Ref: s.Ref,
		}})
	}
	return due, wait, nil
}

// A RotationOutcome is what came of asking for another secret.
type RotationOutcome struct {
	Rotation
	At  time.Time // when it was changed
	Err error
}

// RotateDone keeps what came of changing secrets of a machine, and returns when to ask
// again; zero if there is nothing more to ask.
func RotateDone(tx store.Tx, book *policy.Book, machine string, all []RotationOutcome, wait bool) (again time.Time, err error) {
	if wait {
		again = tx.Now().Add(rotateAgain)
	}
	for _, o := range all {
		f := schema.Finding{Kind: findingRotation, Connector: o.Connector, Subject: machine, Object: "credential/" + o.Credential}
		if o.Err != nil {
			f.Reason = fmt.Sprintf("connector %s could not have it changed: %v", o.Connector, o.Err)
			again = tx.Now().Add(rotateAgain)
			if err := Report(tx, book, "connector/"+o.Connector, f); err != nil {
				return again, err
			}
			continue
		}
		if err := rotatedBy(tx, book, machine, o); err != nil {
			return again, err
		}
		if err := resolve(tx, f); err != nil {
			return again, err
		}
	}
	return again, nil
}

// rotatedBy notes that a connector had a secret changed. Somebody may have said so of a
// later time meanwhile, or the machine may be gone: then there is nothing to note.
func rotatedBy(tx store.Tx, book *policy.Book, machine string, o RotationOutcome) error {
	at := o.At
	if at.After(tx.Now()) {
		at = tx.Now() // clocks differ
	}
	c := MachineChange{Identity: machine, By: Decider{Actor: "connector/" + o.Connector}, Reason: "whoever keeps it was asked to change it"}
	_, err := Rotated(tx, book, c, o.Credential, at)
	switch {
	case errors.Is(err, schema.ErrConflict) || schema.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return accountRotated(tx, book, machine, o.Connector)
}

// accountRotated notes that the account of a machine has another secret, once all that are
// kept there were changed: whose secret is the account's is not known.
func accountRotated(tx store.Tx, book *policy.Book, machine, connector string) error {
	f, _, err := GatherAll(tx, book, machine)
	if err != nil {
		return err
	}
	at := allChanged(book.Evaluate(f, tx.Now()).Secrets, connector)
	if at.IsZero() {
		return nil
	}
	return use(tx, schema.Use{Identity: machine, Connector: connector, Rotated: at})
}

// allChanged returns since when no secret of a machine at a connector is older, whichever
// of them it is that the account there has; zero if that is not known.
func allChanged(all []policy.Secret, connector string) (since time.Time) {
	for _, s := range all {
		switch {
		case s.Connector != connector || !s.Rotates():
		case !s.Known:
			return time.Time{}
		case since.IsZero() || s.Since.Before(since):
			since = s.Since
		}
	}
	return since
}
