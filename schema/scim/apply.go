package scim

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Apply returns the record as the patch leaves it; the given one stays as it is.
// It is atomic: after an error, nothing of the patch is meant to happen.
func (p Patch) Apply(r Record) (Record, error) {
	was := r
	r = r.Clone()
	work := 0
	for _, o := range p.Operations {
		if o.Attribute.edges {
			continue
		}
		if work += o.work(r.values[o.Attribute.slot]); work > maxWork {
			return r, &Error{Status: http.StatusRequestEntityTooLarge, Type: TooMany, Detail: "Operations: together they look through more than one request may; split it"}
		}
		if err := o.apply(r); err != nil {
			return r, err
		}
	}
	if err := r.keeps(was); err != nil {
		return r, err
	}
	if a := r.missing(was, r.ends(was)); a != nil && was.of(a) != nil {
		return r, Invalid(Mutability, "%s: it is required, and can not be unset", a.Path())
	}
	return r, r.complete(was)
}

// maxWork is how many bytes the operations of one patch look through together: a
// patch is applied while everyone else's changes wait, so that it may take part of
// a second and not half a minute. Two hundred edits of a list of a thousand
// addresses stay below it.
const maxWork = 32 << 20

// apart is how often a list is looked through that is taken apart and put together, so
// that two of it that are the same are one.
const apart = 2

// work is how many bytes an operation looks through: the old value, as often as
// the operation compares it with something, or makes it anew.
func (o Operation) work(old []byte) int {
	times := 1
	switch {
	case o.Where != nil:
		times += o.Where.size() + apart
	case o.Sub != nil && o.Attribute.Multi:
		times += 1 + apart // each element is made anew
	case o.Op == Remove && o.Value != nil:
		for range elements(o.Value) {
			if times++; times > maxParts {
				break
			}
		}
	case o.Attribute.Multi && o.Op == Add:
		times += apart
	}
	return times * len(old)
}

// size is how many comparisons a filter makes at most.
func (e *expr) size() int {
	if len(e.kids) == 0 {
		return 1
	}
	n := 0
	for _, k := range e.kids {
		n += k.size()
	}
	return n
}

func (o Operation) apply(r Record) error {
	a := o.Attribute
	old := r.values[a.slot]
	var now []byte
	var err error
	switch {
	case o.Where != nil:
		now, err = o.chosen(a, old)
	case o.Sub != nil && a.Multi:
		now, err = o.everyElement(a, old)
	case o.Sub != nil:
		now = setMember(a, old, o.Sub, o.Value)
	case o.Op == Remove && o.Value != nil:
		now = without(a, old, o.Value)
	case o.Op == Remove || o.Value == nil:
		now = nil
	case a.Multi && o.Op == Add:
		now = union(a, old, o.Value)
	case a.Multi:
		now = keepPrimary(a, o.Value, -1)
	case a.Kind == Complex:
		now = merge(a, old, o.Value)
	default:
		now = o.Value
	}
	if err != nil {
		return err
	}
	if a.Multi && (o.Where != nil || o.Sub != nil) {
		now = union(a, nil, now) // two that were made the same are one
	}
	r.values[a.slot] = now
	if a.Multi && len(now) > len(old) {
		return tooMany(a, now)
	}
	return nil
}

// tooMany returns an error if a list has more elements than one may have: what
// is done to a list must cost no more than a request should.
func tooMany(a *Attribute, list []byte) error {
	if len(list) < 2*maxElements { // each takes two bytes at least
		return nil
	}
	n := 0
	for range elements(list) {
		if n++; n > maxElements {
			return Invalid(InvalidValue, "%s: it has more than %d values", a.Path(), maxElements)
		}
	}
	return nil
}

// merge returns a complex value with the sub-attributes of another one set.
func merge(a *Attribute, old, with []byte) []byte {
	if old == nil {
		return with
	}
	for _, s := range a.Subs {
		if v := member(with, s.Name); v != nil {
			old = setMember(a, old, s, v)
		}
	}
	return old
}

// union returns the list with the elements of another one. An element that has
// an old one's value and type stands for it. Of those of one list that have the same
// the next says more of the one before, and that is primary if either is.
func union(a *Attribute, old, more []byte) []byte {
	all := slices.Collect(elements(old))
	stored, at := len(all), map[string]int{}
	for i, e := range all {
		at[identity(a, e)] = i
	}
	primary := -1
	for e := range elements(more) {
		key := identity(a, e)
		i, known := at[key]
		switch {
		case !known:
			i = len(all)
			all, at[key] = append(all, e), i
		case a.Kind == Complex:
			if i >= stored && isPrimary(all[i]) {
				e = setMember(a, e, a.subs["primary"], []byte("true"))
			}
			all[i] = merge(a, all[i], e)
		}
		if isPrimary(e) {
			primary = i
		}
	}
	return keepPrimary(a, joinList(all), primary)
}

