package access

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// That something goes into quarantine, that a deputy answers for it, and that neither is so
// any more, hangs on who was there, and since when. That much is kept beside each of these
// decisions, so that it can be decided again (remake_governance.go).

// What these decisions are about: in quarantine, or who answers.
const (
	objectQuarantine = "quarantine"
	objectOwner      = "owner"
)

// An attendance is what was known of those who answer for one document.
type attendance struct {
	At    time.Time         `json:"at"`
	Here  []string          `json:"here,omitempty"`   // people as the policy names them, and group/NAME
	Left  []string          `json:"left,omitempty"`   // of all the others nobody ever heard
	Since time.Time         `json:"since,omitzero"`   // since when its deputy answers for it
	Rests map[string]string `json:"restsOn,omitzero"` // documents in quarantine on which it rests, and why they are
}

// about looks at one document, and keeps what is asked meanwhile.
func (g *governance) about(name string, look func() error) error {
	if g.standings[name] == nil { // an exception is looked at twice
		g.standings[name] = &attendance{At: g.now}
	}
	g.asked = g.standings[name]
	err := look()
	g.asked = nil
	return err
}

func (s *attendance) found(name string, there presence) {
	switch {
	case s == nil || name == "" || there == unheard:
	case there == here:
		s.Here = schema.Sorted(append(s.Here, name)...)
	default:
		s.Left = schema.Sorted(append(s.Left, name)...)
	}
}

func (s *attendance) deputised(since time.Time) {
	if s != nil {
		s.Since = since
	}
}

func (s *attendance) rests(ref, why string) {
	if s == nil {
		return
	}
	if s.Rests == nil {
		s.Rests = map[string]string{}
	}
	s.Rests[ref] = why
}

// shut puts a document in quarantine for what hangs on more than who answers for it: what is
// kept of that says nothing of it.
func (g *governance) shut(name, why string) {
	g.quarantined[name] = why
	delete(g.standings, name)
}

// record records a decision about a document, with what it was made from where that is
// known.
func (g *governance) record(tx store.Tx, name string, d schema.Decision) error {
	d.Actor, d.Policy = "bridge", g.book.Digest()
	if s := g.standings[name]; s != nil {
		var err error
		if d.Detail, err = json.Marshal(governanceBasis{s}); err != nil {
			return err
		}
	}
	_, err := tx.Record(d)
	return err
}

type governanceBasis struct {
	Standing *attendance `json:"standing"`
}

// called is the name by which a document is looked at that decisions call by its subject;
// empty where the policy has none such.
func (g *governance) called(subject string) string {
	for _, d := range g.book.Owned() {
		if subjectOf(d.Ref) == subject {
			return roleOr(d.Ref)
		}
	}
	return ""
}

// again is a look at who answers for what, with what was known then and nothing else.
func (s *attendance) again(book *policy.Book, subject string) *governance {
	g := &governance{
		book: book, now: s.At, known: map[string]presence{}, quarantined: maps.Clone(s.Rests), orphaned: map[string]string{},
	}
	if g.quarantined == nil {
		g.quarantined = map[string]string{}
	}
	if !s.Since.IsZero() {
		g.since = map[string]schema.Finding{subject: {First: s.Since}}
	}
	for _, name := range s.Here {
		g.known[name] = here
	}
	for _, name := range s.Left {
		g.known[name] = left
	}
	return g
}

// lookAt looks at one document again, by its name.
func (g *governance) lookAt(name string) error {
	if role, ok := g.book.Role(name); ok {
		return g.role(role)
	}
	owned := g.book.Owned()
	if i := slices.IndexFunc(owned, func(d policy.Owned) bool { return d.Ref == name }); i >= 0 {
		if err := g.document(owned[i]); err != nil {
			return err
		}
	}
	exceptions := g.book.Exceptions()
	if i := slices.IndexFunc(exceptions, func(e *policy.Exception) bool { return e.Ref() == name }); i >= 0 {
		return g.allowed(exceptions[i])
	}
	return nil
}

// roleOr is the name by which a document is looked at: a role's, or kind and name.
func roleOr(ref string) string { return strings.TrimPrefix(ref, "Role/") }
