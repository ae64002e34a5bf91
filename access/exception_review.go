package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An exception that says how often it is to be looked at again is a finding when that
// time is over, until somebody who answers for it says that it is still wanted, or ends
// it. Where its document says so, one that nobody looks at in time allows nothing until
// somebody does.

// lookWithin is how long there is for it, where the exception does not say.
const lookWithin = policy.ReviewWithin

// settingLooked names, before the name of an exception that is a document, what was said
// when it was looked at last.
const settingLooked = "exception-review/"

// A looked is what somebody said when they looked at an exception that is a document.
type looked struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	Ended bool      `json:"ended,omitempty"`
}

// lookedAt returns what was said of an exception since it was allowed as it is: one that
// was allowed anew is another one.
func lookedAt(r store.Reader, e *policy.Exception) (is looked, err error) {
	row, err := store.Settings.Get(r, settingLooked+e.Metadata.Name)
	if schema.IsNotFound(err) {
		return is, nil
	}
	if err != nil {
		return is, err
	}
	if err := json.Unmarshal([]byte(row.Value), &is); err != nil {
		return is, fmt.Errorf("setting %s: %w", row.Name, err)
	}
	if e.Spec.ApprovedAt.After(is.At) {
		return looked{}, nil
	}
	return is, nil
}

// lookAgain looks for the exceptions whose time to be looked at again has come.
func (g *governance) lookAgain() error {
	g.unlooked, g.overlooked = map[string]string{}, map[string]bool{}
	for _, e := range g.book.Exceptions() {
		if !g.reader.Now().Before(e.Spec.Expires) {
			continue
		}
		is, err := lookedAt(g.reader, e)
		if err != nil {
			return err
		}
		if is.Ended {
			g.shut(e.Ref(), "it was ended by a person: take it out of the policy, or have it allowed anew")
			continue
		}
		due, late, again := e.LookBy(is.At)
		if !again {
			continue
		}
		g.lookBy(exceptionRef(e.Metadata.Name), due, late)
		if e.Lapses() && !g.reader.Now().Before(late) {
			g.shut(e.Ref(), "nobody looked at it again by "+day(late))
		}
	}
	for rule, err := range store.ExceptionRule.Firsts(g.reader) {
		if err != nil {
			return err
		}
		for e, err := range store.Exceptions.By(g.reader, store.ExceptionRule, rule) {
			if err != nil {
				return err
			}
			if due := e.LookAgain(); !due.IsZero() && e.Live(g.reader.Now()) {
				g.lookBy(exceptionRef(e.ID), due, due.Add(lookWithin))
			}
		}
	}
	return nil
}

// lookBy notes that something is to be looked at again since, or when that will be.
func (g *governance) lookBy(ref string, due, late time.Time) {
	now := g.reader.Now()
	switch {
	case now.Before(due):
		g.next = earlier(g.next, due)
	case now.Before(late):
		g.next = earlier(g.next, late)
		g.unlooked[ref] = "it is to be looked at again since " + day(due) + ": keep it, or end it"
	default:
		g.unlooked[ref] = "it was to be looked at again by " + day(late) + ", and nobody did: keep it, or end it"
		g.overlooked[ref] = true
	}
}

// tellWaived has those told who answer for what an exception waives: of one that was asked
// for once it is to be looked at again, and of a document, whose owner is told of the
// finding, once that is over in vain and it says nothing else of it (overdue: escalate).
func (g *governance) tellWaived(tx store.Tx, subject, reason string) error {
	_, id := cutRef(subject)
	var waives policy.Waiver
	var rule string
	if doc, ok := exceptionCalled(g.book, id); ok {
		if !g.overlooked[subject] || doc.Lapses() {
			return nil
		}
		waives, rule = doc.Spec.Waives, doc.Spec.Waives.Rule()
	} else {
		e, err := store.Exceptions.Get(tx, id)
		if err != nil {
			return orAbsent(err)
		}
		waives, rule = policy.WaiverOf(e), e.Rule()
	}
	owner, _ := g.book.Waiving(waives)
	return notifyEach(tx, g.book, schema.Notice{
		Kind: "review", Subject: subject, Path: "/console/exceptions", What: "the exception to " + rule + ": " + reason,
	}, owner.User, owner.Deputy)
}

// orAbsent is nil where something is not there.
func orAbsent(err error) error {
	if schema.IsNotFound(err) {
		return nil
	}
	return err
}

