package scim

import (
	"slices"
	"strings"
	"time"
)

// Limits bound what one request may ask for. The zero value stands for defaults
// that no sender comes near.
type Limits struct {
	Depth      int // of nested JSON; 32
	Operations int // of a PATCH; 5,000
}

func (l Limits) depth() int {
	if l.Depth <= 0 {
		return 32
	}
	return l.Depth
}

func (l Limits) operations() int {
	if l.Operations <= 0 {
		return 5000
	}
	return l.Operations
}

// A Body is what a sender says a resource is, whole.
type Body struct {
	Record   Record
	Members  []string  // ids, sorted; of a group
	Listed   bool      // members were sent, even if none: without it nothing is said of them
	Dropped  []string  // attributes that no schema knows
	Occurred time.Time // the source's own time of the change, where it stated it
	Modified time.Time // meta.lastModified as sent: the source's own time, or an echo of ours
}

// usualBody is how long bodies are that are not of a large group, whose members
// are kept elsewhere. What is read of longer ones makes itself room.
const usualBody = 64 << 10

// Parse reads the body of a POST.
func (t *Type) Parse(body []byte, l Limits) (Body, error) {
	b, err := t.parse(body, l)
	if err != nil {
		return Body{}, err
	}
	return b, b.Record.complete(t.newRecord())
}

// ParseReplacement reads the body of a PUT. What an extension asks for is looked at
// where it is known what the resource was: see Record.Replacing.
func (t *Type) ParseReplacement(body []byte, l Limits) (Body, error) {
	b, err := t.parse(body, l)
	if err != nil {
		return Body{}, err
	}
	if a := b.Record.missing(t.newRecord(), true); a != nil {
		return b, unset(a)
	}
	return b, b.Record.sound()
}

func (t *Type) parse(body []byte, l Limits) (Body, error) {
	if err := check(body, l.depth()); err != nil {
		return Body{}, err
	}
	body = trim(body)
	if body[0] != '{' {
		return Body{}, Invalid(InvalidSyntax, "the body must be a JSON object: a %s", t.Name)
	}
	in := intake{reader: reader{buf: make([]byte, 0, min(len(body), usualBody)+64)}, body: Body{Record: t.newRecord()}}
	for name, value := range members(body) {
		if err := in.attribute(t, name, value); err != nil {
			return Body{}, err
		}
	}
	in.body.Record.onePrimary()
	slices.Sort(in.body.Members)
	in.body.Members = slices.Compact(in.body.Members)
	in.body.Dropped, in.body.Occurred = in.dropped, in.occurred
	return in.body, nil
}

// An intake is a body on its way in.
type intake struct {
	reader
	body Body
}

// attribute takes in one member of the body.
func (in *intake) attribute(t *Type, name string, value []byte) error {
	if a, ok := t.bare(name); ok {
		return in.set(a, value)
	}
	if urn, rest, ok := t.urnOf(name); ok {
		return in.extension(t, urn, rest, value)
	}
	switch key := fold(name); {
	case key == "schemas":
		return means(value, t.Schemas[0].ID)
	case key == "meta":
		in.body.Modified = modified(value)
	case ours(key):
	case strings.HasPrefix(key, "urn:") && value[0] == '{':
		for inner := range members(value) {
			in.drop(name + ":" + inner)
		}
	default:
		in.drop(name)
	}
	return nil
}

// ours reports whether an attribute is one that the bridge sets itself, or one
// that it keeps nothing of: what a sender says of it is passed over.
func ours(name string) bool {
	switch name {
	case "id", "schemas", "meta", "password":
		return true
	}
	return false
}

// modified returns the time that a source states in meta.
func modified(meta []byte) time.Time {
	for name, value := range members(meta) {
		if strings.EqualFold(name, "lastModified") {
			at, _ := instant(text(value))
			return at
		}
	}
	return time.Time{}
}

// extension takes in an extension's object, or one attribute of it that was
// written behind its URN.
func (in *intake) extension(t *Type, urn, rest string, value []byte) error {
	if rest != "" {
		a, ok := t.attribute(urn, rest)
		if !ok {
			in.drop(urn + ":" + rest)
			return nil
		}
		return in.set(a, value)
	}
	if value[0] == '[' { // a list of one stands for that one, as anywhere
		only, some, err := single(&Attribute{Name: urn}, value)
		if err != nil || !some {
			return err
		}
		value = only
	}
	if value[0] != '{' && value[0] != 'n' && string(value) != `""` {
		return Invalid(InvalidValue, "%s: it must be an object", urn)
	}
	for name, value := range members(value) {
		a, ok := t.attribute(urn, name)
		if !ok {
			in.drop(urn + ":" + name)
			continue
		}
		if err := in.set(a, value); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) set(a *Attribute, raw []byte) error {
	if a.edges {
		if a.ReadOnly || raw[0] == 'n' {
			return nil
		}
		ids, err := in.memberIDs(raw)
		if in.body.Listed = true; in.body.Members == nil {
			in.body.Members = ids
		} else { // the key may be there by more names than one
			in.body.Members = append(in.body.Members, ids...)
		}
		return err
	}
	if a.ReadOnly {
		return nil
	}
	value, err := in.value(a, raw)
	if err != nil {
		return err
	}
	if a.passes {
		in.occurred, _ = instant(text(value))
		return nil
	}
	if value != nil {
		in.body.Record.values[a.slot] = value
	}
	return nil
}

// onePrimary lets at most one element of each list be the primary one: the first.
func (r Record) onePrimary() {
	for i, a := range r.typ.attributes {
		if _, ok := a.subs["primary"]; ok && a.Multi && r.values[i] != nil {
			r.values[i] = keepPrimary(a, r.values[i], -1)
		}
	}
}

// keepPrimary lets one element of a list be the primary one: the element at the
// index, or the first where that is negative.
func keepPrimary(a *Attribute, list []byte, keep int) []byte {
	primary, many := a.subs["primary"], 0
	all := slices.Collect(elements(list))
	for i, e := range all {
		if !isPrimary(e) {
			continue
		}
		if many++; keep < 0 {
			keep = i
		}
	}
	if many < 2 {
		return list
	}
	for i, e := range all {
		if i != keep && isPrimary(e) {
			all[i] = setMember(a, e, primary, []byte("false"))
		}
	}
	return joinList(all)
}

// setMember returns a canonical object with one sub-attribute set, or unset if
// the value is nil; nil if nothing is left of it.
func setMember(a *Attribute, object []byte, sub *Attribute, value []byte) []byte {
	dst := append(make([]byte, 0, len(object)+len(value)+len(sub.key)+2), '{')
	for _, s := range a.Subs {
		v := value
		if s != sub {
			v = member(object, s.Name)
		}
		if v != nil {
			dst = append(append(comma(dst), s.key...), v...)
		}
	}
	if len(dst) == 1 {
		return nil
	}
	return append(dst, '}')
}

// joinList returns the elements as a list, nil if there are none.
func joinList(all [][]byte) []byte {
	if len(all) == 0 {
		return nil
	}
	dst := []byte{'['}
	for _, e := range all {
		dst = append(comma(dst), e...)
	}
	return append(dst, ']')
}