// isPrimary reports whether an element says that it is the primary one.
func isPrimary(e []byte) bool { return string(member(e, "primary")) == "true" }

// identity is what two elements of a list have in common that are about one
// thing: their value and type, where they have a value.
func identity(a *Attribute, e []byte) string {
	if value := member(e, "value"); a.Kind == Complex && value != nil {
		return string(value) + string(member(e, "type"))
	}
	return string(e)
}

// without returns the list without the elements that are given, by their value
// where they have one.
func without(a *Attribute, old, given []byte) []byte {
	plain, partly := map[string]bool{}, [][]byte(nil)
	for g := range elements(given) {
		switch value := member(g, "value"); {
		case a.Kind != Complex:
			plain[string(g)] = true
		case value != nil:
			plain[string(value)] = true
		case len(partly) < maxParts:
			partly = append(partly, g)
		}
	}
	return joinList(slices.DeleteFunc(slices.Collect(elements(old)), func(e []byte) bool {
		key := e
		if a.Kind == Complex {
			key = member(e, "value")
		}
		return plain[string(key)] || slices.ContainsFunc(partly, func(g []byte) bool { return hasAll(e, g) })
	}))
}

// maxParts is how many elements may be removed at once by something else than
// their value; nobody is known to do that with more than one.
const maxParts = 16

// hasAll reports whether an element has everything that was given of it.
func hasAll(e, given []byte) bool {
	for name, v := range members(given) {
		if !bytes.Equal(member(e, name), v) {
			return false
		}
	}
	return true
}

// everyElement sets, or unsets, a sub-attribute of all elements; of an empty
// list, it makes one.
func (o Operation) everyElement(a *Attribute, old []byte) ([]byte, error) {
	var all [][]byte
	for e := range elements(old) {
		now := setMember(a, e, o.Sub, o.Value)
		if err := a.keepsElement(e, now); err != nil {
			return nil, err
		}
		if now != nil {
			all = append(all, now)
		}
	}
	if old == nil && o.Value != nil {
		all = append(all, setMember(a, nil, o.Sub, o.Value))
	}
	return keepPrimary(a, joinList(all), -1), nil
}

// chosen changes the elements that the filter chooses. Where it chooses none and
// something is to be set, the element that it describes is made.
func (o Operation) chosen(a *Attribute, old []byte) ([]byte, error) {
	var all [][]byte
	found, primary := false, -1
	for e := range elements(old) {
		if !o.Where.matchElement(e) {
			all = append(all, e)
			continue
		}
		found = true
		now := o.change(a, e, o.Op == Add)
		if now == nil {
			continue
		}
		if err := a.keepsElement(e, now); err != nil {
			return nil, err
		}
		all = append(all, now)
		if o.setsPrimary() && primary < 0 {
			primary = len(all) - 1
		}
	}
	if !found && o.Op != Remove && o.Value != nil {
		e := o.make(a)
		if e == nil {
			return nil, Invalid(NoTarget, "path: no value of %s is as its filter says", a.Path())
		}
		all = append(all, e)
		primary = len(all) - 1
	}
	return keepPrimary(a, joinList(all), primary), nil
}

// familiar reports whether a part of an element is the kind of element that it is,
// as far as the schema says which there are.
func (a *Attribute) familiar(value []byte) bool {
	word := func(w string) bool { return strings.EqualFold(w, text(value)) }
	return a.Name == "primary" || a.Name == "type" && (len(a.Words) == 0 || slices.ContainsFunc(a.Words, word))
}

// setsPrimary reports whether the operation makes an element the primary one.
func (o Operation) setsPrimary() bool {
	if o.Sub != nil {
		return o.Sub.Name == "primary" && string(o.Value) == "true"
	}
	return isPrimary(o.Value)
}

// change returns an element as the operation leaves it, nil if it is removed. It
// is added to, or it is replaced as a whole (RFC 7644, section 3.5.2.3).
func (o Operation) change(a *Attribute, e []byte, adds bool) []byte {
	switch {
	case o.Sub != nil:
		return setMember(a, e, o.Sub, o.Value)
	case o.Op == Remove || o.Value == nil:
		return nil
	case a.Kind == Complex && adds:
		return merge(a, e, o.Value)
	}
	return o.Value
}

// make returns the element that the filter describes, with the value set, or nil
// where none is to be made. A replace is of what is there (RFC 7644, section
// 3.5.2.3); but senders who keep one value of each type replace it before there is
// one, so that a value of a type that the schema knows is made all the same.
func (o Operation) make(a *Attribute) []byte {
	parts := map[*Attribute][]byte{}
	if !o.Where.template(parts) {
		return nil
	}
	for s, v := range parts {
		if o.Op == Replace && !s.familiar(v) {
			return nil
		}
	}
	var e []byte
	for _, s := range a.Subs {
		if v, ok := parts[s]; ok {
			e = setMember(a, e, s, v)
		}
	}
	return o.change(a, e, true)
}
