package scim

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// A Key names what resources are found by without looking at all of them.
type Key string

// The keys. Names and addresses are compared with their case folded.
const (
	ByID         Key = "id"
	ByUserName   Key = "userName"
	ByExternalID Key = "externalId"
	ByEmail      Key = "emails.value"
	ByName       Key = "displayName"       // of a group
	ByMember     Key = "members"           // groups that it is in
	ByGroup      Key = "groups"            // identities that are in it
	ByModified   Key = "meta.lastModified" // those that changed since a time, as RFC 3339 has it
)

// A Lookup is one question to an index.
type Lookup struct {
	By    Key
	Value string
}

// A Filter says which resources are meant. The zero value means all of them.
type Filter struct {
	root *expr
}

// A Candidate is a resource that a filter is held against.
type Candidate struct {
	ID                string
	Resource          []byte // canonical
	Created, Modified time.Time
	// Related reports whether the resource has a member, or is in a group, with
	// the id.
	Related func(id string) (bool, error)
	// Edges walks the members that the resource has, or the groups that it is in, each as
	// it is shown, until it is told to stop. How it is called is looked up if it is asked for.
	Edges func(display bool, yield func(element []byte) bool) error
	// Location and Version are what meta says.
	Location func() string
	Version  func(spend func(bytes int) error) (string, error)
	// Spend is told how much is looked at beside the resource itself; it may be nil. An
	// error of it ends that.
	Spend func(bytes int) error
}

// All reports whether every resource is meant.
func (f Filter) All() bool { return f.root == nil }

// Match reports whether a resource is meant.
func (f Filter) Match(c *Candidate) (bool, error) {
	if f.root == nil {
		return true, nil
	}
	return f.root.match(c)
}

// Comparisons returns how many comparisons the filter makes at most with one
// resource, or with one element of a list of it.
func (f Filter) Comparisons() int {
	if f.root == nil {
		return 0
	}
	return f.root.size()
}

// maxLookups bounds how many questions to indexes stand for one filter.
const maxLookups = 32

// Lookups returns the questions whose answers, together, hold every resource
// that is meant, and perhaps others: what they find is still to be matched. If
// there are none, no index serves the filter.
func (f Filter) Lookups() []Lookup {
	if f.root == nil {
		return nil
	}
	return f.root.lookups()
}

func (e *expr) lookups() []Lookup {
	switch e.op {
	case opAnd:
		var best []Lookup
		for _, k := range e.kids {
			if l := k.lookups(); best == nil || l != nil && (len(l) < len(best) || len(l) == len(best) && l[0].By.cost() < best[0].By.cost()) {
				best = l
			}
		}
		return best
	case opOr:
		all := []Lookup{} // of nothing, nothing is to be asked
		for _, k := range e.kids {
			l := k.lookups()
			if l == nil || len(all)+len(l) > maxLookups {
				return nil
			}
			all = append(all, l...)
		}
		return all
	case opEq, opGt, opGe:
		if e.common == commonModified && e.lit.kind == litTime {
			return []Lookup{{ByModified, e.lit.time.Format(time.RFC3339Nano)}}
		}
		if key := e.key(); key != "" && e.lit.kind == litString && e.op == opEq {
			return []Lookup{{key, e.lit.text}}
		}
	case opHas:
		return e.within()
	default: // what is true of nearly everybody is looked for nowhere
	}
	return nil
}

// within returns the look-up for a filter on the elements of a list: one that
// asks, among other things, for a value.
func (e *expr) within() []Lookup {
	key := Key("")
	switch {
	case e.attr.URN != "":
	case e.attr.Name == "emails":
		key = ByEmail
	case e.attr.edges && e.attr.Name == "members":
		key = ByMember
	case e.attr.edges:
		key = ByGroup
	}
	if key == "" {
		return nil
	}
	return valuesOf(e.kids[0], key)
}

func valuesOf(e *expr, key Key) []Lookup {
	switch e.op {
	case opEq:
		if e.attr.Name == "value" && e.lit.kind == litString {
			return []Lookup{{key, e.lit.text}}
		}
	case opAnd:
		for _, k := range e.kids {
			if l := valuesOf(k, key); l != nil {
				return l
			}
		}
	case opOr:
		var all []Lookup
		for _, k := range e.kids {
			l := valuesOf(k, key)
			if l == nil || len(all)+len(l) > maxLookups {
				return nil
			}
			all = append(all, l...)
		}
		return all
	default: // asks for no value
	}
	return nil
}

