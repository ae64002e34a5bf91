package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The gate before automation goes further. Another policy under which a role goes further
// at a connector than it does now, be it by the role, the connector or the policy set,
// comes into force only if
//
//   - the role has been decided about as it is for long enough (observeFor, 14 days), so
//     that what it would have done is known;
//   - its owner, or the deputy, reviewed the plan, which is younger than 24 hours.
//
// A role that exceptions dominate is not enforced anew, and one that lint refuses does not
// go anywhere. The first policy of a store has nothing before it. An exception that names
// the gate, and the role or the policy set, lets it pass. To lower a mode asks for nothing.

// A Reviewed is who looked at the plan of a policy, and when it was made.
type Reviewed struct {
	By      []schema.Approval // as identity/ID
	Planned time.Time
}

// reviewedWithin is how old a plan may be that lets a mode be raised.
const reviewedWithin = 24 * time.Hour

// settingGate is what the policy in force says of the gate before the next one, as JSON.
const settingGate = "gate"

// A gate is what the policy in force says of the one before the next.
type gate struct {
	ObserveFor time.Duration `json:"observeFor"`
}

// readGate reads the gate; of a store that knows of none it is as where nothing is said.
func readGate(r store.Reader) (g gate, err error) {
	row, err := store.Settings.Get(r, settingGate)
	if schema.IsNotFound(err) {
		return gate{policy.Publication{}.Observation()}, nil
	}
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal([]byte(row.Value), &g); err != nil {
		return g, fmt.Errorf("setting %s: %w", settingGate, err)
	}
	return g, nil
}

// A Raise is a role that would go further at a connector, and what keeps it from that;
// nothing if it may.
type Raise struct {
	Role      string      `json:"role"`
	Connector string      `json:"connector"`
	From      schema.Mode `json:"from"`
	To        schema.Mode `json:"to"`
	Lacks     []string    `json:"lacks,omitempty"`
	Excepted  string      `json:"excepted,omitempty"` // the exception that lets it pass
}

// Raises returns what would go further under a policy than it does now, by role and
// connector.
func Raises(r store.Reader, to *policy.Book, by Reviewed) ([]Raise, error) {
	g, err := readGate(r)
	if err != nil {
		return nil, err
	}
	deviate, err := deviations(r, to)
	if err != nil {
		return nil, err
	}
	var raises []Raise
	for _, role := range to.Roles() {
		name := role.Metadata.Name
		was, err := store.Observations.Get(r, name)
		if err != nil && !schema.IsNotFound(err) {
			return nil, err
		}
		reach := to.Reach(name)
		for _, connector := range slices.Sorted(maps.Keys(reach)) {
			raise := Raise{Role: name, Connector: connector, From: schema.Least(was.Modes[connector]), To: reach[connector]}
			if schema.Least(raise.From, raise.To) == raise.To {
				continue
			}
			if n := deviate.Of(roleRule(name)); raise.To == schema.Enforce && n >= policy.Pressed {
				raise.Lacks = append(raise.Lacks, dominate(n)+"; mend its rule or its constraint")
			}
			if err := raise.judge(r, to, was, g, by); err != nil {
				return nil, err
			}
			if len(raise.Lacks) > 0 {
				if raise.Excepted, err = passesGate(r, to, name); err != nil {
					return nil, err
				}
			}
			raises = append(raises, raise)
		}
	}
	return raises, nil
}

// judge says what of the gate keeps a role from going further.
func (x *Raise) judge(r store.Reader, to *policy.Book, was schema.Observation, g gate, by Reviewed) error {
	role, _ := to.Role(x.Role)
	if why := x.unobserved(r.Now(), to, was, g.ObserveFor); why != "" {
		x.Lacks = append(x.Lacks, why)
	}
	reviewed, err := reviewedBy(r, to, role, by)
	if err != nil {
		return err
	}
	if !reviewed {
		x.Lacks = append(x.Lacks, fmt.Sprintf("neither its owner %s nor the deputy %s reviewed a plan of the last 24 hours: have one of them look at it and agree", role.Metadata.Owner.User, role.Metadata.Owner.Deputy))
	}
	return nil
}

// unobserved says what is missing of the time for which a role is to be observed.
func (x *Raise) unobserved(now time.Time, to *policy.Book, was schema.Observation, long time.Duration) string {
	if long <= 0 {
		return ""
	}
	if was.Substance != to.Substance(x.Role) {
		return fmt.Sprintf("it is new, or not what it was: publish it as %s, and raise its mode %s later", x.From, policy.Duration(long))
	}
	if end := was.Since.Add(long); now.Before(end) {
		return fmt.Sprintf("it was observed for %s of %s: raise its mode after %s", policy.Duration(now.Sub(was.Since).Truncate(time.Minute)), policy.Duration(long), minute(end))
	}
	return ""
}

