package access

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// At a target that people tend, what a connector would be told becomes a work item,
// one for an account. Whatever changes meanwhile changes it, as another plan; what
// needs to be done no more closes it. A person confirms it with evidence: then the
// account is what was asked for, which counts as acknowledged, and as verified never.

// Ask has people do at a target what lies between an account and what is wanted of
// it, on the terms given. It returns when to remind them; there is nothing else to
// look at until something changes.
func Ask(tx store.Tx, rules *Rules, item store.Item, o Outcome, terms connectors.Terms) (time.Time, error) {
	connector, identity := o.Work.Have.Connector, o.Work.Have.Identity
	open, err := store.WorkItems.Get(tx, connector, identity)
	if err != nil && !schema.IsNotFound(err) {
		return time.Time{}, err
	}
	asked := err == nil
	if o.Work.Halted != "" {
		if err := awaitResume(tx, item, connector); err != nil || len(o.Steps) == 0 {
			return time.Time{}, err // what is asked already stays so
		}
	}
	if len(o.Steps) == 0 {
		if asked {
			if err := closeItem(tx, open, o.Work.Policy, "nothing of it needs to be done any more"); err != nil {
				return time.Time{}, err
			}
		}
		_, err := Observe(tx, rules, item, o)
		return time.Time{}, err
	}
	if now, err := account(tx, connector, identity); err != nil || !asked && now.State == schema.Parked {
		return time.Time{}, err // declined, and nothing changed: this was to remind of it
	}
	w := workItem(o, terms, tx.Now())
	if asked && open.Plan == w.Plan {
		return remind(tx, rules, open, terms)
	}
	if asked { // what they had until then they still have
		w.Opened = open.Opened
		if open.Due.Before(w.Due) && (open.Ends || !w.Ends) {
			w.Due = open.Due
		}
	}
	if err := notifyAsked(tx, rules.Book(), w); err != nil {
		return w.Due, err
	}
	return w.Due, ask(tx, o, w)
}

// workItem is what people are asked to do.
func workItem(o Outcome, terms connectors.Terms, now time.Time) schema.WorkItem {
	want := o.Work.Want
	w := schema.WorkItem{
		Connector: want.Connector, Identity: want.Identity, UserName: want.Attributes["userName"],
		What: summary(o.Steps), Assignee: terms.Assignee,
		Want:   schema.Account{RemoteID: want.RemoteID, Active: want.Active, Attributes: want.Attributes, Entitlements: want.Entitlements},
		Opened: now, Due: now.Add(terms.Within), Ends: slices.ContainsFunc(o.Steps, connectors.Step.Ends),
	}
	if w.UserName == "" {
		w.UserName = o.Work.Have.Attributes["userName"]
	}
	if w.Ends {
		w.Due = now.Add(terms.EndsWithin)
	}
	plan := NewIntent(want.Connector + "/" + want.Identity)
	for _, s := range o.Steps {
		w.Steps = append(w.Steps, schema.WorkStep{Verb: s.Verb.String(), Entitlements: s.Entitlements, Attributes: s.Attributes})
		plan.write(s.Verb.String())
		plan.write(s.Entitlements...)
		for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
			plan.write(name, s.Attributes[name])
		}
	}
	w.Plan = hex.EncodeToString(plan.sum.Sum(nil))
	return w
}

// ask opens a work item, or puts it in the place of one that asked for something
// else.
func ask(tx store.Tx, o Outcome, w schema.WorkItem) error {
	if err := store.WorkItems.Put(tx, w); err != nil {
		return err
	}
	now, err := account(tx, w.Connector, w.Identity)
	if err != nil {
		return err
	}
	now.State, now.Problem, now.Due.Sent = schema.Asked, "", w.Opened
	if err := store.Accounts.Put(tx, now); err != nil {
		return err
	}
	return task(tx, w, o.Work.Policy, "asked to "+w.What)
}

// task records that people are asked, reminded, or no longer asked.
func task(tx store.Tx, w schema.WorkItem, digest, reason string) error {
	now, err := account(tx, w.Connector, w.Identity)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: "connector/" + w.Connector, Verb: schema.Tasked, Subject: w.Identity, Object: w.Connector,
		Because: now.Due.Because, Reason: reason, Policy: digest, Mode: schema.Enforce,
	})
	return err
}

// remind says so, once a work item is overdue, and again and again.
func remind(tx store.Tx, rules *Rules, w schema.WorkItem, terms connectors.Terms) (time.Time, error) {
	now := tx.Now()
	if !w.Overdue(now) {
		return w.Due, nil
	}
	if next := w.Reminded.Add(terms.Remind); !w.Reminded.IsZero() && now.Before(next) {
		return next, nil
	}
	w.Reminded = now
	if err := store.WorkItems.Put(tx, w); err != nil {
		return now, err
	}
	book := rules.Book()
	if err := notifyAsked(tx, book, w); err != nil {
		return now, err
	}
	why := fmt.Sprintf("nobody confirmed what was asked on %s and was due on %s", minute(w.Opened), minute(w.Due))
	if err := task(tx, w, book.Digest(), "reminded: "+why); err != nil {
		return now, err
	}
	late := overdueWork(w)
	late.Reason = why
	return now.Add(terms.Remind), Report(tx, book, "bridge", late)
}

// overdueWork is what is found of a work item that nobody confirmed in time.
func overdueWork(w schema.WorkItem) schema.Finding {
	f := schema.Finding{Kind: findingOverdue, Connector: w.Connector, Subject: w.Identity}
	if w.Credential != "" {
		f.Object = rotationObject(w.Credential)
	}
	return f
}

