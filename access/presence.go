package access

import (
	"cmp"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A presence says whether somebody is there.
type presence int

const (
	unheard presence = iota // of whom no source ever spoke
	here
	left
)

// presence says whether the person with the email address (or userName, or id) is
// there: active at a source, and employed as far as is known.
func (g *governance) presence(email string) (presence, error) {
	folded := store.Fold(email)
	there, ok := g.known[folded]
	if !ok && folded != "" && g.reader != nil {
		var err error
		if there, err = g.lookFor(folded); err != nil {
			return unheard, err
		}
		g.known[folded] = there
	}
	g.asked.found(folded, there)
	return there, nil
}

func (g *governance) lookFor(folded string) (presence, error) {
	there := unheard
	for _, look := range []func(store.Reader, string) ([]schema.Identity, error){byID, byEmail, byUserName, byFormerName} {
		found, err := look(g.reader, folded)
		if err != nil {
			return unheard, err
		}
		for _, id := range answering(g.book)(found, folded) {
			active, known, err := g.active(id)
			if err != nil {
				return unheard, err
			}
			switch {
			case active:
				there = here
			case known:
				there = cmp.Or(there, left)
			}
		}
	}
	return there, nil
}

// active reports whether an identity is one that can answer for something, and
// remembers when that ends. Of one that no authoritative source vouches for it is
// neither this nor that.
func (g *governance) active(id schema.Identity) (active, known bool, err error) {
	f, err := whole(g.reader, g.book, id.Base(), false)
	if err != nil {
		return false, false, err
	}
	if g.people && policy.IsMachine(f.Identity.Kind) {
		return false, false, nil
	}
	if !g.book.Vouched(f) {
		_, approved := g.book.Source(f.Identity.Source)
		return false, f.Identity.Gone() || !approved, nil
	}
	if ended(g.book, f, g.reader.Now()) {
		return false, true, nil
	}
	if end := g.book.LastDay(f); !end.IsZero() && (g.next.IsZero() || end.Before(g.next)) {
		g.next = end
	}
	return true, true, nil
}

// group says whether anybody is in the groups of a name.
func (g *governance) group(name string) (presence, error) {
	called := groupNamed + store.Fold(name)
	there := g.known[called]
	if g.reader != nil {
		var err error
		if there, err = g.lookIn(name); err != nil {
			return there, err
		}
	}
	g.asked.found(called, there)
	return there, nil
}

// groupNamed is before the name of a group among what is known of people.
const groupNamed = "group/"

// lookIn looks into the groups of a name. One in a group in it counts without a look.
func (g *governance) lookIn(name string) (presence, error) {
	there := unheard
	for source, err := range store.GroupName.Firsts(g.reader) {
		if err != nil {
			return there, err
		}
		for group, err := range store.Groups.By(g.reader, store.GroupName, source, store.Fold(name)) {
			if err != nil {
				return there, err
			}
			somebody, err := g.somebodyIn(group.ID)
			if err != nil || somebody {
				return here, err
			}
			there = left
		}
	}
	if there == left {
		return left, nil
	}
	_, err := store.FormerGroupNames.Get(g.reader, store.Fold(name))
	if schema.IsNotFound(err) {
		return unheard, nil
	}
	return left, err
}

func (g *governance) somebodyIn(group string) (bool, error) {
	for m, err := range store.Members.All(g.reader, group) {
		if err != nil || m.Nested {
			return m.Nested, err
		}
		id, err := store.Identities.Get(g.reader, m.Member)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		if active, _, err := g.active(id); err != nil || active {
			return active, err
		}
	}
	return false, nil
}
