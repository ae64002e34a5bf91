package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"
)

// What one person may do to a policy at once, in an emergency: lower modes, and take access
// away. Documents that look as if they did may do the opposite: of a role that is refused
// nobody gets anything, and nothing of what they have is taken from them. So whatever is
// wrong with the documents has to be what is wrong with those in force.

// OnlyLowers returns nil where another policy says the same as this one but for modes,
// and raises none: that is for one person to do, at once. Otherwise it says what more it
// does.
func (b *Book) OnlyLowers(to *Book) error {
	return b.alike(to, b.set.modes(), to.set.modes(), func(ref string, w, is lesser, stays bool) error {
		if !stays {
			return fmt.Errorf("%s is gone", ref)
		}
		return w.lowers(ref, is)
	})
}

// OnlyRemoves returns nil where another policy differs from this one in what takes access
// away, and in nothing else: a role or an exception is gone, a role gives less or is ended
// by more, a mode is lowered. Otherwise it says what more it does. What a constraint keeps
// apart is more: whoever loses one side of it may have the other, now or later. Who else
// gets something by it, and who keeps what they have, only a plan tells.
func (b *Book) OnlyRemoves(to *Book) error {
	return b.alike(to, b.set.lessened(), to.set.lessened(), func(ref string, w, is lesser, stays bool) error {
		switch {
		case !stays && (strings.HasPrefix(ref, "Role/") || strings.HasPrefix(ref, "Exception/")):
			return b.opens(ref, w.gives)
		case !stays:
			return fmt.Errorf("%s is gone", ref)
		}
		lost, ends := lacking(w.gives, is.gives), lacking(is.ends, w.ends)
		if len(ends) > 0 {
			lost = w.gives
		}
		return cmp.Or(w.lowers(ref, is), w.lessens(ref, is), to.set.ending(ref, ends), b.opens(ref, lost))
	})
}

// alike compares two policies document by document, and by what is wrong with them: nothing
// may be new, and what is in both may not be refused in one of them alone.
func (b *Book) alike(to *Book, was, is map[string]lesser, differ func(ref string, w, is lesser, stays bool) error) error {
	if b.digest == to.digest {
		return errors.New("it says the same")
	}
	known, now := b.mistakes(), to.mistakes()
	for _, f := range to.wrong {
		if now[mistake{f.Object, f.Code}] > known[mistake{f.Object, f.Code}] {
			return fmt.Errorf("%s has another error: %s", f.Object, f)
		}
	}
	for _, f := range b.wrong {
		if _, stays := is[f.Object]; stays && known[mistake{f.Object, f.Code}] > now[mistake{f.Object, f.Code}] {
			return fmt.Errorf("%s is mended, which had an error: %s", f.Object, f)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(is)) {
		if _, known := was[ref]; !known {
			return fmt.Errorf("%s is new", ref)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(was)) {
		i, stays := is[ref]
		if err := differ(ref, was[ref], i, stays); err != nil {
			return err
		}
	}
	return nil
}

// A mistake is a sort of error of one document.
type mistake struct {
	object string
	code   Code
}

// mistakes counts what is wrong with the documents. Where in a file it is makes no difference.
func (b *Book) mistakes() map[mistake]int {
	n := map[mistake]int{}
	for _, f := range b.wrong {
		n[mistake{f.Object, f.Code}]++
	}
	return n
}

// A lesser is what a document says beside what may be lessened in it: its mode, and of a
// role what it gives and what ends it.
type lesser struct {
	text  string
	mode  schema.Mode
	gives []Holding
	ends  []string
}

// lowers returns an error unless a document says the same but for its mode, which is no
// higher.
func (w lesser) lowers(ref string, is lesser) error {
	switch {
	case w.text != is.text:
		return fmt.Errorf("%s says something else", ref)
	case schema.Least(is.mode, w.mode) != schema.Least(is.mode):
		return fmt.Errorf("%s goes further: its mode is %s, and was %s", ref, schema.Least(is.mode), schema.Least(w.mode))
	}
	return nil
}

// lessens returns an error where a role gives more, or is ended by less.
func (w lesser) lessens(ref string, is lesser) error {
	if more := lacking(is.gives, w.gives); len(more) > 0 {
		return fmt.Errorf("%s gives more: %s/%s", ref, more[0].Connector, more[0].Entitlement)
	}
	if less := lacking(w.ends, is.ends); len(less) > 0 {
		return fmt.Errorf("%s is no more ended by %s", ref, strings.Join(less, ", "))
	}
	return nil
}

// opens returns an error where a constraint keeps something apart from what a role gives no
// more, or not for as long.
func (b *Book) opens(ref string, lost []Holding) error {
	var refs []string
	for _, h := range lost {
		refs = append(refs, h.Connector+"/"+h.Entitlement)
	}
	gave := b.effective(refs...)
	for _, k := range b.set.Registers.Constraints {
		for _, side := range k.Spec.Conflict {
			if i := slices.IndexFunc(side, func(apart string) bool { _, lost := gave[apart]; return lost }); i >= 0 {
				return fmt.Errorf("%s gives less of %s, which the constraint %s keeps apart from what somebody may get instead", ref, side[i], k.Metadata.Name)
			}
		}
	}
	return nil
}

// lacking returns those of some that others are not.
func lacking[E comparable](some, others []E) []E {
	return slices.DeleteFunc(slices.Clone(some), func(e E) bool { return slices.Contains(others, e) })
}

// ending returns an error unless all that sets of triggers do is to end access: one that
// holds it would have it stay.
func (s *Set) ending(ref string, sets []string) error {
	for _, set := range s.Triggers {
		if !slices.Contains(sets, set.Metadata.Name) {
			continue
		}
		for _, t := range set.Spec.Triggers {
			ends := []string{actionRevoke, actionSuspend}
			if !slices.Contains(ends, t.Action) || t.Silence != nil && !slices.Contains(ends, t.Silence.Action) {
				return fmt.Errorf("%s would be looked at by what does not end it: %s/%s asks for %s", ref, set.Metadata.Name, t.Name, t.asks())
			}
		}
	}
	return nil
}

// asks names what a trigger does, at last where nobody is heard.
func (t Trigger) asks() string {
	if t.Silence != nil && t.Silence.Action == actionHold {
		return actionHold
	}
	return t.Action
}

// modes returns the documents by kind and name.
func (s *Set) modes() map[string]lesser {
	all := map[string]lesser{}
	for _, d := range s.documents() {
		var l lesser
		var without any = d
		switch d := d.(type) {
		case *PolicySet:
			c := *d
			l.mode, c.Spec.Mode, without = d.Spec.Mode, "", &c
		case *Connector:
			c := *d
			l.mode, c.Spec.Mode, without = d.Spec.Mode, "", &c
		case *Role:
			c := *d
			l.mode, c.Spec.Mode, without = d.Spec.Mode, "", &c
		}
		l.text = said(without)
		all[d.header().Ref()] = l
	}
	return all
}

// lessened is modes, where of roles neither what they give nor what ends them is in the text.
func (s *Set) lessened() map[string]lesser {
	all := s.modes()
	for _, r := range s.Roles {
		c := *r
		c.Spec.Mode, c.Spec.Grants, c.Spec.Triggers = "", nil, nil
		all[r.Ref()] = lesser{text: said(&c), mode: r.Spec.Mode, gives: r.Spec.Grants, ends: r.Spec.Triggers}
	}
	return all
}

// said is what a document says, as text.
func said(document any) string {
	text, err := json.Marshal(document)
	if err != nil {
		return err.Error() // it is plain
	}
	return string(text)
}