// closeItem ends a work item that nobody has to do any more.
func closeItem(tx store.Tx, w schema.WorkItem, digest, reason string) error {
	if err := dropItem(tx, w); err != nil {
		return err
	}
	return task(tx, w, digest, reason)
}

func dropItem(tx store.Tx, w schema.WorkItem) error {
	if err := store.WorkItems.Delete(tx, w.Key()...); err != nil {
		return err
	}
	return resolve(tx, overdueWork(w))
}

// leastPlan is how much of a plan tells it from others.
const leastPlan = 8

// A Confirmation is a person's word that they did, or will not do, what was asked.
type Confirmation struct {
	Connector, Identity string
	Plan                string // of the work item they looked at, or its first eight characters and more
	By                  string // the actor
	Own                 bool   // the actor is whom it is about, as far as that is known
	Words               string // the evidence, or why not: kept where it can be forgotten
	RemoteID            string // what the target calls an account that was made; empty: its userName
}

// Confirm records that what was asked is done: the account is as it was wanted. The
// errors are ErrNotFound (nothing is asked), ErrConflict (something else is asked by
// now), ErrInvalid (no evidence) and ErrForbidden: nobody confirms their own.
func Confirm(tx store.Tx, rules *Rules, c Confirmation) (schema.WorkItem, error) {
	w, err := taken(tx, c)
	if err != nil {
		return w, err
	}
	if w.Credential != "" {
		return confirmRotation(tx, rules, w, c)
	}
	now, err := account(tx, w.Connector, w.Identity)
	if err != nil {
		return w, err
	}
	book, was := rules.Book(), now
	got := w.Want
	if got.RemoteID == "" {
		got.RemoteID = c.RemoteID
	}
	if got.RemoteID == "" {
		got.RemoteID = w.UserName
	}
	if !got.Active { // what it was called stays
		got.Attributes = was.Attributes
	}
	now = merge(book, now, Outcome{Work: Work{Have: was, Want: w.Want}, Got: got}, tx.Now())
	now.State, now.Problem, now.Verified, now.Due.Acknowledged = schema.Pending, "", false, tx.Now()
	if err := store.Accounts.Put(tx, now); err != nil {
		return w, err
	}
	if err := relieve(tx, book, now, was); err != nil {
		return w, err
	}
	if err := dropItem(tx, w); err != nil {
		return w, err
	}
	if err := said(tx, c, schema.Confirmed, book.Digest(), now.Due.Because, w.What); err != nil {
		return w, err
	}
	return w, wakeTo(tx, now) // to settle, or for what came up meanwhile
}

// Decline records that what was asked will not be done: the account is parked, and
// asked for again when something changes or somebody has it tried again. The errors
// are those of Confirm.
func Decline(tx store.Tx, rules *Rules, c Confirmation) (schema.WorkItem, error) {
	w, err := taken(tx, c)
	if err != nil {
		return w, err
	}
	if w.Credential != "" {
		return declineRotation(tx, rules, w, c)
	}
	now, err := account(tx, w.Connector, w.Identity)
	if err != nil {
		return w, err
	}
	now.State, now.Problem = schema.Parked, "declined by "+c.By
	if err := store.Accounts.Put(tx, now); err != nil {
		return w, err
	}
	if err := dropItem(tx, w); err != nil {
		return w, err
	}
	return w, said(tx, c, schema.Failed, rules.Book().Digest(), now.Due.Because, "declined: "+w.What)
}

// taken returns the work item that somebody has their say on, if they may.
func taken(r store.Reader, c Confirmation) (schema.WorkItem, error) {
	w, err := asks(r, c)
	switch {
	case schema.IsNotFound(err):
		return w, fmt.Errorf("nobody is asked to do anything for %s at %s: %w", c.Identity, c.Connector, schema.ErrNotFound)
	case err != nil:
		return w, err
	case len(c.Plan) < leastPlan || !strings.HasPrefix(w.Plan, c.Plan):
		return w, fmt.Errorf("something else is asked by now: look at it again, and confirm its plan as it is now: %w", schema.ErrConflict)
	case c.Words == "":
		return w, fmt.Errorf("say how it can be seen that it was done, or why it will not be: %w", schema.ErrInvalid)
	case c.Own:
		return w, fmt.Errorf("nobody confirms what is asked about themselves: %w", schema.ErrForbidden)
	}
	return w, nil
}

// asks returns the work item that somebody looked at, by its plan: of several about one
// identity any other where none has that plan.
func asks(r store.Reader, c Confirmation) (found schema.WorkItem, err error) {
	err = fmt.Errorf("work item %s/%s: %w", c.Connector, c.Identity, schema.ErrNotFound)
	for w, failed := range store.WorkItems.All(r, c.Connector, c.Identity) {
		if failed != nil {
			return found, failed
		}
		if err != nil || len(c.Plan) >= leastPlan && strings.HasPrefix(w.Plan, c.Plan) {
			found, err = w, nil
		}
	}
	return found, err
}

func said(tx store.Tx, c Confirmation, verb schema.Verb, digest string, because []string, reason string) error {
	words, err := json.Marshal(map[string]string{"reason": c.Words})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: c.By, Verb: verb, Subject: c.Identity, Object: c.Connector, Because: because,
		Reason: reason, Mode: schema.Enforce, Policy: digest, Detail: words,
	})
	return err
}