// key returns what index the compared attribute has.
func (e *expr) key() Key {
	switch {
	case e.common == commonID:
		return ByID
	case e.attr == nil || e.attr.URN != "" || e.attr.parent != nil:
		return ""
	case e.attr.Name == "userName":
		return ByUserName
	case e.attr.Name == "externalId":
		return ByExternalID
	case e.attr.Name == "displayName" && e.attr.Required:
		return ByName
	}
	return ""
}

// cost orders keys by how many resources they may find.
func (k Key) cost() int {
	return slices.Index([]Key{ByID, ByUserName, ByExternalID, ByEmail, ByName, ByMember, ByGroup, ByModified}, k)
}

// match reports whether a resource is meant.
func (e *expr) match(c *Candidate) (bool, error) {
	switch e.op {
	case opAnd, opOr:
		for _, k := range e.kids {
			if ok, err := k.match(c); err != nil || ok == (e.op == opOr) {
				return ok, err
			}
		}
		return e.op == opAnd, nil
	case opNot:
		ok, err := e.kids[0].match(c)
		return !ok && err == nil, err
	case opHas:
		if e.attr.edges {
			return e.matchEdges(c)
		}
		for element := range elements(e.attr.in(c.Resource)) {
			if e.kids[0].matchElement(element) {
				return true, nil
			}
		}
		return false, nil
	default: // a comparison
	}
	if e.common != "" {
		return e.matchCommon(c)
	}
	if p := e.attr.parent; p != nil { // of an attribute that has one value
		return e.compare(member(p.in(c.Resource), e.attr.Name)), nil
	}
	return e.compare(e.attr.in(c.Resource)), nil
}

// matchEdges is match for a filter on the edges of the resource.
func (e *expr) matchEdges(c *Candidate) (found bool, err error) {
	inner := e.kids[0]
	if inner.aboutValue() {
		return inner.related(c)
	}
	display, cost := inner.names("display"), edgeCost
	if display {
		cost = displayCost
	}
	var spent error
	err = c.Edges(display, func(element []byte) bool {
		if spent = c.spend(cost); spent == nil {
			found = inner.matchElement(element)
		}
		return !found && spent == nil
	})
	return found, cmp.Or(err, spent)
}

// What an edge counts that is looked at, and one of which it is looked up how it is
// called, in bytes.
const (
	edgeCost    = 256
	displayCost = 2048
)

func (c *Candidate) spend(bytes int) error {
	if c.Spend == nil {
		return nil
	}
	return c.Spend(bytes)
}

// names reports whether a filter on elements compares a part of them.
func (e *expr) names(part string) bool {
	return e.attr != nil && e.attr.Name == part || slices.ContainsFunc(e.kids, func(k *expr) bool { return k.names(part) })
}

// in returns the attribute's value in a canonical resource.
func (a *Attribute) in(resource []byte) []byte {
	if a.URN != "" {
		resource = member(resource, a.URN)
	}
	return member(resource, a.Name)
}

// related is match for a filter on nothing but who is at the other end of an edge.
func (e *expr) related(c *Candidate) (bool, error) {
	ids, _ := e.only()
	for _, id := range ids {
		if ok, err := c.Related(id); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// matchElement is match for one element of a list.
func (e *expr) matchElement(element []byte) bool {
	switch e.op {
	case opAnd:
		return !slices.ContainsFunc(e.kids, func(k *expr) bool { return !k.matchElement(element) })
	case opOr:
		return slices.ContainsFunc(e.kids, func(k *expr) bool { return k.matchElement(element) })
	case opNot:
		return !e.kids[0].matchElement(element)
	default: // a comparison
	}
	if e.attr.parent == nil { // a list of plain values
		return e.compare(element)
	}
	return e.compare(member(element, e.attr.Name))
}

// compare holds the literal against a canonical value, nil if it is unset.
func (e *expr) compare(value []byte) bool {
	switch {
	case e.op == opPr:
		return value != nil
	case value == nil:
		return e.op == opNe && e.lit.kind != litNull || e.op == opEq && e.lit.kind == litNull
	case e.lit.kind == litNull:
		return e.op == opNe
	}
	switch e.lit.kind {
	case litBool:
		// Where truth is unset it is false to some and unknown to us.
		return (string(value) == "true" == e.lit.truth) == (e.op == opEq)
	case litNumber:
		return e.compareNumber(value)
	case litTime:
		at, ok := instant(text(value))
		return ok && e.compareTime(at)
	default: // text
	}
	if e.op == opEq && e.attr.CaseExact && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1:len(value)-1]) == e.lit.text
	}
	return e.compareText(text(value), e.attr.CaseExact)
}
