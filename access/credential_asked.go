package access

import (
	"encoding/hex"
	"fmt"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Where a secret is kept at a target that people tend, that it is to be changed is a work
// item of its own beside that of the account, which a person confirms: then it is as if they
// had said so of the machine (Rotated). R-NHI-3.

// verbRotate is what people are asked to do with a secret.
const verbRotate = "rotate"

// AskRotation has people change a secret at a target that they tend, and reminds them once
// that is overdue. It returns when to look again.
func AskRotation(tx store.Tx, rules *Rules, machine string, due Rotation, terms connectors.Terms) (time.Time, error) {
	w := rotationItem(machine, due, terms, tx.Now())
	open, err := store.WorkItems.Get(tx, w.Connector, machine, w.Credential)
	switch {
	case err != nil && !schema.IsNotFound(err):
		return time.Time{}, err
	case err == nil && open.Plan == w.Plan:
		return remind(tx, rules, open, terms)
	}
	declined, err := store.Findings.Has(tx, findingRotation, w.Connector, machine, rotationObject(w.Credential))
	if err != nil || declined {
		return time.Time{}, err // people said that they will not
	}
	if err := store.WorkItems.Put(tx, w); err != nil {
		return time.Time{}, err
	}
	if err := notifyAsked(tx, rules.Book(), w); err != nil {
		return w.Due, err
	}
	return w.Due, task(tx, w, rules.Book().Digest(), "asked to "+w.What)
}

func rotationObject(credential string) string { return "credential/" + credential }

// rotationItem is what people are asked to do with a secret: another one each time that it
// is to be changed anew.
func rotationItem(machine string, due Rotation, terms connectors.Terms, now time.Time) schema.WorkItem {
	plan := NewIntent(due.Connector + "/" + machine)
	plan.write(verbRotate, due.ID)
	return schema.WorkItem{
		Connector: due.Connector, Identity: machine, Credential: due.Credential, UserName: due.Machine,
		What:  fmt.Sprintf("change the secret %s, which is kept at %s", due.Credential, due.Ref),
		Steps: []schema.WorkStep{{Verb: verbRotate, Attributes: map[string]string{"credential": due.Credential, "ref": due.Ref}}},
		Plan:  hex.EncodeToString(plan.sum.Sum(nil)), Assignee: terms.Assignee, Opened: now, Due: now.Add(terms.Within),
	}
}

// confirmRotation takes somebody's word that a secret was changed.
func confirmRotation(tx store.Tx, rules *Rules, w schema.WorkItem, c Confirmation) (schema.WorkItem, error) {
	if err := dropItem(tx, w); err != nil {
		return w, err
	}
	change := MachineChange{Identity: w.Identity, By: Decider{Actor: c.By}, Reason: c.Words}
	if _, err := Rotated(tx, rules.Book(), change, w.Credential, tx.Now()); err != nil {
		return w, err
	}
	if err := accountRotated(tx, rules.Book(), w.Identity, w.Connector); err != nil {
		return w, err
	}
	return w, said(tx, c, schema.Confirmed, rules.Book().Digest(), nil, w.What)
}

// declineRotation takes somebody's word that a secret will not be changed: that stays found
// until it was.
func declineRotation(tx store.Tx, rules *Rules, w schema.WorkItem, c Confirmation) (schema.WorkItem, error) {
	if err := dropItem(tx, w); err != nil {
		return w, err
	}
	err := Report(tx, rules.Book(), "connector/"+w.Connector, schema.Finding{
		Kind: findingRotation, Connector: w.Connector, Subject: w.Identity, Object: rotationObject(w.Credential), Reason: "declined by " + c.By,
	})
	if err != nil {
		return w, err
	}
	return w, said(tx, c, schema.Failed, rules.Book().Digest(), nil, "declined: "+w.What)
}

// rotatedElsewhere closes what people are asked to change and what was found of it, where
// the secret was changed another way.
func (l *look) rotatedElsewhere(tx store.Tx, due []policy.Secret) error {
	asked := map[string]bool{}
	for _, s := range due {
		asked[s.Name] = true
	}
	for _, s := range l.access.Secrets {
		if s.Connector == "" || asked[s.Name] {
			continue
		}
		w, err := store.WorkItems.Get(tx, s.Connector, l.facts.Identity.ID, s.Name)
		if err == nil {
			err = closeItem(tx, w, l.book.Digest(), "it was changed another way")
		}
		if err = orAbsent(err); err != nil {
			return err
		}
		if err := resolve(tx, schema.Finding{Kind: findingRotation, Connector: s.Connector, Subject: l.facts.Identity.ID, Object: rotationObject(s.Name)}); err != nil {
			return err
		}
	}
	return nil
}
