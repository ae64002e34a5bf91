package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Exceptions are counted. A rule from which so many deviate is wrong, and a role that
// exceptions dominate is not enforced anew (mode_gate.go). One that is renewed again and again
// is a rule that nobody wrote: from the second time on it takes whoever owns what it
// waives.

func dominate(n int) string {
	return fmt.Sprintf("%d exceptions hold: exceptions dominate, and the policy is wrong", n)
}

func roleRule(role string) string { return policy.Waiver{Role: role}.Rule() }

// documentOf is the document that a rule is written in, by kind and name.
func documentOf(rule string) string {
	kind, name, _ := strings.Cut(rule, "/")
	switch kind {
	case "constraint":
		return "Constraint/" + name
	case "trigger":
		set, _, _ := strings.Cut(name, "/")
		return "TriggerSet/" + set
	}
	return "Role/" + name
}

// deviations counts who is excepted from each rule now.
func deviations(r store.Reader, book *policy.Book) (*policy.Deviations, error) {
	d := book.Deviations(r.Now())
	for rule, err := range store.ExceptionRule.Firsts(r) {
		if err != nil {
			return nil, err
		}
		for e, err := range store.Exceptions.By(r, store.ExceptionRule, rule) {
			if err != nil {
				return nil, err
			}
			d.Asked(e)
		}
	}
	for role, err := range store.GrantExcepted.Firsts(r) {
		if err != nil {
			return nil, err
		}
		for g, err := range store.Grants.By(r, store.GrantExcepted, role) {
			if err != nil {
				return nil, err
			}
			d.Granted(g)
		}
	}
	return d, nil
}

// wakePressure has it looked at whether exceptions dominate, where a grant rests on one.
func wakePressure(tx store.Tx, g schema.Grant) error {
	if len(g.Excepted) == 0 {
		return nil
	}
	return wakeGovernance(tx)
}

// exceptions looks at the rules from which so many deviate that the rule is wrong, and at
// the exceptions of which everybody left who allowed them: they allow nothing any more.
func (g *governance) exceptions() error {
	g.pressed = map[string]string{}
	deviate, err := deviations(g.reader, g.book)
	if err != nil {
		return err
	}
	for _, rule := range deviate.Dominated() {
		g.pressed[rule] = dominate(deviate.Of(rule))
	}
	for _, e := range g.book.Exceptions() {
		for _, at := range []time.Time{e.Spec.ApprovedAt, e.Spec.Expires} {
			if at.After(g.reader.Now()) {
				g.next = earlier(g.next, at)
			}
		}
		if err := g.about(e.Ref(), func() error { return g.allowed(e) }); err != nil {
			return err
		}
	}
	return nil
}

// allowed looks whether anybody is there who allowed an exception.
func (g *governance) allowed(e *policy.Exception) error {
	left := 0
	for _, name := range e.Spec.ApprovedBy {
		away, err := g.away(name)
		if err != nil {
			return err
		}
		if away {
			left++
		}
	}
	if left == len(e.Spec.ApprovedBy) {
		g.quarantined[e.Ref()] = "whoever allowed it left"
	}
	return nil
}

// settingRenewed names, before the name of an exception that is a document, until when it
// was to hold, and how often that was put off.
const settingRenewed = "exception/"

// A renewed is what is known of an exception that is a document, beyond what it says.
type renewed struct {
	Expires time.Time `json:"expires"`
	Times   int       `json:"times"`
}

func readRenewed(r store.Reader, name string) (is renewed, err error) {
	row, err := store.Settings.Get(r, settingRenewed+name)
	if schema.IsNotFound(err) {
		return is, nil
	}
	if err != nil {
		return is, err
	}
	if err := json.Unmarshal([]byte(row.Value), &is); err != nil {
		return is, fmt.Errorf("setting %s: %w", row.Name, err)
	}
	return is, nil
}

// after is the exception with another end: renewed, if that is later.
func (is renewed) after(expires time.Time) renewed {
	if !is.Expires.IsZero() && expires.After(is.Expires) {
		is.Times++
	}
	is.Expires = expires
	return is
}

// keepRenewals notes of the exceptions of a policy that comes into force which of them
// hold for longer than they did. What was left out meanwhile is not forgotten.
func keepRenewals(tx store.Tx, book *policy.Book) error {
	for _, e := range book.Exceptions() {
		was, err := readRenewed(tx, e.Metadata.Name)
		if err != nil {
			return err
		}
		is := was.after(e.Spec.Expires)
		if is.Times == was.Times && is.Expires.Equal(was.Expires) {
			continue
		}
		value, err := json.Marshal(is)
		if err != nil {
			return err
		}
		if err := store.Settings.Put(tx, store.Setting{Name: settingRenewed + e.Metadata.Name, Value: string(value)}); err != nil {
			return err
		}
	}
	return nil
}

// lacksOwner says of an exception that is a document, and was renewed more often than
// once, that whoever owns what it waives did not allow it; nothing if they did, or need
// not.
func lacksOwner(r store.Reader, book *policy.Book, e *policy.Exception) (string, error) {
	is, err := readRenewed(r, e.Metadata.Name)
	if err != nil || is.after(e.Spec.Expires).Times < 2 {
		return "", err
	}
	owner, ok := book.Waiving(e.Spec.Waives)
	if !ok {
		return "", nil
	}
	person, err := PersonOf(r, book, owner.User)
	if err != nil && !refusable(err) {
		return "", err
	}
	if err == nil {
		for _, name := range e.Spec.ApprovedBy {
			if called, err := IsCalled(r, book, person.ID, name); called || err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprintf("it is renewed again, and %s, who owns what it waives, did not allow it", owner.User), nil
}
