package evidence

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// identityTables are about who came, changed and left.
func identityTables() []*table {
	isPerson := func(d schema.Decision) bool { return isIdentity(d.Subject) }
	created := func(d schema.Decision) bool { return isPerson(d) && d.Object == "" && d.Reason == "created" }
	return []*table{
		{
			name: "joiners", says: "a source told of somebody for the first time",
			columns: []string{"userName", "kind"}, tally: "kind",
			verbs: []schema.Verb{schema.Admitted}, where: created, more: whose,
		}, {
			name: "movers", says: "a source changed what it says of somebody; what of their access that changed follows until the next change",
			columns: []string{"userName", "kind", "assigned", "unassigned"},
			verbs:   []schema.Verb{schema.Admitted},
			where:   func(d schema.Decision) bool { return isPerson(d) && strings.HasPrefix(d.Reason, "changed ") },
			more:    moved,
		}, {
			name: "leavers", says: "a source disabled or deleted somebody; what they lost, and how long that took until the last target",
			columns: []string{"userName", "kind", "lines", "readBack", "acknowledged", "notWritten", "unconfirmed", "removed", "seconds", "outcome"}, tally: "outcome",
			verbs: []schema.Verb{schema.Left}, where: isPerson, more: left,
		}, {
			name: "records", says: "records of several sources were joined to one identity or parted, or a source spoke beyond its authority",
			verbs: []schema.Verb{schema.Correlated, schema.Split, schema.Ignored}, tally: "verb",
		},
	}
}

// whose says who a decision is about.
func whose(x *page, e store.Entry) ([]string, []int64, error) {
	cells, err := x.whose(e.Decision.Subject)
	return cells, nil, err
}

func (x *page) whose(identity string) ([]string, error) {
	id, err := store.Identities.Get(x.Reader, identity)
	if isNotFound(err) {
		return []string{"", ""}, nil
	}
	return []string{x.person(id.UserName), string(id.Kind)}, err
}

// moved counts what of somebody's access changed before anything else was told of
// them.
func moved(x *page, e store.Entry) ([]string, []int64, error) {
	who, err := x.whose(e.Decision.Subject)
	if err != nil {
		return nil, nil, err
	}
	assigned, unassigned := 0, 0
	var further []int64
	err = x.after(e.Decision.Subject, e.Seq, func(later store.Entry) bool {
		switch later.Decision.Verb {
		case schema.Admitted, schema.Left:
			return false
		case schema.Assigned:
			assigned, further = assigned+1, append(further, later.Seq)
		case schema.Unassigned:
			unassigned, further = unassigned+1, append(further, later.Seq)
		default:
		}
		return true
	})
	return append(who, number(assigned), number(unassigned)), further[:min(len(further), mostFurther)], err
}

// mostFurther is how many entries a row rests on beside its own, at most.
const mostFurther = 40

// A removal is a line that ended, and what its target said to that.
type removal struct {
	seq       int64
	decision  schema.Decision
	confirmed confirmation
}

// A confirmation is what a target, or a person, said to a decision.
type confirmation struct {
	seq   int64
	at    time.Time
	basis string // verified, acknowledged, a person; empty while nobody said anything
}

// The bases of a confirmation, as tables have them.
const (
	basisReadBack = "read back"
	basisAck      = "acknowledged"
	basisPerson   = "confirmed by a person"
	basisOpen     = "unconfirmed"
	basisNone     = "not written: its mode is not enforce"
)

// confirms returns what an entry says to a decision about a connector's line, if it is
// an answer to it.
func confirms(e store.Entry, connector, decision string) (c confirmation, ok bool) {
	d := e.Decision
	if d.Object != connector || !slices.Contains(d.Because, decision) {
		return c, false
	}
	basis := map[schema.Verb]string{schema.Verified: basisReadBack, schema.Provisioned: basisAck, schema.Confirmed: basisPerson}[d.Verb]
	return confirmation{seq: e.Seq, at: d.Time, basis: basis}, basis != ""
}

// left follows what a leaver lost, until they leave again or come back.
func left(x *page, e store.Entry) ([]string, []int64, error) {
	who, err := x.whose(e.Decision.Subject)
	if err != nil {
		return nil, nil, err
	}
	var lost []removal
	over := false // what they lose from then on is not by this
	err = x.after(e.Decision.Subject, e.Seq, func(later store.Entry) bool {
		d := later.Decision
		over = over || d.Verb == schema.Left || d.Verb == schema.Assigned
		if d.Verb == schema.Unassigned && !over {
			lost = append(lost, removal{seq: later.Seq, decision: d})
		}
		for i := range lost {
			connector, _, _ := strings.Cut(lost[i].decision.Object, "/")
			if c, ok := confirms(later, connector, lost[i].decision.ID); ok && lost[i].confirmed.basis == "" {
				lost[i].confirmed = c
			}
		}
		return true
	})
	cells, further := sumUp(e.Decision.Time, lost)
	return append(who, cells...), further[:min(len(further), mostFurther)], err
}

// sumUp counts what was lost by what is known of it. What nobody confirmed makes the
// whole unconfirmed.
func sumUp(begun time.Time, lost []removal) (cells []string, further []int64) {
	count, last := map[string]int{}, time.Time{}
	for _, r := range lost {
		further = append(further, r.seq)
		switch c := r.confirmed; {
		case c.basis != "":
			count[c.basis]++
			further = append(further, c.seq)
			if c.at.After(last) {
				last = c.at
			}
		case r.decision.Mode != schema.Enforce:
			count[basisNone]++
		default:
			count[basisOpen]++
		}
	}
	outcome, took := basisReadBack, ""
	switch {
	case len(lost) == 0:
		outcome = "nothing to remove"
	case count[basisOpen] > 0:
		outcome = basisOpen
	case count[basisNone] > 0:
		outcome = basisNone
	case count[basisAck]+count[basisPerson] > 0:
		outcome = basisAck
	}
	if !last.IsZero() && count[basisOpen] == 0 {
		took = secs(last.Sub(begun))
	}
	slices.Sort(further)
	return []string{
		number(len(lost)), number(count[basisReadBack]), number(count[basisAck] + count[basisPerson]), number(count[basisNone]), number(count[basisOpen]),
		stamp(last), took, outcome,
	}, slices.Compact(further)
}

// isIdentity reports whether a decision's subject is somebody, and not something else.
func isIdentity(subject string) bool { return !strings.Contains(subject, "/") }