// reviewedBy reports whether somebody who answers for a role looked at a plan that is
// young enough.
func reviewedBy(r store.Reader, book *policy.Book, role *policy.Role, by Reviewed) (bool, error) {
	if by.Planned.IsZero() || r.Now().Sub(by.Planned) > reviewedWithin {
		return false, nil
	}
	owner := role.Metadata.Owner
	for _, a := range by.By {
		f, err := whole(r, book, strings.TrimPrefix(a.By, identityActor("")), false)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		who := someoneOf(book, f)
		for _, name := range []string{owner.User, owner.Deputy} {
			if name != "" && (who.id == name || slices.Contains(who.names, store.Fold(name))) {
				return true, nil
			}
		}
	}
	return false, nil
}

// passesGate returns the exception that lets a role pass the gate: one of the policy that
// is to come, has not expired, and was allowed by somebody who is there and is not its
// author.
func passesGate(r store.Reader, to *policy.Book, role string) (string, error) {
	for _, e := range to.Exceptions() {
		if !e.Spec.Waives.Ungates(role) || r.Now().Before(e.Spec.ApprovedAt) || !r.Now().Before(e.Spec.Expires) {
			continue
		}
		for _, name := range e.Spec.ApprovedBy {
			_, err := PersonOf(r, to, name)
			switch {
			case err == nil && !strings.EqualFold(name, e.Metadata.Owner.User):
				return exceptionRef(e.Metadata.Name), nil
			case err != nil && !refusable(err):
				return "", err
			}
		}
	}
	return "", nil
}

// mostLacking is how many refused raises one error tells of.
const mostLacking = 10

// mayRaise refuses a policy that raises a mode which may not be, and returns the
// exceptions that let others pass.
func mayRaise(r store.Reader, to *policy.Book, by Reviewed) (excepted []string, err error) {
	if before, err := store.PolicyInForce(r); err != nil || before == "" {
		return nil, err
	}
	raises, err := Raises(r, to, by)
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, x := range raises {
		switch {
		case len(x.Lacks) == 0:
		case x.Excepted != "":
			excepted = append(excepted, x.Excepted)
		default:
			lacking = append(lacking, fmt.Sprintf("role %s may not rise from %s to %s at %s: %s", x.Role, x.From, x.To, x.Connector, strings.Join(x.Lacks, "; and ")))
		}
	}
	if len(lacking) == 0 {
		return schema.Sorted(excepted...), nil
	}
	return nil, fmt.Errorf("%s: %w", joinLimited(lacking, mostLacking), schema.ErrHeld)
}

// passGate refuses to publish what raises a mode that may not be, and notes which
// exceptions let it pass.
func passGate(r store.Reader, q *schema.Publication, to *policy.Book) error {
	by := slices.Concat(q.Approvals, q.Reviews)
	if q.Proposer != "" { // who looked at the plan that they propose
		by = append(by, schema.Approval{By: identityActor(q.Proposer)})
	}
	excepted, err := mayRaise(r, to, Reviewed{By: by, Planned: q.Planned})
	if err == nil && len(excepted) > 0 {
		q.Outcome = strings.TrimPrefix(q.Outcome+"; modes are raised by "+strings.Join(excepted, ", "), "; ")
	}
	return err
}

// gated says why a folder that nobody reviewed does not come into force; nothing if the
// gate lets it pass.
func gated(r store.Reader, to *policy.Book) (string, error) {
	_, err := mayRaise(r, to, Reviewed{})
	if errors.Is(err, schema.ErrHeld) {
		return "the policy folder is not what is in force, and raises modes: " + schema.Told(err), nil
	}
	return "", err
}

// keepModes writes down since when each role of a policy that comes into force is as it
// is, how far it goes, and what the policy demands of the next one; and keeps those from
// people of whom only data tells that they are not ready.
func keepModes(tx store.Tx, book *policy.Book) error {
	withheld, err := keepBack(tx, book)
	if err != nil {
		return err
	}
	value, err := json.Marshal(gate{book.Publication().Observation()})
	if err != nil {
		return err
	}
	if err := store.Settings.Put(tx, store.Setting{Name: settingGate, Value: string(value)}); err != nil {
		return err
	}
	var gone []string
	for o, err := range store.Observations.All(tx) {
		if err != nil {
			return err
		}
		_, inForce := book.Role(o.Role)
		if _, refused := book.Refusal(o.Role); !inForce && !refused { // one that is mended goes as far as it went
			gone = append(gone, o.Role)
		}
	}
	for _, role := range gone {
		if err := store.Observations.Delete(tx, role); err != nil {
			return err
		}
	}
	for _, role := range book.Roles() {
		name := role.Metadata.Name
		now := schema.Observation{Role: name, Substance: book.Substance(name), Since: tx.Now(), Modes: book.Reach(name), Owner: ownersOf(role)}
		was, err := store.Observations.Get(tx, name)
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		if was.Substance == now.Substance {
			now.Since = was.Since
		}
		now.Withheld = was.Withheld
		if isNews(was, book, role) {
			now.Withheld = withheld[name]
		}
		if maps.Equal(was.Modes, now.Modes) && was.Since.Equal(now.Since) && was.Owner == now.Owner && was.Withheld == now.Withheld {
			continue
		}
		if err := store.Observations.Put(tx, now); err != nil {
			return err
		}
	}
	return nil
}