// KeepException takes the word of somebody who looked at an exception again, and answers
// for it: it is still wanted, until it ends or is to be looked at the next time.
func KeepException(tx store.Tx, book *policy.Book, c Choice) (schema.Exception, error) {
	if doc, ok := exceptionCalled(book, c.Request); ok {
		if doc.Spec.Review == nil || doc.Spec.Review.Every <= 0 {
			return asked(doc), fmt.Errorf("exception %s says nothing of being looked at again: %w", c.Request, schema.ErrInvalid)
		}
		return lookedOver(tx, book, doc, c, false)
	}
	e, err := store.Exceptions.Get(tx, c.Request)
	switch {
	case err != nil:
		return e, err
	case !e.Live(tx.Now()) || e.Review == 0:
		return e, fmt.Errorf("exception %s is %s, and not to be looked at again: %w", e.ID, e.State, schema.ErrConflict)
	case c.By.Identity == "":
		return e, fmt.Errorf("exception %s is for people to look at: %w", e.ID, schema.ErrForbidden)
	case strings.TrimSpace(c.Reason) == "":
		return e, fmt.Errorf("exception %s: say why: %w", e.ID, schema.ErrInvalid)
	}
	if err := mayExcept(tx, book, e, c.By.Identity); err != nil {
		return e, err
	}
	e.Reviewed = tx.Now()
	if err := recordException(tx, book, e, schema.Answered, c.By, "it was looked at again, and is still wanted; known by "+c.By.Auth, c.Reason); err != nil {
		return e, err
	}
	if err := store.Exceptions.Put(tx, e); err != nil {
		return e, err
	}
	return e, wakeGovernance(tx)
}

// exceptionCalled returns the exception of the policy that has a name.
func exceptionCalled(book *policy.Book, name string) (*policy.Exception, bool) {
	all := book.Exceptions()
	i := slices.IndexFunc(all, func(e *policy.Exception) bool { return e.Metadata.Name == name })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// asked is a document as if it had been asked for.
func asked(e *policy.Exception) schema.Exception {
	w := e.Spec.Waives
	return schema.Exception{
		ID: e.Metadata.Name, Constraint: w.Constraint, Role: w.Role, Trigger: w.Trigger, Seconds: int64(time.Duration(w.Duration) / time.Second),
		Subjects: e.Spec.Subjects, Entitlements: e.Spec.Scope.Entitlements, Reason: e.Spec.Reason, Compensating: e.Spec.Compensating,
		Ticket: e.Spec.Ticket, Expires: e.Spec.Expires, State: schema.ExceptionApproved,
	}
}

// lookedOver takes the word of somebody about an exception that is a document: it is kept, or
// it ends, and with it what rests on it.
func lookedOver(tx store.Tx, book *policy.Book, doc *policy.Exception, c Choice, ends bool) (schema.Exception, error) {
	e := asked(doc)
	if strings.TrimSpace(c.Reason) == "" {
		return e, fmt.Errorf("exception %s: say why: %w", e.ID, schema.ErrInvalid)
	}
	if err := mayLook(tx, book, doc, c.By.Identity, ends); err != nil {
		return e, err
	}
	if was, err := lookedAt(tx, doc); err != nil || was.Ended || !tx.Now().Before(e.Expires) {
		return e, orConflict(err, "exception "+e.ID+" has ended already")
	}
	value, err := json.Marshal(looked{At: tx.Now(), By: identityActor(c.By.Identity), Ended: ends})
	if err != nil {
		return e, err
	}
	if err := store.Settings.Put(tx, store.Setting{Name: settingLooked + e.ID, Value: string(value)}); err != nil {
		return e, err
	}
	d := schema.Decision{
		Actor: c.By.Actor, Verb: schema.Answered, Subject: exceptionRef(e.ID), Object: doc.Spec.Waives.Rule(),
		Because: []string{identityActor(c.By.Identity)}, Policy: book.Digest(),
		Reason: "it was looked at again, and is still wanted; known by " + c.By.Auth,
	}
	if ends {
		e.State, e.Ended, e.Outcome = schema.ExceptionEnded, tx.Now(), "ended by a person"
		d.Verb, d.Reason = schema.Revoked, "ended by a person, before its time; known by "+c.By.Auth
	}
	if d.Detail, err = json.Marshal(map[string]string{"reason": c.Reason}); err != nil {
		return e, err
	}
	if _, err := tx.Record(d); err != nil {
		return e, err
	}
	return e, wakeGovernance(tx)
}

// mayLook returns nil where a person may say what becomes of an exception that is a
// document: whoever owns it or what it waives, or a deputy, and not about themselves, but
// that it ends.
func mayLook(r store.Reader, book *policy.Book, e *policy.Exception, person string, ends bool) error {
	if person == "" {
		return fmt.Errorf("exception %s is for people to look at: %w", e.Metadata.Name, schema.ErrForbidden)
	}
	f, err := present(r, book, person)
	if err != nil {
		return err
	}
	who := someoneOf(book, f)
	named := func(name string) bool {
		return name != "" && (who.id == name || slices.Contains(who.names, store.Fold(name)))
	}
	rule, _ := book.Waiving(e.Spec.Waives)
	own, subject := e.Metadata.Owner, slices.ContainsFunc(e.Spec.Subjects, named)
	switch {
	case subject && !ends:
		return fmt.Errorf("nobody keeps an exception that is for themselves: %w", schema.ErrForbidden)
	case subject, slices.ContainsFunc([]string{own.User, own.Deputy, rule.User, rule.Deputy}, named):
		return nil
	}
	return fmt.Errorf("exception %s is for those to look at who answer for it: %w", e.Metadata.Name, schema.ErrForbidden)
}
